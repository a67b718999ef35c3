"""A VM's network cards, and the one network that there is: QEMU's user-mode network."""

from __future__ import annotations

from ATPLibrary.lab.platform import answers, devices, domain_xml, libvirt_calls, life
from ATPLibrary.lab.platform.codes import Refusal
from ATPLibrary.lab.platform.machines import VmView
from ATPLibrary.lab.platform.network import MOST_NICS, NO_LIMIT, PORT_GROUP, SWITCH, check_port_group, new_mac
from ATPLibrary.lab.platform.requests.vms import (
    DomainNetworkAddDto,
    DomainNetworkUpdateDto,
    NetSpeedReq,
    StaticIpSetting,
)
from ATPLibrary.lab.platform.routes.common import (
    Answer,
    PageNumber,
    PageSize,
    Platform,
    ThePlatform,
    done,
    group,
    has,
    paged,
)
from ATPLibrary.lab.platform.shapes.base import PageResult, answering
from ATPLibrary.lab.platform.shapes.house import OvsVO, VlanVO
from ATPLibrary.lab.platform.shapes.vms import DomainNetcardVO

router = group()


@router.get("/domain/{id}/nic", **answering(list[DomainNetcardVO]))
async def list_nics(id: str, platform: ThePlatform) -> Answer:
    row = platform.batches.row(id)
    xml = await platform.machines.ask(row, "tell its XML", lambda domain: str(domain.XMLDesc(0)))
    shown: list[DomainNetcardVO] = [
        {
            "id": nic.mac,
            "mac": nic.mac,
            "domainId": id,
            "domainName": row.name,
            "ovsId": SWITCH,
            "ovsName": "user",
            "vlanId": PORT_GROUP,
            "vlanName": "user",
            "dhcp": "yes",
        }
        for nic in domain_xml.nics(xml)
    ]
    return answers.envelope(shown)


@router.post("/domain/{id}/nic", **answering())
async def add_nic(id: str, body: DomainNetworkAddDto, platform: ThePlatform) -> Answer:
    """A card in QEMU's user-mode network, at once where the VM runs."""
    check_port_group(body.vlanId)

    async def work(view: VmView) -> None:
        xml = await platform.machines.ask(view.row, "tell its XML", libvirt_calls.inactive_xml)
        if len(domain_xml.nics(xml)) >= MOST_NICS:
            raise Refusal(f"虚机最多 {MOST_NICS} 块网卡 (a VM has at most {MOST_NICS} network cards)")
        device = domain_xml.nic_xml(new_mac())
        await platform.machines.change(view.row, "get a network card", libvirt_calls.attach, device)

    await platform.batches.at_once(life.NIC, [id], work)
    return done()


@router.patch("/domain/{domainId}/nic", **answering())
async def change_nic(domainId: str, body: DomainNetworkUpdateDto, platform: ThePlatform) -> Answer:
    """There is one network to be in."""
    (view,) = await platform.batches.ready(life.NIC, [domainId])
    await _nic(platform, view, body.mac)
    check_port_group(body.vlanId or PORT_GROUP)
    return done()


@router.delete("/domain/{domainId}/nic/{mac}", **answering())
async def remove_nic(domainId: str, mac: str, platform: ThePlatform) -> Answer:
    """A guest that runs has to let it go."""

    async def work(view: VmView) -> None:
        nic = await _nic(platform, view, mac)
        await devices.detach(platform.machines, view, nic.xml, "a network card")

    await platform.batches.at_once(life.NIC, [domainId], work)
    return done()


async def _nic(platform: Platform, view: VmView, mac: str) -> domain_xml.Nic:
    xml = await platform.machines.ask(view.row, "tell its XML", lambda domain: str(domain.XMLDesc(0)))
    for nic in domain_xml.nics(xml):
        if nic.mac == mac.lower():
            return nic
    raise Refusal(f"虚机没有该网卡: {mac} (the VM has no such network card)")


@router.patch("/nic/{id}/ip", **answering())
async def set_nic_address(id: str, body: StaticIpSetting, platform: ThePlatform) -> Answer:
    raise Refusal("实验平台的网卡地址不能设置 (QEMU's user-mode network gives each guest the same address)")


@router.patch("/nic/{id}/speed-limit", **answering())
async def limit_nic(id: str, body: NetSpeedReq, platform: ThePlatform) -> Answer:
    raise Refusal(NO_LIMIT)


@router.get("/ovs", **answering(PageResult[OvsVO]))
async def list_switches(
    platform: ThePlatform, keyword: str = "", number: PageNumber = 1, size: PageSize = 10
) -> Answer:
    return paged(_switches(keyword), number, size)


@router.get("/ovs/all", **answering(list[OvsVO]))
async def all_switches(platform: ThePlatform) -> Answer:
    return answers.envelope(_switches(""))


@router.get("/vlan", **answering(PageResult[VlanVO]))
async def list_port_groups(
    platform: ThePlatform, keyword: str = "", number: PageNumber = 1, size: PageSize = 10
) -> Answer:
    return paged(_port_groups(keyword), number, size)


@router.get("/vlan/all", **answering(list[VlanVO]))
async def all_port_groups(platform: ThePlatform, keyword: str = "") -> Answer:
    return answers.envelope(_port_groups(keyword))


def _switches(keyword: str) -> list[OvsVO]:
    return [{"id": SWITCH, "name": "user", "remark": "QEMU user-mode"}] if has(keyword, "user") else []


def _port_groups(keyword: str) -> list[VlanVO]:
    return [{"id": PORT_GROUP, "name": "user", "ovsId": SWITCH, "mode": 1, "type": 0}] if has(keyword, "user") else []
