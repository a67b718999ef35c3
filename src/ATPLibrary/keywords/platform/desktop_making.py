"""Keywords that make desktops: of a model, of another desktop, of volumes, of a disk file; and that make a desktop a model."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError
from ATPLibrary.keywords.platform.base import PlatformComponent
from ATPLibrary.orchestrator.creations import ClosingLevel

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.creations import Creation
    from ATPLibrary.vdi import LongOperation, Model, VdiClient, Vm
    from ATPLibrary.vdi.shapes.vm_orders import NewDisk

# What these are called where they are remembered and removed.
DESKTOP, MODEL = "desktop", "model"


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
        closing: ClosingLevel | None = None,
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
        - ``closing``: when it is removed again: ``test``, ``suite``, ``manual``, ``keep``; by default the library import's level.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Create Desktop    sales-1    model=atp-linux
        | Create Desktop    测试桌面    model=atp-linux    cpu=2    memory=2048
        """
        if storage_pool is not None and not full:
            raise InputError(
                "A linked clone's disk stands on its model's: a storage pool can be said with full=True only."
            )

        async def make(client: VdiClient, seconds: float) -> str:
            from ATPLibrary.orchestrator import desktops
            from ATPLibrary.vdi.shapes.vm_orders import VmChange

            chosen = await client.models.find(model, timeout=seconds)
            await desktops.check_new(client, name, seconds)
            if full:
                pool_id = await _pool_of_model(client, chosen, storage_pool, seconds)
                with self._making(name, closing) as creation:
                    operation = await client.domains.clone(
                        chosen.id, name, storage_pool_id=pool_id, of_model=True, timeout=seconds
                    )
                    creation.id = operation.made.vm_id
                await operation.finish(seconds)
                creation.id = id_ = creation.id or (await client.domains.find(name, timeout=seconds)).id
                if remark is not None:
                    await client.domains.update(id_, VmChange(name=name, remark=remark), timeout=seconds)
            else:
                prefix = desktops.passing_name(name)
                with self._making(name, closing, lambda vm: vm.name.startswith(prefix)) as creation:
                    creation.id = id_ = await desktops.make_linked(client, name, prefix, chosen, seconds, remark=remark)
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
        closing: ClosingLevel | None = None,
        timeout: timedelta | None = None,
    ) -> str:
        """Makes a desktop whose disks are storage volumes that no VM has. Returns its id. It is off.

        The volumes are free again when it is deleted.

        - ``name``: the new desktop's name, in any language.
        - ``volumes``: the volumes, by name or id; it boots from the first.
        - ``cpu``: how many processors.
        - ``memory``: in MiB.
        - ``os_type``: the kind of system, in the platform's own words.
        - ``bootloader``: ``bios`` or ``uefi``.
        - ``remark``: what the platform shows beside it.
        - ``closing``: when it is removed again: ``test``, ``suite``, ``manual``, ``keep``; by default the library import's level.
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
            with self._making(name, closing) as creation:
                creation.id = id_ = await client.domains.create(order, timeout=seconds)
            return id_

        id_ = self.ask(f"Creating desktop '{name}'", make, timeout)
        logger.info(f"Created desktop '{name}' ({id_}) from {len(volumes)} volumes.")
        return id_

    @keyword(tags=["Desktop"])
    def clone_desktop(
        self,
        desktop: str,
        name: str,
        wait: bool = True,
        *,
        closing: ClosingLevel | None = None,
        timeout: timedelta | None = None,
    ) -> list[str]:
        """Copies a desktop that is off, with its whole disk, to a new one, and waits until the copy is there. Returns the event id.

        - ``desktop``: the desktop to copy, by name or id.
        - ``name``: the copy's name. Fails where the platform has a VM of that name.
        - ``wait``: ``False`` begins only.
        - ``closing``: when it is removed again: ``test``, ``suite``, ``manual``, ``keep``; by default the library import's level.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Clone Desktop    sales-1    sales-1-copy
        """

        async def begin(client: VdiClient, seconds: float) -> LongOperation[Any]:
            from ATPLibrary.orchestrator import desktops

            vm = await client.domains.find(desktop, timeout=seconds)
            await desktops.check_new(client, name, seconds)
            with self._making(name, closing) as creation:
                operation = await client.domains.clone(vm.id, name, timeout=seconds)
                creation.id = operation.made.vm_id
            return operation

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
            with self._making(name, closing) as creation:
                await client.domains.import_(
                    name, filename, storage_pool_id=pool.id, bus_type=bus_type, timeout=seconds
                )
                made = await client.domains.list(name, timeout=seconds).collect()
                creation.id = next((vm.id for vm in made if vm.name == name), None)

        self.ask(f"Importing desktop '{name}'", import_, timeout)
        logger.info(f"Imported desktop '{name}' from '{filename}'.")

    @keyword(tags=["Desktop"])
    def convert_desktop_to_model(
        self, desktop: str, *, closing: ClosingLevel | None = None, timeout: timedelta | None = None
    ) -> None:
        """Makes a desktop that is off a model, which others can be cloned from. It is no desktop any more.

        - ``desktop``: the desktop, by name or id. It must be in no desk pool, and have no restore point and no snapshot.
        - ``closing``: when it becomes a desktop again: ``test``, ``suite``, ...; by default the library import's level.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Convert Desktop To Model    win11-master
        """

        async def convert(client: VdiClient, seconds: float) -> str:
            from ATPLibrary.orchestrator import desktops

            vm = await client.domains.find(desktop, timeout=seconds)

            async def back(client: VdiClient, seconds: float) -> None:
                if any(model.id == vm.id for model in await client.models.list(timeout=seconds).collect()):
                    await client.models.to_vm(vm.id, timeout=seconds)

            with self.making(MODEL, vm.name, back, closing) as creation:
                await client.domains.to_model(vm.id, timeout=seconds)
                creation.id = vm.id
            await desktops.forget(self.workspace, [vm.id])
            return vm.name

        name = self.ask(f"Making desktop '{desktop}' a model", convert, timeout)
        logger.info(f"Desktop '{name}' is a model now.")

    @contextlib.contextmanager
    def _making(
        self, name: str, closing: ClosingLevel | None, is_it: Callable[[Vm], bool] | None = None
    ) -> Iterator[Creation]:
        """Remembers a desktop before it is ordered. Until its id is known, `is_it` tells it, by default by its name."""
        from ATPLibrary.orchestrator import desktops

        def fits(vm: Vm) -> bool:
            if creation.id is not None:
                return vm.id == creation.id
            return vm.name == name if is_it is None else is_it(vm)

        with self.making(DESKTOP, name, desktops.removal(self.workspace, fits), closing) as creation:
            yield creation


async def _pool_of_model(client: VdiClient, model: Model, storage_pool: str | None, seconds: float) -> str | None:
    """The id of the storage pool for a full copy's disk: the one that is named, else the one with the model's disk."""
    if storage_pool is not None:
        return (await client.storage.find(storage_pool, timeout=seconds)).id
    disks = await client.models.disks(model.id, timeout=seconds)
    return next((disk.storage_pool_id for disk in disks if disk.storage_pool_id), None)


async def _disks(client: VdiClient, volumes: Sequence[str], seconds: float) -> list[NewDisk]:
    from ATPLibrary.vdi.shapes.vm_orders import NewDisk

    found = [await client.storage.find_volume(volume, timeout=seconds) for volume in volumes]
    return [
        NewDisk(id=volume.id, bus_type=volume.bus_type, is_start_disk=int(number == 0))
        for number, volume in enumerate(found)
    ]
