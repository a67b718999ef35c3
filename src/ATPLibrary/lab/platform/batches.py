"""What is done to VMs one by one: start, close, reboot, delete. A batch answers an event id or an error for each VM."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

from ATPLibrary.lab.platform.codes import Operate, Refusal, VmStatus
from ATPLibrary.lab.platform.machines import HostView, Machines, VmView
from ATPLibrary.lab.platform.operations import Operations, Report, Subject
from ATPLibrary.lab.platform.requests import BatchDelDomainReq, DomainBatchTaskDto
from ATPLibrary.lab.platform.store import Store, VmRow

# How long a deletion waits for a start that is under way.
SUPERSEDE_SECONDS = 60.0

_BUSY = "虚机正在操作中 (another operation is under way)"

Work = Callable[[VmView], Coroutine[Any, Any, None]]


class Batches:
    def __init__(self, store: Store, machines: Machines, operations: Operations) -> None:
        self._store = store
        self._machines = machines
        self._operations = operations
        self._removing: set[str] = set()

    @property
    def busy(self) -> frozenset[str]:
        """The ids of the VMs that something is being done to."""
        return self._operations.busy_vms | self._removing

    async def views(self, rows: Sequence[VmRow]) -> list[VmView]:
        """The VMs as libvirt sees them now, in the order of `rows`."""
        return await self._machines.views(rows, self.busy)

    async def host_views(self) -> list[HostView]:
        """The hosts as they are now."""
        return await self._machines.host_views(self._store.vms(), self.busy)

    async def view(self, vm_id: str) -> VmView:
        """One VM; a refusal where there is none of that id."""
        row = self._store.vms_by_id([vm_id]).get(vm_id)
        if row is None:
            raise Refusal(f"虚机不存在: {vm_id} (no such VM)")
        return (await self.views([row]))[0]

    async def start(self, request: DomainBatchTaskDto) -> dict[str, Any]:
        def refuse(view: VmView) -> str | None:
            if request.hostId not in (None, "", view.row.host_id):
                return (
                    f"虚机的磁盘在主机 {view.host.name} 上，不能在其他主机启动 (its disk is on host {view.host.name})"
                )
            return _wrong_state(view, VmStatus.SHUT_OFF)

        return await self._batch(request.idList, Operate.START, "启动虚机", refuse, self._machines.start)

    async def close(self, request: DomainBatchTaskDto) -> dict[str, Any]:
        force = request.isForce == 1

        def refuse(view: VmView) -> str | None:
            if force and view.status is VmStatus.SUSPENDED and not view.flag:
                return None
            return _wrong_state(view, VmStatus.RUNNING)

        work: Work = self._machines.power_off if force else self._machines.shut_down
        return await self._batch(request.idList, Operate.CLOSE, "强制关闭虚机" if force else "关闭虚机", refuse, work)

    async def reboot(self, request: DomainBatchTaskDto) -> dict[str, Any]:
        def refuse(view: VmView) -> str | None:
            return _wrong_state(view, VmStatus.RUNNING)

        return await self._batch(request.idList, Operate.REBOOT, "重启虚机", refuse, self._machines.reboot)

    async def delete(self, request: BatchDelDomainReq) -> None:
        """Delete VMs for good. Nothing is done where one of the ids is unknown."""
        if request.isRecycle == 1:
            raise Refusal("实验平台没有回收站, isRecycle 必须为 0 (the lab has no recycle bin)")
        rows = self._store.vms_by_id(request.domainIdList)
        if missing := [id for id in request.domainIdList if id not in rows]:
            raise Refusal(f"虚机不存在: {', '.join(missing)} (no such VM; nothing was deleted)")
        await self.remove(rows.values())

    async def remove(self, rows: Iterable[VmRow]) -> None:
        """Destroy, undefine, remove the files, forget: all VMs at once. Raises the first failure when all have been tried."""
        rows = list(rows)
        ids = [row.id for row in rows]
        if names := [row.name for row in rows if row.id in self._removing]:
            raise Refusal(f"虚机正在删除中: {', '.join(names)} (they are being deleted)")
        self._removing.update(ids)
        try:
            await self._operations.supersede(ids, SUPERSEDE_SECONDS)
            outcomes = await asyncio.gather(*(self._remove(row) for row in rows), return_exceptions=True)
        finally:
            self._removing.difference_update(ids)
        for outcome in outcomes:
            if outcome is not None:
                raise outcome

    async def _remove(self, row: VmRow) -> None:
        async def work() -> None:
            await self._machines.delete(row)
            self._store.remove_vm(row.id)

        await self._operations.record(Operate.DELETE_VM, "删除虚机", work(), self._subject(row))

    async def _batch(
        self, ids: Sequence[str], operate: Operate, title: str, refuse: Callable[[VmView], str | None], work: Work
    ) -> dict[str, Any]:
        rows = self._store.vms_by_id(ids)
        unique = list(dict.fromkeys(ids))
        views = await self.views([rows[id] for id in unique if id in rows])
        errors = [_error(id, "", "虚机不存在 (no such VM)") for id in unique if id not in rows]
        events: list[str] = []
        for view in views:
            # Asked again here: since the view was taken another request may have begun something.
            reason = _BUSY if view.row.id in self.busy else refuse(view)
            if reason is not None:
                errors.append(_error(view.row.id, view.row.name, reason))
            else:
                events.append(self._begin(view, operate, title, work))
        return {"eventIdList": events, "errorList": errors}

    def _begin(self, view: VmView, operate: Operate, title: str, work: Work) -> str:
        async def run(report: Report) -> None:
            await work(view)

        waits = operate in (Operate.CLOSE, Operate.REBOOT)
        return self._operations.start(operate, title, run, about=self._subject(view.row), interruptible=waits)

    def _subject(self, row: VmRow) -> Subject:
        return Subject(row.id, row.name, row.host_id, self._machines.host(row.host_id).ip)


def _wrong_state(view: VmView, wanted: VmStatus) -> str | None:
    if view.flag:
        return view.flag
    if view.status is wanted:
        return None
    words = {
        VmStatus.SHUT_OFF: "虚机已经关机 (the VM is shut off)",
        VmStatus.RUNNING: "虚机已经启动 (the VM is running)",
        VmStatus.SUSPENDED: "虚机已挂起 (the VM is suspended)",
        VmStatus.BUSY: _BUSY,
    }
    return words[view.status] if view.status is not None else "虚机状态未知 (the VM's state is unknown)"


def _error(vm_id: str, name: str, message: str) -> dict[str, str]:
    return {"domainId": vm_id, "domainName": name, "errorMsg": message}
