"""Making VMs, changing them, and moving them."""

from __future__ import annotations

from collections.abc import Iterable

from ATPLibrary.vdi.codes import MigrationKind
from ATPLibrary.vdi.groups.base import Group
from ATPLibrary.vdi.long import LongOperation
from ATPLibrary.vdi.operations import Done, patch, post
from ATPLibrary.vdi.shapes.base import EventTicket
from ATPLibrary.vdi.shapes.vm_orders import (
    CloneAnswer,
    CloneRequest,
    CreatedVm,
    ImportRequest,
    MigrateRequest,
    NewVm,
    SizeChange,
    VmChange,
    VmsChange,
)

CREATE = post("create a VM", "/domain", CreatedVm, NewVm)
IMPORT = post("import a VM", "/domain/import", Done, ImportRequest)
CLONE = post("clone a VM", "/domain/{id}/clone", CloneAnswer, CloneRequest)
TO_MODEL = post("make a VM a model", "/domain/{id}/to-model", Done)
UPDATE = patch("change a VM", "/domain/{id}", Done, VmChange)
UPDATE_ALL = patch("change VMs", "/domain", Done, VmsChange)
RESIZE = patch("change VMs' CPU and memory", "/domain/mem-cpu", Done, SizeChange)
MIGRATE = post("migrate a VM", "/domain/{domainId}/migrate", EventTicket, MigrateRequest)


class DomainMaking(Group):
    async def create(self, vm: NewVm, *, timeout: float | None = None) -> str:
        """Make a VM out of volumes that are there. Returns its id."""
        return (await self._call(CREATE, body=vm, about=f"'{vm.name}'", timeout=timeout)).id

    async def import_(
        self, name: str, filename: str, *, storage_pool_id: str, bus_type: str, timeout: float | None = None
    ) -> None:
        """Make a VM out of a disk file in a storage pool: `name` is the volume's, `filename` the file's."""
        body = ImportRequest(name=name, filename=filename, storage_pool_id=storage_pool_id, bus_type=bus_type)
        await self._call(IMPORT, body=body, about=f"'{name}'", timeout=timeout)

    async def clone(
        self,
        vm_id: str,
        name: str,
        *,
        storage_pool_id: str | None = None,
        of_model: bool = False,
        timeout: float | None = None,
    ) -> LongOperation[CloneAnswer]:
        """Begin to copy it whole; `.made.vm_id` is the copy. `of_model`: it is a model, and `storage_pool_id` is wanted."""
        body = CloneRequest(name=name, storage_pool_id=storage_pool_id, template_clone=int(of_model))
        return await self._begin(CLONE, vm_id, body=body, timeout=timeout)

    async def to_model(self, vm_id: str, *, timeout: float | None = None) -> None:
        """Make it a model; it must be off, and is one when this returns."""
        await self._call(TO_MODEL, vm_id, timeout=timeout)

    async def update(self, vm_id: str, change: VmChange, *, timeout: float | None = None) -> None:
        """Change what `change` names."""
        await self._call(UPDATE, vm_id, body=change, timeout=timeout)

    async def update_all(self, change: VmsChange, *, timeout: float | None = None) -> None:
        """Change the same of several VMs."""
        await self._call(UPDATE_ALL, body=change, timeout=timeout)

    async def resize(self, vm_ids: Iterable[str], *, cpu: int, memory: int, timeout: float | None = None) -> None:
        """Give each of the VMs `cpu` processors and `memory` MiB."""
        await self._call(RESIZE, body=SizeChange(ids=[*vm_ids], cpu=cpu, memory=memory), timeout=timeout)

    async def migrate(
        self,
        vm_id: str,
        host_ip: str,
        kind: MigrationKind = MigrationKind.LIVE,
        *,
        storage_pool_id: str | None = None,
        pool_path: str | None = None,
        timeout: float | None = None,
    ) -> LongOperation[EventTicket]:
        """Begin to move it to the host at `host_ip`; `STORAGE` moves its disks too, to that pool at that path."""
        body = MigrateRequest(kind=kind, host_ip=host_ip, storage_pool_id=storage_pool_id, pool_path=pool_path)
        return await self._begin(MIGRATE, vm_id, body=body, timeout=timeout)
