"""Saving a running VM, memory and all, and letting it go on from there.

libvirt keeps a managed save itself, and the VM's next start goes on where it was. A file is ours to name; it lies on the VM's
host, and restoring from it is asked of the host. In both cases the QEMU process ends, so channels end and open anew.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

from ATPLibrary.errors import CommandError, VmStateError
from ATPLibrary.transport.domain_state import VmState
from ATPLibrary.transport.jobs import run_job
from ATPLibrary.transport.remaining import remaining

if TYPE_CHECKING:
    import libvirt

    from ATPLibrary.transport.domain import Domain
    from ATPLibrary.transport.host import HostConnection


async def save(domain: Domain, timeout: float, file: str | None = None) -> None:
    """Save the VM, which is off then: into `file` on its host, else where libvirt keeps it. `VmStateError` unless it is on.

    A deadline that passes calls the saving off, and the VM runs on.
    """
    left = remaining(timeout)
    where = f"in '{file}'" if file is not None else "by libvirt"
    try:
        await run_job(domain, f"be saved {where}", _save, file, timeout=left())
    except (VmStateError, CommandError) as error:
        now = await domain.state(max(left(), 1.0))
        if now.state.is_active:
            raise
        raise VmStateError.about(
            f"VM '{domain.name}' on host '{domain.host.name}'", wanted="be on so that it can be saved", got=f"was {now}"
        ) from error


async def has_saved_state(domain: Domain, timeout: float) -> bool:
    """Whether libvirt keeps a saved state that the next start goes on from."""
    return bool(
        await domain.call(
            "tell if it was saved", lambda handle: handle.hasManagedSaveImage(), timeout=timeout, idempotent=True
        )
    )


async def discard_saved_state(domain: Domain, timeout: float) -> bool:
    """Throw away what libvirt keeps, so that the next start boots; returns whether there was anything."""

    def discard(handle: libvirt.virDomain) -> bool:
        if not handle.hasManagedSaveImage():
            return False
        handle.managedSaveRemove()
        return True

    return await domain.call("forget its saved state", discard, timeout=timeout)


async def restore(host: HostConnection, file: str, timeout: float) -> Domain:
    """Let the VM go on that was saved in `file` on `host`; returns it. The file stays. Its disks must be as they were then."""
    left = remaining(timeout)
    what = f"restore a VM from '{file}'"
    description = ET.fromstring(
        await host.call(what, lambda c: c.saveImageGetXMLDesc(file), timeout=left(), idempotent=True)
    )
    await host.call(what, lambda connection: connection.restore(file), timeout=left())
    domain = await host.lookup(description.findtext("uuid", ""), left())
    await domain.wait_for_state(VmState.RUNNING, left())
    return domain


def _save(handle: libvirt.virDomain, file: str | None) -> None:
    if file is None:
        handle.managedSave()
    else:
        handle.save(file)
