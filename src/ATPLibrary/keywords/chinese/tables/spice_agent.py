"""The SPICE agent in a guest 客户机里的 SPICE 代理: capabilities 能力, resolution 分辨率, clipboard 剪贴板, files 文件."""

from __future__ import annotations

from ATPLibrary.keywords.chinese.said import said

_SIZE = "大小：宽和高，以像素计，如 ``1280x720``"
_SELECTION = "选择区：``剪贴板`` 是 Ctrl-V 粘贴的，``主选择区`` 是鼠标中键粘贴的（仅 X11），``次选择区``"

VALUES = (
    {"clipboard": "剪贴板", "primary": "主选择区", "secondary": "次选择区"},
    {"text": "文本", "image": "图片"},
)

KEYWORDS = {
    "SPICE Agent Should Be Connected": said(
        "SPICE 代理应已连接",
        "等到客户机里的 SPICE 代理（spice-vdagent）连接并报告了能力。没有代理、代理不说话、代理发来不可能的内容、虚拟机没有"
        "代理的通道，各有说明。虚拟机不在运行或 QEMU 不应答时也失败，"
        "服务器告知代理离开的消息被有意的故障损坏时同样失败。需要先 `连接 SPICE`。",
        capabilities="能力：必须具备的能力，用规范中的名称，如 ``MONITORS_CONFIG``",
    ),
    "Get SPICE Agent Capabilities": said(
        "获取 SPICE 代理能力", "返回客户机里的 SPICE 代理报告的能力，用规范中的名称；可以同时断言。"
    ),
    "Get SPICE Agent Statistics": said(
        "获取 SPICE 代理统计",
        "返回会话开始以来 SPICE 代理的计数：消息、数据块、令牌、因缺少令牌而停顿的次数；可以只取一项并断言。",
        field="字段：哪一项，如 ``token_stalls``；不写则返回全部",
    ),
    "Withhold Agent Tokens": said(
        "扣留代理令牌",
        "不再给 SPICE 代理新的令牌，使它至多再发十个数据块；或补发欠下的令牌。",
        withhold="扣留：``否`` 为补发并照常继续",
    ),
    "Set Resolution": said(
        "设置分辨率",
        "让客户机以另一分辨率显示桌面，并等到显示的画面真的变成这样：以画面为准，不以代理的答复为准。",
        size=_SIZE,
    ),
    "Resolution Should Become": said(
        "分辨率应变为",
        "等到某个显示器的画面变成这个分辨率，不论由谁改变。",
        size=_SIZE,
        display="显示器：编号，第一个是 0",
    ),
    "Set Monitors": said(
        "设置显示器",
        "让客户机使用这些显示器，并等到画面显示出来：大小要对；同一个显示通道上有几个时，相互位置也要对。多于一个需要虚拟机有同样多的显示输出。",
        monitors="显示器：一个或多个 ``宽x高+左+上``，以像素计；不写位置则排在前一个的右边",
    ),
    "Set Clipboard": said(
        "设置剪贴板",
        "把文本或图片放到客户机的剪贴板上。客户机在粘贴时才取走内容，粘贴的结果在客户机里证明。",
        text="文本：要放的文本，可以是秘密变量",
        image="图片：本机的 PNG 文件，代替文本",
        selection=_SELECTION,
    ),
    "Clear Clipboard": said("清除剪贴板", "收回 `设置剪贴板` 放上去的内容。", selection=_SELECTION),
    "Get Clipboard": said(
        "获取剪贴板",
        "返回在客户机里复制的文本，或图片保存后的文件路径；等到那里有这种内容为止，可以同时断言。",
        kind="种类：``文本`` 或 ``图片``",
        selection=_SELECTION,
    ),
    "Clipboard Should Be": said(
        "剪贴板应为",
        "等到客户机里复制的是这段文本，或逐像素相同的图片。",
        text="文本：应有的文本；若是秘密变量，错误里既不说它也不说实际内容",
        image="图片：本机的 PNG 文件，代替文本",
        selection=_SELECTION,
    ),
    "Send File": said(
        "发送文件",
        "经 SPICE 代理把文件发到客户机，如同拖放到查看器的窗口。空间不足、会话锁定、传输被禁用等各有说明；"
        "中途停止时客户机会删除未收完的文件。",
        path="路径：本机的文件",
        saved_in="保存目录：文件在客户机里的目录；写了它，便用 QEMU 客户机代理核对两端的 SHA-256",
    ),
}
