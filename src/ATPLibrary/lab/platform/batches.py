"""What is done to VMs: many at once in the background (an event id or an error for each), or all of them before the answer.

Whether it may be done says `life`; that nothing else is done to a VM meanwhile says `operations`.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any

from ATPLibrary.errors import ATPError
from ATPLibrary.lab.platform import life
from ATPLibrary.lab.platform.codes import PoolStatus, Refusal, VmStatus
from ATPLibrary.lab.platform.hosts import Hosts
from ATPLibrary.lab.platform.life import Change, State
from ATPLibrary.lab.platform.machines import Machines, VmView
from ATPLibrary.lab.platform.operations import Operations, Report, Subject
from ATPLibrary.lab.platform.power import Power
from ATPLibrary.lab.platform.requests.vms import DomainBatchTaskDto
from ATPLibrary.lab.platform.store import Store
from ATPLibrary.lab.platform.tables import UNFINISHED, VmRow

# How long a deletion waits for a start that is under way.
SUPERSEDE_SECONDS = 60.0

Work = Callable[[VmView], Coroutine[Any, Any, None]]
Refuse = Callable[[VmView], str | None]


class Batches:
    def __init__(self, store: Store, machines: Machines, hosts: Hosts, operations: Operations) -> None:
        self._store = store
        self._machines = machines
        self._hosts = hosts
        self._operations = operations
        self._removing: set[str] = set()
        power = Power(store, machines)
        self._works: dict[Change, Work] = {
            life.START: power.start,
            life.CLOSE: power.shut_down,
            life.FORCE_CLOSE: power.power_off,
            life.REBOOT: power.reboot,
            life.SUSPEND: power.suspend,
            life.RESUME: power.resume,
            life.SLEEP: power.sleep,
            life.WAKE_UP: power.start,
        }

    # -- the VMs as they are now

    @property
    def busy(self) -> frozenset[str]:
        """The ids of the VMs that something is being done to."""
        return self._operations.busy_vms | self._removing

    def rows(self, *, recycled: bool = False) -> list[VmRow]:
        """The VMs that aren't in the recycle bin, or those that are."""
        return [row for row in self._store.vms() if bool(row.recycled) == recycled]

    def row(self, vm_id: str, *, recycled: bool = False) -> VmRow:
        """One VM; a refusal where there is none of that id, or where it is in the recycle bin unless it may be."""
        row = self._store.vms_by_id([vm_id]).get(vm_id)
        if row is None:
            raise Refusal(f"虚机不存在: {vm_id} (no such VM)")
        if row.recycled and not recycled:
            raise Refusal(f"虚机在回收站中: {row.name} (the VM is in the recycle bin)")
        return row

    async def views(self, rows: Sequence[VmRow]) -> list[VmView]:
        """The VMs as libvirt sees them now, in the order of `rows`."""
        return await self._machines.views(rows, self.busy)

    async def view(self, vm_id: str) -> VmView:
        return (await self.views([self.row(vm_id)]))[0]

    # -- in the background

    async def run(self, change: Change, request: DomainBatchTaskDto) -> dict[str, Any]:
        """Begin `change` on each VM of the batch: `DomainBatchTaskVO`."""
        refuse: Refuse = change.refusal
        if change in (life.START, life.WAKE_UP):
            refuse = await self._start_refusal(change, request)
        return await self._batch(request.idList, change, refuse, self._works[change])

    async def _start_refusal(self, change: Change, request: DomainBatchTaskDto) -> Refuse:
        everything = await self.views(self.rows())
        running = Counter(view.host.id for view in everything if view.status in (VmStatus.RUNNING, VmStatus.BUSY))
        archived = {pool.id for pool in self._store.pools() if pool.status == PoolStatus.ARCHIVED}

        def refuse(view: VmView) -> str | None:
            if request.hostId not in (None, "", view.row.host_id):
                return (
                    f"虚机的磁盘在主机 {view.host.name} 上，不能在其他主机启动 (its disk is on host {view.host.name})"
                )
            if view.row.pool_id in archived:
                return "桌面池已归档 (its desk pool is archived: activate it first)"
            reason = change.refusal(view) or self._hosts.refusal_to_start(view, running)
            if reason is None:
                running[view.host.id] += 1
            return reason

        return refuse

    async def _batch(self, ids: Sequence[str], change: Change, refuse: Refuse, work: Work) -> dict[str, Any]:
        rows = {id: row for id, row in self._store.vms_by_id(ids).items() if not row.recycled}
        unique = list(dict.fromkeys(ids))
        views = await self.views([rows[id] for id in unique if id in rows])
        errors = [_error(id, "", "虚机不存在 (no such VM)") for id in unique if id not in rows]
        events: list[str] = []
        for view in views:
            # Asked again here: since the view was taken another request may have begun something.
            reason = State.BUSY.value if view.row.id in self.busy else refuse(view)
            if reason is not None:
                errors.append(_error(view.row.id, view.row.name, reason))
            else:
                events.append(self.begin(change, view, work))
        return {"eventIdList": events, "errorList": errors}

    def begin(self, change: Change, view: VmView, work: Work) -> str:
        """Begin one that isn't refused, and return its event id."""

        async def run(report: Report) -> None:
            await work(view)

        about = self.subject(view.row)
        return self._operations.start(change.operate, change.title, run, about=about, interruptible=change.only_waits)

    # -- before the answer

    async def ready(self, change: Change, ids: Iterable[str], *, recycled: bool = False) -> list[VmView]:
        """The VMs, each in a state that allows the change; else a refusal that names each that isn't, and nothing is done.

        `recycled`: those in the recycle bin are let through too.
        """
        views = await self.views([self.row(id, recycled=recycled) for id in dict.fromkeys(ids)])
        problems = [
            f"{view.row.name}: {reason}"
            for view in views
            if (reason := State.BUSY.value if view.row.id in self.busy else change.refusal(view))
        ]
        if problems:
            raise Refusal("; ".join(problems))
        return views

    async def at_once(self, change: Change, ids: Iterable[str], work: Work) -> None:
        """Do it to all of them and return when it is done. Raises the first failure when all have been tried."""
        views = await self.ready(change, ids)
        await _all(self.record(change, view, work(view)) for view in views)

    def record(self, change: Change, view: VmView, work: Coroutine[Any, Any, None]) -> Awaitable[None]:
        """Do it to one VM that `ready` has just let through, with an event about how it ended."""
        return self._operations.record(change.operate, change.title, work, self.subject(view.row))

    # -- going away

    async def recycle(self, ids: Sequence[str]) -> None:
        """Into the recycle bin: off, out of sight, its files kept."""
        rows = self._known(ids)

        async def work(view: VmView) -> None:
            if view.asleep or view.status in (VmStatus.RUNNING, VmStatus.SUSPENDED):
                await self._works[life.FORCE_CLOSE](view)
            self._store.change_vms([view.row.id], recycled=time.time())

        await self.at_once(life.RECYCLE, [row.id for row in rows], work)

    async def delete(self, ids: Sequence[str], *, recycled: bool = False) -> None:
        """Delete VMs for good. Nothing is done where one of the ids is unknown."""
        await self.remove(self._known(ids, recycled=recycled))

    async def remove(self, rows: Iterable[VmRow]) -> None:
        """Destroy, undefine, remove the files, forget: all VMs at once. Raises the first failure when all have been tried."""
        rows = list(rows)
        ids = [row.id for row in rows]
        if names := [row.name for row in rows if row.id in self._removing]:
            raise Refusal(f"虚机正在删除中: {', '.join(names)} (they are being deleted)")
        self._removing.update(ids)
        try:
            await self._operations.supersede(ids, SUPERSEDE_SECONDS)
            await _all(self._remove(row) for row in rows)
        finally:
            self._removing.difference_update(ids)

    async def _remove(self, row: VmRow) -> None:
        async def work() -> None:
            is_new = self._store.begin(UNFINISHED, row.id)
            try:
                await self._machines.delete(row)
            except (ATPError, OSError):
                if is_new:  # who asked is told, and may want it otherwise now
                    self._store.end(UNFINISHED, row.id)
                raise
            self._free(row.id)
            self._store.remove_vm(row.id)
            self._store.end(UNFINISHED, row.id)

        await self._operations.record(life.DELETE.operate, life.DELETE.title, work(), self.subject(row))

    def _free(self, vm_id: str) -> None:
        """Its volumes are free again; its network cards, serial ports and snapshots are gone with it."""
        for volume in self._store.records.all("volume"):
            if volume["vm"] == vm_id:
                self._store.records.change("volume", volume["id"], vm="")
        for kind in ("nic", "serial", "snapshot"):
            for record in self._store.records.all(kind):
                if record["vm"] == vm_id:
                    self._store.records.remove(kind, record["id"])

    def _known(self, ids: Sequence[str], *, recycled: bool = False) -> list[VmRow]:
        rows = self._store.vms_by_id(ids)
        if missing := [id for id in ids if id not in rows or bool(rows[id].recycled) != recycled]:
            raise Refusal(f"虚机不存在: {', '.join(missing)} (no such VM; nothing was deleted)")
        return list(rows.values())

    def subject(self, row: VmRow) -> Subject:
        return Subject(row.id, row.name, row.host_id, self._machines.host(row.host_id).ip)


async def _all(works: Iterable[Awaitable[None]]) -> None:
    for outcome in await asyncio.gather(*works, return_exceptions=True):
        if outcome is not None:
            raise outcome


def _error(vm_id: str, name: str, message: str) -> dict[str, str]:
    return {"domainId": vm_id, "domainName": name, "errorMsg": message}
