"""A VM moves to the other host with its disk: off by copying, running by libvirt's migration (docs/decisions/0012-migration.md).

It is on one of the two at any moment. A server that is killed in the middle leaves word of it (`MOVING`): where it runs is where
it is, else it is where the database says, and what the other host has of it goes.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ATPLibrary.errors import ATPError
from ATPLibrary.lab.platform import domain_xml, files, libvirt_calls, life
from ATPLibrary.lab.platform.batches import Batches
from ATPLibrary.lab.platform.codes import Refusal, VmStatus
from ATPLibrary.lab.platform.hosts import Hosts
from ATPLibrary.lab.platform.machines import CHANGE_SECONDS, Machines, VmView
from ATPLibrary.lab.platform.models import Models
from ATPLibrary.lab.platform.records import Record
from ATPLibrary.lab.platform.requests.vms import DomainMigrateDto
from ATPLibrary.lab.platform.storage import Storage
from ATPLibrary.lab.platform.store import Store
from ATPLibrary.lab.platform.tables import MOVING, VmRow
from ATPLibrary.lab.settings import LabHostSettings
from ATPLibrary.transport.migration import MigrationPlan, migrate

LOG = logging.getLogger(__name__)

STORAGE, LIVE = 1, 2  # DomainMigrateDto.migrateType


class Migrating:
    def __init__(
        self, *, store: Store, machines: Machines, hosts: Hosts, batches: Batches, models: Models, storage: Storage
    ) -> None:
        self._store = store
        self._machines = machines
        self._hosts = hosts
        self._batches = batches
        self._models = models
        self._storage = storage

    async def begin(self, vm_id: str, request: DomainMigrateDto) -> str:
        """Begin to move it; returns the event id. A running VM is moved live, one that is off with its storage."""
        change = life.MIGRATE_LIVE if request.migrateType == LIVE else life.MIGRATE
        (view,) = await self._batches.ready(change, [vm_id])
        moved = await self._moved(view, self._target(view, request))
        (view,) = await self._batches.ready(change, [vm_id])  # since then another may have begun

        async def work(view: VmView) -> None:
            self._store.begin(MOVING, vm_id, source=view.row.host_id, target=moved.host_id, base=moved.base)
            try:
                await (self._move_running if change is life.MIGRATE_LIVE else self._move_off)(view.row, moved)
            except (ATPError, OSError):
                await self.clean_up([each for each in self._store.records.all(MOVING) if each["id"] == vm_id])
                raise
            await self._settle(moved, view.row.host_id)

        return self._batches.begin(change, view, work)

    # -- whether, and where to

    def _target(self, view: VmView, request: DomainMigrateDto) -> LabHostSettings:
        wanted = request.dconnuri
        host = next((h for h in self._machines.hosts if wanted in (h.ip, h.name, h.id, h.uri)), None)
        if host is None:
            raise Refusal(f"目标主机不存在: {wanted} (no host has this address)")
        if host.id == view.host.id:
            raise Refusal(f"虚机已在主机 {host.name} 上 (the VM is on that host already)")
        if host not in self._hosts.enabled():
            raise Refusal(f"目标主机不可用: {host.name} (the host is in maintenance or closed)")
        if request.storagePoolId and self._storage.get(request.storagePoolId)["host"] != host.id:
            raise Refusal(f"存储池不在目标主机 {host.name} 上 (the storage pool is on another host)")
        return host

    async def _moved(self, view: VmView, target: LabHostSettings) -> VmRow:
        """What its row is afterwards. A refusal where it has something that can't go with it."""
        row = view.row
        xml = await self._machines.ask(row, "tell its XML", libvirt_calls.inactive_xml)
        own = str(self._machines.directory(row))
        far = [disk for disk in domain_xml.disks(xml) if disk.file and not disk.file.startswith(own)]
        problem = None
        if row.kind == "upgrade":
            problem = "它是模板的升级 (it is a model's upgrade: complete or cancel that)"
        elif row.freeze:
            problem = "虚机有还原点 (give up its restore point first)"
        elif await self._machines.ask(row, "count its snapshots", libvirt_calls.count_snapshots):
            problem = "虚机有快照 (libvirt takes no snapshots along: delete them first)"
        elif far:
            problem = "虚机有存储卷或镜像 (its volumes and ISO files stay on their host: unmount them first)"
        elif set(domain_xml.serial_ports(xml)) - {0}:
            problem = "虚机有串口 (its serial ports end on their host: delete them first)"
        if problem:
            raise Refusal(f"虚机不能迁移: {row.name}: {problem}")
        if row.kind != "linked" or not row.base:
            return replace(row, host_id=target.id)
        model = self._models.find(row.model)
        if model is None or model.disks.get(row.host_id) != row.base or target.id not in model.disks:
            raise Refusal(f"模板未同步到主机 {target.name} (sync its model to that host, or rebase the VM, first)")
        return replace(row, host_id=target.id, base=model.disks[target.id])

    def _base(self, row: VmRow) -> Path | None:
        """What its disk stands on; None for one that is whole."""
        if row.kind != "linked":
            return None
        return Path(row.base) if row.base else self._machines.image_disk

    # -- moving

    async def _move_off(self, row: VmRow, moved: VmRow) -> None:
        what = f"The disk of VM '{row.name}'"
        if row.kind == "blank":
            await self._machines.files(what, files.make_directory, self._machines.directory(moved))
        else:
            old, new = self._machines.disk(row), self._machines.disk(moved)
            await self._machines.files(what, files.copy, old, new, self._base(moved))
        xml = await self._machines.ask(row, "tell its XML", libvirt_calls.inactive_xml)
        await self._machines.define(moved, self._there(xml, row, moved))

    async def _move_running(self, row: VmRow, moved: VmRow) -> None:
        what = f"The disk of VM '{row.name}'"
        base = self._base(moved)
        if row.kind == "blank":
            await self._machines.files(what, files.make_directory, self._machines.directory(moved))
        else:
            old, new = self._machines.disk(row), self._machines.disk(moved)
            await self._machines.files(what, files.empty_like, old, new, base)
        xml = await self._machines.ask(row, "tell its XML", libvirt_calls.migratable_xml)
        plan = MigrationPlan(
            storage="shared" if row.kind == "blank" else "copy top layer" if base else "copy",
            unsafe=True,
            xml=self._there(xml, row, moved),
        )
        destination = await self._machines.connection(moved.host_id)
        await migrate(await self._machines.domain(row), destination, plan, CHANGE_SECONDS)

    def _there(self, xml: str, row: VmRow, moved: VmRow) -> str:
        """Its XML with the other host's directory and address."""
        old, new = self._machines.host(row.host_id), self._machines.host(moved.host_id)
        paths = str(self._machines.directory(row)), str(self._machines.directory(moved))
        return xml.replace(*paths).replace(f"'{old.ip}'", f"'{new.ip}'")

    async def _settle(self, now: VmRow, left: str) -> None:
        """It is where `now` says; the host that it left keeps nothing of it."""
        self._store.change_vms([now.id], host_id=now.host_id, base=now.base)
        then = replace(now, host_id=left)
        await self._machines.undefine(then)
        await self._machines.files("The files that it left", files.remove_directory, self._machines.directory(then))
        self._store.end(MOVING, now.id)

    # -- after a restart, and after a failure

    async def clean_up(self, moving: Sequence[Record]) -> None:
        """Each VM that was under way is on one host, whole; on the other one is nothing of it."""
        for begun in moving:
            row = self._store.vms_by_id([begun["id"]]).get(begun["id"])
            if row is None:
                self._store.end(MOVING, begun["id"])
                continue
            at_source, at_target = replace(row, host_id=begun["source"]), replace(row, host_id=begun["target"])
            (here,) = await self._machines.views([at_source], frozenset())
            (there,) = await self._machines.views([at_target], frozenset())
            if None in (here.status, there.status):
                raise Refusal(f"主机没有应答: {row.name} (both hosts must answer to tell where it is)")
            runs_there = there.status in (VmStatus.RUNNING, VmStatus.SUSPENDED) and here.status is not VmStatus.RUNNING
            if runs_there or row.host_id == begun["target"]:
                await self._settle(replace(at_target, base=begun["base"]), begun["source"])
            else:
                LOG.warning("VM %r stays on its host: it was left on the way to another", row.name)
                await self._settle(at_source, begun["target"])
