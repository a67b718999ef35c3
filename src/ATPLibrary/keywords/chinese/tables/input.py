"""Keyboard 键盘, mouse 鼠标, and the proof that input arrived 验证."""

from __future__ import annotations

from ATPLibrary.keywords.chinese.said import said

_KEY = "键：一个键，如 ``shift``、``a``"
_ALL = "超时：全部完成最多多久"

VALUES = ({"ctrl+shift+u": "编码组合键", "alt+numpad": "小键盘编码"},)

KEYWORDS = {
    "Type Text": said(
        "输入文本",
        "在虚拟机的键盘上逐键输入文本，并在客户机内证明每个键都已到达：按顺序、只有一次。丢失、重复、乱序或卡住都使关键字失败。",
        text="文本：要输入的内容；``\\n`` 是回车，``\\t`` 是制表符。键盘布局没有的字符会事先被拒绝",
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
    "Get Input Latency": said("获取输入延迟", "返回经过验证的输入从本机到客户机内核用了多少毫秒；可以同时断言。"),
}
