"""The VMs on the lab's libvirt hosts: what libvirt says of them now, and how they are reached.

One host that doesn't answer costs its own VMs their status, nothing else. Every libvirt call has a deadline.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ATPLibrary.config import PoolSettings, ReconnectSettings
from ATPLibrary.errors import ATPError
from ATPLibrary.events import EventBus
from ATPLibrary.lab import machine
from ATPLibrary.lab.platform import domain_xml, files, libvirt_calls
from ATPLibrary.lab.platform.codes import Refusal, VmStatus
from ATPLibrary.lab.platform.libvirt_calls import Facts, Hardware
from ATPLibrary.lab.platform.tables import VmRow
from ATPLibrary.lab.settings import LabHostSettings, LabSettings
from ATPLibrary.runtime import Workers
from ATPLibrary.transport.domain import Domain
from ATPLibrary.transport.host import HostConnection

LOG = logging.getLogger(__name__)

T = TypeVar("T")

CONNECT_SECONDS = 3.0
READ_SECONDS = 3.0
CHANGE_SECONDS = 60.0
# How long a guest may take to let a device go.
DETACH_SECONDS = 20.0
# qemu-img processes at a time, on two cores.
FILE_WORKERS = 2

MISSING = "虚机在主机上不存在 (the VM is missing in libvirt)"
UNREACHABLE = "主机没有应答 (its host doesn't answer)"


@dataclass(frozen=True, slots=True)
class VmView:
    """A VM as it is now. Without `status` where libvirt doesn't say; then `flag` says why."""

    row: VmRow
    host: LabHostSettings
    status: VmStatus | None
    flag: str = ""
    cpu: int = 1
    memory_mib: int = machine.MEMORY_MIB
    asleep: bool = False


class Machines:
    def __init__(self, settings: LabSettings, bus: EventBus, detach_seconds: float = DETACH_SECONDS) -> None:
        self._settings = settings
        self.bus = bus
        self.detach_seconds = detach_seconds
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

    @property
    def image_disk(self) -> Path:
        """The lab's guest image: what the models that come with it boot from."""
        return self._settings.image.disk

    def host(self, host_id: str) -> LabHostSettings:
        return next(host for host in self.hosts if host.id == host_id)

    async def close(self, timeout: float) -> None:
        self._files.close()
        connections = (*self._reads.values(), *self._changes.values())
        await asyncio.gather(*(connection.close(timeout) for connection in connections))

    # -- what libvirt says now

    async def online(self) -> dict[str, bool]:
        """Which hosts answer."""
        answers = await asyncio.gather(*(self._answers(host) for host in self.hosts))
        return {host.id: answer for host, answer in zip(self.hosts, answers, strict=True)}

    def hardware(self, host_id: str) -> Hardware | None:
        """The host's hardware; None as long as it has never answered."""
        return self._hardware.get(host_id)

    async def views(self, rows: Sequence[VmRow], busy: frozenset[str]) -> list[VmView]:
        """The VMs in the order of `rows`. The busy ones aren't asked: libvirt would answer only when it is done with them."""
        asked = [row for row in rows if row.id not in busy]
        per_host = {host.id: [row.id for row in asked if row.host_id == host.id] for host in self.hosts}
        answers = await asyncio.gather(*(self._facts(host, ids) for host, ids in per_host.items() if ids))
        facts = {id: fact for answer in answers for id, fact in answer.items()}
        return [self._view(row, row.id in busy, facts) for row in rows]

    async def ports(self, view: VmView) -> list[tuple[str, int]]:
        """(type, port) of the displays, from the live XML; none where the VM isn't running."""
        if view.flag:
            raise Refusal(view.flag)
        if view.status not in (VmStatus.RUNNING, VmStatus.SUSPENDED):
            return []
        domain = await self.reading(view.row)
        description = await domain.description(READ_SECONDS, refresh=True)
        return [(graphics.type, graphics.port) for graphics in description.graphics if graphics.port]

    async def ask_host(self, host_id: str, what: str, func: Callable[..., T], *args: Any) -> T:
        """A question to the host itself."""
        connection = await _connected(self._reads[host_id])
        return await connection.call(what, func, *args, timeout=READ_SECONDS)

    # -- how they are reached

    async def reading(self, row: VmRow) -> Domain:
        """The VM on the connection for questions."""
        return Domain(await _connected(self._reads[row.host_id]), row.name, row.id)

    async def domain(self, row: VmRow) -> Domain:
        """The VM on the connection for changes."""
        return Domain(await _connected(self._changes[row.host_id]), row.name, row.id)

    async def connection(self, host_id: str) -> HostConnection:
        """The host itself, for changes."""
        return await _connected(self._changes[host_id])

    async def ask(self, row: VmRow, what: str, func: Callable[..., T], *args: Any) -> T:
        """A question to libvirt about the VM."""
        return await (await self.reading(row)).call(what, func, *args, timeout=READ_SECONDS)

    async def change(self, row: VmRow, what: str, func: Callable[..., T], *args: Any) -> T:
        """A change to the VM."""
        return await (await self.domain(row)).call(what, func, *args, timeout=CHANGE_SECONDS)

    async def files(self, what: str, func: Callable[..., T], *args: Any) -> T:
        """Work with disk images, a few at a time."""
        return await self._files.call(func, *args, timeout=CHANGE_SECONDS, what=what)

    def directory(self, row: VmRow) -> Path:
        """The VM's own files."""
        return self._spec(row).files

    def disk(self, row: VmRow) -> Path:
        """What it boots from, unless it is of kind "blank"."""
        return self.directory(row) / files.DISK

    # -- making and unmaking

    async def create(self, row: VmRow, source: Path | None = None) -> None:
        """Make its disk and define the domain. Nothing is started. `source` is what a "full" one is a copy of."""
        disk = self.disk(row)
        if row.kind == "blank":
            await self.files(f"The directory of VM '{row.name}'", files.make_directory, disk.parent)
        elif source is not None:
            await self.files(f"The disk of VM '{row.name}'", files.whole, source, disk)
        else:
            base = Path(row.base) if row.base else self.image_disk
            await self.files(f"The linked clone of VM '{row.name}'", files.overlay, base, disk)
        xml = domain_xml.with_processors(machine.domain_xml(self._spec(row)), row.cpu)
        await self.define(row, domain_xml.bare(xml) if row.kind == "blank" else xml)

    async def define(self, row: VmRow, xml: str) -> None:
        connection = await _connected(self._changes[row.host_id])
        await connection.call(f"define VM '{row.name}'", libvirt_calls.define, xml, timeout=CHANGE_SECONDS)

    async def undefine(self, row: VmRow) -> None:
        """Cut the power and take it out of libvirt; its files stay."""
        connection = await _connected(self._changes[row.host_id])
        await connection.call(f"delete VM '{row.name}'", libvirt_calls.remove, row.id, timeout=CHANGE_SECONDS)

    async def delete(self, row: VmRow) -> None:
        """Cut the power, undefine, remove the files. Whatever of it is gone already is no error."""
        await self.undefine(row)
        await self.files(f"The files of VM '{row.name}'", files.remove_directory, self.directory(row))

    # -- inside

    async def _answers(self, host: LabHostSettings) -> bool:
        try:
            if host.id in self._hardware:
                await self.ask_host(host.id, "tell its version", libvirt_calls.version)
            else:
                self._hardware[host.id] = await self.ask_host(host.id, "tell its hardware", libvirt_calls.hardware)
        except ATPError as error:
            LOG.warning("host %s counts as offline: %s", host.name, error)
            return False
        return True

    async def _facts(self, host_id: str, ids: Sequence[str]) -> dict[str, Facts | None]:
        """What each VM is, None where libvirt doesn't know it; nothing at all where the host doesn't answer."""
        try:
            return await self.ask_host(host_id, "tell its VMs' states", libvirt_calls.facts, ids)
        except ATPError as error:
            LOG.warning("VM states of host %s: %s", self.host(host_id).name, error)
            return {}

    def _view(self, row: VmRow, busy: bool, facts: dict[str, Facts | None]) -> VmView:
        host = self.host(row.host_id)
        if busy:
            return VmView(row, host, VmStatus.BUSY, "", row.cpu, row.memory_mib)
        if row.id not in facts:
            return VmView(row, host, None, UNREACHABLE, row.cpu, row.memory_mib)
        fact = facts[row.id]
        if fact is None:
            return VmView(row, host, VmStatus.SHUT_OFF, MISSING, row.cpu, row.memory_mib)
        return VmView(row, host, fact.status, "", fact.cpu, fact.memory_mib, fact.asleep)

    def _spec(self, row: VmRow) -> machine.MachineSpec:
        host = self.host(row.host_id)
        models = {keyboard: model for model, keyboard in machine.MODELS.items()}
        return machine.MachineSpec(
            name=row.name,
            uuid=row.id,
            image=self._settings.image,
            accelerator=self._settings.accelerator,
            directory=host.directory,
            model=models[row.keyboard],  # type: ignore[index]  # the database keeps only names from there
            memory_mib=row.memory_mib,
            listen=host.ip,
            spice_devices=True,
        )


async def _connected(connection: HostConnection) -> HostConnection:
    """Connect where that is needed: at first, and after the host's daemon has been away."""
    await connection.connect(CONNECT_SECONDS)
    return connection
