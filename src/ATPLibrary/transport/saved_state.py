"""Saving a running VM, memory and all, and letting it go on from there.

libvirt keeps a managed save itself, and the VM's next start goes on where it was. A file is ours to name; it lies on the VM's
host, and restoring from it is asked of the host. In both cases the QEMU process ends, so channels end and open anew.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

from ATPLibrary.errors import CommandError, VmStateError
from ATPLibrary.events import Event
from ATPLibrary.transport.domain_state import DomainState, VmState
from ATPLibrary.transport.jobs import run_job
from ATPLibrary.transport.remaining import remaining

if TYPE_CHECKING:
    import libvirt

    from ATPLibrary.transport.domain import Domain
    from ATPLibrary.transport.host import HostConnection


# As libvirt calls a VM whose memory it has read back and that it doesn't let go on: it was paused when it was saved.
_RESTORED_PAUSED = DomainState(VmState.PAUSED, "migration")


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
    """Let the VM go on that was saved in `file` on `host`; returns it, paused if it was paused then.

    The file stays. Its disks must be as they were then.
    """
    left = remaining(timeout)
    what = f"restore a VM from '{file}'"
    description = ET.fromstring(
        await host.call(what, lambda c: c.saveImageGetXMLDesc(file), timeout=left(), idempotent=True)
    )
    await host.call(what, lambda connection: connection.restore(file), timeout=left())
    domain = await host.lookup(description.findtext("uuid", ""), left())
    await until_it_goes_on(domain, left())
    return domain


async def until_it_goes_on(domain: Domain, timeout: float) -> None:
    """After a start, or a restore: until the VM runs. One that was saved while it was paused stays so, which a warning tells."""
    left = remaining(timeout)
    if await domain.state(left()) == _RESTORED_PAUSED:
        notice = f"VM '{domain.name}' is paused, as it was when it was saved. Let it go on with 'Resume VM'."
        data = {"host": domain.host.name, "uuid": domain.uuid}
        domain.host.bus.publish(Event(f"vm:{domain.name}", "vm.restored-paused", data, notice=notice, is_warning=True))
        return
    await domain.wait_for_state(VmState.RUNNING, left())


def _save(handle: libvirt.virDomain, file: str | None) -> None:
    if file is None:
        handle.managedSave()
    else:
        handle.save(file)
