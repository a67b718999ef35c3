"""Snapshots of VMs."""

from __future__ import annotations

from ATPLibrary.errors import PlatformError
from ATPLibrary.vdi.groups.base import Choice, Group
from ATPLibrary.vdi.long import LongOperation
from ATPLibrary.vdi.operations import Done, delete, get, post
from ATPLibrary.vdi.pages import Pages
from ATPLibrary.vdi.shapes.base import EventTicket, Page
from ATPLibrary.vdi.shapes.snapshots import Snapshot, SnapshotFilter, SnapshotRequest

LIST = get("list a VM's snapshots", "/domain/{id}/snapshot", Page[Snapshot], query=SnapshotFilter)
DETAIL = get("show a snapshot", "/snapshot/{id}", Snapshot)
CREATE = post("take a snapshot of a VM", "/domain/{id}/snapshot", EventTicket, SnapshotRequest)
RESTORE = post("restore a snapshot", "/snapshot/{id}/restore", Done)
DELETE = delete("delete a snapshot", "/snapshot/{id}", Done)


class Snapshots(Group):
    def list(self, vm_id: str, keyword: str | None = None, *, timeout: float | None = None) -> Pages[Snapshot]:
        """The VM's snapshots; `keyword` filters by part of the name."""
        return self._pages(LIST, vm_id, query=SnapshotFilter(keyword=keyword), timeout=timeout)

    async def detail(self, snapshot_id: str, *, timeout: float | None = None) -> Snapshot:
        """One snapshot."""
        return await self._call(DETAIL, snapshot_id, timeout=timeout)

    async def find(self, vm_id: str, name_or_id: str, *, vm_name: str = "", timeout: float | None = None) -> Snapshot:
        """The VM's snapshot of that id or exact name. `vm_name` is for the error's sentence."""
        taken = await self.list(vm_id, timeout=timeout).collect()
        choices = [Choice(each.id, each.name or each.id, each) for each in taken]
        return self._chosen(choices, name_or_id, f"snapshot of VM '{vm_name or vm_id}'", PlatformError).item

    async def create(self, vm_id: str, name: str, *, timeout: float | None = None) -> LongOperation[EventTicket]:
        """Begin to take a snapshot."""
        return await self._begin(CREATE, vm_id, body=SnapshotRequest(name=name), timeout=timeout)

    async def restore(self, snapshot_id: str, *, timeout: float | None = None) -> None:
        """Make its VM what it was then; what changed since is lost."""
        await self._call(RESTORE, snapshot_id, timeout=timeout)

    async def delete(self, snapshot_id: str, *, timeout: float | None = None) -> None:
        """Delete the snapshot; its VM stays as it is."""
        await self._call(DELETE, snapshot_id, timeout=timeout)
