"""Storage: pools, volumes, images."""

from __future__ import annotations

from collections.abc import Sequence

from ATPLibrary.errors import PlatformError
from ATPLibrary.vdi.groups.base import Choice
from ATPLibrary.vdi.groups.storage_files import StorageFiles
from ATPLibrary.vdi.operations import Done, Operation, delete, get, patch, post
from ATPLibrary.vdi.pages import Pages
from ATPLibrary.vdi.shapes.base import Page
from ATPLibrary.vdi.shapes.storage import (
    AllStoragePoolsFilter,
    BindPool,
    Gluster,
    NewDirPool,
    NewGfsPool,
    NewGlusterPool,
    NewLvmPool,
    NewNfsPool,
    RenamePool,
    Space,
    StoragePool,
    StoragePoolDetail,
    StoragePoolFilter,
    VolumeGroupQuery,
)

LIST = get("list storage pools", "/storage-pool", Page[StoragePool], query=StoragePoolFilter)
LIST_ALL = get("list all storage pools", "/storage-pool/all", list[StoragePool], query=AllStoragePoolsFilter)
DETAIL = get("show a storage pool", "/storage-pool/{id}", StoragePoolDetail)
USAGE = get("show a storage pool's space", "/storage-pool/{id}/usage", Space)
GLUSTER = get("show a Gluster storage pool", "/storage-pool/{id}/gluster", Gluster)
VOLUME_GROUPS = get("list a host's volume groups", "/storage-pool/lvm-vg", list[str], query=VolumeGroupQuery)
CREATE_DIR = post("create a storage pool in a folder", "/storage-pool/dir", Done, NewDirPool)
CREATE_NFS = post("create an NFS storage pool", "/storage-pool/nfs", Done, NewNfsPool)
CREATE_GFS = post("create a GFS storage pool", "/storage-pool/gfs", Done, NewGfsPool)
CREATE_GLUSTER = post("create a Gluster storage pool", "/storage-pool/gluster", Done, NewGlusterPool)
CREATE_LVM = post("create an LVM storage pool", "/storage-pool/lvm", Done, NewLvmPool)
RENAME = patch("rename a storage pool", "/storage-pool/{id}/name", Done, RenamePool)
BIND = patch("bind a storage pool", "/storage-pool/{id}/bind-pool", Done, BindPool)
UNBIND = patch("unbind a storage pool", "/storage-pool/{id}/unbind-pool", Done)
DELETE = delete("delete a storage pool", "/storage-pool/{id}", Done)

# The kind of a new storage pool is the shape that it is ordered with.
_CREATE: dict[type, Operation[None]] = {
    NewDirPool: CREATE_DIR,
    NewNfsPool: CREATE_NFS,
    NewGfsPool: CREATE_GFS,
    NewGlusterPool: CREATE_GLUSTER,
    NewLvmPool: CREATE_LVM,
}


class Storage(StorageFiles):
    """Storage pools, the volumes in them (`..._volume`), and the images (`..._iso`)."""

    def list(
        self,
        keyword: str | None = None,
        *,
        for_images: bool | None = None,
        pool_id: str | None = None,
        outside_pools: bool = False,
        vmc_id: str | None = None,
        timeout: float | None = None,
    ) -> Pages[StoragePool]:
        """The storage pools; `keyword` filters by part of the name. `outside_pools`: only those of no resource pool."""
        query = StoragePoolFilter(
            keyword=keyword,
            is_iso=None if for_images is None else int(for_images),
            pool_id=pool_id,
            not_bound=1 if outside_pools else None,
            vmc_id=vmc_id,
        )
        return self._pages(LIST, query=query, timeout=timeout)

    async def all(
        self,
        keyword: str | None = None,
        *,
        for_images: bool | None = None,
        pool_id: str | None = None,
        vmc_id: str | None = None,
        timeout: float | None = None,
    ) -> Sequence[StoragePool]:
        """The storage pools in one answer."""
        query = AllStoragePoolsFilter(
            keyword=keyword,
            is_iso=None if for_images is None else int(for_images),
            pool_id=pool_id,
            vmc_id=vmc_id,
        )
        return await self._call(LIST_ALL, query=query, timeout=timeout)

    async def detail(self, storage_pool_id: str, *, timeout: float | None = None) -> StoragePoolDetail:
        """One storage pool, with what is taken of it."""
        return await self._call(DETAIL, storage_pool_id, timeout=timeout)

    async def find(self, name_or_id: str, *, timeout: float | None = None) -> StoragePool:
        """The storage pool of that id or exact name."""
        pools = await self.list(timeout=timeout).collect()
        return self._chosen(pools, name_or_id, "storage pool", PlatformError)

    async def find_iso(
        self,
        name_or_id: str,
        *,
        host_id: str | None = None,
        storage: str | None = None,
        timeout: float | None = None,
    ) -> tuple[str, str]:
        """The image of that path or file name: its storage pool's id and its path there.

        It is looked for in the pools for images that host `host_id` reaches, or in the one of the name or id `storage`.
        """
        pools = await self.all(for_images=True, timeout=timeout)
        if storage is not None:
            pools = [self._chosen(pools, storage, "storage pool for images", PlatformError)]
        elif host_id is not None:
            pools = [pool for pool in pools if pool.is_share or pool.host_id in (None, "", host_id)]
        found = [
            Choice(iso.path or iso.name, iso.name, (pool.id, iso.path or iso.name))
            for pool in pools
            async for iso in self.isos(pool.id, timeout=timeout)
        ]
        return self._chosen(found, name_or_id, "image", PlatformError).item

    async def usage(self, storage_pool_id: str, *, timeout: float | None = None) -> Space:
        """How much there is, is taken and is left."""
        return await self._call(USAGE, storage_pool_id, timeout=timeout)

    async def gluster(self, storage_pool_id: str, *, timeout: float | None = None) -> Gluster:
        """What libvirt says about a Gluster pool."""
        return await self._call(GLUSTER, storage_pool_id, timeout=timeout)

    async def volume_groups(self, host_id: str, *, timeout: float | None = None) -> Sequence[str]:
        """The LVM volume groups of a host."""
        query = VolumeGroupQuery(host_id=host_id)
        return await self._call(VOLUME_GROUPS, query=query, about=f"'{host_id}'", timeout=timeout)

    async def create(
        self,
        pool: NewDirPool | NewNfsPool | NewGfsPool | NewGlusterPool | NewLvmPool,
        *,
        timeout: float | None = None,
    ) -> None:
        """Make a storage pool, of the kind that the shape is of."""
        await self._call(_CREATE[type(pool)], body=pool, about=f"'{pool.name}'", timeout=timeout)

    async def rename(self, storage_pool_id: str, name: str, *, timeout: float | None = None) -> None:
        """Give it another name."""
        await self._call(RENAME, storage_pool_id, body=RenamePool(new_name=name), timeout=timeout)

    async def bind(self, storage_pool_id: str, pool_id: str, *, timeout: float | None = None) -> None:
        """Give it to a resource pool."""
        await self._call(BIND, storage_pool_id, body=BindPool(pool_id=pool_id), timeout=timeout)

    async def unbind(self, storage_pool_id: str, *, timeout: float | None = None) -> None:
        """Take it from its resource pool."""
        await self._call(UNBIND, storage_pool_id, timeout=timeout)

    async def delete(self, storage_pool_id: str, *, timeout: float | None = None) -> None:
        """Delete it."""
        await self._call(DELETE, storage_pool_id, timeout=timeout)
