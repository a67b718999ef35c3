"""Reads both sides, compares them, and looks again at what differs before it counts."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from ATPLibrary import runtime
from ATPLibrary.errors import ATPError, DeadlineError
from ATPLibrary.orchestrator.consistency import differences, sides
from ATPLibrary.orchestrator.consistency.report import Comparison, Difference
from ATPLibrary.orchestrator.consistency.sides import Hypervisors, PlatformSide
from ATPLibrary.orchestrator.platform_hosts import uri_host
from ATPLibrary.transport.remaining import remaining

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.workspace import Workspace
    from ATPLibrary.vdi import VdiClient, Vm

# What differs is looked at again after this long, then less and less often, for as long as the caller's grace.
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 1.0
GRACE_SECONDS = 5.0
# With more VMs than this, disks and network cards are compared only when asked for: they cost the platform calls for each VM.
MOST_WITH_DEVICES = 200
# What one look may take of the time, so that a host that doesn't answer leaves some for the others' second look.
_SHARE = 0.5


async def compare(
    workspace: Workspace,
    client: VdiClient,
    *,
    pool: str | None = None,
    desktops: Collection[str] = (),
    devices: bool | None = None,
    grace: float = GRACE_SECONDS,
    timeout: float,
) -> Comparison:
    """Compare what the platform and the hypervisors say: of everything, or of a desk pool and of named desktops with their hosts.

    `devices`: disks and network cards too; by default where there are at most `MOST_WITH_DEVICES` VMs. What differs must do so in
    two looks one after the other, and what an operation is under way on is looked at until that is over, for `grace` seconds at
    most. A host that can't be reached is a difference, and its VMs aren't compared; `DeadlineError` where the platform itself
    doesn't answer within `timeout`, or doesn't tell a VM's disks and network cards in time and nothing else differs.
    """
    workspace.known_hosts()  # raises where there is none: nothing would look like agreement
    check = _Check(workspace, client, pool, desktops, devices)
    left = remaining(timeout)
    async with runtime.deadline(timeout, f"Comparing platform '{client.name}' with its hypervisors"):
        found = await check.look(left() * _SHARE)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(min(grace, left())):
            pause = FIRST_PAUSE_SECONDS
            while check.may_change(found):
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
                before, found = found, await check.look(left() * _SHARE, again=found)
                if _keys(before) == _keys(found) and not any(each.is_passing for each in found.differences):
                    break
    if not found.differences and check.late:  # what wasn't told in time may be anything
        raise next(iter(check.late.values()))
    return found


class _Check:
    def __init__(
        self,
        workspace: Workspace,
        client: VdiClient,
        pool: str | None,
        desktops: Collection[str],
        devices: bool | None,
    ) -> None:
        self._workspace = workspace
        self._client = client
        self._pool = pool
        self._desktops = desktops
        self._devices = devices
        self.late: dict[str, DeadlineError] = {}  # VMs of which the platform didn't tell disks or network cards in time
        self._away: dict[str, ATPError] = {}  # hosts that could not be asked: not tried a second time

    def may_change(self, found: Comparison) -> bool:
        """Whether a second look may find something else; a host doesn't come and go within seconds."""
        return any(not each.subject.startswith("Host ") for each in found.differences)

    async def look(self, timeout: float, again: Comparison | None = None) -> Comparison:
        """Both sides as they are now. `again`: devices only of the VMs that had a difference in them, or anywhere."""
        left = remaining(timeout)
        platform = await sides.platform_side(self._workspace, self._client, self._pool, self._desktops, timeout)
        asked = await self._ask(platform, left())
        told: list[str] = []
        found = [
            *differences.of_hosts(platform, asked, self._configured(platform)),
            *differences.of_vms(platform, asked),
            *await self._device_differences(platform, asked, told, again, left()),
        ]
        compared, skipped = self._split(platform, asked)
        if skipped:
            names = ", ".join(f"'{vm.name}'" for vm in skipped[:5]) + (" ..." if len(skipped) > 5 else "")
            told.insert(0, f"{len(skipped)} VMs, whose hosts can't be asked: {names}")
        concerned = platform.homes.values() if platform.is_whole else [platform.home(vm) for vm in compared]
        hosts = sorted({home.name for home in concerned if home is not None} & set(asked.vms))
        return Comparison(self._client.name, hosts, [(vm.name, platform.host_name(vm)) for vm in compared], found, told)

    def _split(self, platform: PlatformSide, asked: Hypervisors) -> tuple[list[Vm], list[Vm]]:
        """The VMs that could be compared, and the others.

        They could where a host that answered has them or should have them, and where all hosts answered and none has them.
        """
        could: list[Vm] = []
        could_not: list[Vm] = []
        for vm in platform.vms:
            home = platform.home(vm)
            answered = (
                home.name in asked.vms if home is not None else not (vm.host_id in platform.hosts or asked.errors)
            )
            (could if answered or asked.where(vm.id.lower()) else could_not).append(vm)
        return could, could_not

    async def _ask(self, platform: PlatformSide, timeout: float) -> Hypervisors:
        """All hosts at once. For some VMs only: their hosts, and the others where these haven't got one of them."""
        timeout = min(timeout, self._workspace.config.timeouts.connect)
        left = remaining(timeout)
        names = set(self._workspace.transport.hosts) - set(self._away)
        if platform.is_whole:
            asked = await sides.hypervisors(self._workspace, names, timeout)
        else:
            homes = {home.name for vm in platform.vms if (home := platform.home(vm)) is not None}
            asked = await sides.hypervisors(self._workspace, names & homes, timeout)
            if any(not asked.where(vm.id.lower()) for vm in platform.vms):
                others = await sides.hypervisors(self._workspace, names - homes, left() / 2)
                asked = Hypervisors({**asked.vms, **others.vms}, {**asked.errors, **others.errors})
        self._away |= asked.errors
        return Hypervisors(asked.vms, dict(self._away))

    def _configured(self, platform: PlatformSide) -> dict[str, str]:
        """Our hosts with their addresses; with several platforms configured nothing says whose the unmatched ones are."""
        config = self._workspace.config
        hosts = {
            name: (config.hosts[name].ip if name in config.hosts else None) or uri_host(connection.uri)
            for name, connection in self._workspace.transport.hosts.items()
        }
        if len(config.platforms) > 1:
            matched = {home.name for home in platform.homes.values() if home is not None}
            return {name: address for name, address in hosts.items() if name in matched}
        return hosts

    async def _device_differences(
        self,
        platform: PlatformSide,
        asked: Hypervisors,
        told: list[str],
        again: Comparison | None,
        timeout: float,
    ) -> Sequence[Difference]:
        if self._devices is False:
            return []
        if self._devices is None and len(platform.vms) > MOST_WITH_DEVICES:
            told.append(
                f"disks and network cards: there are more than {MOST_WITH_DEVICES} VMs, and it wasn't asked for"
            )
            return []
        ids = None if again is None else {each.id for each in again.differences}
        wanted: dict[str, list[Vm]] = defaultdict(list)
        for vm in platform.vms:
            if (ids is None or vm.id in ids) and len(homes := asked.where(vm.id.lower())) == 1:
                wanted[homes[0]].append(vm)
        read = await sides.devices(self._workspace, self._client, wanted, timeout)
        found: list[Difference] = []
        for host, vms in wanted.items():
            for vm in vms:
                found += differences.of_devices(vm, host, read, asked.vms[host][vm.id.lower()])
                self.late.pop(vm.id, None)
                if isinstance(late := read.platform.get(vm.id.lower()), DeadlineError):
                    self.late[vm.id] = late
                for side in (read.platform, read.hypervisor):
                    if isinstance(error := side.get(vm.id.lower()), ATPError):
                        told.append(f"disks and network cards of VM '{vm.name}': {error}")
        return found


def _keys(found: Comparison) -> set[tuple[str, str]]:
    return {each.key for each in found.differences}
