"""Desk pools: sets of linked clones of one model, spread over the hosts in turn."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Sequence

from ATPLibrary.errors import ATPError
from ATPLibrary.lab.machine import MEMORY_MIB
from ATPLibrary.lab.platform.answers import MODEL_NAMES
from ATPLibrary.lab.platform.batches import Batches
from ATPLibrary.lab.platform.codes import Operate, Refusal
from ATPLibrary.lab.platform.machines import Machines
from ATPLibrary.lab.platform.operations import Operations, Report
from ATPLibrary.lab.platform.requests import DeskPoolCreateDto
from ATPLibrary.lab.platform.store import PoolRow, Store, VmRow

LOG = logging.getLogger(__name__)

VCPUS = 1


class Pools:
    def __init__(self, store: Store, machines: Machines, operations: Operations, batches: Batches) -> None:
        self._store = store
        self._machines = machines
        self._operations = operations
        self._batches = batches

    def get(self, pool_id: str) -> PoolRow:
        pool = self._store.pool(pool_id)
        if pool is None:
            raise Refusal(f"桌面池不存在: {pool_id} (no such desk pool)")
        return pool

    def create(self, request: DeskPoolCreateDto) -> str:
        """Begin to make the pool, disabled, and return the event id. Where a VM can't be made, nothing of the pool is left."""
        model = MODEL_NAMES.get(request.modelId)
        if model is None:
            raise Refusal(f"模板不存在: {request.modelId or '未指定'} (no such model)")
        if any(pool.name == request.name for pool in self._store.pools()):
            raise Refusal(f"桌面池名称已存在: {request.name} (a desk pool of this name exists)")
        pool = PoolRow(
            id=str(uuid.uuid4()),
            name=request.name,
            type=request.type,
            enabled=0,
            phase="creating",
            amount=request.amount,
            model=model,
            prefix=request.domainPrefix or request.name,
            remark=request.remark,
            created=time.time(),
        )
        rows = self._planned(pool)
        if taken := self._store.vm_names() & {row.name for row in rows}:
            raise Refusal(f"虚机名称已存在: {', '.join(sorted(taken))} (VMs of these names exist)")
        self._store.add_pool(pool)

        async def work(report: Report) -> None:
            await self._make(pool, rows, report)

        return self._operations.start(Operate.CREATE_POOL, _progress(pool, 0), work)

    async def delete(self, pool_id: str) -> None:
        """Delete the pool and its VMs, running or not; when this returns nothing of it is left."""
        pool = self.get(pool_id)
        if pool.phase == "creating":
            raise Refusal("桌面池正在创建中 (the desk pool is being created; wait for its event)")
        self._store.change_pool(pool_id, phase="deleting")
        await self._operations.record(Operate.DELETE_POOL, f"删除桌面池 {pool.name}", self._remove(pool))

    def forget_other_labs(self) -> None:
        """A lab that is started anew has new hosts: pools of the old ones went with their hosts."""
        ours = {host.id for host in self._machines.hosts}
        for pool in self._store.pools():
            vms = self._store.vms(pool.id)
            if any(vm.host_id not in ours for vm in vms):
                LOG.warning("desk pool %r is of an earlier lab: it is forgotten", pool.name)
                for vm in vms:
                    self._store.remove_vm(vm.id)
                self._store.remove_pool(pool.id)

    async def clean_up(self) -> None:
        """Finish what a killed server left half done: pools that were being made or deleted go."""
        for pool in self._store.pools():
            if pool.phase != "ready":
                LOG.warning("desk pool %r was left %s: it is removed", pool.name, pool.phase)
                try:
                    await self._operations.record(
                        Operate.DELETE_POOL, f"清理未完成的桌面池 {pool.name}", self._remove(pool)
                    )
                except (ATPError, OSError) as error:
                    LOG.error("desk pool %r stays half made: %s", pool.name, error)

    def _planned(self, pool: PoolRow) -> list[VmRow]:
        hosts = self._machines.hosts
        return [
            VmRow(
                id=str(uuid.uuid4()),
                name=f"{pool.prefix}-{number:03}",
                pool_id=pool.id,
                host_id=hosts[(number - 1) % len(hosts)].id,
                model=pool.model,
                cpu=VCPUS,
                memory_mib=MEMORY_MIB,
                created=pool.created,
            )
            for number in range(1, pool.amount + 1)
        ]

    async def _make(self, pool: PoolRow, rows: Sequence[VmRow], report: Report) -> None:
        made = 0

        async def make(row: VmRow) -> None:
            nonlocal made
            self._store.add_vm(row)  # first, so that a server killed in the middle knows what to remove
            await self._machines.create(row)
            made += 1
            report(_progress(pool, made))

        # All are let run to their end before anything is removed: a VM that is defined late would be left over. Where the
        # server is stopped in the middle, the next one's clean_up removes the pool.
        outcomes = await asyncio.gather(*(make(row) for row in rows), return_exceptions=True)
        failure = next((outcome for outcome in outcomes if outcome is not None), None)
        if failure is not None:
            self._store.change_pool(pool.id, phase="deleting")
            try:
                await self._remove(pool)
            except (ATPError, OSError) as error:
                LOG.error("desk pool %r is half made and stays until it is deleted: %s", pool.name, error)
            raise failure
        self._store.change_pool(pool.id, phase="ready")

    async def _remove(self, pool: PoolRow) -> None:
        await self._batches.remove(self._store.vms(pool.id))
        self._store.remove_pool(pool.id)


def _progress(pool: PoolRow, made: int) -> str:
    return f"创建桌面池 {pool.name}: {made}/{pool.amount}"
