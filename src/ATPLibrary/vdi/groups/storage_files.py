"""What lies in storage pools: volumes and images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ATPLibrary.errors import PlatformError
from ATPLibrary.vdi.groups.base import Choice, Group
from ATPLibrary.vdi.operations import Done, delete, get, post
from ATPLibrary.vdi.pages import Pages
from ATPLibrary.vdi.shapes.base import Page
from ATPLibrary.vdi.shapes.storage import (
    CreatedVolume,
    DeleteIsoFile,
    Iso,
    IsoVmsFilter,
    MountIso,
    NewVolume,
    UnmountIso,
    Volume,
    VolumeFilter,
)
from ATPLibrary.vdi.shapes.vms import Vm

VOLUMES = get("list volumes", "/storage-volume", Page[Volume], query=VolumeFilter)
ALL_VOLUMES = get("list all volumes", "/storage-volume/all", list[Volume], query=VolumeFilter)
CREATE_VOLUME = post("create a volume", "/storage-volume", CreatedVolume, NewVolume)
DELETE_VOLUME = delete("delete a volume", "/storage-volume/{volumeId}", Done)
ISOS = get("list images", "/storage-pool/{id}/iso", Page[Iso])
DELETE_ISO = post("delete an image", "/storage-pool/delete-iso", Done, DeleteIsoFile, idempotent=True)
ISO_VMS = get("list the VMs for an image", "/iso/mount-domain", list[Vm], query=IsoVmsFilter)
MOUNT_ISO = post("mount an image", "/iso/mount", Done, MountIso)
UNMOUNT_ISO = post("unmount an image", "/iso/unmount", Done, UnmountIso, idempotent=True)


class StorageFiles(Group):
    def volumes(self, query: VolumeFilter | None = None, *, timeout: float | None = None) -> Pages[Volume]:
        """The volumes that the filter lets through."""
        return self._pages(VOLUMES, query=query, timeout=timeout)

    async def all_volumes(self, query: VolumeFilter | None = None, *, timeout: float | None = None) -> Sequence[Volume]:
        """The same in one answer."""
        return await self._call(ALL_VOLUMES, query=query, timeout=timeout)

    async def find_volume(self, name_or_id: str, *, timeout: float | None = None) -> Volume:
        """The volume of that id, or of that exact name where only one has it."""
        volumes = await self.volumes(timeout=timeout).collect()
        choices = [Choice(volume.id, volume.name or "", volume) for volume in volumes]
        return self._chosen(choices, name_or_id, "volume", PlatformError).item

    async def create_volume(
        self,
        name: str,
        size: int,
        *,
        storage_pool_id: str,
        bus_type: str = "virtio",
        timeout: float | None = None,
    ) -> str:
        """Make a volume of `size` GB; `domains.add_disk` makes it a VM's disk. Returns its id."""
        body = NewVolume(name=name, size=size, storage_pool_id=storage_pool_id, bus_type=bus_type)
        return (await self._call(CREATE_VOLUME, body=body, about=f"'{name}'", timeout=timeout)).id

    async def delete_volume(self, volume_id: str, *, timeout: float | None = None) -> None:
        """Delete it."""
        await self._call(DELETE_VOLUME, volume_id, timeout=timeout)

    def isos(self, storage_pool_id: str, *, timeout: float | None = None) -> Pages[Iso]:
        """The images in a storage pool for images."""
        return self._pages(ISOS, storage_pool_id, timeout=timeout)

    async def delete_iso(self, storage_pool_id: str, path: str, *, timeout: float | None = None) -> None:
        """Delete the image at `path`."""
        body = DeleteIsoFile(storage_pool_id=storage_pool_id, path=path)
        await self._call(DELETE_ISO, body=body, about=f"'{path}'", timeout=timeout)

    async def iso_vms(
        self,
        storage_pool_id: str,
        *,
        mounted: bool,
        path: str | None = None,
        os_type: str | None = None,
        timeout: float | None = None,
    ) -> Sequence[Vm]:
        """The VMs that have the image (`mounted`), or could have it."""
        query = IsoVmsFilter(storage_pool_id=storage_pool_id, type=int(not mounted), iso_path=path, os_type=os_type)
        return await self._call(ISO_VMS, query=query, timeout=timeout)

    async def mount_iso(
        self, vm_ids: Iterable[str], path: str, *, storage_pool_id: str, timeout: float | None = None
    ) -> None:
        """Put the image into drives of the VMs."""
        body = MountIso(vm_ids=[*vm_ids], iso_path=path, storage_pool_id=storage_pool_id)
        await self._call(MOUNT_ISO, body=body, about=f"'{path}'", timeout=timeout)

    async def unmount_iso(
        self,
        vm_ids: Iterable[str],
        path: str,
        *,
        storage_pool_id: str,
        with_drives: bool = False,
        timeout: float | None = None,
    ) -> None:
        """Take the image out of the VMs, or with `with_drives` the drives too."""
        body = UnmountIso(vm_ids=[*vm_ids], iso_path=path, storage_pool_id=storage_pool_id, del_tag=int(with_drives))
        await self._call(UNMOUNT_ISO, body=body, about=f"'{path}'", timeout=timeout)
