"""Single desktops of a platform: making and unmaking them, where that takes several of the platform's operations."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from ATPLibrary import runtime
from ATPLibrary.errors import InputError, PlatformError

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.workspace import Workspace
    from ATPLibrary.vdi import Model, VdiClient, Vm
    from ATPLibrary.vdi.long import Progress

# Deleting has no event to wait for (the vendor answers without an id), so the platform's lists are asked again.
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 1.0
# Of the new VM's name, in the name that it is first made under.
PREFIX_LENGTH = 20


async def check_new(client: VdiClient, name: str, timeout: float) -> None:
    """`PlatformError` where the platform lists a VM of that name: two of one name could not be told apart."""
    vms = await client.domains.list(name, timeout=timeout).collect()
    if taken := [vm.id for vm in vms if vm.name == name]:
        raise PlatformError.about(
            f"Desktop '{name}'",
            wanted="be new",
            got=f"platform '{client.name}' has one of that name: {', '.join(taken)}",
            next_step="Choose another name, or delete it with 'Delete Desktop'",
        )


async def make_linked(
    client: VdiClient,
    name: str,
    model: Model,
    timeout: float,
    *,
    begun: Callable[[str], None],
    remark: str | None = None,
    on_progress: Progress | None = None,
) -> Vm:
    """A linked clone of the model under that name.

    The platform numbers linked clones by itself, so one is made under a prefix that nothing else has, then renamed. `begun` is told
    the prefix as soon as the platform has begun: from then on there is, or will be, a VM whose name begins with it.
    """
    from ATPLibrary.vdi.shapes.vm_orders import VmChange

    async with runtime.deadline(timeout, f"Desktop '{name}'", wanted="be made", got="was not"):
        await check_new(client, name, timeout)
        prefix = f"{name[:PREFIX_LENGTH].strip()}-{secrets.token_hex(3)}"
        operation = await client.models.clone(model.id, prefix, 1, timeout=timeout)
        begun(prefix)
        await operation.finish(timeout, on_progress)
        made = [vm for vm in await client.domains.list(prefix, timeout=timeout).collect() if vm.name.startswith(prefix)]
        if len(made) != 1:
            raise PlatformError.about(
                f"Platform '{client.name}'",
                wanted=f"list the linked clone that it has made of model '{model.name}', named {prefix}...",
                got=f"lists {len(made)} of such a name",
                next_step="Look at the platform's own list of VMs",
            )
        await client.domains.update(made[0].id, VmChange(name=name, remark=remark), timeout=timeout)
        return await client.domains.detail(made[0].id, timeout=timeout)


async def resize(client: VdiClient, vms: Iterable[Vm], cpu: int | None, memory: int | None, timeout: float) -> None:
    """Give the VMs that many processors and that much memory (MiB); each keeps what isn't said."""
    if cpu is None and memory is None:
        raise InputError("There is nothing to change: say cpu= or memory=, or both.")
    sizes: dict[tuple[int, int], list[str]] = {}
    for vm in vms:
        # The vendor's operation always wants both.
        wanted = (cpu if cpu is not None else vm.cpu), (memory if memory is not None else vm.memory)
        if wanted[0] is None or wanted[1] is None:
            raise PlatformError.about(
                f"Desktop '{vm.name}'",
                wanted="keep its processors or memory",
                got=f"platform '{client.name}' doesn't say how much it has",
                next_step="Say both, cpu= and memory=",
            )
        sizes.setdefault((wanted[0], wanted[1]), []).append(vm.id)
    for (processors, mebibytes), ids in sizes.items():
        await client.domains.resize(ids, cpu=processors, memory=mebibytes, timeout=timeout)


async def delete(
    workspace: Workspace, client: VdiClient, vms: Sequence[Vm], timeout: float, *, recycle: bool = False
) -> None:
    """Delete VMs, for good or into the recycle bin, and wait until the platform lists none; connections to them go first."""
    ids = {vm.id for vm in vms}
    await forget(workspace, ids)
    await client.domains.delete(ids, recycle=recycle, timeout=timeout)

    async def left() -> list[str]:
        return [f"VM '{vm.name}'" for vm in await client.domains.list(timeout=timeout).collect() if vm.id in ids]

    names = ", ".join(f"'{vm.name}'" for vm in vms)
    await wait_until_gone(f"Desktops {names}", left, timeout)


async def forget(workspace: Workspace, ids: Iterable[str]) -> None:
    """Close the connections to the VMs of these ids."""
    lower = {id_.lower() for id_ in ids}
    for machine in [each for each in workspace.machines.values() if each.uuid.lower() in lower]:
        await workspace.forget(machine)


async def remove(client: VdiClient, is_it: Callable[[Vm], bool], timeout: float) -> None:
    """Delete what a test has made, wherever it is by now: among the VMs, in the recycle bin, or gone already."""
    if ids := [vm.id for vm in await client.domains.list(timeout=timeout).collect() if is_it(vm)]:
        await client.domains.delete(ids, timeout=timeout)
    if ids := [vm.id for vm in await client.domains.recycled(timeout=timeout).collect() if is_it(vm)]:
        await client.domains.delete_recycled(ids, timeout=timeout)


async def wait_until_gone(subject: str, left: Callable[[], Awaitable[list[str]]], timeout: float) -> None:
    """Ask `left` until it names nothing that is still there; the deadline's sentence quotes what it named last."""
    there: list[str] = []
    async with runtime.deadline(
        timeout,
        subject,
        wanted="be gone",
        got="is not",
        last_seen=lambda: f"the platform still lists {', '.join(there)}",
        next_step="Look at the platform's event list for the reason",
    ):
        pause = FIRST_PAUSE_SECONDS
        while there := await left():
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
