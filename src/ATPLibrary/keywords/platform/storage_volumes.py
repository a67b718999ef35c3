"""Keywords about storage volumes: disks that are made apart from desktops."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError
from ATPLibrary.keywords.platform.getting import getter, lister
from ATPLibrary.keywords.platform.looking import Looking
from ATPLibrary.orchestrator.creations import ClosingLevel

if TYPE_CHECKING:
    from ATPLibrary.vdi import VdiClient

GETTER = ("Storage", "Getter")


class StorageVolumeKeywords(Looking):
    @lister("storage volumes", tags=GETTER)
    async def get_storage_volumes(
        self,
        client: VdiClient,
        seconds: float,
        *,
        name: str | None = None,
        storage_pool: str | None = None,
        free: bool = False,
    ) -> list[str]:
        """Returns the names of the storage volumes: disks that were made apart from desktops.

        - ``name``: only those that have this text in their name.
        - ``storage_pool``: only those in this storage pool, by name or id.
        - ``free``: ``True`` for those that no desktop has.

        Example:
        | Log In To Platform
        | @{volumes} =    Get Storage Volumes    storage_pool=lab-a-data    free=True
        """
        from ATPLibrary.vdi.shapes.storage import VolumeFilter

        pool_id = None if storage_pool is None else (await client.storage.find(storage_pool, timeout=seconds)).id
        query = VolumeFilter(keyword=name, storage_pool_id=pool_id, is_free=1 if free else None)
        volumes = await client.storage.all_volumes(query, timeout=seconds)
        return [volume.name or volume.id for volume in volumes]

    @getter("Storage volume '{volume}'", tags=GETTER, such="==    20")
    async def get_storage_volume(self, client: VdiClient, seconds: float, volume: str) -> Any:
        """Returns what the platform says about a storage volume, or one field of it.

        The fields: ``name``, ``id``, ``size`` (GB), ``bus_type``, ``vm_id`` and ``vm_name`` (the desktop that has it),
        ``storage_pool_id``, ``pool_path``, ``is_start_disk``, ``is_model``, ``domains``.

        - ``volume``: its name or id.

        Example:
        | Log In To Platform
        | Get Storage Volume    data-1    size    ==    20
        """
        return await client.storage.find_volume(volume, timeout=seconds)

    @keyword(tags=["Storage"])
    def create_storage_volume(
        self,
        name: str,
        size: int,
        storage_pool: str,
        bus_type: str = "virtio",
        *,
        closing: ClosingLevel | None = None,
        timeout: timedelta | None = None,
    ) -> str:
        """Makes an empty disk that no desktop has yet. Returns its id. It goes at the closing level.

        - ``name``: the new volume's name.
        - ``size``: in GB.
        - ``storage_pool``: where it shall lie, by name or id.
        - ``bus_type``: what a desktop will see it on, such as ``virtio`` or ``ide``.
        - ``closing``: when it is removed again: ``test``, ``suite``, ``manual``, ``keep``; by default the library import's level.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | ${id} =    Create Storage Volume    data-1    20    lab-a-data
        | Get Storage Volume    data-1    size    ==    20
        """
        if size < 1:
            raise InputError.about(
                f"Storage volume '{name}'", wanted="have a size of 1 GB or more", got=f"was to have {size} GB"
            )

        async def create(client: VdiClient, seconds: float) -> str:
            pool = await client.storage.find(storage_pool, timeout=seconds)
            before = {volume.id for volume in await client.storage.all_volumes(timeout=seconds)}

            async def remove(client: VdiClient, seconds: float) -> None:
                for volume in await client.storage.all_volumes(timeout=seconds):
                    if volume.id == made.id or (made.id is None and volume.name == name and volume.id not in before):
                        await client.storage.delete_volume(volume.id, timeout=seconds)

            with self.making("storage volume", name, remove, closing) as made:
                made.id = id_ = await client.storage.create_volume(
                    name, size, storage_pool_id=pool.id, bus_type=bus_type, timeout=seconds
                )
            return id_

        id_ = self.ask(f"Creating storage volume '{name}'", create, timeout)
        logger.info(f"Created storage volume '{name}' of {size} GB.")
        return id_

    @keyword(tags=["Storage"])
    def delete_storage_volume(self, volume: str, timeout: timedelta | None = None) -> None:
        """Deletes a storage volume with what is on it. The platform refuses while a desktop has it.

        - ``volume``: its name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Delete Storage Volume    data-1
        """

        async def delete(client: VdiClient, seconds: float) -> None:
            found = await client.storage.find_volume(volume, timeout=seconds)
            await client.storage.delete_volume(found.id, timeout=seconds)
            self.forget("storage volume", found.id)

        self.ask(f"Deleting storage volume '{volume}'", delete, timeout)
        logger.info(f"Deleted storage volume '{volume}'.")

    @keyword(tags=["Storage", "Assertion"])
    def storage_volume_should_exist(self, volume: str, timeout: timedelta | None = None) -> None:
        """Fails unless the platform lists a storage volume of that name or id. With ``timeout`` it is waited for.

        - ``volume``: its name or id.
        - ``timeout``: how long to wait for it; without it, it is checked once.

        Example:
        | Log In To Platform
        | Storage Volume Should Exist    data-1
        """
        self.should_exist(f"Storage volume '{volume}'", _names, volume, True, timeout)

    @keyword(tags=["Storage", "Assertion"])
    def storage_volume_should_not_exist(self, volume: str, timeout: timedelta | None = None) -> None:
        """Fails if the platform lists a storage volume of that name or id. With ``timeout`` its end is waited for.

        - ``volume``: its name or id.
        - ``timeout``: how long to wait until it is gone; without it, it is checked once.

        Example:
        | Log In To Platform
        | Storage Volume Should Not Exist    data-1
        """
        self.should_exist(f"Storage volume '{volume}'", _names, volume, False, timeout)


async def _names(client: VdiClient, seconds: float) -> list[str]:
    volumes = await client.storage.volumes(timeout=seconds).collect()
    return [name for volume in volumes for name in (volume.id, volume.name or "")]
