"""SPICE 故障: faults on purpose."""

from __future__ import annotations

from ATPLibrary.keywords.chinese.said import said

_CHANNEL = "通道：必须已打开，如 ``display`` ；有多个时写编号，如 ``display:1``"
_MESSAGE = "消息：规范中的名称，不带前缀，如 ``DRAW_COPY``"
_SENDER = "发送方：``客户端`` 或 ``服务器``；双方都有同名消息时需要写明"

KEYWORDS = {
    "Truncate Next Message": said(
        "截断下一条消息",
        "把一个 SPICE 通道上的下一条某种消息截短，消息头也如此说明。是否已经发生，见 `获取 SPICE 统计` 的 ``faults``。",
        channel=_CHANNEL,
        message=_MESSAGE,
        keep="保留字节：留下多少字节",
        sender=_SENDER,
    ),
    "Withhold Acknowledgements": said(
        "扣留确认",
        "不再确认一个 SPICE 通道上的消息，使服务器停止发送；或补发欠下的确认并继续。",
        channel=_CHANNEL,
        withhold="扣留：``否`` 为补发并继续确认",
    ),
    "Drop Channel": said(
        "断开通道", "像网络故障那样切断一个 SPICE 通道的连接，不作告别；其它通道不受影响。", channel=_CHANNEL
    ),
    "Corrupt Next Message": said(
        "损坏下一条消息",
        "把一个 SPICE 通道上的下一条某种消息的一个字节取反，长度不变。是否已经发生，见 `获取 SPICE 统计` 的 ``faults``。",
        channel=_CHANNEL,
        message=_MESSAGE,
        at="位置：第几个字节，从 0 数起，不含消息头；不够长时为最后一个",
        sender=_SENDER,
    ),
    "Delay Next Message": said(
        "延迟下一条消息",
        "推迟一个 SPICE 通道上的下一条某种消息，以及同一方向上排在它后面的一切。是否已经发生，见 `获取 SPICE 统计` 的 ``faults``。",
        channel=_CHANNEL,
        message=_MESSAGE,
        by="延迟：晚多久到来，如 ``300 ms``",
        sender=_SENDER,
    ),
    "Drop Next Message": said(
        "丢弃下一条消息",
        "丢弃一个 SPICE 通道上的下一条某种消息：客户端的不发出，服务器的不读取。是否已经发生，见 `获取 SPICE 统计` 的 ``faults``。",
        channel=_CHANNEL,
        message=_MESSAGE,
        times="次数：丢弃多少条",
        sender=_SENDER,
    ),
    "SPICE Ticket Should Be Refused": said(
        "SPICE 口令应被拒绝",
        "向虚拟机的 SPICE 服务器出示错误的口令，被接受时失败；返回在哪个阶段被拒绝。已有的会话不受影响。",
        ticket="口令：秘密变量；默认临时编造一个",
    ),
}
