"""What keywords have made on platforms, and when it goes."""

from __future__ import annotations

from ATPLibrary.keywords.chinese.said import said

KEYWORDS = {
    "Set Closing Level": said(
        "设置清理级别",
        "规定此后创建的东西何时清理，到本用例结束为止；写在用例集的前置步骤中，则对该用例集及其下级有效。"
        "此前创建的不受影响。返回原来的级别。",
        level="级别：``用例``：用例结束时，前置步骤创建的则在用例集结束时；``用例集``：用例集结束时；"
        "``手动``：由 `清理已创建的东西`，以及运行结束时；``保留``：从不",
    ),
    "Get Created Things": said("获取已创建的东西", "返回关键字在平台上创建、还没有清理的东西：字典的列表，从旧到新。"),
    "Remove Created Things": said(
        "清理已创建的东西",
        "立即清理关键字在平台上创建的东西，后创建的先清理，``保留`` 的除外。"
        "返回已清理的名称；清理不掉的，都试过之后失败并列出。",
        timeout="超时：总共最多多久；默认取配置中的 ``timeouts.boot``",
    ),
}

VALUES = ({"test": "用例", "suite": "用例集", "manual": "手动", "keep": "保留"},)
