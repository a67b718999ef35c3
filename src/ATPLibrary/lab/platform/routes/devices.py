"""A VM's CD drives, network cards and serial ports: in its domain XML, asked of libvirt, changed by libvirt."""

from __future__ import annotations

import secrets
import uuid
from pathlib import Path

from ATPLibrary.lab.platform import answers, domain_xml, libvirt_calls, life
from ATPLibrary.lab.platform.codes import Refusal, VmStatus
from ATPLibrary.lab.platform.machines import VmView
from ATPLibrary.lab.platform.requests.vms import (
    DomainIsoAddDto,
    DomainIsoDeleteDto,
    DomainNetworkAddDto,
    DomainNetworkUpdateDto,
    DomainSerialAddDto,
    DomainUpdateIsoDto,
    InstallIsoDto,
    UninstallIsoDto,
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
from ATPLibrary.lab.platform.shapes.vms import DomainIsoVO, DomainNetcardVO, DomainSerialDeviceVO, ServerSerialVO

router = group()

SWITCH = str(uuid.uuid5(uuid.NAMESPACE_URL, "lab:ovs"))
PORT_GROUP = str(uuid.uuid5(uuid.NAMESPACE_URL, "lab:vlan"))
MOST_NICS, MOST_PORTS = 8, 4
# How a serial port's other end is made: nowhere (another VM's port may join it), or at another VM's.
LINKED, HOSTS_OWN, ALONE = 0, 1, 2


# -- ISO files


@router.get("/domain/{id}/iso", **answering(list[DomainIsoVO]))
async def list_isos_of_vm(id: str, platform: ThePlatform) -> Answer:
    row = platform.batches.row(id)
    xml = await platform.machines.ask(row, "tell its XML", lambda domain: str(domain.XMLDesc(0)))
    pools = {pool["path"]: pool for pool in platform.storage.all() if pool["iso"]}
    shown: list[DomainIsoVO] = []
    for drive in domain_xml.disks(xml):
        if drive.device == "cdrom" and drive.file:
            pool = pools.get(str(Path(drive.file).parent), {})
            names = {"storagePoolId": "id", "storagePoolName": "name", "storagePoolPath": "path"}
            iso: DomainIsoVO = {"isoName": Path(drive.file).name}
            iso |= {field: pool.get(name, "") for field, name in names.items()}  # type: ignore[typeddict-item]
            shown.append(iso)
    return answers.envelope(shown)


@router.post("/domain/{id}/iso", **answering())
async def add_iso(id: str, body: DomainIsoAddDto, platform: ThePlatform) -> Answer:
    """Put it into an empty drive, or into a new one, which a running VM can't get."""
    await platform.batches.at_once(
        life.ISO, [id], lambda view: _insert(platform, view, body.storagePoolId, body.isoFilePath)
    )
    return done()


@router.patch("/domain/{id}/iso", **answering())
async def change_iso(id: str, body: DomainUpdateIsoDto, platform: ThePlatform) -> Answer:
    """Take one out of its drive and put another in, also while the VM runs."""

    async def work(view: VmView) -> None:
        file = platform.storage.iso(body.storagePoolId or "", body.nowIso or "")
        await _eject(platform, view, body.beforeIso or "", file=file)

    await platform.batches.at_once(life.ISO, [id], work)
    return done()


@router.post("/domain/{domainId}/iso/delete", **answering())
async def remove_iso(domainId: str, body: DomainIsoDeleteDto, platform: ThePlatform) -> Answer:
    """Take it out; with `delTag` its drive goes too, which needs the VM off."""
    await platform.batches.at_once(
        life.ISO, [domainId], lambda view: _eject(platform, view, body.isoPath or "", with_drive=bool(body.delTag))
    )
    return done()


@router.post("/iso/mount", **answering())
async def mount_iso(body: InstallIsoDto, platform: ThePlatform) -> Answer:
    await platform.batches.at_once(
        life.ISO, body.domainIdList, lambda view: _insert(platform, view, body.storagePoolId, body.isoPath)
    )
    return done()


@router.post("/iso/unmount", **answering())
async def unmount_iso(body: UninstallIsoDto, platform: ThePlatform) -> Answer:
    await platform.batches.at_once(
        life.ISO,
        body.domainIdList,
        lambda view: _eject(platform, view, body.isoPath, with_drive=bool(body.delTag)),
    )
    return done()


async def _drives(platform: Platform, view: VmView) -> list[domain_xml.Disk]:
    xml = await platform.machines.ask(view.row, "tell its XML", lambda domain: str(domain.XMLDesc(0)))
    return [drive for drive in domain_xml.disks(xml) if drive.device == "cdrom"]


async def _insert(platform: Platform, view: VmView, pool_id: str, path: str) -> None:
    file = platform.storage.iso(pool_id, path)
    if platform.storage.get(pool_id)["host"] != view.row.host_id:
        raise Refusal(f"镜像不在虚机的主机 {view.host.name} 上 (the ISO file is on another host than the VM)")
    drives = await _drives(platform, view)
    if any(drive.file == str(file) for drive in drives):
        raise Refusal(f"镜像已挂载: {file.name} (the VM has it in a drive)")
    empty = next((drive for drive in drives if drive.file is None), None)
    if empty is not None:
        device = domain_xml.cdrom_xml(file, empty.target, empty.bus)
        await platform.machines.change(view.row, "take an ISO file", libvirt_calls.update, device)
    elif view.status is not VmStatus.SHUT_OFF:
        raise Refusal("虚机运行时不能增加光驱 (a running VM gets no new drive: shut it down, or free one)")
    else:
        xml = await platform.machines.ask(view.row, "tell its XML", libvirt_calls.inactive_xml)
        device = domain_xml.cdrom_xml(file, domain_xml.free_target(xml, "ide"))
        await platform.machines.change(view.row, "get a drive", libvirt_calls.attach, device)


async def _eject(
    platform: Platform, view: VmView, path: str, *, with_drive: bool = False, file: Path | None = None
) -> None:
    drive = next(
        (each for each in await _drives(platform, view) if each.file and path in (each.file, Path(each.file).name)),
        None,
    )
    if drive is None:
        raise Refusal(f"虚机没有挂载该镜像: {path} (the VM has no such ISO file in a drive)")
    if not with_drive:
        device = domain_xml.cdrom_xml(file, drive.target, drive.bus)
        await platform.machines.change(view.row, "change its ISO file", libvirt_calls.update, device)
    elif view.status is not VmStatus.SHUT_OFF:
        raise Refusal("虚机运行时不能删除光驱 (a running VM keeps its drive: shut it down first)")
    else:
        await platform.machines.change(view.row, "lose a drive", libvirt_calls.detach, drive.xml)


# -- network cards


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
    _port_group(body.vlanId)

    async def work(view: VmView) -> None:
        xml = await platform.machines.ask(view.row, "tell its XML", libvirt_calls.inactive_xml)
        if len(domain_xml.nics(xml)) >= MOST_NICS:
            raise Refusal(f"虚机最多 {MOST_NICS} 块网卡 (a VM has at most {MOST_NICS} network cards)")
        mac = "52:54:00:" + ":".join(f"{byte:02x}" for byte in secrets.token_bytes(3))
        await platform.machines.change(view.row, "get a network card", libvirt_calls.attach, domain_xml.nic_xml(mac))

    await platform.batches.at_once(life.NIC, [id], work)
    return done()


@router.patch("/domain/{domainId}/nic", **answering())
async def change_nic(domainId: str, body: DomainNetworkUpdateDto, platform: ThePlatform) -> Answer:
    """There is one network to be in."""
    (view,) = await platform.batches.ready(life.NIC, [domainId])
    await _nic(platform, view, body.mac)
    _port_group(body.vlanId or PORT_GROUP)
    return done()


@router.delete("/domain/{domainId}/nic/{mac}", **answering())
async def remove_nic(domainId: str, mac: str, platform: ThePlatform) -> Answer:
    """A guest that runs has to let it go."""

    async def work(view: VmView) -> None:
        nic = await _nic(platform, view, mac)
        await platform.machines.change(view.row, "lose a network card", libvirt_calls.detach, nic.xml)

    await platform.batches.at_once(life.NIC, [domainId], work)
    return done()


async def _nic(platform: Platform, view: VmView, mac: str) -> domain_xml.Nic:
    xml = await platform.machines.ask(view.row, "tell its XML", lambda domain: str(domain.XMLDesc(0)))
    for nic in domain_xml.nics(xml):
        if nic.mac == mac.lower():
            return nic
    raise Refusal(f"虚机没有该网卡: {mac} (the VM has no such network card)")


def _port_group(id: str) -> None:
    if id != PORT_GROUP:
        raise Refusal(f"端口组不存在: {id} (the lab has one network; GET vlan/all has its id)")


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


# -- serial ports: their numbers in the guest are their ids; port 0 is the guest's console


@router.get("/domain/{id}/serial", **answering(list[DomainSerialDeviceVO]))
async def list_serial_ports(id: str, platform: ThePlatform) -> Answer:
    row = platform.batches.row(id)
    xml = await platform.machines.ask(row, "tell its XML", libvirt_calls.inactive_xml)
    known = {record["port"]: record for record in platform.store.records.all("serial") if record["vm"] == id}
    shown: list[DomainSerialDeviceVO] = []
    for port in sorted(domain_xml.serial_ports(xml).keys() & known.keys()):
        record = known[port]
        shown.append(
            {
                "id": port,
                "comNum": f"COM{port + 1}",
                "domainId": id,
                "enable": 1,
                "serialModel": record["model"],
                "sourcePort": str(port),
                "targetPort": record["target_port"],
                "targetServer": record["target"],
            }
        )
    return answers.envelope(shown)


@router.post("/domain/{id}/serial", **answering())
async def add_serial_port(id: str, body: DomainSerialAddDto, platform: ThePlatform) -> Answer:
    """A port that stands alone (2), or is joined to one of another VM that stands alone (0)."""
    await platform.batches.at_once(life.SERIAL, [id], lambda view: _add_port(platform, view, body))
    return done()


@router.put("/domain/{domainId}/serial/{serialId}", **answering())
async def change_serial_port(domainId: str, serialId: int, body: DomainSerialAddDto, platform: ThePlatform) -> Answer:
    async def work(view: VmView) -> None:
        await _remove_port(platform, view, serialId)
        await _add_port(platform, view, body)

    await platform.batches.at_once(life.SERIAL, [domainId], work)
    return done()


@router.delete("/domain/{domainId}/serial/{serialId}", **answering())
async def remove_serial_port(domainId: str, serialId: int, platform: ThePlatform) -> Answer:
    await platform.batches.at_once(life.SERIAL, [domainId], lambda view: _remove_port(platform, view, serialId))
    return done()


@router.get("/domain/{id}/server-serial", **answering(list[ServerSerialVO]))
async def list_free_ports(id: str, platform: ThePlatform) -> Answer:
    """The ports of other VMs that stand alone."""
    platform.batches.row(id)
    alone = [record for record in platform.store.records.all("serial") if record["model"] == ALONE]
    names = {row.id: row.name for row in platform.batches.rows() if row.id != id}
    return answers.envelope(
        [
            {
                "id": vm,
                "name": name,
                "portList": [
                    {"showPort": f"COM{record['port'] + 1}", "sourcePort": str(record["port"])}
                    for record in alone
                    if record["vm"] == vm
                ],
            }
            for vm, name in names.items()
            if any(record["vm"] == vm for record in alone)
        ]
    )


async def _add_port(platform: Platform, view: VmView, body: DomainSerialAddDto) -> None:
    if body.serialModel == HOSTS_OWN:
        raise Refusal("实验平台主机没有串口 (the lab's hosts have no serial ports of their own)")
    socket = platform.machines.directory(view.row)
    target, target_port = "", ""
    if body.serialModel == LINKED:
        target, target_port = body.targetServer or "", body.targetPort or ""
        other = platform.store.records.get("serial", f"{target}:{target_port}")
        if other is None or other["model"] != ALONE or target == view.row.id:
            raise Refusal(f"目标串口不存在: {target} {target_port} (no other VM has such a port that stands alone)")
        row = platform.batches.row(target)
        if row.host_id != view.row.host_id:
            raise Refusal("目标虚机在另一主机上 (the other VM is on another host)")
        socket = platform.machines.directory(row)
    xml = await platform.machines.ask(view.row, "tell its XML", libvirt_calls.inactive_xml)
    free = [port for port in range(1, MOST_PORTS) if port not in domain_xml.serial_ports(xml)]
    if not free:
        raise Refusal(f"虚机最多 {MOST_PORTS} 个串口 (a VM has at most {MOST_PORTS} serial ports)")
    port = free[0]
    path = socket / f"serial{target_port if body.serialModel == LINKED else port}"
    device = domain_xml.serial_xml(port, path, listens=body.serialModel == ALONE)
    await platform.machines.change(view.row, "get a serial port", libvirt_calls.attach, device)
    id = f"{view.row.id}:{port}"
    platform.store.records.remove("serial", id)
    platform.store.records.add(
        "serial", id, vm=view.row.id, port=port, model=body.serialModel, target=target, target_port=target_port
    )


async def _remove_port(platform: Platform, view: VmView, port: int) -> None:
    xml = await platform.machines.ask(view.row, "tell its XML", libvirt_calls.inactive_xml)
    device = domain_xml.serial_ports(xml).get(port)
    id = f"{view.row.id}:{port}"
    if device is None or platform.store.records.get("serial", id) is None:
        raise Refusal(f"串口不存在: {port} (the VM has no such serial port)")
    await platform.machines.change(view.row, "lose a serial port", libvirt_calls.detach, device)
    platform.store.records.remove("serial", id)
