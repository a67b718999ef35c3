"""Single desktops of a platform: making and unmaking them, where that takes several of the platform's operations."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import TYPE_CHECKING, Any

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
    """`PlatformError` where the platform lists a VM of that name: two of one name could not be told apart.

    `InputError` where it is no name at all.
    """
    if not name.strip():
        raise InputError.about("A desktop", wanted="have a name", got=f"was to be called '{name}'")
    from ATPLibrary.vdi.groups.base import is_same_name

    # Not asked for by name: what the platform finds by one may depend on how its letters are composed.
    vms = await client.domains.list(timeout=timeout).collect()
    if taken := [vm.id for vm in vms if is_same_name(vm.name, name)]:
        raise PlatformError.about(
            f"Desktop '{name}'",
            wanted="be new",
            got=f"platform '{client.name}' has one of that name: {', '.join(taken)}",
            next_step="Choose another name, or delete it with 'Delete Desktop'",
        )


def passing_name(name: str) -> str:
    """A beginning of names that nothing else has, by which what is being made for `name` can be told."""
    return f"{name[:PREFIX_LENGTH].strip()}-{secrets.token_hex(3)}"


async def make_linked(
    client: VdiClient,
    name: str,
    prefix: str,
    model: Model,
    timeout: float,
    *,
    remark: str | None = None,
    on_progress: Progress | None = None,
) -> str:
    """A linked clone of the model under that name; returns its id.

    The platform numbers linked clones by itself, so one is made under a prefix of its own (`passing_name`), then renamed.
    One that can't be renamed is deleted again.
    """
    from ATPLibrary.vdi.shapes.vm_orders import VmChange

    async with runtime.deadline(timeout, f"Desktop '{name}'", wanted="be made", got="was not"):
        operation = await client.models.clone(model.id, prefix, 1, timeout=timeout)
        await operation.finish(timeout, on_progress)
        made = [vm for vm in await client.domains.list(prefix, timeout=timeout).collect() if vm.name.startswith(prefix)]
        if len(made) != 1:
            raise PlatformError.about(
                f"Platform '{client.name}'",
                wanted=f"list the linked clone that it has made of model '{model.name}', named {prefix}...",
                got=f"lists {len(made)} of such a name",
                next_step="Look at the platform's own list of VMs",
            )
        try:
            await client.domains.update(made[0].id, VmChange(name=name, remark=remark), timeout=timeout)
        except PlatformError:
            await client.domains.delete([made[0].id], timeout=timeout)
            raise
        return made[0].id


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


def removal(
    workspace: Workspace, is_it: Callable[[Vm], bool]
) -> Callable[[VdiClient, float], Coroutine[Any, Any, None]]:
    """How a desktop that a run has made goes, wherever it is by then: among the VMs, in the recycle bin, or gone already.

    Connections to it go too: the next desktop of its name is another one. `PlatformError` where it has become a model.
    """

    async def remove(client: VdiClient, timeout: float) -> None:
        if ids := [vm.id for vm in await client.domains.list(timeout=timeout).collect() if is_it(vm)]:
            await forget(workspace, ids)
            await client.domains.delete(ids, timeout=timeout)
        if ids := [vm.id for vm in await client.domains.recycled(timeout=timeout).collect() if is_it(vm)]:
            await forget(workspace, ids)
            await client.domains.delete_recycled(ids, timeout=timeout)
        # Not gone, and to be tried again when it is a desktop: as a model it is in neither list.
        if models := [model.name for model in await client.models.list(timeout=timeout).collect() if is_it(model)]:
            raise PlatformError.about(
                f"Desktop '{models[0]}'",
                wanted="be a desktop when it is removed",
                got="is a model",
                next_step="Make it a desktop with 'Convert Model To Desktop' before",
            )

    return remove


async def wait_until_gone(
    subject: str,
    left: Callable[[], Awaitable[list[str]]],
    timeout: float,
    *,
    wanted: str = "be gone",
    told: str = "the platform still lists",
) -> None:
    """Ask `left` until it names nothing that is still there; the deadline's sentence quotes what it named last."""
    there: list[str] = []
    async with runtime.deadline(
        timeout,
        subject,
        wanted=wanted,
        got="is not",
        last_seen=lambda: f"{told} {', '.join(there)}",
        next_step="Look at the platform's event list for the reason",
    ):
        pause = FIRST_PAUSE_SECONDS
        while there := await left():
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
