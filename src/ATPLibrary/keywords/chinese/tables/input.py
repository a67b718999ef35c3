"""Keyboard 键盘, mouse 鼠标, and the proof that input arrived 验证."""

from __future__ import annotations

from ATPLibrary.keywords.chinese.said import said

_KEY = "键：一个键，如 ``shift``、``a``"
_LAYOUT = "布局：只对这段文本有效的键盘布局；默认为 `设置键盘布局` 所说的"
_RETRIES = "重输次数：丢失的部分最多重新输入几次；只在其后什么都没有到达时才从第一个缺失的字符重输，日志会写明"
_ALL = "超时：全部完成最多多久"
_LOCK = "{}：{} ``开`` 还是 ``关``；默认不论"

VALUES = (
    {"ctrl+shift+u": "编码组合键", "alt+numpad": "小键盘编码"},
    {"events": "事件", "text": "文本"},
    {"on": "开", "off": "关"},
    {"kernel": "内核", "agent": "代理", "host": "本机", "whole": "全程"},
    {"csv": "表格", "json": "数据"},
)

KEYWORDS = {
    "Type Text": said(
        "输入文本",
        "在虚拟机的键盘上逐键输入文本，并在客户机内证明每个键都已到达：按顺序、只有一次。丢失、重复、乱序或卡住都使关键字失败。",
        text="文本：要输入的内容；``\\n`` 是回车，``\\t`` 是制表符。键盘布局没有的字符会事先被拒绝",
        layout=_LAYOUT,
        retries=_RETRIES,
        timeout="超时：全部完成最多多久；默认随文本长度增加",
    ),
    "Type Text And Verify": said(
        "输入文本并验证",
        "像 `输入文本` 一样输入，必须得到证明：客户机的内核按顺序看到每个键按下和松开，只有一次，否则失败。"
        "返回写明证明了什么的一句话。",
        text="文本：要输入的内容；``\\n`` 是回车，``\\t`` 是制表符",
        layout=_LAYOUT,
        retries=_RETRIES,
        timeout="超时：全部完成最多多久；默认随文本长度增加",
    ),
    "Press Keys": said("按键", "依次按下并松开一个或多个键或组合键，像 `输入文本` 一样加以验证。"),
    "Hold Key": said("按住按键", "按住一个键一段时间再松开，并验证只按下一次、只松开一次。", key="键：一个键或组合键"),
    "Key Down": said("按下按键", "按下一个键不松开，直到 `松开按键`、`松开所有按键` 或用例结束。", key=_KEY),
    "Key Up": said("松开按键", "松开 `按下按键` 按下的键。", key=_KEY),
    "Set Keyboard Layout": said(
        "设置键盘布局",
        "说明虚拟机的客户机用哪种键盘布局，此后文本按该布局的键位输入；客户机里什么也不改变。布局没有的字符，"
        "只有说明了客户机的组合键或 Unicode 输入法才能输入：按键得到证明，客户机的程序由此得出什么则没有。",
        layout="布局：XKB 的名称，如 ``us``、``de``、``ch(fr)``；默认为配置中的布局",
        compose="组合键：客户机的 Compose 键，如 ``menu``；默认没有",
        unicode_entry="编码输入：``编码组合键``（GTK、IBus）或 ``小键盘编码``（Windows）；默认没有",
    ),
    "Lock Keys Should Be": said(
        "锁定键应为",
        "客户机的 Caps Lock、Num Lock、Scroll Lock 不是所说的开或关时失败，由其键盘的指示灯得知。",
        caps=_LOCK.format("大写锁定", "Caps Lock"),
        num=_LOCK.format("数字锁定", "Num Lock"),
        scroll=_LOCK.format("滚动锁定", "Scroll Lock"),
        timeout="超时：代理应答最多多久",
    ),
    "Set Lock Keys": said(
        "设置锁定键",
        "打开或关闭客户机的 Caps Lock、Num Lock、Scroll Lock：需要时按一下它的键，等到指示灯变化。",
        caps=_LOCK.format("大写锁定", "Caps Lock"),
        num=_LOCK.format("数字锁定", "Num Lock"),
        scroll=_LOCK.format("滚动锁定", "Scroll Lock"),
    ),
    "Get Lock Keys": said(
        "获取锁定键",
        "返回客户机的各个锁定键是开还是关：``caps``、``num``、``scroll``。",
        timeout="超时：代理应答最多多久",
    ),
    "Release All Keys": said("松开所有按键", "松开关键字在虚拟机中按住的所有按键和鼠标键；没有时什么也不做。"),
    "Move Mouse": said("移动鼠标", "把指针移到屏幕上的一点，并在客户机内证明已经到达。", timeout=_ALL),
    "Move Mouse By": said(
        "相对移动鼠标", "移动虚拟机的相对鼠标（PS/2、USB 或 virtio），并在客户机内证明每一步都已到达。"
    ),
    "Click": said(
        "点击",
        "在一点（默认为指针所在处）点击鼠标键，并加以验证。",
        x="横坐标：占屏幕宽度的比例；默认为指针所在处",
        y="纵坐标：占屏幕高度的比例；默认为指针所在处",
    ),
    "Double Click": said(
        "双击",
        "快速点击鼠标键两次，并验证两次都已到达。",
        x="横坐标：占屏幕宽度的比例；默认为指针所在处",
        y="纵坐标：占屏幕高度的比例；默认为指针所在处",
    ),
    "Drag": said("拖动", "在一点按下鼠标键，按住移到另一点，在那里松开。"),
    "Drag Along": said("沿路径拖动", "在第一点按下鼠标键，依次经过其它各点，在最后一点松开。"),
    "Scroll": said("滚动", "转动鼠标滚轮，并验证每一格。", direction="方向：``上``、``下``、``左`` 或 ``右``"),
    "Touch": said("触摸", "用手指在虚拟机的触摸屏上同时点一下各个位置。客户机内的代理不验证触摸。"),
    "Mouse Button Down": said("按下鼠标键", "按下鼠标键不松开，直到 `松开鼠标键`、`松开所有按键` 或用例结束。"),
    "Mouse Button Up": said("松开鼠标键", "松开 `按下鼠标键` 按下的鼠标键。"),
    "Start Watching Input": said(
        "启动输入观察",
        "从现在起记下虚拟机的客户机看到的按键、鼠标键和移动，无论由谁发送：控制台前的人、别的客户端、别的工具。",
        exclusive="独占：为真时客户机里别的程序收不到这些输入，直到 `停止输入观察` 或用例结束",
    ),
    "Stop Watching Input": said("停止输入观察", "忘掉 `启动输入观察` 记下的内容，不再记录；没有观察时什么也不做。"),
    "Get Observed Input": said(
        "获取观察到的输入",
        "返回从 `启动输入观察` 起客户机看到的内容，按其内核看到的顺序；给出比较和期望时加以断言。",
        kind="形式：``事件`` 返回逐条的列表，``文本`` 返回这些按键按键盘布局写出的文本",
        timeout="超时：代理应答最多多久",
    ),
    "Key Should Have Arrived": said(
        "按键应已到达",
        "从 `启动输入观察` 起，客户机没有看到某个键、组合键或鼠标键按下并松开时失败。",
        key="键：同 `按键`；鼠标键写作 ``left button`` 等",
        times="次数：恰好多少次；默认至少一次",
        timeout="超时：还可以等多久；默认应当已经到达",
    ),
    "Text Should Have Arrived In Order": said(
        "文本应已按顺序到达",
        "从 `启动输入观察` 起客户机看到的按键所写的不正好是这段文本时失败：不多，不少，顺序一致。用于别人输入的文本。",
        text="文本：应当写出的内容；``\\n`` 是回车，``\\t`` 是制表符",
        timeout="超时：还可以等多久；默认应当已经到达",
    ),
    "No Input Should Arrive": said(
        "不应有输入到达",
        "观察虚拟机一段时间，客户机一看到任何按键、鼠标键或移动就失败。",
        for_="时长：多久之内什么都不应到达；默认 2 秒",
        timeout="超时：代理应答最多多久",
    ),
    "Mouse Should Be At": said(
        "鼠标应位于",
        "虚拟机的绝对指针（数位板）在客户机内核中的位置不在该点时失败，无论是谁移过去的。",
        tolerance="容差：每个方向最多偏离屏幕的几分之几",
        timeout="超时：代理应答最多多久",
    ),
    "Drag Should Match": said(
        "拖动应符合路径",
        "客户机看到的最后一次拖动不沿着各点之间的直线时失败；先用 `启动输入观察`。",
        places="各点：同 `沿路径拖动`，两个或更多",
        tolerance="容差：每个方向最多偏离屏幕的几分之几",
        timeout="超时：代理应答最多多久",
    ),
    "Verify Event": said(
        "验证事件",
        "等待一个事件在虚拟机的客户机内发生，没有发生则失败，返回结果。事件的 ``type`` 决定由哪个验证器判断："
        "``keyboard``、``mouse``（由客户机内的代理判断）、``command``（在客户机内执行命令），或 `注册验证器` 注册的。",
        event="事件：字典或 JSON：``type``、``action``、``key``、``timestamp``（毫秒，客户机的时钟）、``metadata``",
        looking_back="回看：此前多久之内客户机已看到的也算",
        must_be_verified="必须通过：``False`` 则没有发生时也只返回结果",
        timeout="超时：最多等多久",
    ),
    "Get Verifiers": said("获取验证器", "返回 `验证事件` 现在认识的验证器的名称；日志写明各自的来源。"),
    "Register Verifier": said(
        "注册验证器", "在本次运行中让 `验证事件` 认识您自己的验证器。", name="名称：它判断哪种类型的事件"
    ),
    "Unregister Verifier": said("注销验证器", "撤销 `注册验证器`：名称恢复原来的含义。", name="名称：验证器的名称"),
    "Wait Until Verifier Is Ready": said(
        "等待验证器就绪", "等到虚拟机内的代理应答，此后输入可以被验证。在启动虚拟机之后使用。"
    ),
    "Verifier Should Be Ready": said("验证器应就绪", "虚拟机内的代理不应答时失败。"),
    "Disconnect From Verifier": said(
        "断开验证器", "结束与虚拟机内代理的会话，让出它的通道；下一次要验证的输入会重新打开。"
    ),
    "Text Should Have Arrived": said(
        "文本应已到达",
        "最后一次输入的文本没有经过验证时失败：每个键都要被客户机看到，按顺序，只有一次。",
        text="文本：应当已到达的内容；默认为最后输入的内容",
    ),
    "Input Should Have Arrived": said(
        "输入应已到达", "最后一次键盘或鼠标输入没有经过验证时失败：要全部到达，按顺序，只有一次。"
    ),
    "No Key Should Be Down": said("不应有键按下", "客户机的内核看到有按键或鼠标键仍被按住时失败。"),
    "Get Input Devices": said("获取输入设备", "返回客户机内核中的键盘和指针设备，由其中的代理报告。"),
    "Save Input Timeline": said(
        "保存输入时间线",
        "把记得的虚拟机输入（最近 50 次）存成文件：每个动作的四个时刻（发送前、客户机内核、代理发送、本机读到）和结果，并在日志中"
        "给出链接；返回文件的路径。机密的字母不写出来。",
        path="路径：存到哪里，相对路径以日志为准，已有的会被替换；默认是日志旁的新文件",
        format="格式：``表格``（CSV）或 ``数据``（JSON）；默认由路径的后缀决定，否则为 ``表格``",
    ),
    "Keep Input Journal": said(
        "记录输入日志",
        "把此后用键盘和鼠标发送的每个动作随时写入本用例的文件，每个一行 JSON；用例失败或进程被终止时已写的也都在。"
        "写在用例集的设置中时对其中每个用例有效，每个用例一个文件，在日志中给出链接。",
        enabled="启用：``False`` 则从现在起不再记录",
    ),
    "Show Input Timeline": said(
        "显示输入时间线",
        "在日志中用图和表显示最近的输入：每个动作在途中各段用了多久，没有如实到达的为红色。",
        inputs="次数：最近的多少次输入",
    ),
    "Get Input Latency": said(
        "获取输入延迟",
        "返回经过验证的输入从本机到客户机内核（或在途中另一段）用了多少毫秒；可以同时断言。",
        part="路段：``内核``（本机到客户机内核）、``代理``（内核到代理发送）、``本机``（代理到本机）或 ``全程``",
    ),
}
