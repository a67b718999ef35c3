"""The way from what the platform lists to what libvirt runs: desk pool -> VMs -> hosts -> connected machines, and back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ATPLibrary import runtime
from ATPLibrary.errors import DeadlineError, HostError, PlatformError, VmNotFoundError
from ATPLibrary.transport.host_state import HostState

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.machine import Machine
    from ATPLibrary.orchestrator.workspace import Workspace
    from ATPLibrary.transport import Domain
    from ATPLibrary.vdi import Host, VdiClient, Vm

# Deleting has no event to wait for (the vendor answers without an id), so the platform's lists are asked again.
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 1.0


async def connect_desk_pool(workspace: Workspace, client: VdiClient, pool: str, timeout: float) -> list[Machine]:
    """Every VM of the desk pool as a connected machine, in the platform's order. Raises as `desk_pool_domains`."""
    return [workspace.adopt(domain) for domain in await desk_pool_domains(workspace, client, pool, timeout)]


async def desk_pool_domains(workspace: Workspace, client: VdiClient, pool: str, timeout: float) -> list[Domain]:
    """Every VM of the desk pool as its host's libvirt has it, in the platform's order.

    The VM's host gives an ip, the configured host with that ip (else `qemu+tcp://IP/system`) the connection, the VM's UUID the
    domain; where no domain has the UUID its name does. Raises `PlatformError` where platform and host disagree, `VmNotFoundError`
    where the host has no such domain. A VM whose host can't be reached is looked for on the connected ones; `HostError` names all
    that aren't found.
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
        hosts = {host.id: host for host in await client.hosts.list(timeout=timeout).collect()}
        found = await asyncio.gather(
            *(find_vm(workspace, vm, hosts.get(vm.host_id or ""), timeout) for vm in vms), return_exceptions=True
        )
    return _whole(pool, vms, found)


def _whole(pool: str, vms: Sequence[Vm], found: Sequence[Domain | BaseException]) -> list[Domain]:
    """Every domain, or the error. VMs on hosts that can't be reached are told together, as those of one dead host are many."""
    domains = [each for each in found if not isinstance(each, BaseException)]
    errors = {vm.name: each for vm, each in zip(vms, found, strict=True) if isinstance(each, BaseException)}
    for error in errors.values():
        if len(errors) == len(vms) == 1 or not isinstance(error, HostError | DeadlineError):
            raise error
    if errors:
        reasons = dict.fromkeys(str(error).rstrip(".") for error in errors.values())
        raise HostError.about(
            f"Desk pool '{pool}'",
            wanted="be connected whole",
            got=f"{len(errors)} of its {len(vms)} VMs can't be reached ({', '.join(errors)}): {'; '.join(reasons)}",
            next_step="Bring that host back, or connect the others by name with 'Connect To VM'",
        )
    return domains


async def find_vm(workspace: Workspace, vm: Vm, host: Host | None, timeout: float) -> Domain:
    """The domain of one VM of the platform; `host` is what the platform says about the VM's host, if anything."""
    ip = (host.ip if host is not None else None) or vm.host_ip
    if not ip:
        raise PlatformError.about(
            f"VM '{vm.name}'",
            wanted="be on a host with an ip",
            got=f"the platform names host {vm.host_name or vm.host_id or 'none'} and no ip for it",
            next_step="Start the VM, or look at the platform's host list",
        )
    name = known_host(workspace, ip)
    try:
        return await _domain(workspace, vm, name, timeout / 2)
    except (HostError, DeadlineError) as error:
        # Its host is dead. The VM may have been started on another one, of which the platform doesn't know yet.
        for connected in workspace.transport.hosts.values():
            if connected.name != name and connected.state is HostState.CONNECTED:
                with contextlib.suppress(HostError, DeadlineError, VmNotFoundError):
                    domain = await connected.lookup(vm.id, timeout / 4)
                    if (await domain.state(timeout / 4)).state.is_active:
                        return domain
        raise error


def known_host(workspace: Workspace, ip: str) -> str:
    """The name of the configured host with that ip; without one, a host named after the ip, reached as the vendor's are."""
    for name, settings in workspace.config.hosts.items():
        if settings.ip == ip:
            return name
    if ip not in workspace.transport.hosts:
        workspace.transport.add_host(ip, f"qemu+tcp://{ip}/system")
    return ip


async def _domain(workspace: Workspace, vm: Vm, host: str, timeout: float) -> Domain:
    connection = await workspace.host(host, timeout)
    domains = await connection.list_domains(timeout)
    by_uuid = next((domain for domain in domains if domain.uuid.lower() == vm.id.lower()), None)
    by_name = next((domain for domain in domains if domain.name == vm.name), None)
    if by_uuid is not None and by_name is not None and by_uuid.uuid != by_name.uuid:
        raise PlatformError.about(
            f"VM '{vm.name}'",
            wanted=f"be one domain on host '{host}'",
            got=f"the platform's UUID {vm.id} is domain '{by_uuid.name}' there and the name is domain {by_name.uuid}",
            next_step="Correct the platform's entry or the domain's name: it can't be told which one is meant",
        )
    found = by_uuid or by_name
    if found is None:
        raise VmNotFoundError.about(
            f"VM '{vm.name}' ({vm.id})",
            wanted=f"be a domain on host '{host}', where the platform says it is",
            got=f"libvirt has neither its UUID nor its name among {len(domains)} domains",
            next_step=f"Check that host '{host}' ({connection.uri}) is the machine that the platform means",
        )
    return found


async def delete_desk_pool(workspace: Workspace, client: VdiClient, pool: str, timeout: float) -> None:
    """Delete the pool, its VMs' connections first, and wait until the platform lists neither the pool nor any of its VMs."""
    detail = await client.desk_pools.detail(pool, timeout=timeout)
    vms = {vm.id: vm.name for vm in await client.desk_pools.vms(detail.id, timeout=timeout)}
    for machine in [each for each in workspace.machines.values() if each.uuid in vms or each.name in vms.values()]:
        await workspace.forget(machine)
    await client.desk_pools.delete(detail.id, timeout=timeout)
    left: list[str] = []
    async with runtime.deadline(
        timeout,
        f"Desk pool '{pool}'",
        wanted="be gone",
        got="is not",
        last_seen=lambda: f"the platform still lists {', '.join(left)}",
        next_step="Look at the platform's event list for the reason",
    ):
        pause = FIRST_PAUSE_SECONDS
        while left := await _left(client, detail.id, vms, timeout):
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


async def _left(client: VdiClient, pool_id: str, vms: dict[str, str], timeout: float) -> list[str]:
    pools = await client.desk_pools.list(timeout=timeout).collect()
    left = [f"desk pool '{pool.name}'" for pool in pools if pool.id == pool_id]
    return left + [f"VM '{vm.name}'" for vm in await client.domains.list(timeout=timeout).collect() if vm.id in vms]
