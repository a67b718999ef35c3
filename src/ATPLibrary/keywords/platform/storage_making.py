"""Keywords that make storage pools, one for each kind. What they made goes at the closing level."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.keywords.platform.looking import Looking
from ATPLibrary.orchestrator.creations import ClosingLevel

if TYPE_CHECKING:
    from ATPLibrary.vdi import VdiClient


class StorageMakingKeywords(Looking):
    @keyword(tags=["Storage"])
    def create_directory_storage_pool(
        self,
        name: str,
        host: str,
        path: str,
        *,
        images: bool = False,
        data_centre: str | None = None,
        closing: ClosingLevel | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Makes a folder of one host a storage pool.

        - ``name``: the new storage pool's name, in any language.
        - ``host``: the host's name or id.
        - ``path``: the folder. The lab's must be below the host's own directory.
        - ``images``: ``True`` for one of ISO files.
        - ``data_centre``: its id; by default the host's.
        - ``closing``: when it is removed again: ``test``, ``suite``, ``manual``, ``keep``; by default the library import's level.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Create Directory Storage Pool    scratch    lab-a    /var/lib/scratch
        | Get Storage Pool    scratch    path    ==    /var/lib/scratch
        """
        self._create("NewDirPool", name, timeout, data_centre, closing, host=host, path=path, is_iso=int(images))

    @keyword(name="Create NFS Storage Pool", tags=["Storage"])
    def create_nfs_storage_pool(
        self,
        name: str,
        server: str,
        export: str,
        path: str,
        *,
        images: bool = False,
        data_centre: str | None = None,
        closing: ClosingLevel | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Makes a folder of an NFS server a storage pool that every host mounts.

        - ``name``: the new storage pool's name, in any language.
        - ``server``: the NFS server's address.
        - ``export``: the folder as the server exports it.
        - ``path``: where the hosts mount it.
        - ``images``: ``True`` for one of ISO files.
        - ``data_centre``: its id; by default that of the platform's first host.
        - ``closing``: when it is removed again: ``test``, ``suite``, ``manual``, ``keep``; by default the library import's level.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Create NFS Storage Pool    shared    192.0.2.9    /export/desktops    /mnt/desktops
        """
        self._create(
            "NewNfsPool",
            name,
            timeout,
            data_centre,
            closing,
            nfs_ip=server,
            nfs_path=export,
            path=path,
            is_iso=int(images),
        )

    @keyword(name="Create GFS Storage Pool", tags=["Storage"])
    def create_gfs_storage_pool(
        self,
        name: str,
        path: str,
        *,
        images: bool = False,
        data_centre: str | None = None,
        closing: ClosingLevel | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Makes a GFS, which the hosts have mounted, a storage pool.

        - ``name``: the new storage pool's name, in any language.
        - ``path``: where it is mounted.
        - ``images``: ``True`` for one of ISO files.
        - ``data_centre``: its id; by default that of the platform's first host.
        - ``closing``: when it is removed again: ``test``, ``suite``, ``manual``, ``keep``; by default the library import's level.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Create GFS Storage Pool    cluster    /mnt/gfs
        """
        self._create("NewGfsPool", name, timeout, data_centre, closing, path=path, is_iso=int(images))

    @keyword(tags=["Storage"])
    def create_gluster_storage_pool(
        self,
        name: str,
        server: str,
        volume: str,
        path: str,
        *,
        images: bool = False,
        data_centre: str | None = None,
        closing: ClosingLevel | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Makes a volume of a Gluster server a storage pool.

        - ``name``: the new storage pool's name, in any language.
        - ``server``: the server's name or address.
        - ``volume``: the Gluster volume.
        - ``path``: where the hosts mount it.
        - ``images``: ``True`` for one of ISO files.
        - ``data_centre``: its id; by default that of the platform's first host.
        - ``closing``: when it is removed again: ``test``, ``suite``, ``manual``, ``keep``; by default the library import's level.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Create Gluster Storage Pool    bricks    192.0.2.9    desktops    /mnt/bricks
        """
        self._create(
            "NewGlusterPool",
            name,
            timeout,
            data_centre,
            closing,
            source_host_name=server,
            source_name=volume,
            path=path,
            is_iso=int(images),
        )

    @keyword(name="Create LVM Storage Pool", tags=["Storage"])
    def create_lvm_storage_pool(
        self,
        name: str,
        host: str,
        volume_group: str,
        path: str = "",
        *,
        data_centre: str | None = None,
        closing: ClosingLevel | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Makes an LVM volume group of one host a storage pool.

        - ``name``: the new storage pool's name, in any language.
        - ``host``: the host's name or id.
        - ``volume_group``: the volume group; see `Get Volume Groups`.
        - ``path``: the platform's API requires a path here too, and doesn't say of what; it is passed on.
        - ``data_centre``: its id; by default the host's.
        - ``closing``: when it is removed again: ``test``, ``suite``, ``manual``, ``keep``; by default the library import's level.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Create LVM Storage Pool    fast    lab-a    vg0
        """
        self._create(
            "NewLvmPool", name, timeout, data_centre, closing, host=host, source_name=volume_group, nfs_path=path
        )

    def _create(
        self,
        shape: str,
        name: str,
        timeout: timedelta | None,
        data_centre: str | None,
        closing: ClosingLevel | None,
        *,
        host: str | None = None,
        **values: Any,
    ) -> None:
        async def create(client: VdiClient, seconds: float) -> None:
            from ATPLibrary.vdi.shapes import storage

            centre = data_centre
            if host is not None:
                found = await client.hosts.find(host, timeout=seconds)
                values["host_id"] = found.id
                centre = centre if centre is not None else found.vmc_id
            if centre is None:
                hosts = await client.hosts.all(timeout=seconds)
                centre = next((each.vmc_id for each in hosts if each.vmc_id is not None), "")
            new = getattr(storage, shape)(name=name, vmc_id=centre, **values)
            before = {pool.id for pool in await client.storage.all(timeout=seconds)}

            async def remove(client: VdiClient, seconds: float) -> None:
                for pool in await client.storage.all(timeout=seconds):
                    if pool.id == made.id or (made.id is None and pool.name == name and pool.id not in before):
                        await client.storage.delete(pool.id, timeout=seconds)

            # The platform answers without an id, so the new one is looked up by its name.
            with self.making("storage pool", name, remove, closing) as made:
                await client.storage.create(new, timeout=seconds)
            made.id = (await client.storage.find(name, timeout=seconds)).id

        self.ask(f"Creating storage pool '{name}'", create, timeout)
        logger.info(f"Created storage pool '{name}'.")
