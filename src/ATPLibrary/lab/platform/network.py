"""The lab's one network: QEMU's user-mode one, shown as one switch with one port group."""

from __future__ import annotations

import secrets
import uuid

from ATPLibrary.lab.platform.codes import Refusal
from ATPLibrary.lab.platform.requests.vms import NetworkDto

SWITCH = str(uuid.uuid5(uuid.NAMESPACE_URL, "lab:ovs"))
PORT_GROUP = str(uuid.uuid5(uuid.NAMESPACE_URL, "lab:vlan"))
MOST_NICS = 8
_LIMITS = ("inAverage", "inBurst", "inPeak", "outAverage", "outBurst", "outPeak")

NO_LIMIT = "实验平台的网卡不能限速 (QEMU's user-mode network has no limits)"


def new_mac() -> str:
    return "52:54:00:" + ":".join(f"{byte:02x}" for byte in secrets.token_bytes(3))


def check_port_group(id: str) -> None:
    if id != PORT_GROUP:
        raise Refusal(f"端口组不存在: {id} (the lab has one network; GET vlan/all has its id)")


def check_card(card: NetworkDto) -> None:
    """Of a VM that is to be made: in the one network, without a limit."""
    check_port_group(card.vlanId or PORT_GROUP)
    if card.ovsId not in (None, "", SWITCH):
        raise Refusal(f"虚拟交换机不存在: {card.ovsId} (the lab has one switch; GET ovs/all has its id)")
    if any(getattr(card, name) for name in _LIMITS):
        raise Refusal(NO_LIMIT)
