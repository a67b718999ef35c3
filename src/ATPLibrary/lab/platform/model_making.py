"""VMs that become models and models that become VMs, and a model's next version, copies and clones. None is left half done."""

from __future__ import annotations

import logging
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from ATPLibrary.errors import ATPError
from ATPLibrary.lab.platform import files, libvirt_calls, life
from ATPLibrary.lab.platform.batches import Batches
from ATPLibrary.lab.platform.clones import Clones
from ATPLibrary.lab.platform.codes import Operate, Refusal
from ATPLibrary.lab.platform.machines import Machines, VmView
from ATPLibrary.lab.platform.models import Model, Models
from ATPLibrary.lab.platform.operations import Operations, Report
from ATPLibrary.lab.platform.pools import Pools
from ATPLibrary.lab.platform.records import Record
from ATPLibrary.lab.platform.shapes.pools import SyncModelVO
from ATPLibrary.lab.platform.shapes.storage import StorageVolumeVO
from ATPLibrary.lab.platform.store import Store
from ATPLibrary.lab.platform.tables import COMPLETING, TURNING, UNFINISHED, VmRow

LOG = logging.getLogger(__name__)


class ModelMaking:
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
    ) -> None:
        self._store = store
        self._machines = machines
        self._operations = operations
        self._batches = batches
        self._models = models
        self._clones = clones
        self._pools = pools

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
            self._store.begin(TURNING, row.id)
            self._models.add(model)
            await self._stay_model(model)

        await self._batches.at_once(life.TO_MODEL, [vm_id], work)

    async def _stay_model(self, model: Model) -> None:
        """The VM that it was is gone, also where that has been done in part."""
        row = VmRow(**model.vm)
        self._store.remove_vm(row.id)
        await self._machines.undefine(row)
        self._store.end(TURNING, model.id)

    async def to_vm(self, model: Model) -> None:
        if model.comes_with_the_lab:
            raise Refusal(f"内置模板不能转为虚机: {model.name} (this model comes with the lab)")
        self._unused(model)
        row = VmRow(**{**model.vm, "cpu": model.cpu, "memory_mib": model.memory_mib, "user": ""})

        async def work() -> None:
            self._store.begin(TURNING, row.id)
            disk = self._machines.disk(row)
            newest = Path(model.disks.get(row.host_id) or next(iter(model.disks.values())))
            if newest != disk:  # it was upgraded since it was a VM
                await self._machines.files(f"The disk of VM '{row.name}'", files.whole, newest, disk)
            await self._machines.define(row, model.xml)
            self._store.add_vm(row if newest == disk else replace(row, kind="full", base=""))
            self._models.remove(model.id)
            for path in {Path(path) for path in [*model.disks.values(), *model.old]} - {disk}:
                await self._machines.files("The model's other disks", path.unlink, True)
            self._store.end(TURNING, row.id)

        await self._operations.record(Operate.MODEL, "模板转虚机", work(), self._batches.subject(row))

    def _unused(self, model: Model) -> None:
        if model.upgrade:
            raise Refusal(f"模板正在升级: {model.name} (complete or cancel its upgrade first)")
        if names := self._models.children(model.id):
            first = ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")
            raise Refusal(f"模板有 {len(names)} 台子虚机: {first} (the model has clones: delete them first)")

    # -- a model's next version

    async def upgrade(self, model: Model) -> VmRow:
        if model.upgrade:
            raise Refusal(f"模板正在升级: {model.name} (the model is being upgraded already)")
        (row,) = self._clones.planned(model, [f"{model.name[:40]}-升级-{secrets.token_hex(3)}"], kind="upgrade")
        self._store.begin(UNFINISHED, row.id)
        self._store.add_vm(row)
        self._models.change(model.id, upgrade=row.id)

        async def work() -> None:
            try:
                await self._machines.create(row)
            except (ATPError, OSError):
                await self._machines.delete(row)
                self._models.change(model.id, upgrade="")
                self._store.remove_vm(row.id)
                raise
            finally:
                self._store.end(UNFINISHED, row.id)

        await self._operations.record(Operate.MODEL, f"升级模板 {model.name}", work(), self._batches.subject(row))
        return row

    async def cancel_upgrade(self, model: Model) -> None:
        row = self._upgrading(model)
        await self._batches.remove([row])
        self._models.change(model.id, upgrade="")

    async def complete_upgrade(self, model: Model) -> None:
        row = self._upgrading(model)

        async def work(view: VmView) -> None:
            self._store.begin(COMPLETING, row.id, model=model.id)
            await self._complete(model, row)

        await self._batches.at_once(life.TO_MODEL, [row.id], work)

    async def _complete(self, model: Model, row: VmRow) -> None:
        """Make the upgrade's disk the model's, also where that has been done in part."""
        # The new disk stands on the old one, which so stays; present clones stand on the old one too.
        directory = self._machines.host(row.host_id).directory / "models"
        disk = directory / f"{row.id}.qcow2"
        await self._machines.files("The directory of models", files.make_directory, directory)
        await self._machines.undefine(row)
        await self._machines.files("The upgrade's disk", files.move, self._machines.disk(row), disk)
        if str(disk) not in model.disks.values():
            old = [path for path in [*model.old, *model.disks.values()] if path]
            self._models.change(model.id, disks={row.host_id: str(disk)}, upgrade="", old=old)
        await self._machines.files("The upgrade's files", files.remove_directory, self._machines.directory(row))
        self._store.remove_vm(row.id)
        self._store.end(COMPLETING, row.id)

    # -- after a restart

    async def clean_up(self, completing: Sequence[Record], turning: Sequence[Record], strays: Sequence[Path]) -> None:
        """Finish what a killed server left half done of models: upgrades become theirs, half models are whole ones."""
        for begun in completing:
            model, row = self._models.find(begun["model"]), self._store.vms_by_id([begun["id"]]).get(begun["id"])
            if model is not None and row is not None:
                LOG.warning("model %r is made of its upgrade, which was left half done", model.name)
                await self._complete(model, row)
            self._store.end(COMPLETING, begun["id"])
        for begun in turning:
            model = self._models.find(begun["id"])
            if model is not None:
                LOG.warning("%r stays a model: it was left half of one", model.name)
                await self._stay_model(model)
            self._store.end(TURNING, begun["id"])
        known = {row.id for row in self._store.vms()}
        for model in self._models.all():
            if model.upgrade and model.upgrade not in known:
                self._models.change(model.id, upgrade="")
        for path in set(strays).intersection(self.strays()):
            LOG.warning("%s is removed: no model has it", path)
            await self._machines.files("A disk of no model", path.unlink, True)

    def strays(self) -> list[Path]:
        """Disks that no model has: copies that were left half made, and those of models that have become VMs."""
        kept = {path for model in self._models.all() for path in (*model.disks.values(), *model.old)}
        kept |= {row.base for row in self._store.vms()}
        found = [path for host in self._machines.hosts for path in (host.directory / "models").glob("*")]
        return [path for path in found if str(path) not in kept]

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
            {
                "modelId": model.id,
                "modelName": model.name,
                "hostId": host.id,
                "ip": host.ip,
                "path": str(_copy(model, host.directory)),
            }
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
                path = _copy(model, host.directory)
                await self._machines.files(f"The copy of model '{model.name}'", files.whole, Path(source), path)
                now = self._models.get(model.id)
                self._models.change(model.id, disks={**now.disks, host.id: str(path)})
                report(f"同步模板 {model.name}: {host.name}")

        return self._operations.start(Operate.MODEL, f"同步模板 {model.name}", work)


def _copy(model: Model, directory: Path) -> Path:
    """Where a copy of the model lies on the host of that directory: clones of an earlier version still stand on that one's copy."""
    return directory / "models" / f"{model.id}-{len(model.old)}.qcow2"
