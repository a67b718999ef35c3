"""What the platform asks libvirt that `transport` has no word for. Each function blocks and runs on a host connection's worker."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ATPLibrary.lab.platform import domain_xml
from ATPLibrary.lab.platform.codes import VmStatus

# A guest's firmware resets its drives while it boots, which closes a tray that libvirt has just opened to change the medium.
# QEMU sends no event then: libvirt takes the tray for open from there on, and never opens it again.
_TRAY_CLOSED = "is not open"
_TRAY_TRIES = 50
_TRAY_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Hardware:
    arch: str
    cpu: str
    processors: int
    memory_mib: int
    sockets: int
    cores: int
    threads: int


@dataclass(frozen=True, slots=True)
class Facts:
    """`asleep`: it is off, with its memory in a file (libvirt's managed save)."""

    status: VmStatus
    cpu: int
    memory_mib: int
    asleep: bool
    name: str


def hardware(connection: Any) -> Hardware:
    arch, memory_mib, processors, mhz, _, sockets, cores, threads = connection.getInfo()
    return Hardware(arch, f"{arch} {mhz} MHz", processors, memory_mib, sockets, cores, threads)


def network_cards(connection: Any) -> list[str]:
    """The XML of each network card; none where this libvirt has no driver for devices."""
    import libvirt

    try:
        found = connection.listAllDevices(libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_NET)
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_NO_SUPPORT:
            raise
        return []
    return [str(device.XMLDesc(0)) for device in found]


def version(connection: Any) -> int:
    """libvirt's version: the cheapest question that the daemon itself answers."""
    return int(connection.getLibVersion())


def facts(connection: Any, ids: Sequence[str]) -> dict[str, Facts | None]:
    """What each VM is now; None for the ones that libvirt doesn't know."""
    import libvirt

    found: dict[str, Facts | None] = {}
    for id in ids:
        try:
            domain = connection.lookupByUUIDString(id)
            state, most_kib, _, processors, _ = domain.info()
            off = state == libvirt.VIR_DOMAIN_SHUTOFF
            found[id] = Facts(
                _status(state), processors, most_kib // 1024, off and bool(domain.hasManagedSaveImage()), domain.name()
            )
        except libvirt.libvirtError as error:
            if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                raise
            found[id] = None
    return found


def define(connection: Any, xml: str) -> None:
    import libvirt

    connection.defineXMLFlags(xml, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)


def remove(connection: Any, id: str) -> None:
    """Destroy and undefine; a VM that is gone, or goes meanwhile, is as wanted."""
    import libvirt

    try:
        domain = connection.lookupByUUIDString(id)
        if domain.isActive():
            try:
                domain.destroy()
            except libvirt.libvirtError as error:
                if error.get_error_code() != libvirt.VIR_ERR_OPERATION_INVALID:  # it went off by itself meanwhile
                    raise
        domain.undefineFlags(
            libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
            | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
            | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
        )
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
            raise


def _status(state: int) -> VmStatus:
    """From libvirt's virDomainState to the vendor's code."""
    import libvirt

    return {
        libvirt.VIR_DOMAIN_RUNNING: VmStatus.RUNNING,
        libvirt.VIR_DOMAIN_BLOCKED: VmStatus.RUNNING,
        libvirt.VIR_DOMAIN_PAUSED: VmStatus.SUSPENDED,
        libvirt.VIR_DOMAIN_PMSUSPENDED: VmStatus.SUSPENDED,
        libvirt.VIR_DOMAIN_SHUTDOWN: VmStatus.BUSY,
        libvirt.VIR_DOMAIN_SHUTOFF: VmStatus.SHUT_OFF,
        libvirt.VIR_DOMAIN_CRASHED: VmStatus.SHUT_OFF,
    }.get(state, VmStatus.BUSY)


def inactive_xml(domain: Any) -> str:
    """The XML that the VM starts with the next time, with its secrets."""
    import libvirt

    return str(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE))


def migratable_xml(domain: Any) -> str:
    """The running VM's XML in the form that another host takes."""
    import libvirt

    return str(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_MIGRATABLE | libvirt.VIR_DOMAIN_XML_SECURE))


def graphics_password(domain: Any, kind: str) -> str:
    import xml.etree.ElementTree as ET

    import libvirt

    root = ET.fromstring(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_SECURE))
    graphics = root.find(f"./devices/graphics[@type='{kind}']")
    return "" if graphics is None else graphics.get("passwd", "")


def affected(domain: Any) -> int:
    """The flags of a change to the devices: to the definition, and to the running VM where it runs."""
    import libvirt

    flags = int(libvirt.VIR_DOMAIN_AFFECT_CONFIG)
    return flags | int(libvirt.VIR_DOMAIN_AFFECT_LIVE) if domain.isActive() else flags


def attach(domain: Any, xml: str) -> None:
    domain.attachDeviceFlags(xml, affected(domain))


def detach(domain: Any, xml: str) -> None:
    domain.detachDeviceFlags(xml, affected(domain))


def update(domain: Any, xml: str) -> None:
    domain.updateDeviceFlags(xml, affected(domain))


def change_medium(domain: Any, xml: str) -> None:
    """As `update`, for a drive: again while the guest closes its tray in between."""
    import libvirt

    for left in reversed(range(_TRAY_TRIES)):
        try:
            update(domain, xml)
        except libvirt.libvirtError as error:
            if not left or _TRAY_CLOSED not in str(error):
                raise
            time.sleep(_TRAY_SECONDS)
            open_tray(domain, xml)
        else:
            return


def open_tray(domain: Any, xml: str) -> None:
    """Have QEMU open the tray of the drive that `xml` is about, whatever libvirt takes it for."""
    import libvirt_qemu

    (wanted,) = domain_xml.disks(f"<domain><devices>{xml}</devices></domain>")
    alias = next(drive.alias for drive in domain_xml.disks(domain.XMLDesc(0)) if drive.target == wanted.target)
    command = {"execute": "blockdev-open-tray", "arguments": {"id": alias}}
    libvirt_qemu.qemuMonitorCommand(domain, json.dumps(command), 0)


def resize_live(domain: Any, target: str, size: int) -> None:
    import libvirt

    domain.blockResize(target, size, libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)


def limit(domain: Any, target: str, limits: dict[str, int]) -> None:
    domain.setBlockIoTune(target, limits, affected(domain))


def set_size(domain: Any, processors: int | None, memory_mib: int | None) -> None:
    """Processors and memory of a VM that is off."""
    import libvirt

    config = libvirt.VIR_DOMAIN_AFFECT_CONFIG
    if processors is not None:
        domain.setVcpusFlags(processors, config | libvirt.VIR_DOMAIN_VCPU_MAXIMUM)
        domain.setVcpusFlags(processors, config)
    if memory_mib is not None:
        domain.setMemoryFlags(memory_mib * 1024, config | libvirt.VIR_DOMAIN_MEM_MAXIMUM)
        domain.setMemoryFlags(memory_mib * 1024, config)


def forget_snapshots(domain: Any) -> None:
    """The disk that they are in is about to go: only libvirt's knowledge of them is removed."""
    import libvirt

    for snapshot in domain.listAllSnapshots():
        snapshot.delete(libvirt.VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY)


def count_snapshots(domain: Any) -> int:
    return int(domain.snapshotNum())


def attach_to_definition(domain: Any, xml: str) -> None:
    """A disk that the running guest kept stays in the definition too."""
    import libvirt

    domain.attachDeviceFlags(xml, libvirt.VIR_DOMAIN_AFFECT_CONFIG)
