"""A VM's serial ports: their numbers in the guest are their ids; port 0 is the guest's console."""

from __future__ import annotations

from ATPLibrary.lab.platform import answers, domain_xml, libvirt_calls, life
from ATPLibrary.lab.platform.codes import Refusal
from ATPLibrary.lab.platform.machines import VmView
from ATPLibrary.lab.platform.requests.vms import (
    DomainSerialAddDto,
)
from ATPLibrary.lab.platform.routes.common import (
    Answer,
    Platform,
    ThePlatform,
    done,
    group,
)
from ATPLibrary.lab.platform.shapes.base import answering
from ATPLibrary.lab.platform.shapes.vms import DomainSerialDeviceVO, ServerSerialVO

router = group()

MOST_PORTS = 4
# How a serial port's other end is made: nowhere (another VM's port may join it), or at another VM's.
LINKED, HOSTS_OWN, ALONE = 0, 1, 2


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
