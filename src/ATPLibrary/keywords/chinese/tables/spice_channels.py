"""SPICE channels SPICE 通道: sessions 会话, messages 消息."""

from __future__ import annotations

from ATPLibrary.keywords.chinese.said import said

_CHANNEL = "通道：必须已打开，如 ``display`` ；有多个时写编号，如 ``display:1``"
_MESSAGE = "消息：规范中的名称，不带前缀，如 ``DRAW_COPY``"
_DISPLAY = "显示器：通道 ``cursor`` 的编号，该通道必须已打开"

VALUES = (
    {"closed": "已关闭", "connecting": "正在连接", "connected": "已连接", "linked": "已建立", "failed": "已失败"},
    {"client": "客户端", "server": "服务器"},
    {"last": "上一条", "now": "现在"},
    {"off": "不压缩", "auto_lz": "自动 lz", "auto_glz": "自动 glz"},
)

KEYWORDS = {
    "Connect To SPICE": said(
        "连接 SPICE",
        "开始与虚拟机的 SPICE 会话：建立主通道，并让服务器列出其它通道。已有的会话保持不变；服务器会为此结束别的客户端的会话。"
        "失败时说明卡在哪个阶段。",
    ),
    "Disconnect From SPICE": said("断开 SPICE", "关闭虚拟机的 SPICE 会话的全部通道。"),
    "Open SPICE Channel": said(
        "打开 SPICE 通道",
        "打开 SPICE 会话的一个通道，或重新打开已失败的通道，其它通道不受影响。没有会话时先开始会话。",
        channel="通道：``main``、``display``、``inputs``、``cursor``、``playback``、``record``、``smartcard``、``usbredir``、"
        "``port`` 或 ``webdav``；有多个时写编号，如 ``display:1``",
    ),
    "Close SPICE Channel": said(
        "关闭 SPICE 通道", "关闭 SPICE 会话的一个通道；关闭 ``main`` 便结束会话。", channel=_CHANNEL
    ),
    "Reconnect Channel": said(
        "重新打开通道",
        "关闭一个 SPICE 通道（无论处于什么状态）并重新打开，其它通道不受影响；计数、已绘制的画面和期待都重新开始。",
        channel="通道：必须打开过，如 ``display`` ；有多个时写编号，如 ``display:1``；``main`` 不行",
    ),
    "Get SPICE Channels": said(
        "获取 SPICE 通道", "返回虚拟机的 SPICE 服务器提供的通道，如 ``display:0``；可以同时断言。"
    ),
    "SPICE Channel Should Be": said(
        "SPICE 通道应为",
        "等到一个 SPICE 通道处于某个状态；等不到时说明它现在的状态和原因。``已建立`` 时 QEMU 还须应答，冻结的 QEMU 不算。",
        channel="通道：如 ``display``；有多个时写编号，如 ``display:1``",
        state="状态：``已建立`` 为打开并已开始，``已失败`` 为自行结束，``已关闭`` 为从未打开或在此关闭",
    ),
    "Get SPICE Monitors": said(
        "获取 SPICE 显示器",
        "返回 SPICE 显示通道上的显示器，由服务器告知，以像素计，如 ``1024x768+0+0``；可以同时断言。"
        "有意的故障损坏过通道的消息，或确认被扣留时，只是最近被告知的：给出警告，断言则失败。",
        channel=_CHANNEL,
    ),
    "Prefer SPICE Compression": said(
        "首选 SPICE 压缩",
        "请服务器今后用另一种方式压缩它画出的内容；默认请求 ``lz4`` 。实际收到了什么，见 `获取 SPICE 统计` 的 ``images``。",
        channel=_CHANNEL,
        compression="压缩：``不压缩``、``lz4``、``lz``、``glz``、``quic``、``自动 lz`` 或 ``自动 glz``",
    ),
    "Get SPICE Statistics": said(
        "获取 SPICE 统计",
        "返回一个 SPICE 通道打开以来的计数：消息、字节、确认、因缺少确认而停顿的次数、往返时间；可以只取一项并断言。",
        channel=_CHANNEL,
        field="字段：哪一项，如 ``ack_stalls``；不写则返回全部",
    ),
    "Expect SPICE Message": said(
        "期待 SPICE 消息",
        "等到一个 SPICE 通道上出现某种消息。每次期待从上一次找到的消息之后开始，因此两个关键字之间到来的消息也能找到；"
        "被故障丢弃的消息不算。等不到时给出最后的消息。",
        channel=_CHANNEL,
        message=_MESSAGE,
        within="时限：等待多久，默认 10 秒",
        sender="发送方：``客户端`` 或 ``服务器``；默认不限；双方都有同名消息而又写了字段时需要写明",
        since="起点：``上一条`` 从上一次找到的消息之后算起，``现在`` 只算关键字开始之后到来的",
        fields="字段：消息的各字段须为何值，如 ``width=1024``、``height=>= 600``；其中一部分写在点后，如 ``base.box.left=0``",
    ),
    "Send SPICE Message": said(
        "发送 SPICE 消息",
        "以客户端的身份发送一条消息。只说明它已发出，不说明服务器怎样处理。",
        channel=_CHANNEL,
        message="消息：规范中的名称，不带前缀，如 ``KEY_DOWN``",
        fields="字段：消息的各字段，按名称给出：数，或十六进制的字节",
    ),
    "Get Cursor": said(
        "获取鼠标指针",
        "返回虚拟机的 SPICE 服务器所说的客户机鼠标指针，或其中一项：是否可见、位置（鼠标为 server 模式时由客户机决定）、"
        "形状的类型、大小和热点（客户机没有设置形状时为空）；可以同时断言。"
        "有意的故障损坏过通道的消息，或确认被扣留时，只是最近被告知的：给出警告，断言则失败。",
        field="字段：哪一项，如 ``visible``、``x``、``width``；不写则返回全部",
        display=_DISPLAY,
    ),
    "Cursor Should Be Visible": said(
        "鼠标指针应可见",
        "等到客户机显示（或隐藏）鼠标指针，由 SPICE 服务器得知；等不到时说明现在怎样。"
        "有意的故障损坏过通道的消息，或确认被扣留时也失败：无从得知。",
        visible="可见：``否`` 为等到看不见",
        display=_DISPLAY,
        timeout="超时：最多等多久",
    ),
    "Save Cursor": said(
        "保存鼠标指针",
        "把客户机鼠标指针的形状保存为带透明度的 PNG 文件并链接到日志，返回文件的路径。客户机没有设置形状时失败。",
        file="文件：保存到哪里；默认在日志旁边，以虚拟机命名",
        display=_DISPLAY,
    ),
}
