"""Keywords about storage pools: looking at them, renaming, giving them to resource pools, deleting."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.keywords.platform.getting import getter, lister
from ATPLibrary.keywords.platform.looking import Looking

if TYPE_CHECKING:
    from ATPLibrary.vdi import VdiClient
    from ATPLibrary.vdi.shapes.storage import StoragePool

GETTER = ("Storage", "Getter")


class StoragePoolKeywords(Looking):
    @lister("storage pools", tags=GETTER)
    async def get_storage_pools(
        self,
        client: VdiClient,
        seconds: float,
        *,
        name: str | None = None,
        images: bool | None = None,
        resource_pool: str | None = None,
        outside_pools: bool = False,
    ) -> list[str]:
        """Returns the names of the platform's storage pools: where disks, or ISO files, lie.

        - ``name``: only those that have this text in their name.
        - ``images``: ``True`` for those of ISO files, ``False`` for those of disks.
        - ``resource_pool``: only those of this resource pool, by name or id.
        - ``outside_pools``: ``True`` for those of no resource pool.

        Example:
        | Log In To Platform
        | @{pools} =    Get Storage Pools
        | @{iso_pools} =    Get Storage Pools    images=True
        """
        pool_id = None if resource_pool is None else (await client.pools.find(resource_pool, timeout=seconds)).id
        pools = client.storage.list(
            name, for_images=images, pool_id=pool_id, outside_pools=outside_pools, timeout=seconds
        )
        return [pool.name async for pool in pools]

    @getter("Storage pool '{storage_pool}'", tags=GETTER, such="==    dir")
    async def get_storage_pool(self, client: VdiClient, seconds: float, storage_pool: str) -> Any:
        """Returns what the platform says about a storage pool, or one field of it.

        The fields: ``name``, ``id``, ``pool_type`` (``dir``, ``nfs``, ``lvm``, ``gluster``, ``gfs``), ``status``, ``path``,
        ``is_iso`` (for ISO files), ``is_share`` (several hosts see it), ``host_id``, ``host_name``, ``host_status``, ``ip``,
        ``pool_id`` and ``pool_name`` (its resource pool), ``nfs_ip``, ``nfs_path``, ``source_host_name``, ``source_name``,
        ``vmc_id`` (its data centre), ``allocation`` (what is really taken), ``volumes_used`` (what its volumes may take),
        ``remark``.

        - ``storage_pool``: its name or id.

        Example:
        | Log In To Platform
        | ${pool} =    Get Storage Pool    lab-a-data
        | Get Storage Pool    lab-a-data    pool_type    ==    dir
        """
        return await client.storage.detail(
            (await client.storage.find(storage_pool, timeout=seconds)).id, timeout=seconds
        )

    @getter("Space of storage pool '{storage_pool}'", tags=GETTER, such=">    10000000000")
    async def get_storage_pool_space(self, client: VdiClient, seconds: float, storage_pool: str) -> Any:
        """Returns how much space a storage pool has, or one number of it. The lab counts in bytes.

        The fields: ``capacity``, ``allocation`` (what is taken), ``available``.

        - ``storage_pool``: its name or id.

        Example:
        | Log In To Platform
        | Get Storage Pool Space    lab-a-data    available    >    0
        """
        return await client.storage.usage(
            (await client.storage.find(storage_pool, timeout=seconds)).id, timeout=seconds
        )

    @getter("Gluster storage pool '{storage_pool}'", tags=GETTER, such="contains    <name>")
    async def get_gluster_storage_pool(self, client: VdiClient, seconds: float, storage_pool: str) -> Any:
        """Returns what libvirt says about a Gluster storage pool, or one field of it.

        The fields: ``xml`` and ``status``.

        - ``storage_pool``: its name or id.

        Example:
        | Log In To Platform
        | Get Gluster Storage Pool    bricks    xml    contains    <pool type='gluster'>
        """
        return await client.storage.gluster(
            (await client.storage.find(storage_pool, timeout=seconds)).id, timeout=seconds
        )

    @lister("volume groups of host '{host}'", tags=GETTER)
    async def get_volume_groups(self, client: VdiClient, seconds: float, host: str) -> list[str]:
        """Returns the names of a host's LVM volume groups, of which an LVM storage pool can be made.

        - ``host``: the host's name or id.

        Example:
        | Log In To Platform
        | @{groups} =    Get Volume Groups    lab-a
        """
        return [
            *await client.storage.volume_groups((await client.hosts.find(host, timeout=seconds)).id, timeout=seconds)
        ]

    @keyword(tags=["Storage", "Assertion"])
    def storage_pool_should_exist(self, storage_pool: str, timeout: timedelta | None = None) -> None:
        """Fails unless the platform lists a storage pool of that name or id. With ``timeout`` it is waited for.

        - ``storage_pool``: its name or id.
        - ``timeout``: how long to wait for it; without it, it is checked once.

        Example:
        | Log In To Platform
        | Storage Pool Should Exist    lab-a-data
        """
        self.should_exist(f"Storage pool '{storage_pool}'", _names, storage_pool, True, timeout)

    @keyword(tags=["Storage", "Assertion"])
    def storage_pool_should_not_exist(self, storage_pool: str, timeout: timedelta | None = None) -> None:
        """Fails if the platform lists a storage pool of that name or id. With ``timeout`` its end is waited for.

        - ``storage_pool``: its name or id.
        - ``timeout``: how long to wait until it is gone; without it, it is checked once.

        Example:
        | Log In To Platform
        | Storage Pool Should Not Exist    scratch
        """
        self.should_exist(f"Storage pool '{storage_pool}'", _names, storage_pool, False, timeout)

    @keyword(tags=["Storage"])
    def rename_storage_pool(self, storage_pool: str, name: str, timeout: timedelta | None = None) -> None:
        """Gives a storage pool another name.

        - ``storage_pool``: its name or id.
        - ``name``: the new name.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Rename Storage Pool    scratch    drafts
        """
        self._order(
            f"Renaming to '{name}'",
            storage_pool,
            timeout,
            lambda c, pool, s: c.storage.rename(pool.id, name, timeout=s),
        )

    @keyword(tags=["Storage"])
    def bind_storage_pool(self, storage_pool: str, resource_pool: str, timeout: timedelta | None = None) -> None:
        """Gives a storage pool to a resource pool.

        - ``storage_pool``: its name or id.
        - ``resource_pool``: the resource pool's name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Bind Storage Pool    scratch    research
        | Get Storage Pool    scratch    pool_name    ==    research
        """

        async def bind(client: VdiClient, pool: StoragePool, seconds: float) -> None:
            found = await client.pools.find(resource_pool, timeout=seconds)
            await client.storage.bind(pool.id, found.id, timeout=seconds)

        self._order(f"Giving to resource pool '{resource_pool}'", storage_pool, timeout, bind)

    @keyword(tags=["Storage"])
    def unbind_storage_pool(self, storage_pool: str, timeout: timedelta | None = None) -> None:
        """Takes a storage pool from its resource pool.

        - ``storage_pool``: its name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Unbind Storage Pool    scratch
        """
        self._order(
            "Taking from its resource pool",
            storage_pool,
            timeout,
            lambda c, pool, s: c.storage.unbind(pool.id, timeout=s),
        )

    @keyword(tags=["Storage"])
    def delete_storage_pool(self, storage_pool: str, timeout: timedelta | None = None) -> None:
        """Deletes a storage pool. What lies in it should be gone: the lab refuses where it isn't.

        - ``storage_pool``: its name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Delete Storage Pool    scratch
        """

        async def delete(client: VdiClient, pool: StoragePool, seconds: float) -> None:
            await client.storage.delete(pool.id, timeout=seconds)
            self.forget("storage pool", pool.id)

        self._order("Deleting", storage_pool, timeout, delete)

    def _order(
        self,
        doing: str,
        storage_pool: str,
        timeout: timedelta | None,
        do: Callable[[VdiClient, StoragePool, float], Awaitable[None]],
    ) -> None:
        """Do something to the storage pool of that name or id."""

        async def act(client: VdiClient, seconds: float) -> StoragePool:
            found = await client.storage.find(storage_pool, timeout=seconds)
            await do(client, found, seconds)
            return found

        found = self.ask(f"{doing} storage pool '{storage_pool}'", act, timeout)
        logger.info(f"{doing} storage pool '{found.name}': done.")


async def _names(client: VdiClient, seconds: float) -> list[str]:
    pools = await client.storage.list(timeout=seconds).collect()
    return [name for pool in pools for name in (pool.id, pool.name)]
