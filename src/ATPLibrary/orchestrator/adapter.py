"""The way from what the platform lists to what libvirt runs: desk pool -> VMs -> hosts -> connected machines, and back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from ATPLibrary import runtime
from ATPLibrary.errors import ATPError, DeadlineError, HostError, PlatformError
from ATPLibrary.orchestrator.bridge import bridge
from ATPLibrary.orchestrator.desktops import wait_until_gone
from ATPLibrary.transport.remaining import remaining

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.machine import Machine
    from ATPLibrary.orchestrator.workspace import Workspace
    from ATPLibrary.transport import Domain
    from ATPLibrary.vdi import VdiClient, Vm


async def connect_desk_pool(workspace: Workspace, client: VdiClient, pool: str, timeout: float) -> list[Machine]:
    """Every VM of the desk pool as a connected machine, in the platform's order. Raises as `desk_pool_domains`."""
    return [workspace.adopt(domain) for domain in await desk_pool_domains(workspace, client, pool, timeout)]


async def desk_pool_domains(workspace: Workspace, client: VdiClient, pool: str, timeout: float) -> list[Domain]:
    """Every VM of the desk pool as its host's libvirt has it, in the platform's order; all are looked for at once.

    Raises as `Bridge.domain` where one VM fails; where several do, an error that names them all.
    """
    async with runtime.deadline(timeout, f"Connecting to desk pool '{pool}'"):
        detail = await client.desk_pools.detail(pool, timeout=timeout)
        vms = await client.desk_pools.vms(detail.id, timeout=timeout)
        if not vms:
            raise PlatformError.about(
                f"Desk pool '{pool}'",
                wanted="have a desktop",
                got="the platform lists none in it",
                next_step="Create the pool with amount= 1 or more, and wait for it",
            )
        async with bridge(workspace, client, timeout) as way:
            found = await asyncio.gather(*(way.domain(vm) for vm in vms), return_exceptions=True)
    return _whole(pool, vms, found)


async def connect_desktop(workspace: Workspace, client: VdiClient, name_or_id: str, timeout: float) -> Machine:
    """One VM of the platform as a connected machine, by the platform's name or id for it. Raises as `Bridge.domain`."""
    async with runtime.deadline(timeout, f"Connecting to desktop '{name_or_id}'"):
        vm = await client.domains.find(name_or_id, timeout=timeout)
        async with bridge(workspace, client, timeout) as way:
            return workspace.adopt(await way.domain(vm))


async def create_and_connect(
    workspace: Workspace,
    client: VdiClient,
    name: str,
    make: Callable[[VdiClient, float], Awaitable[str]],
    *,
    start: bool = False,
    connect: bool = True,
    timeout: float,
) -> tuple[str, Machine | None]:
    """A desktop that `make(client, seconds)` makes, whose id it returns, started and connected where that is wanted.

    `make` sees to it that what it makes is remembered: what fails or is cancelled after it leaves the desktop as it is.
    Raises as `make`, as the platform's start, and as `Bridge.domain`.
    """
    left = remaining(timeout)
    async with runtime.deadline(timeout, f"Creating desktop '{name}'"):
        id_ = await make(client, left())
        if start:
            await (await client.domains.start([id_], timeout=left())).finish(left())
        return id_, await connect_desktop(workspace, client, id_, left()) if connect else None


def _whole(pool: str, vms: Sequence[Vm], found: Sequence[Domain | BaseException]) -> list[Domain]:
    """Every domain, or the error: that of the one VM that has one, else an error that names them all, with their reasons."""
    domains = [each for each in found if not isinstance(each, BaseException)]
    errors = {vm.name: each for vm, each in zip(vms, found, strict=True) if isinstance(each, BaseException)}
    for error in errors.values():
        if len(errors) == 1 and (len(vms) == 1 or not isinstance(error, HostError | DeadlineError)):
            raise error
        if not isinstance(error, ATPError):
            raise error
    if not errors:
        return domains
    reasons = "; ".join(dict.fromkeys(str(error).rstrip(".") for error in errors.values()))
    if all(isinstance(error, HostError | DeadlineError) for error in errors.values()):
        kind: type[ATPError] = HostError
        verb, step = "reached", "Bring that host back"
    else:
        kind, verb, step = PlatformError, "connected", "Correct them"
    raise kind.about(
        f"Desk pool '{pool}'",
        wanted="be connected whole",
        got=f"{len(errors)} of its {len(vms)} VMs can't be {verb} ({', '.join(errors)}): {reasons}",
        next_step=f"{step}, or connect the others by name with 'Connect To Desktop'",
    )


async def remove_desk_pool(workspace: Workspace, client: VdiClient, pool_id: str, timeout: float) -> None:
    """The same as `delete_desk_pool`, for whom it is as well that somebody else has deleted it meanwhile."""
    try:
        await delete_desk_pool(workspace, client, pool_id, timeout)
    except PlatformError:
        if any(pool.id == pool_id for pool in await client.desk_pools.list(timeout=timeout).collect()):
            raise


async def delete_desk_pool(workspace: Workspace, client: VdiClient, pool: str, timeout: float) -> str:
    """Delete the pool, its VMs' connections first, and wait until the platform lists neither the pool nor any of its VMs.

    Returns the pool's id.
    """
    detail = await client.desk_pools.detail(pool, timeout=timeout)
    vms = {vm.id: vm.name for vm in await client.desk_pools.vms(detail.id, timeout=timeout)}
    for machine in [each for each in workspace.machines.values() if each.uuid in vms or each.name in vms.values()]:
        await workspace.forget(machine)
    await client.desk_pools.delete(detail.id, timeout=timeout)
    await wait_until_gone(f"Desk pool '{pool}'", lambda: _left(client, detail.id, vms, timeout), timeout)
    return detail.id


async def _left(client: VdiClient, pool_id: str, vms: dict[str, str], timeout: float) -> list[str]:
    pools = await client.desk_pools.list(timeout=timeout).collect()
    left = [f"desk pool '{pool.name}'" for pool in pools if pool.id == pool_id]
    return left + [f"VM '{vm.name}'" for vm in await client.domains.list(timeout=timeout).collect() if vm.id in vms]
