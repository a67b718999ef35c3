"""Keywords that make desktops of disks that are there: storage volumes, a disk file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError
from ATPLibrary.keywords.platform.desktop_networks import port_group
from ATPLibrary.keywords.platform.made_desktops import MadeDesktops
from ATPLibrary.orchestrator.creations import ClosingLevel

if TYPE_CHECKING:
    from ATPLibrary.vdi import VdiClient
    from ATPLibrary.vdi.shapes.storage import Volume
    from ATPLibrary.vdi.shapes.vm_orders import NewDisk, NewIso


class DesktopFromDisksKeywords(MadeDesktops):
    @keyword(tags=["Desktop"])
    def create_desktop_from_volumes(
        self,
        name: str,
        *volumes: str,
        iso: str | None = None,
        network: str | None = None,
        cpu: int = 1,
        memory: int = 1024,
        os_type: str | None = None,
        bootloader: str = "bios",
        remark: str | None = None,
        start: bool = False,
        connect: bool = False,
        closing: ClosingLevel | None = None,
        timeout: timedelta | None = None,
    ) -> str:
        """Makes a desktop whose disks are storage volumes that no VM has. Returns its id.

        The volumes are free again when it is deleted.

        - ``name``: the new desktop's name, in any language.
        - ``volumes``: the volumes, by name or id; it boots from the first.
        - ``iso``: the file name or path of an image for its drive, such as an installation's; by default it has none.
        - ``network``: the port group that its network card is on, by name or id; by default it has no card.
        - ``cpu``: how many processors.
        - ``memory``: in MiB.
        - ``os_type``: the kind of system, in the platform's own words.
        - ``bootloader``: ``bios`` or ``uefi``.
        - ``remark``: what the platform shows beside it.
        - ``start``: ``True`` starts it; else it is off.
        - ``connect``: ``True`` connects to it and makes it the current VM, as `Connect To Desktop` does.
        - ``closing``: when it is removed again: ``test``, ``suite``, ``manual``, ``keep``; by default the library import's level.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s); with ``start=True`` ``timeouts.boot`` (180 s).

        Example:
        | Log In To Platform
        | Create Desktop From Volumes    sales-1    system-disk    data-disk    cpu=2    memory=2048
        | Create Desktop From Volumes    sales-2    empty-disk    iso=debian.iso    network=office
        """
        if not volumes:
            raise InputError("A desktop needs a disk: name at least one volume.")

        async def make(client: VdiClient, seconds: float, say: Callable[[str], None]) -> str:
            from ATPLibrary.orchestrator import desktops
            from ATPLibrary.vdi.shapes.vm_orders import NewNic, NewVm

            await desktops.check_new(client, name, seconds)
            found = [await client.storage.find_volume(volume, timeout=seconds) for volume in volumes]
            order = NewVm(
                name=name,
                cpu=cpu,
                cores=cpu,
                memory=memory,
                os_type=os_type,
                bootloader=bootloader,
                disks=_disks(found),
                isos=[] if iso is None else [await _iso(client, iso, found[0], seconds)],
                nics=[] if network is None else [NewNic(vlan_id=await port_group(client, network, seconds))],
                remark=remark,
            )
            with self.making_desktop(name, closing) as creation:
                creation.id = id_ = await client.domains.create(order, timeout=seconds)
            return id_

        id_ = self.create(name, make, timeout, start=start, connect=connect)
        logger.info(f"Created desktop '{name}' ({id_}) from {len(volumes)} volumes.")
        return id_

    @keyword(tags=["Desktop"])
    def import_desktop(
        self,
        name: str,
        filename: str,
        storage_pool: str,
        bus_type: str = "virtio",
        *,
        closing: ClosingLevel | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Makes a desktop out of a disk file that lies in a storage pool.

        - ``name``: the name of the volume, and of the desktop that the platform makes of it.
        - ``filename``: the file in the storage pool.
        - ``storage_pool``: the storage pool, by name or id.
        - ``bus_type``: what the guest sees the disk on: ``virtio``, ``sata``, ``ide``, ...
        - ``closing``: when it is removed again: ``test``, ``suite``, ``manual``, ``keep``; by default the library import's level.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Import Desktop    win11    win11.qcow2    storage_pool=images
        """

        async def import_(client: VdiClient, seconds: float) -> None:
            from ATPLibrary.orchestrator import desktops

            pool = await client.storage.find(storage_pool, timeout=seconds)
            await desktops.check_new(client, name, seconds)
            with self.making_desktop(name, closing) as creation:
                await client.domains.import_(
                    name, filename, storage_pool_id=pool.id, bus_type=bus_type, timeout=seconds
                )
                made = await client.domains.list(name, timeout=seconds).collect()
                creation.id = next((vm.id for vm in made if vm.name == name), None)

        self.ask(f"Importing desktop '{name}'", import_, timeout)
        logger.info(f"Imported desktop '{name}' from '{filename}'.")


def _disks(volumes: Sequence[Volume]) -> list[NewDisk]:
    from ATPLibrary.vdi.shapes.vm_orders import NewDisk

    return [
        NewDisk(id=volume.id, bus_type=volume.bus_type, is_start_disk=int(number == 0))
        for number, volume in enumerate(volumes)
    ]


async def _iso(client: VdiClient, iso: str, volume: Volume, seconds: float) -> NewIso:
    """The image, where the host of the volume reaches it."""
    from ATPLibrary.vdi.shapes.vm_orders import NewIso

    pools = await client.storage.all(timeout=seconds)
    host_id = next((pool.host_id for pool in pools if pool.id == volume.storage_pool_id and not pool.is_share), None)
    pool_id, path = await client.storage.find_iso(iso, host_id=host_id, timeout=seconds)
    return NewIso(iso_path=path, storage_pool_id=pool_id)
