"""What all VMs of a host are, in one call of one worker: which there are, what each is now, and what devices it has.

Nothing but `devices` of a VM that is on asks its QEMU, so one that doesn't answer costs the others nothing.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ATPLibrary.transport import failures
from ATPLibrary.transport.domain_state import VmState, domain_state

if TYPE_CHECKING:
    import libvirt

    from ATPLibrary.transport.host import HostConnection

# libvirt's units of <memory> (formatdomain.html); without one it is KiB.
_BYTES = {"b": 1, "bytes": 1, "kb": 10**3, "k": 2**10, "kib": 2**10, "mb": 10**6, "m": 2**20, "mib": 2**20}
_BYTES |= {"gb": 10**9, "g": 2**30, "gib": 2**30, "tb": 10**12, "t": 2**40, "tib": 2**40}


@dataclass(frozen=True, slots=True)
class ListedVm:
    name: str
    uuid: str
    is_active: bool


@dataclass(frozen=True, slots=True)
class VmFacts:
    """A VM as it is now; of one that is off, what it starts with."""

    name: str
    uuid: str
    state: VmState
    processors: int
    memory_mib: int


@dataclass(frozen=True, slots=True)
class DiskFacts:
    """`path` is "" where it isn't a file or block device; `capacity` (bytes) is None where libvirt doesn't tell."""

    target: str
    path: str
    capacity: int | None


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """Disks (no CD drives), MAC addresses in lower case, and the processors and memory that the VM has after its next start."""

    disks: tuple[DiskFacts, ...]
    macs: tuple[str, ...]
    next_processors: int
    next_memory_mib: int


async def listed(host: HostConnection, timeout: float) -> list[ListedVm]:
    """The host's VMs. libvirt is asked once, however many there are."""
    return await host.call("list the VMs", _listed, timeout=timeout, idempotent=True)


async def facts(host: HostConnection, timeout: float) -> list[VmFacts]:
    """What each of the host's VMs is now."""
    return await host.call("tell what its VMs are", _facts, timeout=timeout, idempotent=True)


async def devices(host: HostConnection, uuids: Collection[str], timeout: float) -> dict[str, DeviceFacts]:
    """The devices of these VMs; those that the host doesn't have are left out."""
    return await host.call("tell its VMs' devices", _devices, list(uuids), timeout=timeout, idempotent=True)


def _listed(connection: libvirt.virConnect) -> list[ListedVm]:
    # libvirt sends the number (-1 of a VM that is off) with the list: no further question.
    return [ListedVm(each.name(), each.UUIDString(), each.ID() >= 0) for each in connection.listAllDomains()]


def _facts(connection: libvirt.virConnect) -> list[VmFacts]:
    found: list[VmFacts] = []
    for domain in connection.listAllDomains():
        with _if_it_is_there():
            state, most_kib, _, processors, _ = domain.info()
            known = domain_state(state, 0).state
            found.append(VmFacts(domain.name(), domain.UUIDString(), known, processors, most_kib // 1024))
    return found


def _devices(connection: libvirt.virConnect, uuids: list[str]) -> dict[str, DeviceFacts]:
    import libvirt

    found: dict[str, DeviceFacts] = {}
    for uuid in uuids:
        with _if_it_is_there():
            domain = connection.lookupByUUIDString(uuid)
            now = ET.fromstring(domain.XMLDesc(0))
            later = now
            if domain.isActive() and domain.isPersistent():
                later = ET.fromstring(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
            found[uuid] = DeviceFacts(
                disks=tuple(_disk(domain, each) for each in now.findall("./devices/disk") if _is_disk(each)),
                macs=tuple(each.get("address", "").lower() for each in now.findall("./devices/interface/mac")),
                next_processors=_processors(later),
                next_memory_mib=_memory_mib(later),
            )
    return found


@contextmanager
def _if_it_is_there() -> Iterator[None]:
    """A VM may go between the list and the question."""
    import libvirt

    try:
        yield
    except libvirt.libvirtError as error:
        if error.get_error_code() != failures.ERR_NO_DOMAIN:
            raise


def _is_disk(element: ET.Element) -> bool:
    return element.get("device", "disk") in ("disk", "lun")


def _disk(domain: libvirt.virDomain, element: ET.Element) -> DiskFacts:
    import libvirt

    source, target = element.find("source"), element.find("target")
    name = target.get("dev", "") if target is not None else ""
    path = (source.get("file") or source.get("dev") or "") if source is not None else ""
    try:
        capacity = int(domain.blockInfo(name)[0])
    except libvirt.libvirtError as error:
        if error.get_error_code() == failures.ERR_NO_DOMAIN:
            raise
        capacity = None  # its file is gone, or this driver doesn't look into files
    return DiskFacts(name, path, capacity)


def _processors(root: ET.Element) -> int:
    element = root.find("vcpu")
    return 1 if element is None else int(element.get("current") or element.text or 1)


def _memory_mib(root: ET.Element) -> int:
    element = root.find("memory")
    if element is None:
        return 0
    return int(element.text or 0) * _BYTES.get(element.get("unit", "KiB").lower(), 1024) // 2**20
