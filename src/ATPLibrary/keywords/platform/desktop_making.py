"""Keywords that make desktops of a model or of another desktop, and that make a desktop a model."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError
from ATPLibrary.keywords.platform.made_desktops import DESKTOP, MODEL, MadeDesktops
from ATPLibrary.keywords.platform.progress import Told
from ATPLibrary.orchestrator.creations import ClosingLevel

if TYPE_CHECKING:
    from ATPLibrary.vdi import LongOperation, Model, VdiClient


class DesktopMakingKeywords(MadeDesktops):
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
        start: bool = False,
        connect: bool = False,
        closing: ClosingLevel | None = None,
        timeout: timedelta | None = None,
    ) -> str:
        """Makes one desktop of a model, in no desk pool, and waits until it is there. Returns its id.

        It is a linked clone, which is made in a moment and stands on the model's disk. The platform numbers linked clones by
        itself, so it is made under another name first, then renamed. Fails where the platform has a VM of that name.

        - ``name``: the new desktop's name, in any language.
        - ``model``: the name or id of the model; see `Get Models`.
        - ``full``: ``True`` copies the model's disk whole instead; that takes as long as its size says.
        - ``storage_pool``: where a full copy's disk goes, by name or id; by default beside the model's own.
        - ``cpu``: how many processors; by default as many as the model.
        - ``memory``: in MiB; by default as much as the model.
        - ``remark``: what the platform shows beside it.
        - ``start``: ``True`` starts it; else it is off.
        - ``connect``: ``True`` connects to it and makes it the current VM, as `Connect To Desktop` does.
        - ``closing``: when it is removed again: ``test``, ``suite``, ``manual``, ``keep``; by default the library import's level.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s); with ``start=True`` ``timeouts.boot`` (180 s).

        Example:
        | Log In To Platform
        | Create Desktop    sales-1    model=atp-linux
        | Create Desktop    测试桌面    model=atp-linux    cpu=2    memory=2048
        | Create Desktop    sales-2    model=atp-linux    start=True    connect=True
        | VM Should Be    running
        """
        if storage_pool is not None and not full:
            raise InputError(
                "A linked clone's disk stands on its model's: a storage pool can be said with full=True only."
            )

        what = f"Creating desktop '{name}'"

        async def make(client: VdiClient, seconds: float, say: Callable[[str], None]) -> str:
            from ATPLibrary.orchestrator import desktops
            from ATPLibrary.vdi.shapes.vm_orders import VmChange

            chosen = await client.models.find(model, timeout=seconds)
            await desktops.check_new(client, name, seconds)
            if full:
                pool_id = await _pool_of_model(client, chosen, storage_pool, seconds)
                with self.making_desktop(name, closing) as creation:
                    operation = await client.domains.clone(
                        chosen.id, name, storage_pool_id=pool_id, of_model=True, timeout=seconds
                    )
                    creation.id = operation.made.vm_id
                await operation.finish(seconds, Told(what, 1, say))
                creation.id = id_ = creation.id or (await client.domains.find(name, timeout=seconds)).id
                if remark is not None:
                    await client.domains.update(id_, VmChange(name=name, remark=remark), timeout=seconds)
            else:
                prefix = desktops.passing_name(name)
                with self.making_desktop(name, closing, lambda vm: vm.name.startswith(prefix)) as creation:
                    creation.id = id_ = await desktops.make_linked(
                        client, name, prefix, chosen, seconds, remark=remark, on_progress=Told(what, 1, say)
                    )
            if cpu is not None or memory is not None:
                vm = await client.domains.detail(id_, timeout=seconds)
                await desktops.resize(client, [vm], cpu, memory, seconds)
            return id_

        id_ = self.create(name, make, timeout, start=start, connect=connect)
        logger.info(f"Created desktop '{name}' ({id_}) from model '{model}'.")
        return id_

    @keyword(tags=["Desktop"])
    def clone_desktop(
        self,
        desktop: str,
        name: str,
        *,
        wait: bool = True,
        closing: ClosingLevel | None = None,
        timeout: timedelta | None = None,
    ) -> list[str]:
        """Copies a desktop that is off, with its whole disk, to a new one, and waits until the copy is there. Returns the event id.

        - ``desktop``: the desktop to copy, by name or id.
        - ``name``: the copy's name. Fails where the platform has a VM of that name.
        - ``wait``: ``False`` begins only; see `Wait For Platform Events`.
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
            with self.making_desktop(name, closing) as creation:
                operation = await client.domains.clone(vm.id, name, timeout=seconds)
                creation.id = operation.made.vm_id
            return operation

        ids = self.order(f"Copying desktop '{desktop}' to '{name}'", begin, timeout, wait)
        if wait:
            logger.info(f"Copied desktop '{desktop}' to '{name}'.")
        return ids

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
            self.workspace.creations.last_as_long(DESKTOP, creation)
            await desktops.forget(self.workspace, [vm.id])
            return vm.name

        name = self.ask(f"Making desktop '{desktop}' a model", convert, timeout)
        logger.info(f"Desktop '{name}' is a model now.")


async def _pool_of_model(client: VdiClient, model: Model, storage_pool: str | None, seconds: float) -> str | None:
    """The id of the storage pool for a full copy's disk: the one that is named, else the one with the model's disk."""
    if storage_pool is not None:
        return (await client.storage.find(storage_pool, timeout=seconds)).id
    disks = await client.models.disks(model.id, timeout=seconds)
    return next((disk.storage_pool_id for disk in disks if disk.storage_pool_id), None)
