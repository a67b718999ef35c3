"""Keywords about the images (ISO files) in a desktop's drives."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError
from ATPLibrary.keywords.platform.looking import Looking

if TYPE_CHECKING:
    from ATPLibrary.vdi import VdiClient, Vm
    from ATPLibrary.vdi.shapes.vm_devices import VmIso


class DesktopDriveKeywords(Looking):
    @keyword(name="Insert ISO", tags=["Desktop", "ISO"])
    def insert_iso(
        self, desktop: str, iso: str, storage_pool: str | None = None, timeout: timedelta | None = None
    ) -> None:
        """Puts an image into a free drive of a desktop, or into a new one, which most platforms give only to one that is off.

        - ``desktop``: the desktop's name or id.
        - ``iso``: the image's file name or path.
        - ``storage_pool``: the name or id of the storage pool that it lies in; by default any that the desktop's host reaches.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Insert ISO    sales-1    drivers.iso
        | Desktop Should Have ISO    sales-1    drivers.iso
        """

        async def insert(client: VdiClient, seconds: float) -> None:
            vm = await client.domains.find(desktop, timeout=seconds)
            pool_id, path = await client.storage.find_iso(
                iso, host_id=vm.host_id, storage=storage_pool, timeout=seconds
            )
            await client.domains.add_iso(vm.id, path, storage_pool_id=pool_id, timeout=seconds)

        self.ask(f"Putting '{iso}' into desktop '{desktop}'", insert, timeout)
        logger.info(f"'{iso}' is in a drive of desktop '{desktop}'.")

    @keyword(name="Change ISO", tags=["Desktop", "ISO"])
    def change_iso(
        self,
        desktop: str,
        old: str,
        iso: str,
        storage_pool: str | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Puts an image into a desktop's drive in the place of another, also while the desktop runs.

        - ``desktop``: the desktop's name or id.
        - ``old``: the file name of the image that goes.
        - ``iso``: the file name or path of the one that comes.
        - ``storage_pool``: the name or id of the storage pool that it lies in; by default any that the desktop's host reaches.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Change ISO    sales-1    drivers.iso    office.iso
        | Desktop Should Have ISO    sales-1    office.iso
        """
        from ATPLibrary.vdi.shapes.vm_devices import ChangeIso

        async def change(client: VdiClient, seconds: float) -> None:
            vm, there = await _inserted(client, desktop, old, seconds)
            pool_id, path = await client.storage.find_iso(
                iso, host_id=vm.host_id, storage=storage_pool, timeout=seconds
            )
            order = ChangeIso(
                old_path=_path(there),
                old_storage_pool_id=there.storage_pool_id or "",
                path=path,
                storage_pool_id=pool_id,
            )
            await client.domains.change_iso(vm.id, order, timeout=seconds)

        self.ask(f"Putting '{iso}' in the place of '{old}' in desktop '{desktop}'", change, timeout)
        logger.info(f"'{iso}' is in the drive of desktop '{desktop}' that had '{old}'.")

    @keyword(name="Eject ISO", tags=["Desktop", "ISO"])
    def eject_iso(
        self, desktop: str, iso: str | None = None, with_drive: bool = False, timeout: timedelta | None = None
    ) -> None:
        """Takes an image out of a desktop's drive.

        - ``desktop``: the desktop's name or id.
        - ``iso``: the image's file name; by default the only one that the desktop has.
        - ``with_drive``: ``True`` takes the drive away too, which most platforms do only to a desktop that is off.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Insert ISO    sales-1    drivers.iso
        | Eject ISO    sales-1    drivers.iso
        """

        async def eject(client: VdiClient, seconds: float) -> str:
            vm, there = await _inserted(client, desktop, iso, seconds)
            await client.domains.delete_iso(
                vm.id,
                _path(there),
                storage_pool_id=there.storage_pool_id or "",
                with_drive=with_drive,
                timeout=seconds,
            )
            return there.name or ""

        name = self.ask(f"Taking an image out of desktop '{desktop}'", eject, timeout)
        logger.info(f"'{name}' is out of desktop '{desktop}'{', and so is its drive' if with_drive else ''}.")

    @keyword(name="Get Desktop ISOs", tags=["Desktop", "ISO", "Getter"])
    def get_desktop_isos(self, desktop: str, timeout: timedelta | None = None) -> list[str]:
        """Returns the file names of the images in a desktop's drives.

        - ``desktop``: the desktop's name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | @{images} =    Get Desktop ISOs    sales-1
        | Should Be Empty    ${images}
        """

        found = self.ask(
            f"Listing the images of desktop '{desktop}'", lambda client, s: _images(client, desktop, s), timeout
        )
        logger.info(f"Desktop '{desktop}' has {len(found)} images in its drives: {', '.join(found) or 'none'}.")
        return found

    @keyword(name="Desktop Should Have ISO", tags=["Desktop", "ISO", "Assertion"])
    def desktop_should_have_iso(self, desktop: str, iso: str, timeout: timedelta | None = None) -> None:
        """Fails unless the platform says that a desktop has an image in a drive.

        - ``desktop``: the desktop's name or id.
        - ``iso``: the image's file name.
        - ``timeout``: how long to wait until it has; by default it is looked at once.

        Example:
        | Log In To Platform
        | Insert ISO    sales-1    drivers.iso
        | Desktop Should Have ISO    sales-1    drivers.iso    timeout=10 s
        """

        async def look(client: VdiClient, seconds: float) -> tuple[bool, str]:
            found = await _images(client, desktop, seconds)
            return iso in found, f"has {', '.join(found) or 'none'}"

        self.should(f"Desktop '{desktop}'", f"have '{iso}' in a drive", look, timeout)


async def _images(client: VdiClient, desktop: str, seconds: float) -> list[str]:
    vm = await client.domains.find(desktop, timeout=seconds)
    return [each.name or "" for each in await client.domains.isos(vm.id, timeout=seconds)]


async def _inserted(client: VdiClient, desktop: str, iso: str | None, seconds: float) -> tuple[Vm, VmIso]:
    """The image of that name in a drive of the desktop; without a name, the only one."""
    vm = await client.domains.find(desktop, timeout=seconds)
    images = await client.domains.isos(vm.id, timeout=seconds)
    fit = [each for each in images if iso is None or iso in (each.name, _path(each))]
    if len(fit) != 1:
        raise InputError.about(
            f"Desktop '{vm.name}'",
            wanted=f"have {'one image' if iso is None else repr(iso)} in its drives",
            got=f"has {', '.join(each.name or '' for each in images) or 'none'}",
        )
    return vm, fit[0]


def _path(image: VmIso) -> str:
    """Where the image lies: the platform tells the pool's path and the file's name."""
    return f"{image.storage_pool_path.rstrip('/')}/{image.name}" if image.storage_pool_path else image.name or ""
