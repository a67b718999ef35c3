"""Desk pools: sets of linked clones of one model, spread over the hosts in turn."""

from __future__ import annotations

import logging
import time
import unicodedata
import uuid
from collections.abc import Sequence
from pathlib import Path

from ATPLibrary.errors import ATPError
from ATPLibrary.lab.platform import domain_xml, files, libvirt_calls, life
from ATPLibrary.lab.platform.batches import Batches
from ATPLibrary.lab.platform.clones import Clones
from ATPLibrary.lab.platform.codes import Freeze, Operate, PoolStatus, Refusal
from ATPLibrary.lab.platform.machines import Machines, VmView
from ATPLibrary.lab.platform.models import Model, Models
from ATPLibrary.lab.platform.operations import Operations, Report
from ATPLibrary.lab.platform.requests.base import MOST_DESKTOPS
from ATPLibrary.lab.platform.requests.pools import DeskPoolCreateDto, DeskPoolUpdateDto
from ATPLibrary.lab.platform.store import Store
from ATPLibrary.lab.platform.tables import PoolRow, VmRow

LOG = logging.getLogger(__name__)


class Pools:
    def __init__(
        self,
        *,
        store: Store,
        machines: Machines,
        operations: Operations,
        batches: Batches,
        models: Models,
        clones: Clones,
    ) -> None:
        self._store = store
        self._machines = machines
        self._operations = operations
        self._batches = batches
        self._models = models
        self._clones = clones

    def get(self, pool_id: str) -> PoolRow:
        pool = self._store.pool(pool_id)
        if pool is None:
            raise Refusal(f"桌面池不存在: {pool_id} (no such desk pool)")
        return pool

    def ready(self, pool_id: str) -> PoolRow:
        """One that is neither being made nor deleted nor switched to another model."""
        pool = self.get(pool_id)
        if pool.phase == "creating":
            raise Refusal("桌面池正在创建中 (the desk pool is being created; wait for its event)")
        if pool.phase == "deleting":
            raise Refusal("桌面池正在删除中 (the desk pool is being deleted)")
        if pool.status == PoolStatus.SWITCHING:
            raise Refusal("桌面池正在切换模板 (the desk pool is switching its model; wait for its event)")
        return pool

    # -- from create to delete

    def create(self, request: DeskPoolCreateDto) -> str:
        """Begin to make the pool, disabled, and return the event id. Where a VM can't be made, nothing of the pool is left."""
        models = self._chosen(request.modelId)
        self._check_name(request.name)
        if request.classNo and any(pool.class_no == request.classNo for pool in self._store.pools()):
            raise Refusal(f"频道号已被使用: {request.classNo} (another desk pool has this class number)")
        pool = PoolRow(
            id=str(uuid.uuid4()),
            name=request.name,
            type=request.type,
            enabled=0,
            phase="creating",
            amount=request.amount,
            model=models[0].id,
            models=",".join(model.id for model in models),
            prefix=request.domainPrefix or request.name,
            remark=request.remark,
            class_no=request.classNo or "",
            force_freeze=request.forceFreeze,
            created=time.time(),
        )
        rows = self._clones.planned(models[0], self._names(pool, pool.amount, []), pool_id=pool.id)
        self._store.add_pool(pool)

        async def work(report: Report) -> None:
            await self._make(pool, rows, report)

        return self._operations.start(Operate.CREATE_POOL, f"创建桌面池 {pool.name}: 0/{pool.amount}", work)

    async def delete(self, pool_id: str) -> None:
        """Delete the pool and its VMs, running or not; when this returns nothing of it is left."""
        pool = self.get(pool_id)
        if pool.phase == "creating":
            raise Refusal("桌面池正在创建中 (the desk pool is being created; wait for its event)")
        if pool.status == PoolStatus.SWITCHING:
            raise Refusal("桌面池正在切换模板 (the desk pool is switching its model; wait for its event)")
        self._store.change_pool(pool_id, phase="deleting")
        await self._operations.record(Operate.DELETE_POOL, f"删除桌面池 {pool.name}", self._remove(pool))

    def update(self, pool_id: str, request: DeskPoolUpdateDto) -> str:
        """Rename it, say what it may switch to, and make it larger. Returns the id of the event that its VMs end."""
        pool = self.ready(pool_id)
        self._check_name(request.name, but=pool.id)
        models = self._chosen(request.modelId) if request.modelId else []
        if models and pool.model not in [model.id for model in models]:
            raise Refusal("桌面池的当前模板必须保留 (its present model must stay among them; switch it first)")
        everything = self._store.vms(pool_id)
        present = [vm for vm in everything if not vm.recycled]
        missing = request.amount - len(present)
        if missing < 0:
            raise Refusal(
                f"桌面池有 {len(present)} 台虚机，不能减少到 {request.amount} (delete or remove VMs to make it smaller)"
            )
        rows: list[VmRow] = []
        if missing:
            names = self._names(pool, missing, everything)
            rows = self._clones.planned(self._models.get(pool.model), names, pool_id=pool.id)
        values = {"name": request.name, "amount": request.amount}
        if models:
            values["models"] = ",".join(model.id for model in models)
        if request.remark is not None:
            values["remark"] = request.remark
        self._store.change_pool(pool_id, **values)

        async def work(report: Report) -> None:
            try:
                await self._clones.make(rows, report, f"修改桌面池 {request.name}")
                await self._freeze_new(pool, rows)
            except (ATPError, OSError, Refusal):
                await self._batches.remove(rows)
                self._store.change_pool(pool_id, amount=len(present))
                raise

        return self._operations.start(Operate.CHANGE_POOL, f"修改桌面池 {request.name}", work)

    # -- switching its model

    async def switch(self, pool_id: str, model_id: str) -> str:
        """Begin to put all its VMs, which must be off, on another of its models. What they had written is gone.

        Those in the recycle bin too: they would come back on a model that the pool hasn't got any more.
        """
        pool = self.ready(pool_id)
        model = self._models.get(model_id)
        if model.id not in (pool.models or pool.model).split(","):
            raise Refusal(f"模板 {model.name} 不属于该桌面池 (the model isn't one of the desk pool's)")
        if model.id == pool.model:
            raise Refusal(f"模板 {model.name} 已是当前模板 (it is the present model)")
        views = await self._batches.ready(life.REBASE, [vm.id for vm in self._store.vms(pool_id)], recycled=True)
        wrong = [view.host.name for view in views if model.disks and view.host.id not in model.disks]
        if wrong:
            raise Refusal(f"模板未同步到主机 {', '.join(sorted(set(wrong)))} (sync the model to these hosts first)")
        self.ready(pool_id)  # since then another may have begun
        self._store.change_pool(pool_id, status=int(PoolStatus.SWITCHING))

        async def work(report: Report) -> None:
            try:
                for done, one in enumerate(views, 1):
                    # It may have been started since.
                    (view,) = await self._batches.ready(life.REBASE, [one.row.id], recycled=True)
                    await self._batches.record(life.REBASE, view, self.rebase(view, model))
                    report(f"切换模板 {model.name}: {done}/{len(views)}")
                self._store.change_pool(pool_id, model=model.id)
            finally:
                self._store.change_pool(pool_id, status=int(PoolStatus.IDLE))

        return self._operations.start(Operate.SWITCH_MODEL, f"切换模板 {model.name}: 0/{len(views)}", work)

    async def rebase(self, view: VmView, model: Model) -> None:
        """Put one VM, which is off, on a model: on its own one (what it had written is gone), or on another."""
        row = view.row
        if row.kind != "linked":
            raise Refusal(f"虚机不是链接克隆: {row.name} (only linked clones have a model to go back to)")
        base = model.disks.get(row.host_id, "")
        domain = await self._machines.domain(row)
        await domain.call("forget its snapshots", libvirt_calls.forget_snapshots, timeout=60.0)
        for record in self._store.records.all("snapshot"):
            if record["vm"] == row.id:
                self._store.records.remove("snapshot", record["id"])
        directory = self._machines.directory(row)
        (directory / files.FROZEN).unlink(missing_ok=True)
        path = Path(base) if base else self._machines.image_disk
        await self._machines.files(f"The disk of VM '{row.name}'", files.overlay, path, directory / files.DISK)
        if row.freeze:
            await self._machines.files(f"The restore point of VM '{row.name}'", files.freeze, directory)
        if model.keyboard != row.keyboard:
            xml = await self._machines.ask(row, "tell its XML", libvirt_calls.inactive_xml)
            await self._machines.define(row, domain_xml.with_keyboard(xml, model.keyboard, model.name))
        self._store.change_vms([row.id], model=model.id, base=base, keyboard=model.keyboard)

    # -- after a restart

    def forget_other_labs(self) -> None:
        """A lab that is started anew has new hosts: pools of the old ones went with their hosts."""
        ours = {host.id for host in self._machines.hosts}
        for vm in self._store.vms():
            if vm.host_id not in ours:
                LOG.warning("VM %r is of an earlier lab: it is forgotten", vm.name)
                self._store.remove_vm(vm.id)
                if vm.pool_id and not self._store.vms(vm.pool_id):
                    self._store.remove_pool(vm.pool_id)

    async def clean_up(self) -> None:
        """Finish what a killed server left half done: pools that were being made or deleted go."""
        for pool in self._store.pools():
            if pool.status == PoolStatus.SWITCHING:
                self._store.change_pool(pool.id, status=int(PoolStatus.IDLE))
            if pool.phase != "ready":
                LOG.warning("desk pool %r was left %s: it is removed", pool.name, pool.phase)
                try:
                    await self._operations.record(
                        Operate.DELETE_POOL, f"清理未完成的桌面池 {pool.name}", self._remove(pool)
                    )
                except (ATPError, OSError) as error:
                    LOG.error("desk pool %r stays half made: %s", pool.name, error)

    # -- inside

    def _chosen(self, model_ids: str) -> list[Model]:
        return [self._models.get(id.strip()) for id in dict.fromkeys(model_ids.split(","))]

    def _check_name(self, name: str, but: str = "") -> None:
        spelled = unicodedata.normalize("NFC", name)
        if any(unicodedata.normalize("NFC", pool.name) == spelled and pool.id != but for pool in self._store.pools()):
            raise Refusal(f"桌面池名称已存在: {name} (a desk pool of this name exists)")

    def _names(self, pool: PoolRow, amount: int, present: Sequence[VmRow]) -> list[str]:
        if len(present) + amount > MOST_DESKTOPS:
            raise Refusal(f"桌面池最多 {MOST_DESKTOPS} 台虚机 (a desk pool has at most {MOST_DESKTOPS} VMs)")
        if present:
            return self._clones.names(pool.prefix, amount)
        return [f"{pool.prefix}-{number:03}" for number in range(1, amount + 1)]

    async def _make(self, pool: PoolRow, rows: Sequence[VmRow], report: Report) -> None:
        # Where the server is stopped in the middle, the next one's clean_up removes the pool.
        try:
            await self._clones.make(rows, report, f"创建桌面池 {pool.name}")
            await self._freeze_new(pool, rows)
        except (ATPError, OSError, Refusal):
            self._store.change_pool(pool.id, phase="deleting")
            try:
                await self._remove(pool)
            except (ATPError, OSError) as error:
                LOG.error("desk pool %r is half made and stays until it is deleted: %s", pool.name, error)
            raise
        self._store.change_pool(pool.id, phase="ready")

    async def _freeze_new(self, pool: PoolRow, rows: Sequence[VmRow]) -> None:
        if not pool.force_freeze:
            return
        for row in rows:
            await self._machines.files(
                f"The restore point of VM '{row.name}'", files.freeze, self._machines.directory(row)
            )
        self._store.change_vms([row.id for row in rows], freeze=int(Freeze.START), frozen=time.time())

    async def _remove(self, pool: PoolRow) -> None:
        await self._batches.remove(self._store.vms(pool.id))
        self._store.remove_pool(pool.id)
