"""What each side says, read with few calls: pages of the platform's lists, one call to each hypervisor, all at once.

Only disks and network cards cost the platform two calls for each VM, since it lists them for one VM at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ATPLibrary.errors import ATPError
from ATPLibrary.orchestrator.platform_hosts import KnownHost, addresses, known_as
from ATPLibrary.transport import inventory
from ATPLibrary.transport.remaining import remaining

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.workspace import Workspace
    from ATPLibrary.transport.inventory import DeviceFacts, VmFacts
    from ATPLibrary.vdi import Host, VdiClient, Vm
    from ATPLibrary.vdi.shapes.vm_devices import Disk, Nic

# How many of the platform's per-VM questions are under way at a time.
AT_A_TIME = 8
# What one of them may take of the time that is left.
SHARE = 0.5


@dataclass(frozen=True, slots=True)
class PlatformDevices:
    disks: Sequence[Disk]
    nics: Sequence[Nic]


@dataclass(frozen=True, slots=True)
class PlatformSide:
    """`vms` are those to be compared; `other_ids` (lower case) those of which the platform knows beside them: models, VMs in the
    recycle bin, VMs that weren't asked for. `homes` is each host by its id as we know it, None where we don't.
    """

    name: str
    hosts: Mapping[str, Host]
    homes: Mapping[str, KnownHost | None]
    vms: Sequence[Vm]
    other_ids: frozenset[str]
    is_whole: bool

    def home(self, vm: Vm) -> KnownHost | None:
        return self.homes.get(vm.host_id or "")

    def host_name(self, vm: Vm) -> str:
        """The VM's host to the platform, by our name where we know it."""
        home, host = self.home(vm), self.hosts.get(vm.host_id or "")
        return home.name if home is not None else (host.name if host is not None else vm.host_name) or ""


@dataclass(frozen=True, slots=True)
class Hypervisors:
    """By our names of the hosts: the VMs of those that answered, by UUID in lower case, and the errors of the others."""

    vms: Mapping[str, Mapping[str, VmFacts]]
    errors: Mapping[str, ATPError]

    def where(self, uuid: str) -> list[str]:
        """The hosts that have the VM."""
        return [name for name, vms in self.vms.items() if uuid in vms]


@dataclass(frozen=True, slots=True)
class Devices:
    """By UUID in lower case; an error where one side could not tell."""

    platform: Mapping[str, PlatformDevices | ATPError]
    hypervisor: Mapping[str, DeviceFacts | ATPError]


async def platform_side(
    workspace: Workspace, client: VdiClient, pool: str | None, desktops: Collection[str], timeout: float
) -> PlatformSide:
    """The platform's hosts and VMs: all of them, else those of a desk pool and the named ones."""
    hosts, everything, recycled, models = await asyncio.gather(
        client.hosts.list(timeout=timeout).collect(),
        client.domains.list(timeout=timeout).collect(),
        client.domains.recycled(timeout=timeout).collect(),
        client.models.list(timeout=timeout).collect(),
    )
    listed = [vm for vm in everything if not vm.is_model and not vm.is_recycle]
    is_whole = pool is None and not desktops
    wanted = {vm.id: vm for vm in listed} if is_whole else {}
    if pool is not None:
        detail = await client.desk_pools.detail(pool, timeout=timeout)
        wanted |= {vm.id: vm for vm in await client.desk_pools.vms(detail.id, timeout=timeout)}
    if desktops:
        wanted |= {vm.id: vm for vm in await client.domains.find_all(desktops, timeout=timeout)}
    homes = {host.id: known_as(workspace, addresses(host), host.name) for host in hosts}
    others = frozenset(each.id.lower() for each in (*everything, *recycled, *models) if each.id not in wanted)
    return PlatformSide(client.name, {host.id: host for host in hosts}, homes, list(wanted.values()), others, is_whole)


async def hypervisors(workspace: Workspace, names: Iterable[str], timeout: float) -> Hypervisors:
    """What the VMs of these hosts are. One that doesn't answer costs its own VMs only."""

    async def ask(name: str) -> tuple[str, list[VmFacts] | ATPError]:
        left = remaining(timeout)
        try:
            return name, await inventory.facts(await workspace.host(name, timeout), left())
        except ATPError as error:
            return name, error

    answers = await asyncio.gather(*map(ask, names))
    return Hypervisors(
        {name: {vm.uuid.lower(): vm for vm in vms} for name, vms in answers if not isinstance(vms, ATPError)},
        {name: error for name, error in answers if isinstance(error, ATPError)},
    )


async def devices(workspace: Workspace, client: VdiClient, vms: Mapping[str, Sequence[Vm]], timeout: float) -> Devices:
    """Disks and network cards of these VMs, by the hosts that have them."""
    turn = asyncio.Semaphore(AT_A_TIME)
    left = remaining(timeout)

    async def of_platform(vm: Vm) -> tuple[str, PlatformDevices | ATPError]:
        async with turn:
            try:
                # A part of what is left: one that doesn't answer leaves some for the others.
                disks = await client.domains.disks(vm.id, timeout=left() * SHARE)
                return vm.id.lower(), PlatformDevices(disks, await client.domains.nics(vm.id, timeout=left() * SHARE))
            except ATPError as error:  # a deadline too: what could not be compared is told, beside what differs
                return vm.id.lower(), error

    async def of_host(name: str) -> dict[str, DeviceFacts | ATPError]:
        uuids = [vm.id.lower() for vm in vms[name]]
        try:
            told = await inventory.devices(await workspace.host(name, timeout), uuids, left())
        except ATPError as error:
            return dict.fromkeys(uuids, error)
        return {uuid.lower(): facts for uuid, facts in told.items()}

    everything = [vm for each in vms.values() for vm in each]
    told, answers = await asyncio.gather(
        asyncio.gather(*map(of_platform, everything)), asyncio.gather(*map(of_host, vms))
    )
    return Devices(dict(told), {uuid: facts for answer in answers for uuid, facts in answer.items()})
