"""Where the two sides differ. Pure: what was read goes in, differences come out."""

from __future__ import annotations

import os.path
from collections.abc import Iterator
from enum import IntEnum
from typing import TYPE_CHECKING

from ATPLibrary.errors import ATPError
from ATPLibrary.orchestrator.consistency.report import Difference, Value
from ATPLibrary.orchestrator.consistency.sides import Devices, Hypervisors, PlatformDevices, PlatformSide
from ATPLibrary.transport.domain_state import VmState
from ATPLibrary.vdi.codes import HostStatus, VmStatus

if TYPE_CHECKING:
    from ATPLibrary.transport.inventory import DeviceFacts, VmFacts
    from ATPLibrary.vdi import Host, Vm

GIB = 2**30

_STATES = {
    VmStatus.SHUT_OFF: (VmState.SHUTOFF, VmState.CRASHED),
    VmStatus.RUNNING: (VmState.RUNNING, VmState.BLOCKED),
    VmStatus.SUSPENDED: (VmState.PAUSED, VmState.SUSPENDED),
    VmStatus.UPGRADING: tuple(VmState),  # it may be anything while it is worked on, which takes as long as people take
}
# A host that is so may well not answer.
_AWAY = (HostStatus.CLOSED, HostStatus.OFFLINE)


def in_word(code: int | None) -> str:
    """A code as it is read: "shut off"; "code 9" of one that this version doesn't know."""
    if code is None:
        return "unknown"
    return code.name.lower().replace("_", " ") if isinstance(code, IntEnum) else f"code {code}"


def of_hosts(platform: PlatformSide, asked: Hypervisors, configured: dict[str, str]) -> Iterator[Difference]:
    """Differences about hosts; `configured` is the address of each host of ours by which a platform would know it, "" for none.

    Where some VMs only are compared, their hosts are.
    """
    concerned = None if platform.is_whole else {vm.host_id for vm in platform.vms}
    for host in platform.hosts.values():
        if concerned is not None and host.id not in concerned:
            continue
        known = platform.homes[host.id]
        if known is None:
            yield _about(host, host.name, "host", f"listed at {host.ip or 'no address'}", "not configured")
            continue
        if known.by == "name" and host.ip and configured.get(known.name):
            yield _about(host, known.name, "ip", host.ip, configured[known.name])
        if known.name in asked.errors:
            if host.status not in _AWAY:
                reason = str(asked.errors[known.name])
                yield _about(
                    host, known.name, "connection", in_word(host.status), f"unreachable ({reason.rstrip('.')})"
                )
        elif known.name in asked.vms and host.status == HostStatus.OFFLINE:
            yield _about(host, known.name, "status", in_word(host.status), "connected")
    if platform.is_whole:
        matched = {known.name for known in platform.homes.values() if known is not None}
        for name in configured:
            if name not in matched:
                state = "unreachable" if name in asked.errors else "connected"
                yield Difference(f"Host '{name}'", "", name, "host", "not listed", state)


def _about(host: Host, name: str, field: str, platform: Value, hypervisor: Value) -> Difference:
    return Difference(f"Host '{name}'", host.id, name, field, platform, hypervisor)


def of_vms(platform: PlatformSide, asked: Hypervisors) -> Iterator[Difference]:
    """Differences about VMs, their disks and network cards apart. Those of hosts that can't be asked are left out, except for what
    the platform says all the same.
    """
    ids = {vm.id.lower() for vm in platform.vms}
    taken: set[str] = set()  # domains that have the name of another VM of the platform: told of there
    for vm in platform.vms:
        home, homes = platform.home(vm), asked.where(vm.id.lower())
        at_home = home is not None and home.name in homes
        if homes:
            yield from _placed(vm, platform, asked, homes, home.name if at_home and home is not None else None)
        elif home is not None and home.name in asked.vms:
            namesake = next((each for each in asked.vms[home.name].values() if each.name == vm.name), None)
            if namesake is not None and namesake.uuid.lower() not in ids | platform.other_ids:
                taken.add(namesake.uuid.lower())
                yield _of(vm, home.name, "uuid", vm.id, namesake.uuid)
            else:
                yield _of(vm, home.name, "domain", in_word(vm.status), "missing")
        else:
            yield from _nowhere(vm, platform, asked)
    if platform.is_whole:
        yield from _not_managed(platform, asked, ids | platform.other_ids | taken)


def _nowhere(vm: Vm, platform: PlatformSide, asked: Hypervisors) -> Iterator[Difference]:
    """One that no host has which answered, and that isn't to be on one of them: nobody but the platform says what it is.

    Hosts that should answer, or aren't configured, are differences themselves. A VM that the platform doesn't say to be running,
    on a host that it knows not to answer, is left out where everything is compared; one that was asked for isn't.
    """
    home, host = platform.home(vm), platform.hosts.get(vm.host_id or "")
    is_claimed = vm.status in (VmStatus.RUNNING, VmStatus.SUSPENDED) or not platform.is_whole
    if host is None and (is_claimed or not asked.errors):
        where = "on no host that answers" if asked.errors else "missing"
        yield _of(vm, vm.host_name or "", "domain", in_word(vm.status), where)
    elif home is not None and home.name in asked.errors and host is not None and host.status in _AWAY and is_claimed:
        yield _of(vm, home.name, "status", in_word(vm.status), f"unknown: its host is {in_word(host.status)}")


def _placed(
    vm: Vm, platform: PlatformSide, asked: Hypervisors, homes: list[str], home: str | None
) -> Iterator[Difference]:
    """One that is on at least one host: where it is, and what it is there."""
    uuid = vm.id.lower()
    active = [name for name in homes if asked.vms[name][uuid].state.is_active]
    here = home if home in active or (home is not None and not active) else (active or homes)[0]
    if home is None or len(homes) > 1:
        told = platform.hosts.get(vm.host_id or "")
        said = home or (told.name if told is not None else vm.host_name) or "none"
        on = ", ".join(f"{name} ({asked.vms[name][uuid].state.value})" if len(homes) > 1 else name for name in homes)
        yield _of(vm, here, "host", said, on)
    yield from _same(vm, asked.vms[here][uuid], here)


def _same(vm: Vm, facts: VmFacts, host: str) -> Iterator[Difference]:
    is_passing = vm.status == VmStatus.BUSY or facts.state is VmState.SHUTDOWN
    if vm.status is None or facts.state not in _STATES.get(vm.status, ()):  # type: ignore[call-overload]  # a new code is a plain int
        yield _of(vm, host, "status", in_word(vm.status), facts.state.value, is_passing=is_passing)
    if vm.cpu is not None and vm.cpu != facts.processors:
        yield _of(vm, host, "cpu", vm.cpu, facts.processors)
    if vm.memory is not None and vm.memory != facts.memory_mib:
        yield _of(vm, host, "memory", vm.memory, facts.memory_mib)


def _not_managed(platform: PlatformSide, asked: Hypervisors, known: set[str]) -> Iterator[Difference]:
    """Domains on the platform's hosts that it says nothing of. Hosts that aren't the platform's are no affair of its."""
    for name in dict.fromkeys(home.name for home in platform.homes.values() if home is not None):
        for uuid, facts in asked.vms.get(name, {}).items():
            if uuid not in known:
                yield Difference(f"VM '{facts.name}'", facts.uuid, name, "domain", "not managed", facts.state.value)


def of_devices(vm: Vm, host: str, devices: Devices, facts: VmFacts) -> Iterator[Difference]:
    """Differences about one VM's disks and network cards, and about what it starts with the next time."""
    told, there = devices.platform.get(vm.id.lower()), devices.hypervisor.get(vm.id.lower())
    if told is None or there is None or isinstance(told, ATPError) or isinstance(there, ATPError):
        return
    yield from _disks(vm, host, told, there)
    listed = {nic.mac.lower() for nic in told.nics if nic.mac}
    if listed != set(there.macs):
        yield _of(vm, host, "macs", _listed(listed), _listed(there.macs))
    # What it has now is compared with the rest of it.
    if vm.cpu is not None and there.next_processors not in (vm.cpu, facts.processors):
        yield _of(vm, host, "cpu at next start", vm.cpu, there.next_processors)
    if vm.memory is not None and there.next_memory_mib not in (vm.memory, facts.memory_mib):
        yield _of(vm, host, "memory at next start", vm.memory, there.next_memory_mib)


def _disks(vm: Vm, host: str, told: PlatformDevices, there: DeviceFacts) -> Iterator[Difference]:
    if len(told.disks) != len(there.disks):
        yield _of(vm, host, "disks", len(told.disks), len(there.disks))
    if not all(disk.path for disk in told.disks):
        return  # how many there are is all that can be compared
    listed = {os.path.normpath(disk.path): disk for disk in told.disks if disk.path}
    attached = {os.path.normpath(disk.path) if disk.path else disk.target: disk for disk in there.disks}
    for path in dict.fromkeys((*listed, *attached)):
        size = listed[path].size if path in listed else None
        capacity = attached[path].capacity if path in attached else None
        if path not in listed:
            yield _of(
                vm, host, f"disk {path}", "not listed", f"{capacity} bytes" if capacity is not None else "attached"
            )
        elif path not in attached:
            yield _of(vm, host, f"disk {path}", f"{size} GB" if size is not None else "listed", "not attached")
        elif size is not None and capacity is not None and -(-capacity // GIB) != size:
            yield _of(vm, host, f"disk {path}", f"{size} GB", f"{capacity} bytes")


def _listed(macs: set[str] | tuple[str, ...]) -> str:
    return ", ".join(sorted(macs)) or "none"


def _of(vm: Vm, host: str, field: str, platform: Value, hypervisor: Value, *, is_passing: bool = False) -> Difference:
    return Difference(f"VM '{vm.name}'", vm.id, host, field, platform, hypervisor, is_passing)
