"""SPICE 会话的录制与重放: recordings of sessions."""

from __future__ import annotations

from ATPLibrary.keywords.chinese.said import said

VALUES = ({"recorded": "原速", "fast": "最快"},)

KEYWORDS = {
    "Start Session Recording": said(
        "启动会话录制",
        "重新开始虚拟机的 SPICE 会话并录制下来，供 `重放会话` 使用；返回文件的路径。服务器的消息全部录下；口令、按键、智能卡、"
        "USB 设备和客户机代理的内容不录，客户机程序写到端口和共享文件夹的内容会录下，"
        "已知的秘密以星号代替。已打开的通道会重新打开。",
        file="文件：相对于 Robot Framework 的输出目录；以 ``.gz`` 结尾则压缩；默认在日志旁的 ``spice`` 目录中新建",
        agent_data="代理数据：是否也录下客户机代理所说的内容，其中有剪贴板",
    ),
    "Stop Session Recording": said(
        "停止会话录制", "结束虚拟机 SPICE 会话的录制，会话继续；返回文件的路径。录制不完整时给出警告。"
    ),
    "Replay Session": said(
        "重放会话",
        "不需要虚拟机，把录下的 SPICE 会话再次播放给本客户端；客户端不能处理时失败，服务器的消息一条也没有时也失败。"
        "返回处理的消息数、各通道的情况和最后画面的文件。",
        file="文件：`启动会话录制` 的文件，相对于 Robot Framework 的输出目录",
        pace="速度：``原速`` 与录制时一样长，``最快`` 为尽快",
    ),
}
