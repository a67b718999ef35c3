"""What undoes something: restore points, resets, deletion, the recycle bin."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ATPLibrary.errors import VmNotFoundError
from ATPLibrary.vdi.codes import RestorePoint
from ATPLibrary.vdi.groups.base import Group
from ATPLibrary.vdi.operations import Done, get, post
from ATPLibrary.vdi.pages import Pages
from ATPLibrary.vdi.shapes.base import IdList, Page
from ATPLibrary.vdi.shapes.vm_orders import BatchRequest, DeleteRequest, FreezeRequest
from ATPLibrary.vdi.shapes.vms import RecycledVm

FREEZE = post("give VMs a restore point", "/domain/freeze", list[str], FreezeRequest, idempotent=True)
UNFREEZE = post("take VMs' restore points away", "/domain/restore", Done, BatchRequest, idempotent=True)
REBASE = post("reset VMs to their model", "/domain/rebase", Done, BatchRequest, idempotent=True)
DELETE = post("delete VMs", "/domain/delete", Done, DeleteRequest, idempotent=True)
RECYCLED = get("list the recycle bin", "/recycle", Page[RecycledVm])
DELETE_RECYCLED = post("delete VMs from the recycle bin", "/recycle/delete", Done, IdList, idempotent=True)
RESTORE_RECYCLED = post("restore VMs from the recycle bin", "/recycle/restore", Done, IdList, idempotent=True)


class DomainRecycling(Group):
    async def freeze(
        self,
        vm_ids: Iterable[str],
        restore_point: RestorePoint = RestorePoint.EACH_START,
        *,
        timeout: float | None = None,
    ) -> Sequence[str]:
        """Give the VMs a restore point, which they go back to that often. Returns the ids of those that had snapshots already."""
        body = FreezeRequest(ids=[*vm_ids], restore_point=restore_point)
        return await self._call(FREEZE, body=body, timeout=timeout)

    async def unfreeze(self, vm_ids: Iterable[str], *, timeout: float | None = None) -> None:
        """Take the restore points away; from now on what the VMs write stays."""
        await self._call(UNFREEZE, body=BatchRequest(ids=[*vm_ids]), timeout=timeout)

    async def rebase(self, vm_ids: Iterable[str], *, timeout: float | None = None) -> None:
        """Reset linked clones to what their model is now."""
        await self._call(REBASE, body=BatchRequest(ids=[*vm_ids]), timeout=timeout)

    async def delete(self, vm_ids: Iterable[str], *, recycle: bool = False, timeout: float | None = None) -> None:
        """Delete the VMs for good, or with `recycle` into the recycle bin. The platform answers without an event id."""
        body = DeleteRequest(ids=[*vm_ids], is_recycle=int(recycle))
        await self._delete(DELETE, body=body, deleted=body.ids, listed_by="/domain", timeout=timeout)

    def recycled(self, *, timeout: float | None = None) -> Pages[RecycledVm]:
        """The VMs in the recycle bin."""
        return self._pages(RECYCLED, timeout=timeout)

    async def find_recycled(self, names_or_ids: Iterable[str], *, timeout: float | None = None) -> Sequence[RecycledVm]:
        """Those of these ids or exact names in the recycle bin: `VmNotFoundError` says it of each that isn't there."""
        vms = await self.recycled(timeout=timeout).collect()
        return self._all_chosen(vms, names_or_ids, "recycled VM", VmNotFoundError)

    async def delete_recycled(self, vm_ids: Iterable[str], *, timeout: float | None = None) -> None:
        """Delete VMs that are in the recycle bin for good, by the ids that they had before."""
        body = IdList(ids=[*vm_ids])
        await self._delete(DELETE_RECYCLED, body=body, deleted=body.ids, listed_by="/recycle", timeout=timeout)

    async def restore_recycled(self, vm_ids: Iterable[str], *, timeout: float | None = None) -> None:
        """Get VMs back out of the recycle bin, by the ids that they had before."""
        await self._call(RESTORE_RECYCLED, body=IdList(ids=[*vm_ids]), timeout=timeout)
