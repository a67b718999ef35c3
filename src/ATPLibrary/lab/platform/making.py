"""VMs that are made one by one: linked clones without a desk pool, whole copies, VMs of volumes."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ATPLibrary.errors import ATPError
from ATPLibrary.lab import machine
from ATPLibrary.lab.platform import domain_xml, libvirt_calls, life
from ATPLibrary.lab.platform.batches import Batches
from ATPLibrary.lab.platform.clones import Clones
from ATPLibrary.lab.platform.codes import Operate, Refusal
from ATPLibrary.lab.platform.disks import Disks
from ATPLibrary.lab.platform.machines import Machines
from ATPLibrary.lab.platform.models import Model, Models
from ATPLibrary.lab.platform.network import check_card, new_mac
from ATPLibrary.lab.platform.operations import Operations, Report
from ATPLibrary.lab.platform.records import Record
from ATPLibrary.lab.platform.requests.vms import DomainCloneDto, DomainCreateDto, DomainImportDto
from ATPLibrary.lab.platform.storage import Storage
from ATPLibrary.lab.platform.store import Store
from ATPLibrary.lab.platform.tables import UNFINISHED, VmRow


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
        storage: Storage,
        disks: Disks,
    ) -> None:
        self._store = store
        self._machines = machines
        self._operations = operations
        self._batches = batches
        self._models = models
        self._clones = clones
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
        """Make a VM of free volumes and ISO files of one host, with network cards; returns its id."""
        if request.name is None:
            raise Refusal("虚机名称不能为空 (a VM needs a name)")
        self._clones.check_free([request.name])
        volumes = [self._storage.volume(volume.id or "") for volume in request.volumeList]
        isos = [self._storage.iso(iso.storagePoolId or "", iso.isoPath or "") for iso in request.isoList]
        for card in request.networkList:
            check_card(card)
        hosts = {volume["host"] for volume in volumes}
        hosts |= {self._storage.get(iso.storagePoolId or "")["host"] for iso in request.isoList}
        if len(hosts) > 1:
            raise Refusal("存储卷或镜像在不同的主机上 (the volumes and ISO files are on several hosts)")
        if not hosts:
            hosts = {self._models.places(_anywhere())[0].id}
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
        await self._put_together(row, volumes, isos, len(request.networkList))
        return row.id

    async def import_(self, request: DomainImportDto) -> None:
        """Make a VM that boots from a disk file which lies in a storage pool."""
        self._clones.check_free([request.name])
        id = await self._storage.adopt(request.storagePoolId, request.name, request.filename, request.busType)
        volume = self._storage.volume(id)
        try:
            self._clones.check_free([request.name])
            row = VmRow(
                id=str(uuid.uuid4()),
                name=request.name,
                host_id=volume["host"],
                cpu=1,
                memory_mib=machine.MEMORY_MIB,
                kind="blank",
                created=time.time(),
            )
            await self._put_together(row, [volume], [], 0)
        except (ATPError, OSError, Refusal):
            self._storage.forget_volume(id)
            raise

    async def _put_together(self, row: VmRow, volumes: Sequence[Record], isos: Sequence[Path], cards: int) -> None:
        self._store.begin(UNFINISHED, row.id)
        self._store.add_vm(row)

        async def work() -> None:
            try:
                await self._machines.create(row)
                (view,) = await self._machines.views([row], frozenset())
                for volume in volumes:
                    await self._disks.add(view, volume)
                for iso in isos:
                    xml = await self._machines.ask(row, "tell its XML", libvirt_calls.inactive_xml)
                    device = domain_xml.cdrom_xml(iso, domain_xml.free_target(xml, "ide"))
                    await self._machines.change(row, "get a drive", libvirt_calls.attach, device)
                for _ in range(cards):
                    device = domain_xml.nic_xml(new_mac())
                    await self._machines.change(row, "get a network card", libvirt_calls.attach, device)
            except (ATPError, OSError, Refusal):
                await self._machines.delete(row)
                self._store.remove_vm(row.id)
                for volume in volumes:
                    self._storage.change_volume(volume["id"], vm="")
                self._store.end(UNFINISHED, row.id)
                raise
            self._store.end(UNFINISHED, row.id)

        await self._operations.record(Operate.CREATE_VM, "创建虚机", work(), self._batches.subject(row))

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


def _anywhere() -> Model:
    return Model("", "", "ps2", 0.0)
