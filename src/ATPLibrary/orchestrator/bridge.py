"""From one of the platform's VMs to libvirt's domain: by UUID first, by name second, and an error where they disagree."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from ATPLibrary.errors import DeadlineError, HostError, PlatformError, VmNotFoundError
from ATPLibrary.events import Event
from ATPLibrary.orchestrator.platform_hosts import KnownHost, addresses, known_as
from ATPLibrary.transport.domain import Domain
from ATPLibrary.transport.inventory import ListedVm, listed
from ATPLibrary.transport.remaining import remaining

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.workspace import Workspace
    from ATPLibrary.vdi import Host, VdiClient, Vm


@contextlib.asynccontextmanager
async def bridge(workspace: Workspace, client: VdiClient, timeout: float) -> AsyncIterator[Bridge]:
    """A bridge for `timeout` seconds; what it has asked and nobody waits for any more is called off at the end."""
    left = remaining(timeout)
    way = Bridge(workspace, client, await client.hosts.list(timeout=timeout).collect(), left())
    try:
        yield way
    finally:
        way.call_off()


class Bridge:
    """From the platform's VMs to libvirt's domains. The platform's hosts, and each hypervisor's list, are asked for once."""

    def __init__(self, workspace: Workspace, client: VdiClient, hosts: Sequence[Host], timeout: float) -> None:
        self._workspace = workspace
        self._client = client
        self._hosts = {host.id: host for host in hosts}
        self._left = remaining(timeout)
        self._lists: dict[str, asyncio.Task[list[ListedVm]]] = {}
        self._ids: asyncio.Task[frozenset[str]] | None = None

    async def domain(self, vm: Vm) -> Domain:
        """The domain of a VM: by its UUID where the platform says it is, else on any other host, else by its name.

        A VM that is on another host than the platform says (moved or started behind its back, or its host is dead) is told of
        as `vm.elsewhere` on the bus. `PlatformError` where platform and hypervisors disagree about which domain is meant,
        `VmNotFoundError` where there is none, `HostError` where the VM's host can't be asked and no other has it.
        """
        home = self._home(vm)
        try:
            there = await self._list(home.name)
        except (HostError, DeadlineError) as error:
            if (elsewhere := await self._elsewhere(vm, home.name)) is not None:
                state = await elsewhere.state(self._left())
                if state.state.is_active:
                    return self._told(vm, home.name, elsewhere)
            raise error
        by_uuid = next((each for each in there if each.uuid.lower() == vm.id.lower()), None)
        by_name = next((each for each in there if each.name == vm.name), None)
        if by_uuid is not None and by_name is not None and by_uuid.uuid != by_name.uuid:
            raise _disagreement(
                vm,
                home.name,
                f"the platform's UUID {vm.id} is domain '{by_uuid.name}' there and the name is domain {by_name.uuid}",
            )
        if by_uuid is None or (not by_uuid.is_active and vm.is_on):
            elsewhere = await self._elsewhere(vm, home.name)
            if elsewhere is not None and (by_uuid is None or (await elsewhere.state(self._left())).state.is_active):
                return self._told(vm, home.name, elsewhere)
        found = by_uuid or await self._by_name(vm, home, by_name, len(there))
        return Domain(self._workspace.known_host(home.name), found.name, found.uuid)

    def call_off(self) -> None:
        for task in (*self._lists.values(), *([] if self._ids is None else [self._ids])):
            task.cancel()

    def _home(self, vm: Vm) -> KnownHost:
        """Where the platform says that it is: a host of ours; else one that is made known, reached as the vendor's are."""
        host = self._hosts.get(vm.host_id or "")
        told = addresses(host, vm)
        known = known_as(self._workspace, told, host.name if host is not None else vm.host_name)
        if known is not None:
            return known
        if not told:
            raise PlatformError.about(
                f"VM '{vm.name}'",
                wanted="be on a host with an ip",
                got=f"the platform names host {vm.host_name or vm.host_id or 'none'} and no ip for it",
                next_step="Start the VM, or look at the platform's host list",
            )
        return KnownHost(told[0], "ip")

    async def _list(self, host: str) -> list[ListedVm]:
        """The host's VMs, asked for once for all that are looked for."""
        if host not in self._lists:
            self._lists[host] = asyncio.get_running_loop().create_task(self._ask(host), name=f"list the VMs of {host}")
        return await asyncio.shield(self._lists[host])

    async def _ask(self, host: str) -> list[ListedVm]:
        left = remaining(self._left() / 2)
        uri = None if host in self._workspace.transport.hosts else f"qemu+tcp://{host}/system"
        return await listed(await self._workspace.host(host, left(), uri), left())

    async def _elsewhere(self, vm: Vm, home: str) -> Domain | None:
        try:
            return await self._workspace.transport.elsewhere(vm.id, home, self._left() / 2)
        except VmNotFoundError as error:  # on several hosts, and not on in just one of them
            raise PlatformError.about(
                f"VM '{vm.name}' ({vm.id})",
                wanted=f"be on host '{home}', where the platform says it is, or on one other",
                got=f"is not: {error}",
                next_step="Switch off and undefine the wrong one: two that write to one disk destroy it",
            ) from error

    def _told(self, vm: Vm, home: str, elsewhere: Domain) -> Domain:
        there = elsewhere.host.name
        notice = f"VM '{vm.name}' is on host '{there}'; the platform '{self._client.name}' says that it is on '{home}'."
        data = {"platform": home, "host": there, "uuid": elsewhere.uuid}
        self._workspace.bus.publish(Event(f"vm:{elsewhere.name}", "vm.elsewhere", data, notice=notice, is_warning=True))
        return elsewhere

    async def _by_name(self, vm: Vm, home: KnownHost, by_name: ListedVm | None, count: int) -> ListedVm:
        if by_name is None:
            raise VmNotFoundError.about(
                f"VM '{vm.name}' ({vm.id})",
                wanted=f"be a domain on host '{home.name}', where the platform says it is",
                got=f"libvirt has neither its UUID nor its name among {count} domains",
                next_step=f"Check that host '{home.name}' ({self._workspace.known_host(home.name).uri}) "
                "is the machine that the platform means",
            )
        if home.by == "name":
            raise _disagreement(
                vm,
                home.name,
                f"the domain of that name is {by_name.uuid}, and only the host's name says that the host is meant",
            )
        if by_name.uuid.lower() in await self._platform_s_ids():
            raise _disagreement(
                vm, home.name, f"the domain of that name is {by_name.uuid}, which the platform has as another VM"
            )
        return by_name

    async def _platform_s_ids(self) -> frozenset[str]:
        async def ask() -> frozenset[str]:
            return frozenset([vm.id.lower() async for vm in self._client.domains.list(timeout=self._left())])

        if self._ids is None:
            self._ids = asyncio.get_running_loop().create_task(ask(), name="list the platform's VMs")
        return await asyncio.shield(self._ids)


def _disagreement(vm: Vm, host: str, got: str) -> PlatformError:
    return PlatformError.about(
        f"VM '{vm.name}' ({vm.id})",
        wanted=f"be one domain on host '{host}'",
        got=got,
        next_step="Correct the platform's entry or the domain: it can't be told which one is meant",
    )
