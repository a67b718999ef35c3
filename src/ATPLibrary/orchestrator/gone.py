"""VMs that are connected here and that libvirt has no longer: deleted by somebody else, or deleted and made anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ATPLibrary.errors import VmNotFoundError
from ATPLibrary.events import Event
from ATPLibrary.transport.remaining import remaining

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.machine import Machine
    from ATPLibrary.orchestrator.workspace import Workspace
    from ATPLibrary.transport import Domain


async def forget_gone(workspace: Workspace, name: str, host: str | None, timeout: float) -> None:
    """Ask libvirt for each connected VM of that name or UUID (on `host`), and forget those that it has no longer, or not by that
    name. The error of a host that can't be asked.
    """
    left = remaining(timeout)
    for machine in workspace.machines.called(name):
        if host in (None, machine.host) and not await _is_there(workspace, machine, left()):
            await _forget(workspace, machine)


async def forget_namesakes(workspace: Workspace, domain: Domain) -> None:
    """Forget what is connected by the name of `domain`, just looked up, and isn't it: a host has each name once."""
    for machine in workspace.machines.called(domain.name):
        if machine.host == domain.host.name and machine.uuid != domain.uuid:
            await _forget(workspace, machine)


async def _is_there(workspace: Workspace, machine: Machine, timeout: float) -> bool:
    left = remaining(timeout)
    try:
        if not machine.host_is_connected:
            await workspace.reach(machine, left())
        return (await machine.domain.host.lookup(machine.uuid, left())).name == machine.name
    except VmNotFoundError:
        return False


async def _forget(workspace: Workspace, machine: Machine) -> None:
    notice = f"VM '{machine.name}' ({machine.uuid}), which was connected, isn't on host '{machine.host}' any more."
    data = {"host": machine.host, "uuid": machine.uuid}
    workspace.bus.publish(Event(machine.source, "vm.gone", data, notice=notice))
    await workspace.forget(machine)
