"""What the platform asks libvirt that `transport` has no word for. Each function blocks and runs on a host connection's worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ATPLibrary.lab.platform.codes import VmStatus


@dataclass(frozen=True, slots=True)
class Hardware:
    arch: str
    cpu: str
    processors: int
    memory_mib: int


def hardware(connection: Any) -> Hardware:
    arch, memory_mib, processors, mhz, *_ = connection.getInfo()
    return Hardware(arch, f"{arch} {mhz} MHz", processors, memory_mib)


def version(connection: Any) -> int:
    """libvirt's version: the cheapest question that the daemon itself answers."""
    return int(connection.getLibVersion())


def states(connection: Any, ids: Sequence[str]) -> dict[str, VmStatus | None]:
    """The status of each VM; None for the ones that libvirt doesn't know."""
    import libvirt

    found: dict[str, VmStatus | None] = {}
    for id in ids:
        try:
            state, _ = connection.lookupByUUIDString(id).state()
        except libvirt.libvirtError as error:
            if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                raise
            found[id] = None
        else:
            found[id] = _status(state)
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
        domain.undefine()
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
