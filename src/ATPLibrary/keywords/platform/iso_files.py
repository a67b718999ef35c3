"""Keywords about ISO files in storage pools, and the desktops that have them in a drive."""

from __future__ import annotations

from datetime import timedelta
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.keywords.platform.batches import in_words, named
from ATPLibrary.keywords.platform.getting import getter, lister
from ATPLibrary.keywords.platform.looking import Looking
from ATPLibrary.orchestrator.creations import ClosingLevel

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from ATPLibrary.vdi import VdiClient

GETTER = ("Storage", "Getter")


class IsoFileKeywords(Looking):
    @lister("ISO files in '{storage_pool}'", name="Get ISO Files", tags=GETTER)
    async def get_iso_files(self, client: VdiClient, seconds: float, storage_pool: str) -> list[str]:
        """Returns the names of the ISO files in a storage pool.

        - ``storage_pool``: a storage pool for ISO files, by name or id; see `Get Storage Pools`.

        Example:
        | Log In To Platform
        | @{files} =    Get ISO Files    lab-a-iso
        """
        pool = await client.storage.find(storage_pool, timeout=seconds)
        return [iso.name async for iso in client.storage.isos(pool.id, timeout=seconds)]

    @getter("ISO file '{file}'", name="Get ISO File", tags=GETTER, such="==    4096")
    async def get_iso_file(self, client: VdiClient, seconds: float, file: str, storage_pool: str) -> Any:
        """Returns what the platform says about an ISO file, or one field of it.

        The fields: ``name``, ``path``, ``capacity`` (its size, as text; the lab's is in bytes).

        - ``file``: its name or path.
        - ``storage_pool``: where it lies, by name or id.

        Example:
        | Log In To Platform
        | Get ISO File    tools.iso    lab-a-iso    path    contains    tools
        """
        pool_id, path = await client.storage.find_iso(file, storage=storage_pool, timeout=seconds)
        isos = await client.storage.isos(pool_id, timeout=seconds).collect()
        return next(iso for iso in isos if path in (iso.path, iso.name))

    @lister("desktops for ISO file '{file}'", name="Get Desktops For ISO File", tags=GETTER)
    async def get_desktops_for_iso_file(
        self, client: VdiClient, seconds: float, file: str, storage_pool: str, *, mounted: bool = True
    ) -> list[str]:
        """Returns the names of the desktops that have an ISO file in a drive, or that could take it.

        - ``file``: its name or path.
        - ``storage_pool``: where it lies, by name or id.
        - ``mounted``: ``False`` for the desktops that could take it.

        Example:
        | Log In To Platform
        | @{desktops} =    Get Desktops For ISO File    tools.iso    lab-a-iso
        """
        pool_id, path = await client.storage.find_iso(file, storage=storage_pool, timeout=seconds)
        vms = await client.storage.iso_vms(pool_id, mounted=mounted, path=path, timeout=seconds)
        return [vm.name for vm in vms]

    @keyword(name="Insert ISO File Into Desktops", tags=["Storage"])
    def insert_iso_file_into_desktops(
        self,
        file: str,
        storage_pool: str,
        *desktops: str,
        closing: ClosingLevel | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Puts an ISO file into a drive of each desktop; see `Eject ISO File From Desktops`. It is taken out at the closing level.

        A desktop that runs needs a drive that is free; one that is off gets a new one.

        - ``file``: its name or path.
        - ``storage_pool``: where it lies, by name or id.
        - ``desktops``: the desktops, by name or id.
        - ``closing``: when it is taken out again: ``test``, ``suite``, ``manual``, ``keep``; by default the library import's level.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Insert ISO File Into Desktops    tools.iso    lab-a-iso    sales-1    sales-2
        """

        async def insert(client: VdiClient, vms: Mapping[str, str], pool_id: str, path: str, seconds: float) -> None:
            await client.storage.mount_iso(vms, path, storage_pool_id=pool_id, timeout=seconds)
            for vm_id, name in vms.items():
                eject = _ejecting(vm_id, pool_id, path)
                self.remember("ISO file in a drive of desktop", name, f"{vm_id} {path}", eject, closing)

        self._order("Inserting", file, storage_pool, desktops, timeout, do=insert)

    @keyword(name="Eject ISO File From Desktops", tags=["Storage"])
    def eject_iso_file_from_desktops(
        self,
        file: str,
        storage_pool: str,
        *desktops: str,
        with_drive: bool = False,
        timeout: timedelta | None = None,
    ) -> None:
        """Takes an ISO file out of the drives of desktops.

        - ``file``: its name or path.
        - ``storage_pool``: where it lies, by name or id.
        - ``desktops``: the desktops, by name or id.
        - ``with_drive``: ``True`` takes the drive away too; the desktop must be off.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Eject ISO File From Desktops    tools.iso    lab-a-iso    sales-1    sales-2
        """

        async def eject(client: VdiClient, vms: Mapping[str, str], pool_id: str, path: str, seconds: float) -> None:
            await client.storage.unmount_iso(
                vms, path, storage_pool_id=pool_id, with_drives=with_drive, timeout=seconds
            )
            for vm_id in vms:
                self.forget("ISO file in a drive of desktop", f"{vm_id} {path}")

        self._order("Ejecting", file, storage_pool, desktops, timeout, do=eject)

    @keyword(name="Delete ISO File", tags=["Storage"])
    def delete_iso_file(self, file: str, storage_pool: str, timeout: timedelta | None = None) -> None:
        """Deletes an ISO file from a storage pool.

        - ``file``: its name or path.
        - ``storage_pool``: where it lies, by name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Delete ISO File    tools.iso    lab-a-iso
        """

        async def delete(client: VdiClient, seconds: float) -> None:
            pool_id, path = await client.storage.find_iso(file, storage=storage_pool, timeout=seconds)
            await client.storage.delete_iso(pool_id, path, timeout=seconds)

        self.ask(f"Deleting ISO file '{file}'", delete, timeout)
        logger.info(f"Deleted ISO file '{file}' from storage pool '{storage_pool}'.")

    @keyword(name="ISO File Should Exist", tags=["Storage", "Assertion"])
    def iso_file_should_exist(self, file: str, storage_pool: str, timeout: timedelta | None = None) -> None:
        """Fails unless the platform lists an ISO file in a storage pool. With ``timeout`` it is waited for.

        - ``file``: its name or path.
        - ``storage_pool``: where it lies, by name or id.
        - ``timeout``: how long to wait for it; without it, it is checked once.

        Example:
        | Log In To Platform
        | ISO File Should Exist    tools.iso    lab-a-iso    timeout=30 s
        """
        self.should_exist(f"ISO file '{file}'", _names(storage_pool), file, True, timeout)

    @keyword(name="ISO File Should Not Exist", tags=["Storage", "Assertion"])
    def iso_file_should_not_exist(self, file: str, storage_pool: str, timeout: timedelta | None = None) -> None:
        """Fails if the platform lists an ISO file in a storage pool. With ``timeout`` its end is waited for.

        - ``file``: its name or path.
        - ``storage_pool``: where it lies, by name or id.
        - ``timeout``: how long to wait until it is gone; without it, it is checked once.

        Example:
        | Log In To Platform
        | ISO File Should Not Exist    tools.iso    lab-a-iso
        """
        self.should_exist(f"ISO file '{file}'", _names(storage_pool), file, False, timeout)

    def _order(
        self,
        doing: str,
        file: str,
        storage_pool: str,
        desktops: tuple[str, ...],
        timeout: timedelta | None,
        *,
        do: Callable[[VdiClient, Mapping[str, str], str, str, float], Awaitable[None]],
    ) -> None:
        """Do something with desktops (their names by their ids), a storage pool's id and the path of an ISO file in it."""
        which = named(desktops)

        async def act(client: VdiClient, seconds: float) -> list[str]:
            pool_id, path = await client.storage.find_iso(file, storage=storage_pool, timeout=seconds)
            vms = {vm.id: vm.name for vm in await which(client, seconds)}
            await do(client, vms, pool_id, path, seconds)
            return [*vms.values()]

        names = self.ask(f"{doing} ISO file '{file}'", act, timeout)
        logger.info(f"{doing} ISO file '{file}': done for {in_words(names)}.")


def _ejecting(vm_id: str, pool_id: str, path: str) -> Callable[[VdiClient, float], Awaitable[None]]:
    async def eject(client: VdiClient, seconds: float) -> None:
        if vm_id in [vm.id async for vm in client.domains.list(timeout=seconds)]:
            inserted = await client.domains.isos(vm_id, timeout=seconds)
            if PurePosixPath(path).name in [iso.name for iso in inserted]:
                await client.storage.unmount_iso([vm_id], path, storage_pool_id=pool_id, timeout=seconds)

    return eject


def _names(storage_pool: str) -> Callable[[VdiClient, float], Awaitable[list[str]]]:
    async def names(client: VdiClient, seconds: float) -> list[str]:
        pool = await client.storage.find(storage_pool, timeout=seconds)
        isos = await client.storage.isos(pool.id, timeout=seconds).collect()
        return [name for iso in isos for name in (iso.path or "", iso.name)]

    return names
