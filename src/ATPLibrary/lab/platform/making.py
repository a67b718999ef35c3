"""VMs and models made of each other: clones, copies, VMs of volumes, models and their next versions."""

from __future__ import annotations

import secrets
import shutil
import time
import uuid
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ATPLibrary.errors import ATPError
from ATPLibrary.lab import machine
from ATPLibrary.lab.platform import files, libvirt_calls, life
from ATPLibrary.lab.platform.batches import Batches
from ATPLibrary.lab.platform.clones import Clones
from ATPLibrary.lab.platform.codes import Operate, Refusal
from ATPLibrary.lab.platform.disks import Disks
from ATPLibrary.lab.platform.machines import Machines, VmView
from ATPLibrary.lab.platform.models import Model, Models
from ATPLibrary.lab.platform.operations import Operations, Report
from ATPLibrary.lab.platform.pools import Pools
from ATPLibrary.lab.platform.requests.vms import DomainCloneDto, DomainCreateDto
from ATPLibrary.lab.platform.shapes.pools import SyncModelVO
from ATPLibrary.lab.platform.shapes.storage import StorageVolumeVO
from ATPLibrary.lab.platform.storage import Storage
from ATPLibrary.lab.platform.store import Store
from ATPLibrary.lab.platform.tables import VmRow


class Making:
    def __init__(
        self,
        *,
        store: Store,
        machines: Machines,
        operations: Operations,
        batches: Batches,
        models: Models,
        clones: Clones,
        pools: Pools,
        storage: Storage,
        disks: Disks,
    ) -> None:
        self._store = store
        self._machines = machines
        self._operations = operations
        self._batches = batches
        self._models = models
        self._clones = clones
        self._pools = pools
        self._storage = storage
        self._disks = disks

    # -- VMs

    def link(self, model: Model, prefix: str, amount: int) -> str:
        """Begin to make linked clones without a desk pool; returns the event id."""
        rows = self._clones.planned(model, self._clones.names(prefix, amount))
        return self._operations.start(
            Operate.CLONE, f"克隆模板 {model.name}", self._make(rows, f"克隆模板 {model.name}")
        )

    async def create(self, request: DomainCreateDto) -> str:
        """Make a VM of free volumes of one host; returns its id."""
        if request.name is None:
            raise Refusal("虚机名称不能为空 (a VM needs a name)")
        self._clones.check_free([request.name])
        volumes = [self._storage.volume(volume.id or "") for volume in request.volumeList]
        hosts = {volume["host"] for volume in volumes} or {self._models.places(_anywhere())[0].id}
        if len(hosts) > 1:
            raise Refusal("存储卷在不同的主机上 (the volumes are on several hosts)")
        if taken := [volume["name"] for volume in volumes if volume["vm"]]:
            raise Refusal(f"存储卷正在使用: {', '.join(taken)} (other VMs have these volumes)")
        row = VmRow(
            id=str(uuid.uuid4()),
            name=request.name,
            host_id=hosts.pop(),
            cpu=request.cpu or request.cores or 1,
            memory_mib=request.memory or machine.MEMORY_MIB,
            kind="blank",
            remark=request.remark or "",
            created=time.time(),
        )
        self._store.add_vm(row)

        async def work() -> None:
            try:
                await self._machines.create(row)
                (view,) = await self._machines.views([row], frozenset())
                for volume in volumes:
                    await self._disks.add(view, volume)
            except (ATPError, OSError, Refusal):
                await self._machines.delete(row)
                self._store.remove_vm(row.id)
                for volume in volumes:
                    self._storage.change_volume(volume["id"], vm="")
                raise

        await self._operations.record(Operate.CREATE_VM, "创建虚机", work(), self._batches.subject(row))
        return row.id

    async def copy(self, source_id: str, request: DomainCloneDto) -> tuple[str, str]:
        """Begin to copy a VM that is off, or a model; returns the new VM's id and the event id."""
        self._clones.check_free([request.name])
        model = self._models.find(source_id)
        if model is not None:
            host = self._models.places(model)[0]
            disk = Path(model.disks[host.id]) if model.disks else self._machines.image_disk
            row = self._clones.planned(model, [request.name])[0]
            about = self._batches.subject(row)
        else:
            (view,) = await self._batches.ready(life.CLONE, [source_id])
            if view.row.kind == "blank":
                raise Refusal(f"虚机没有系统盘: {view.row.name} (its disks are volumes: they aren't copied)")
            disk = self._machines.disk(view.row)
            row = replace(view.row, cpu=view.cpu, memory_mib=view.memory_mib)
            about = self._batches.subject(row)  # so that nothing else is done to it while it is copied
        row = replace(
            row,
            id=str(uuid.uuid4()),
            name=request.name,
            kind="full",
            base="",
            pool_id="",
            user="",
            freeze=0,
            frozen=0.0,
            created=time.time(),
        )
        title = f"克隆虚机 {row.name}"
        return row.id, self._operations.start(Operate.CLONE, title, self._make([row], title, disk), about=about)

    def _make(self, rows: Sequence[VmRow], title: str, source: Path | None = None) -> Any:
        async def work(report: Report) -> None:
            try:
                await self._clones.make(rows, report, title, source)
            except (ATPError, OSError, Refusal):
                # The new VM's own operation, which this is, must not be waited for.
                for row in rows:
                    await self._machines.delete(row)
                    self._store.remove_vm(row.id)
                raise

        return work

    # -- VMs to models and back

    async def to_model(self, vm_id: str) -> None:
        self._batches.row(vm_id)

        async def work(view: VmView) -> None:
            row = view.row
            if row.pool_id or row.freeze or row.kind in ("blank", "upgrade"):
                raise Refusal(
                    f"虚机不能转为模板: {row.name} (a model must be in no desk pool, have no restore point and a disk of its own)"
                )
            if await self._machines.ask(row, "count its snapshots", libvirt_calls.count_snapshots):
                raise Refusal(f"虚机有快照: {row.name} (delete its snapshots first)")
            xml = await self._machines.ask(row, "tell its XML", libvirt_calls.inactive_xml)
            disks = {row.host_id: str(self._machines.disk(row))}
            model = Model(
                row.id, row.name, row.keyboard, row.created, view.cpu, view.memory_mib, disks, vm=asdict(row), xml=xml
            )
            self._models.add(model)
            self._store.remove_vm(row.id)
            await self._machines.undefine(row)

        await self._batches.at_once(life.TO_MODEL, [vm_id], work)

    async def to_vm(self, model: Model) -> None:
        if model.comes_with_the_lab:
            raise Refusal(f"内置模板不能转为虚机: {model.name} (this model comes with the lab)")
        self._unused(model)
        row = VmRow(**{**model.vm, "cpu": model.cpu, "memory_mib": model.memory_mib, "user": ""})

        async def work() -> None:
            disk = self._machines.disk(row)
            newest = Path(model.disks.get(row.host_id) or next(iter(model.disks.values())))
            if newest != disk:  # it was upgraded since it was a VM
                await self._machines.files(f"The disk of VM '{row.name}'", files.whole, newest, disk)
            await self._machines.define(row, model.xml)
            self._store.add_vm(row if newest == disk else replace(row, kind="full", base=""))
            self._models.remove(model.id)
            for path in {Path(path) for path in [*model.disks.values(), *model.old]} - {disk}:
                await self._machines.files("The model's other disks", path.unlink, True)

        await self._operations.record(Operate.MODEL, "模板转虚机", work(), self._batches.subject(row))

    def _unused(self, model: Model) -> None:
        if model.upgrade:
            raise Refusal(f"模板正在升级: {model.name} (complete or cancel its upgrade first)")
        if count := self._models.child_counts()[model.id]:
            raise Refusal(f"模板有 {count} 台子虚机: {model.name} (the model has clones: delete them first)")

    # -- a model's next version

    async def upgrade(self, model: Model) -> VmRow:
        if model.upgrade:
            raise Refusal(f"模板正在升级: {model.name} (the model is being upgraded already)")
        (row,) = self._clones.planned(model, [f"{model.name[:40]}-升级-{secrets.token_hex(3)}"], kind="upgrade")
        self._store.add_vm(row)
        self._models.change(model.id, upgrade=row.id)

        async def work() -> None:
            try:
                await self._machines.create(row)
            except BaseException:
                self._models.change(model.id, upgrade="")
                self._store.remove_vm(row.id)
                raise

        await self._operations.record(Operate.MODEL, f"升级模板 {model.name}", work(), self._batches.subject(row))
        return row

    async def cancel_upgrade(self, model: Model) -> None:
        row = self._upgrading(model)
        await self._batches.remove([row])
        self._models.change(model.id, upgrade="")

    async def complete_upgrade(self, model: Model) -> None:
        row = self._upgrading(model)

        async def work(view: VmView) -> None:
            # The new disk stands on the old one, which so stays; present clones stand on the old one too.
            directory = self._machines.host(row.host_id).directory / "models"
            disk = directory / f"{row.id}.qcow2"
            await self._machines.files("The directory of models", files.make_directory, directory)
            await self._machines.undefine(row)
            shutil.move(self._machines.disk(row), disk)
            old = [path for path in [*model.old, *model.disks.values()] if path]
            self._models.change(model.id, disks={row.host_id: str(disk)}, upgrade="", old=old)
            self._store.remove_vm(row.id)
            await self._machines.files("The upgrade's files", files.remove_directory, self._machines.directory(row))

        await self._batches.at_once(life.TO_MODEL, [row.id], work)

    def _upgrading(self, model: Model) -> VmRow:
        row = self._store.vms_by_id([model.upgrade]).get(model.upgrade) if model.upgrade else None
        if row is None:
            raise Refusal(f"模板没有在升级: {model.name} (the model isn't being upgraded)")
        return row

    # -- a model's disks, clones and links

    async def rebase_all(self, model: Model) -> str:
        rows = [row for row in self._batches.rows() if row.model == model.id and row.kind == "linked"]
        views = await self._batches.ready(life.REBASE, [row.id for row in rows])

        async def work(report: Report) -> None:
            for done, one in enumerate(views, 1):
                (view,) = await self._batches.ready(life.REBASE, [one.row.id])  # it may have been started since
                await self._batches.record(life.REBASE, view, self._pools.rebase(view, model))
                report(f"重置模板 {model.name} 的虚机: {done}/{len(views)}")

        return self._operations.start(Operate.REBASE, f"重置模板 {model.name} 的虚机", work)

    async def disks(self, model: Model) -> list[StorageVolumeVO]:
        places = model.disks or {host.id: str(self._machines.image_disk) for host in self._machines.hosts[:1]}
        shown: list[StorageVolumeVO] = []
        for host_id, path in places.items():
            size = await self._machines.files(f"The size of model '{model.name}'", files.size, Path(path))
            shown.append(
                {
                    "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"model:{model.id}:{host_id}")),
                    "name": model.name,
                    "domainId": model.id,
                    "hostId": host_id,
                    "isStartDisk": 1,
                    "size": -(-size // files.GIB),
                    "volFullPath": path,
                }
            )
        return shown

    def sync_targets(self, model: Model) -> list[SyncModelVO]:
        """The hosts that don't have it yet."""
        return [
            {"modelId": model.id, "modelName": model.name, "hostId": host.id, "ip": host.ip}
            for host in self._machines.hosts
            if model.disks and host.id not in model.disks
        ]

    def sync(self, model: Model, addresses: Sequence[str | None]) -> str:
        """Begin to copy it to the hosts of these addresses; returns the event id."""
        targets = {host.ip: host for host in self._machines.hosts}
        if unknown := [str(ip) for ip in addresses if ip not in targets]:
            raise Refusal(f"主机不存在: {', '.join(unknown)} (no host has these addresses)")
        missing = [
            targets[ip] for ip in dict.fromkeys(addresses) if ip and model.disks and targets[ip].id not in model.disks
        ]

        async def work(report: Report) -> None:
            for host in missing:
                (source, *_) = model.disks.values()
                path = host.directory / "models" / f"{model.id}.qcow2"
                await self._machines.files(f"The copy of model '{model.name}'", files.whole, Path(source), path)
                now = self._models.get(model.id)
                self._models.change(model.id, disks={**now.disks, host.id: str(path)})
                report(f"同步模板 {model.name}: {host.name}")

        return self._operations.start(Operate.MODEL, f"同步模板 {model.name}", work)


def _anywhere() -> Model:
    return Model("", "", "ps2", 0.0)
