"""VMs' disks, and the images in their drives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ATPLibrary.errors import PlatformError
from ATPLibrary.vdi.groups.base import Choice, Group
from ATPLibrary.vdi.long import LongOperation
from ATPLibrary.vdi.operations import Done, delete, get, patch, post
from ATPLibrary.vdi.shapes.base import EventTicket
from ATPLibrary.vdi.shapes.vm_devices import (
    AddDisk,
    AddIso,
    ChangeIso,
    DeleteIso,
    Disk,
    DiskLimit,
    ExpandDisk,
    IndependentDisk,
    VmIso,
)

DISKS = get("list a VM's disks", "/domain/{id}/disk", list[Disk])
ADD_DISK = post("add a disk to a VM", "/domain/{id}/disk", Done, AddDisk)
ADD_INDEPENDENT = post("add independent disks to VMs", "/domain/independent-disk", Done, IndependentDisk)
EXPAND_DISK = post("expand a VM's disk", "/domain/{domainId}/disk/{volumeId}/expand", Done, ExpandDisk)
LIMIT_DISK = patch("limit a VM's disk", "/domain/{domainId}/disk/{volumeId}/speed-limit", Done, DiskLimit)
UNMOUNT_DISK = post("unmount a VM's disk", "/domain/{domainId}/disk/{volumeId}/unmount", EventTicket)
DELETE_DISK = delete("delete a VM's disk", "/domain/{domainId}/disk/{volumeId}", Done)
ISOS = get("list a VM's images", "/domain/{id}/iso", list[VmIso])
ADD_ISO = post("add an image to a VM", "/domain/{id}/iso", Done, AddIso)
CHANGE_ISO = patch("change a VM's image", "/domain/{id}/iso", Done, ChangeIso)
DELETE_ISO = post("take an image out of a VM", "/domain/{domainId}/iso/delete", Done, DeleteIso, idempotent=True)


class DomainDisks(Group):
    async def disks(self, vm_id: str, *, timeout: float | None = None) -> Sequence[Disk]:
        """Its disks."""
        return await self._call(DISKS, vm_id, timeout=timeout)

    async def find_disk(
        self, vm_id: str, name_or_id: str | None = None, *, vm_name: str = "", timeout: float | None = None
    ) -> Disk:
        """Its disk of that id, path, file name or name; without one, what it starts from. `vm_name` is for the error's sentence.

        `PlatformError` where there is none, or more than one.
        """
        disks = await self.disks(vm_id, timeout=timeout)
        kind = f"disk of VM '{vm_name or vm_id}'"
        if name_or_id is None:
            for disk in disks:
                if disk.is_start_disk:
                    return disk
            raise PlatformError(f"Platform '{self._session.name}' names no {kind} as the one that it starts from.")
        if all(disk.id != name_or_id for disk in disks):
            at_path = [disk for disk in disks if disk.path == name_or_id]
            of_file = at_path or [disk for disk in disks if disk.filename == name_or_id]
            if len(of_file) > 1:
                which = ", ".join(f"{disk.id} ({disk.path or 'at no known path'})" for disk in of_file)
                raise PlatformError(
                    f"Platform '{self._session.name}' has {len(of_file)} disks of VM '{vm_name or vm_id}' whose file is "
                    f"'{name_or_id}'. Say which by its id or path: {which}."
                )
            if of_file:
                return of_file[0]
        choices = [Choice(disk.id, disk.name or disk.filename or disk.id, disk) for disk in disks]
        return self._chosen(choices, name_or_id, kind, PlatformError).item

    async def add_disk(self, vm_id: str, volume_id: str, *, timeout: float | None = None) -> None:
        """Make a volume its disk; `storage.create_volume` makes a volume."""
        await self._call(ADD_DISK, vm_id, body=AddDisk(volume_id=volume_id), timeout=timeout)

    async def add_independent_disks(
        self,
        vm_ids: Iterable[str],
        size: int,
        *,
        storage_pool_id: str,
        bus_type: str = "virtio",
        timeout: float | None = None,
    ) -> None:
        """Give each VM a new disk of `size` GB that no restore point touches."""
        body = IndependentDisk(vm_ids=[*vm_ids], size=size, storage_pool_id=storage_pool_id, bus_type=bus_type)
        await self._call(ADD_INDEPENDENT, body=body, timeout=timeout)

    async def expand_disk(self, vm_id: str, volume_id: str, added: int, *, timeout: float | None = None) -> None:
        """Make the disk `added` GB larger."""
        await self._call(EXPAND_DISK, vm_id, volume_id, body=ExpandDisk(added=added), timeout=timeout)

    async def limit_disk(self, vm_id: str, volume_id: str, limit: DiskLimit, *, timeout: float | None = None) -> None:
        """Bound the disk's traffic."""
        await self._call(LIMIT_DISK, vm_id, volume_id, body=limit, timeout=timeout)

    async def unmount_disk(
        self, vm_id: str, volume_id: str, *, timeout: float | None = None
    ) -> LongOperation[EventTicket]:
        """Begin to take the disk out; its volume stays."""
        return await self._begin(UNMOUNT_DISK, vm_id, volume_id, timeout=timeout)

    async def delete_disk(self, vm_id: str, volume_id: str, *, timeout: float | None = None) -> None:
        """Delete the disk and its volume."""
        await self._call(DELETE_DISK, vm_id, volume_id, timeout=timeout)

    async def isos(self, vm_id: str, *, timeout: float | None = None) -> Sequence[VmIso]:
        """The images in its drives."""
        return await self._call(ISOS, vm_id, timeout=timeout)

    async def add_iso(self, vm_id: str, path: str, *, storage_pool_id: str, timeout: float | None = None) -> None:
        """Give it a drive with the image at `path`."""
        await self._call(ADD_ISO, vm_id, body=AddIso(path=path, storage_pool_id=storage_pool_id), timeout=timeout)

    async def change_iso(self, vm_id: str, change: ChangeIso, *, timeout: float | None = None) -> None:
        """Put one image in the place of another, also while it runs."""
        await self._call(CHANGE_ISO, vm_id, body=change, timeout=timeout)

    async def delete_iso(
        self,
        vm_id: str,
        path: str,
        *,
        storage_pool_id: str,
        with_drive: bool = False,
        timeout: float | None = None,
    ) -> None:
        """Take the image out, or with `with_drive` the drive too."""
        body = DeleteIso(path=path, storage_pool_id=storage_pool_id, del_tag=int(with_drive))
        await self._call(DELETE_ISO, vm_id, body=body, timeout=timeout)
