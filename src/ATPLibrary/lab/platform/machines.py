"""The VMs on the lab's libvirt hosts: what libvirt says of them now, and what is done to them.

One host that doesn't answer costs its own VMs their status, nothing else. Every libvirt call has a deadline.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ATPLibrary.config import PoolSettings, ReconnectSettings
from ATPLibrary.errors import ATPError, DeadlineError, VmStateError
from ATPLibrary.events import EventBus
from ATPLibrary.lab import machine
from ATPLibrary.lab.platform import libvirt_calls
from ATPLibrary.lab.platform.codes import Refusal, VmStatus
from ATPLibrary.lab.platform.libvirt_calls import Hardware
from ATPLibrary.lab.platform.store import VmRow
from ATPLibrary.lab.settings import LabHostSettings, LabSettings
from ATPLibrary.runtime import Workers, deadline
from ATPLibrary.transport.domain import Domain
from ATPLibrary.transport.domain_state import VmState
from ATPLibrary.transport.host import HostConnection

LOG = logging.getLogger(__name__)

CONNECT_SECONDS = 3.0
READ_SECONDS = 3.0
CHANGE_SECONDS = 60.0
# How long a guest may take to shut down or restart when asked to.
GUEST_SECONDS = 90.0
# A guest that was still booting has missed the power button: it is pressed again after this time.
ASK_AGAIN_SECONDS = 8.0
# qemu-img processes at a time, on two cores.
FILE_WORKERS = 2

MISSING = "虚机在主机上不存在 (the VM is missing in libvirt)"
UNREACHABLE = "主机没有应答 (its host doesn't answer)"


@dataclass(frozen=True, slots=True)
class HostView:
    """A host as it is now. `hardware` is None as long as it has never answered."""

    id: str
    name: str
    ip: str
    online: bool
    hardware: Hardware | None
    running_vms: int


@dataclass(frozen=True, slots=True)
class VmView:
    """A VM as it is now. Without `status` where libvirt doesn't say; then `flag` says why."""

    row: VmRow
    host: LabHostSettings
    status: VmStatus | None
    flag: str = ""


class Machines:
    def __init__(self, settings: LabSettings, bus: EventBus) -> None:
        self._settings = settings
        self._bus = bus
        self.hosts: Sequence[LabHostSettings] = settings.hosts
        # Two to each host: libvirtd serves at most 5 calls of a client at a time, and reads must not wait behind slow changes.
        # They are on this machine, where an attempt costs nothing: each request tries, and one that is back is seen at once.
        pool = PoolSettings(reconnect=ReconnectSettings(max_attempts=1_000_000, max_delay=1.0))
        self._reads = {
            host.id: HostConnection(host.name, host.uri, EventBus(), settings=pool) for host in settings.hosts
        }
        self._changes = {host.id: HostConnection(host.name, host.uri, bus, settings=pool) for host in settings.hosts}
        self._hardware: dict[str, Hardware] = {}
        self._files = Workers("platform-files", FILE_WORKERS)

    def host(self, host_id: str) -> LabHostSettings:
        return next(host for host in self.hosts if host.id == host_id)

    async def close(self, timeout: float) -> None:
        self._files.close()
        connections = (*self._reads.values(), *self._changes.values())
        await asyncio.gather(*(connection.close(timeout) for connection in connections))

    # -- what libvirt says now

    async def host_views(self, rows: Sequence[VmRow], busy: frozenset[str]) -> list[HostView]:
        """The hosts. Running VMs are counted among `rows`: libvirt's own count waits for each VM that is being started."""
        asking = asyncio.gather(*(self._answers(host) for host in self.hosts))
        views, online = await asyncio.gather(self.views(rows, busy), asking)
        running = [view.host.id for view in views if view.status is VmStatus.RUNNING]
        return [
            HostView(host.id, host.name, host.ip, answers, self._hardware.get(host.id), running.count(host.id))
            for host, answers in zip(self.hosts, online, strict=True)
        ]

    async def views(self, rows: Sequence[VmRow], busy: frozenset[str]) -> list[VmView]:
        """The VMs in the order of `rows`. The busy ones aren't asked: libvirt would answer only when it is done with them."""
        asked = [row for row in rows if row.id not in busy]
        per_host = {host.id: [row.id for row in asked if row.host_id == host.id] for host in self.hosts}
        answers = await asyncio.gather(*(self._states(host, ids) for host, ids in per_host.items() if ids))
        states = {id: state for answer in answers for id, state in answer.items()}
        return [self._view(row, row.id in busy, states) for row in rows]

    async def ports(self, view: VmView) -> list[tuple[str, int]]:
        """(type, port) of the displays, from the live XML; none where the VM isn't running."""
        if view.flag:
            raise Refusal(view.flag)
        if view.status not in (VmStatus.RUNNING, VmStatus.SUSPENDED):
            return []
        domain = await _domain(self._reads, view.row)
        description = await domain.description(READ_SECONDS, refresh=True)
        return [(graphics.type, graphics.port) for graphics in description.graphics if graphics.port]

    # -- what is done to them

    async def create(self, row: VmRow) -> None:
        """Make the linked clone and define the domain. Nothing is started."""
        spec = self._spec(row)
        what = f"The linked clone of VM '{row.name}'"
        await self._files.call(machine.create_overlay, spec, timeout=CHANGE_SECONDS, what=what)
        await self._call(row, "define", libvirt_calls.define, machine.domain_xml(spec))

    async def start(self, view: VmView) -> None:
        domain = await _domain(self._changes, view.row)
        await domain.start(CHANGE_SECONDS)

    async def power_off(self, view: VmView) -> None:
        domain = await _domain(self._changes, view.row)
        await domain.destroy(CHANGE_SECONDS)

    async def shut_down(self, view: VmView) -> None:
        """Ask the guest, through its agent or else by the power button, and wait until it is off. Power is never cut."""
        domain = await _domain(self._changes, view.row)
        async with deadline(
            GUEST_SECONDS,
            f"VM '{view.row.name}'",
            wanted="shut down when asked to",
            got="did not",
            next_step="close it by force (isForce 1)",
        ):
            while True:
                try:
                    await domain.shutdown(ASK_AGAIN_SECONDS)
                except DeadlineError:
                    continue
                except VmStateError:
                    if (await domain.state(READ_SECONDS)).state is not VmState.SHUTOFF:
                        raise
                return

    async def reboot(self, view: VmView) -> None:
        """Ask the guest to restart and wait until it has left its old life behind."""
        domain = await _domain(self._changes, view.row)
        with self._bus.subscribe(
            lambda event: event.kind == "libvirt.reboot" and event.data.get("uuid") == view.row.id
        ) as reboots:
            async with deadline(GUEST_SECONDS, f"VM '{view.row.name}'", wanted="restart when asked to", got="did not"):
                while True:
                    await domain.reboot(GUEST_SECONDS)
                    try:
                        async with asyncio.timeout(ASK_AGAIN_SECONDS):
                            await anext(reboots)
                    except TimeoutError:
                        continue
                    return

    async def delete(self, row: VmRow) -> None:
        """Cut the power, undefine, remove the files. Whatever of it is gone already is no error."""
        await self._call(row, "delete", libvirt_calls.remove, row.id)
        what = f"The files of VM '{row.name}'"
        await self._files.call(machine.remove_files, self._spec(row), timeout=READ_SECONDS, what=what)

    # -- inside

    async def _answers(self, host: LabHostSettings) -> bool:
        try:
            connection = await _connected(self._reads[host.id])
            if host.id in self._hardware:
                await connection.call("tell its version", libvirt_calls.version, timeout=READ_SECONDS)
            else:
                hardware = await connection.call("tell its hardware", libvirt_calls.hardware, timeout=READ_SECONDS)
                self._hardware[host.id] = hardware
        except ATPError as error:
            LOG.warning("host %s counts as offline: %s", host.name, error)
            return False
        return True

    async def _states(self, host_id: str, ids: Sequence[str]) -> dict[str, VmStatus | None]:
        """The status of each VM, None where libvirt doesn't know it; nothing at all where the host doesn't answer."""
        try:
            connection = await _connected(self._reads[host_id])
            return await connection.call("tell its VMs' states", libvirt_calls.states, ids, timeout=READ_SECONDS)
        except ATPError as error:
            LOG.warning("VM states of host %s: %s", self.host(host_id).name, error)
            return {}

    def _view(self, row: VmRow, busy: bool, states: dict[str, VmStatus | None]) -> VmView:
        host = self.host(row.host_id)
        if busy:
            return VmView(row, host, VmStatus.BUSY)
        if row.id not in states:
            return VmView(row, host, None, UNREACHABLE)
        status = states[row.id]
        return VmView(row, host, status) if status is not None else VmView(row, host, VmStatus.SHUT_OFF, MISSING)

    async def _call(self, row: VmRow, what: str, func: Callable[..., None], *args: Any) -> None:
        connection = await _connected(self._changes[row.host_id])
        await connection.call(f"{what} VM '{row.name}'", func, *args, timeout=CHANGE_SECONDS)

    def _spec(self, row: VmRow) -> machine.MachineSpec:
        host = self.host(row.host_id)
        return machine.MachineSpec(
            name=row.name,
            uuid=row.id,
            image=self._settings.image,
            accelerator=self._settings.accelerator,
            directory=host.directory,
            model=row.model,
            memory_mib=row.memory_mib,
            listen=host.ip,
        )


async def _connected(connection: HostConnection) -> HostConnection:
    """Connect where that is needed: at first, and after the host's daemon has been away."""
    await connection.connect(CONNECT_SECONDS)
    return connection


async def _domain(connections: Mapping[str, HostConnection], row: VmRow) -> Domain:
    return Domain(await _connected(connections[row.host_id]), row.name, row.id)
