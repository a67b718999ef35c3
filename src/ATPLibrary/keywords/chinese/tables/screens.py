"""Screens 屏幕: screenshots, golden images, text; QMP commands and events."""

from __future__ import annotations

from ATPLibrary.keywords.chinese.said import said

_IMAGE = "基准图：PNG 文件；相对路径以套件所在目录为准。透明处和品红色（``#FF00FF``）处不参与比较"
_TEXT = "文本：屏幕上的文本，一行或多行"
_FOR_ANSWERS = "超时：等待 QEMU 应答多久；默认取配置中的 ``timeouts.command``"

KEYWORDS = {
    "Take Screenshot": said(
        "截图",
        "把虚拟机的屏幕保存为 PNG 文件并链接到日志，返回文件的路径。经由 SPICE 时 QEMU 须应答，否则画面可能是旧的，便失败。",
        file="文件：保存到哪里；默认在日志旁边，以虚拟机命名",
    ),
    "Wait Until Screen Changes": said("等待屏幕变化", "等到虚拟机的屏幕与现在（或与一张较早的截图）不同。"),
    "Wait Until Screen Is Still": said(
        "等待屏幕静止", "等到虚拟机的屏幕静止了一段时间：桌面出来了，窗口画好了。虚拟机暂停时失败。"
    ),
    "Screen Should Match": said(
        "屏幕应匹配",
        "虚拟机的屏幕现在与基准图不同时失败；日志给出期望、实际和差异。",
        golden=_IMAGE,
        timeout=_FOR_ANSWERS,
    ),
    "Screen Region Should Be": said(
        "屏幕区域应为", "屏幕的一部分现在与这部分的基准图不同时失败。", golden=_IMAGE, timeout=_FOR_ANSWERS
    ),
    "Wait Until Screen Matches": said(
        "等待屏幕匹配", "等到虚拟机的屏幕与基准图相同；等不到时，日志给出期望、实际和差异。", golden=_IMAGE
    ),
    "Get Screen Text": said("获取屏幕文本", "返回文本模式屏幕上的文字，可以同时断言。图形模式请用 `屏幕应匹配`。"),
    "Screen Should Contain": said("屏幕应包含", "文本模式的屏幕现在没有显示某段文本时失败。", text=_TEXT),
    "Screen Should Not Contain": said("屏幕不应包含", "文本模式的屏幕现在显示着某段文本时失败。", text=_TEXT),
    "Wait Until Screen Contains": said("等待屏幕包含", "等到文本模式的屏幕显示某段文本。", text=_TEXT),
    "Execute QMP": said(
        "执行 QMP 命令",
        "在虚拟机的 QEMU 上执行一条 QMP 命令并返回应答；被 QEMU 拒绝时失败，并给出它的原话。",
        command="命令：命令的名称，如 ``query-status``",
        arguments="参数：命令自己的参数，按名称给出，如 ``device=ide0``",
    ),
    "Get QMP Events": said(
        "获取 QMP 事件",
        "返回虚拟机的 QEMU 报告过的事件，从旧到新，每个是一个字典。QEMU 不应答时失败。",
        event="事件：只取这个名称的事件；默认全部",
        fields="字段：事件的数据必须怎样，按名称给出，如 ``device=usb1``",
    ),
    "Wait For QMP Event": said(
        "等待 QMP 事件",
        "等到虚拟机的 QEMU 报告一个事件，返回事件的数据。",
        event="事件：事件的名称，如 ``RESET``、``STOP``",
        fields="字段：事件的数据必须怎样，按名称给出，如 ``device=usb1``",
    ),
}
