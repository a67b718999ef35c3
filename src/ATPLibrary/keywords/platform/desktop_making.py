"""Keywords that make desktops: of a model, of another desktop, of volumes, of a disk file; and that make a desktop a model."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError, PlatformError
from ATPLibrary.keywords.platform.base import PlatformComponent

if TYPE_CHECKING:
    from ATPLibrary.vdi import LongOperation, Model, VdiClient, Vm
    from ATPLibrary.vdi.shapes.vm_orders import NewDisk


class DesktopMakingKeywords(PlatformComponent):
    @keyword(tags=["Desktop"])
    def create_desktop(
        self,
        name: str,
        model: str,
        full: bool = False,
        *,
        storage_pool: str | None = None,
        cpu: int | None = None,
        memory: int | None = None,
        remark: str | None = None,
        timeout: timedelta | None = None,
    ) -> str:
        """Makes one desktop of a model, in no desk pool, and waits until it is there. Returns its id. It is off.

        It is a linked clone, which is made in a moment and stands on the model's disk. The platform numbers linked clones by
        itself, so it is made under another name first, then renamed. Fails where the platform has a VM of that name.

        - ``name``: the new desktop's name, in any language.
        - ``model``: the name or id of the model; see `Get Models`.
        - ``full``: ``True`` copies the model's disk whole instead; that takes as long as its size says.
        - ``storage_pool``: where a full copy's disk goes, by name or id; by default beside the model's own.
        - ``cpu``: how many processors; by default as many as the model.
        - ``memory``: in MiB; by default as much as the model.
        - ``remark``: what the platform shows beside it.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Create Desktop    sales-1    model=atp-linux
        | Create Desktop    测试桌面    model=atp-linux    cpu=2    memory=2048
        """
        from ATPLibrary.orchestrator import desktops

        if storage_pool is not None and not full:
            raise InputError(
                "A linked clone's disk stands on its model's: a storage pool can be said with full=True only."
            )

        async def make(client: VdiClient, seconds: float) -> str:
            chosen = await client.models.find(model, timeout=seconds)
            if full:
                id_ = await self._copied(client, chosen, name, storage_pool, seconds)
            else:
                made = await desktops.make_linked(
                    client, name, chosen, seconds, begun=lambda prefix: None, remark=remark
                )
                id_ = made.id
            if cpu is not None or memory is not None:
                vm = await client.domains.detail(id_, timeout=seconds)
                await desktops.resize(client, [vm], cpu, memory, seconds)
            return id_

        id_ = self.ask(f"Creating desktop '{name}'", make, timeout)
        logger.info(f"Created desktop '{name}' ({id_}) from model '{model}'.")
        return id_

    @keyword(tags=["Desktop"])
    def create_desktop_from_volumes(
        self,
        name: str,
        *volumes: str,
        cpu: int = 1,
        memory: int = 1024,
        os_type: str | None = None,
        bootloader: str = "bios",
        remark: str | None = None,
        timeout: timedelta | None = None,
    ) -> str:
        """Makes a desktop whose disks are storage volumes that no VM has. Returns its id. It is off.

        - ``name``: the new desktop's name, in any language.
        - ``volumes``: the volumes, by name or id; it boots from the first.
        - ``cpu``: how many processors.
        - ``memory``: in MiB.
        - ``os_type``: the kind of system, in the platform's own words.
        - ``bootloader``: ``bios`` or ``uefi``.
        - ``remark``: what the platform shows beside it.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Create Desktop From Volumes    sales-1    system-disk    data-disk    cpu=2    memory=2048
        """
        if not volumes:
            raise InputError("A desktop needs a disk: name at least one volume.")

        async def make(client: VdiClient, seconds: float) -> str:
            from ATPLibrary.orchestrator import desktops
            from ATPLibrary.vdi.shapes.vm_orders import NewVm

            await desktops.check_new(client, name, seconds)
            order = NewVm(
                name=name,
                cpu=cpu,
                cores=cpu,
                memory=memory,
                os_type=os_type,
                bootloader=bootloader,
                disks=await _disks(client, volumes, seconds),
                remark=remark,
            )
            return await client.domains.create(order, timeout=seconds)

        id_ = self.ask(f"Creating desktop '{name}'", make, timeout)
        logger.info(f"Created desktop '{name}' ({id_}) from {len(volumes)} volumes.")
        return id_

    @keyword(tags=["Desktop"])
    def clone_desktop(self, desktop: str, name: str, wait: bool = True, timeout: timedelta | None = None) -> list[str]:
        """Copies a desktop that is off, with its whole disk, to a new one, and waits until the copy is there. Returns the event id.

        - ``desktop``: the desktop to copy, by name or id.
        - ``name``: the copy's name.
        - ``wait``: ``False`` begins only.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Clone Desktop    sales-1    sales-1-copy
        """

        async def begin(client: VdiClient, seconds: float) -> LongOperation[object]:
            vm = await client.domains.find(desktop, timeout=seconds)
            return await client.domains.clone(vm.id, name, timeout=seconds)

        ids = self.order(f"Copying desktop '{desktop}' to '{name}'", begin, timeout, wait)
        if wait:
            logger.info(f"Copied desktop '{desktop}' to '{name}'.")
        return ids

    @keyword(tags=["Desktop"])
    def import_desktop(
        self,
        name: str,
        filename: str,
        storage_pool: str,
        bus_type: str = "virtio",
        timeout: timedelta | None = None,
    ) -> None:
        """Makes a desktop out of a disk file that lies in a storage pool.

        - ``name``: the name of the volume, and of the desktop that the platform makes of it.
        - ``filename``: the file in the storage pool.
        - ``storage_pool``: the storage pool, by name or id.
        - ``bus_type``: what the guest sees the disk on: ``virtio``, ``sata``, ``ide``, ...
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Import Desktop    win11    win11.qcow2    storage_pool=images
        """

        async def import_(client: VdiClient, seconds: float) -> None:
            pool = await client.storage.find(storage_pool, timeout=seconds)
            await client.domains.import_(name, filename, storage_pool_id=pool.id, bus_type=bus_type, timeout=seconds)

        self.ask(f"Importing desktop '{name}'", import_, timeout)
        logger.info(f"Imported desktop '{name}' from '{filename}'.")

    @keyword(tags=["Desktop"])
    def convert_desktop_to_model(self, desktop: str, timeout: timedelta | None = None) -> None:
        """Makes a desktop that is off a model, which others can be cloned from. It is no desktop any more.

        - ``desktop``: the desktop, by name or id. It must be in no desk pool, and have no restore point and no snapshot.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Convert Desktop To Model    win11-master
        """

        async def convert(client: VdiClient, seconds: float) -> Vm:
            vm = await client.domains.find(desktop, timeout=seconds)
            await client.domains.to_model(vm.id, timeout=seconds)
            return vm

        vm = self.ask(f"Making desktop '{desktop}' a model", convert, timeout)
        logger.info(f"Desktop '{vm.name}' is a model now.")

    async def _copied(
        self, client: VdiClient, model: Model, name: str, storage_pool: str | None, seconds: float
    ) -> str:
        """The id of a full copy of the model."""
        if storage_pool is not None:
            pool_id: str | None = (await client.storage.find(storage_pool, timeout=seconds)).id
        else:
            disks = await client.models.disks(model.id, timeout=seconds)
            pool_id = next((disk.storage_pool_id for disk in disks if disk.storage_pool_id), None)
        operation = await client.domains.clone(model.id, name, storage_pool_id=pool_id, of_model=True, timeout=seconds)
        await operation.finish(seconds)
        if operation.made.vm_id is None:
            raise PlatformError.about(
                f"Platform '{client.name}'", wanted=f"say which VM is the copy '{name}'", got="answered without an id"
            )
        return operation.made.vm_id


async def _disks(client: VdiClient, volumes: tuple[str, ...], seconds: float) -> list[NewDisk]:
    from ATPLibrary.vdi.shapes.vm_orders import NewDisk

    found = [await client.storage.find_volume(volume, timeout=seconds) for volume in volumes]
    return [
        NewDisk(id=volume.id, bus_type=volume.bus_type, is_start_disk=int(number == 0))
        for number, volume in enumerate(found)
    ]
