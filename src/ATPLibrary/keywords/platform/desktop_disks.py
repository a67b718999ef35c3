"""Keywords about a desktop's disks: adding, enlarging, limiting and taking them away."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError, PlatformError
from ATPLibrary.keywords.platform.base import PlatformComponent
from ATPLibrary.orchestrator.creations import ClosingLevel

if TYPE_CHECKING:
    from ATPLibrary.vdi import LongOperation, VdiClient, Vm
    from ATPLibrary.vdi.shapes.vm_devices import Disk

# How a tester says which disk without knowing its name.
START = "start"


class DesktopDiskKeywords(PlatformComponent):
    @keyword(tags=["Desktop", "Disk"])
    def add_disk_to_desktop(
        self,
        desktop: str,
        size: int,
        storage_pool: str | None = None,
        bus_type: str = "virtio",
        *,
        closing: ClosingLevel | None = None,
        timeout: timedelta | None = None,
    ) -> str:
        """Gives a desktop a new, empty disk that no restore point touches, and returns the disk's id.

        A desktop that runs sees it at once. It is deleted with all that is on it at the closing level.

        - ``desktop``: the desktop's name or id.
        - ``size``: GB.
        - ``storage_pool``: the name or id of the storage pool that it lies in; by default one that the desktop's host reaches.
        - ``bus_type``: what the desktop sees it on: ``virtio``, ``usb``, ``ide``, ... Most want it to be off for ``ide``.
        - ``closing``: when it is removed again: ``test``, ``suite``, ``manual``, ``keep``; by default the library import's level.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | ${disk} =    Add Disk To Desktop    sales-1    size=2
        | Get Desktop Disk    sales-1    ${disk}    size    ==    2
        """

        async def add(client: VdiClient, seconds: float) -> str:
            vm = await client.domains.find(desktop, timeout=seconds)
            pool_id = await _storage(client, vm, storage_pool, seconds)
            before = {disk.id for disk in await client.domains.disks(vm.id, timeout=seconds)}

            async def remove(client: VdiClient, seconds: float) -> None:
                await _remove_new_disks(client, vm, before, made.id, seconds)

            with self.making("disk", f"of {vm.name}", remove, closing) as made:
                await client.domains.add_independent_disks(
                    [vm.id], size, storage_pool_id=pool_id, bus_type=bus_type, timeout=seconds
                )
            # The platform makes it and doesn't answer which it is.
            new = [disk for disk in await client.domains.disks(vm.id, timeout=seconds) if disk.id not in before]
            if len(new) != 1:
                raise PlatformError.about(
                    f"Desktop '{vm.name}'",
                    wanted="have one disk more",
                    got=f"has {len(new)} more",
                    next_step="See 'Get Desktop Disks': somebody else may have changed them",
                )
            made.id, made.name = new[0].id, f"{new[0].name or new[0].id} of {vm.name}"
            return made.id

        disk_id = self.ask(f"Adding a disk to desktop '{desktop}'", add, timeout)
        logger.info(f"Desktop '{desktop}' has a new disk of {size} GB, {disk_id}.")
        return disk_id

    @keyword(tags=["Desktop", "Disk"])
    def attach_volume_to_desktop(self, desktop: str, volume: str, timeout: timedelta | None = None) -> None:
        """Makes a storage volume that no desktop has a disk of one. `Unmount Desktop Disk` gives it back.

        - ``desktop``: the desktop's name or id.
        - ``volume``: the volume's name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Attach Volume To Desktop    sales-1    archive
        | Get Desktop Disk    sales-1    archive    bus_type    ==    virtio
        """

        async def attach(client: VdiClient, seconds: float) -> None:
            vm = await client.domains.find(desktop, timeout=seconds)
            found = await client.storage.find_volume(volume, timeout=seconds)
            await client.domains.add_disk(vm.id, found.id, timeout=seconds)

        self.ask(f"Attaching volume '{volume}' to desktop '{desktop}'", attach, timeout)
        logger.info(f"Volume '{volume}' is a disk of desktop '{desktop}'.")

    @keyword(tags=["Desktop", "Disk"])
    def expand_desktop_disk(self, desktop: str, by: int, disk: str = START, timeout: timedelta | None = None) -> int:
        """Makes a desktop's disk larger, waits until the platform shows it, and returns its new size in GB.

        The guest of a desktop that runs sees the larger disk at once; its file systems stay as they are.

        - ``desktop``: the desktop's name or id.
        - ``by``: how many GB are added.
        - ``disk``: the disk's id, name or file name; by default ``start``, the one that the desktop starts from.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | ${size} =    Expand Desktop Disk    sales-1    by=2
        | Get Desktop Disk    sales-1    start    size    ==    ${size}
        """
        if by < 1:
            raise InputError.about("A disk", wanted="grow by at least 1 GB", got=f"was to grow by {by}")

        from ATPLibrary.orchestrator.desktops import wait_until_gone

        async def expand(client: VdiClient, seconds: float) -> int:
            vm, found = await disk_of(client, desktop, disk, seconds)
            await client.domains.expand_disk(vm.id, found.id, by, timeout=seconds)
            size = (found.size or 0) + by

            async def smaller() -> list[str]:
                now = await client.domains.find_disk(vm.id, found.id, vm_name=vm.name, timeout=seconds)
                return [f"{now.size} GB"] if (now.size or 0) < size else []

            subject = f"Disk '{found.name or found.id}' of desktop '{vm.name}'"
            await wait_until_gone(subject, smaller, seconds, wanted=f"have {size} GB", told="the platform shows")
            return size

        size = self.ask(f"Enlarging a disk of desktop '{desktop}'", expand, timeout)
        logger.info(f"Disk '{disk}' of desktop '{desktop}' has {size} GB.")
        return size

    @keyword(tags=["Desktop", "Disk"])
    def limit_desktop_disk(
        self,
        desktop: str,
        disk: str = START,
        *,
        read_bytes: int | None = None,
        write_bytes: int | None = None,
        read_operations: int | None = None,
        write_operations: int | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Bounds what a desktop may read from and write to a disk in a second. What isn't named stays; 0 is no limit.

        - ``desktop``: the desktop's name or id.
        - ``disk``: the disk's id, name or file name; by default ``start``, the one that the desktop starts from.
        - ``read_bytes``, ``write_bytes``: bytes a second.
        - ``read_operations``, ``write_operations``: operations a second.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Limit Desktop Disk    sales-1    write_bytes=10000000
        | Get Desktop Disk    sales-1    start    write_bytes_sec    ==    10000000
        """
        from ATPLibrary.vdi.shapes.vm_devices import DiskLimit

        told = {
            "read_bytes_sec": read_bytes,
            "write_bytes_sec": write_bytes,
            "read_iops_sec": read_operations,
            "write_iops_sec": write_operations,
        }
        limits = {name: str(value) for name, value in told.items() if value is not None}
        if not limits:
            raise InputError(f"'Limit Desktop Disk' of '{desktop}' names no limit.")

        async def limit(client: VdiClient, seconds: float) -> None:
            vm, found = await disk_of(client, desktop, disk, seconds)
            await client.domains.limit_disk(vm.id, found.id, DiskLimit(**limits), timeout=seconds)

        self.ask(f"Limiting a disk of desktop '{desktop}'", limit, timeout)
        logger.info(f"Limits of the disk: {', '.join(f'{name} {value}' for name, value in limits.items())}.")

    @keyword(tags=["Desktop", "Disk"])
    def unmount_desktop_disk(
        self, desktop: str, disk: str, *, wait: bool = True, timeout: timedelta | None = None
    ) -> list[str]:
        """Takes a disk out of a desktop; what is on it stays in its storage volume. Returns the event ids.

        The guest of a desktop that runs has to let it go, which it doesn't while it uses it.

        - ``desktop``: the desktop's name or id.
        - ``disk``: the disk's id, name or file name.
        - ``wait``: ``False`` returns as soon as the platform has begun.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | ${disk} =    Add Disk To Desktop    sales-1    size=2
        | Unmount Desktop Disk    sales-1    ${disk}
        """

        async def begin(client: VdiClient, seconds: float) -> LongOperation[Any]:
            vm, found = await disk_of(client, desktop, disk, seconds)
            return await client.domains.unmount_disk(vm.id, found.id, timeout=seconds)

        ids = self.order(f"Unmounting disk '{disk}' of desktop '{desktop}'", begin, timeout, wait)
        if wait:
            logger.info(f"Disk '{disk}' is no disk of desktop '{desktop}' any more; its volume is free.")
        return ids

    @keyword(tags=["Desktop", "Disk"])
    def delete_desktop_disk(self, desktop: str, disk: str, timeout: timedelta | None = None) -> None:
        """Takes a disk out of a desktop and deletes it with all that is on it.

        - ``desktop``: the desktop's name or id.
        - ``disk``: the disk's id, name or file name.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | ${disk} =    Add Disk To Desktop    sales-1    size=2
        | Delete Desktop Disk    sales-1    ${disk}
        """

        async def delete(client: VdiClient, seconds: float) -> None:
            vm, found = await disk_of(client, desktop, disk, seconds)
            await client.domains.delete_disk(vm.id, found.id, timeout=seconds)
            self.forget("disk", found.id)

        self.ask(f"Deleting disk '{disk}' of desktop '{desktop}'", delete, timeout)
        logger.info(f"Deleted disk '{disk}' of desktop '{desktop}'.")


async def _remove_new_disks(client: VdiClient, vm: Vm, before: set[str], disk_id: str | None, seconds: float) -> None:
    """Delete the disk, or the new ones where it isn't known which. One that was unmounted since is a volume of nobody's."""
    if await client.domains.has(vm.id, timeout=seconds):
        for disk in await client.domains.disks(vm.id, timeout=seconds):
            if disk.id == disk_id or (disk_id is None and disk.id not in before):
                await client.domains.delete_disk(vm.id, disk.id, timeout=seconds)
    if any(each.id == disk_id for each in await client.storage.all_volumes(timeout=seconds)):
        await client.storage.delete_volume(disk_id or "", timeout=seconds)


async def disk_of(client: VdiClient, desktop: str, disk: str, seconds: float) -> tuple[Vm, Disk]:
    """The disk that is meant, by its id, name or file name, or `START`, and its desktop."""
    vm = await client.domains.find(desktop, timeout=seconds)
    wanted = None if disk == START else disk
    return vm, await client.domains.find_disk(vm.id, wanted, vm_name=vm.name, timeout=seconds)


async def _storage(client: VdiClient, vm: Vm, storage: str | None, seconds: float) -> str:
    """The id of the storage pool of that name, or of one for disks that the VM's host reaches."""
    if storage is not None:
        return (await client.storage.find(storage, timeout=seconds)).id
    pools = await client.domains.common_storage_pools([vm.id], timeout=seconds)
    fit = [pool for pool in pools if not pool.is_iso]
    if not fit:
        raise InputError.about(
            f"Desktop '{vm.name}'",
            wanted="have a storage pool for a disk",
            got="its host reaches none",
            next_step="Name one with storage_pool=",
        )
    return fit[0].id
