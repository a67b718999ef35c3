"""Keywords that change desktops: what they are called and have, and which host they are on."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError, PlatformError
from ATPLibrary.keywords.platform.batches import BatchComponent, in_words, named

if TYPE_CHECKING:
    from ATPLibrary.vdi import LongOperation, VdiClient
    from ATPLibrary.vdi.shapes.storage import StoragePool

Mouse = Literal["client", "server"]
NOTHING = "There is nothing to change: say at least one of the keyword's arguments."


class DesktopChangingKeywords(BatchComponent):
    @keyword(tags=["Desktop"])
    def change_desktop(
        self,
        desktop: str,
        *,
        new_name: str | None = None,
        remark: str | None = None,
        os_type: str | None = None,
        command: str | None = None,
        mouse: Mouse | None = None,
        soundcard_type: str | None = None,
        gpu_type: str | None = None,
        vgpu_type: str | None = None,
        graphics_card_count: int | None = None,
        disable_alpha: bool | None = None,
        auto_join_domain: bool | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Changes what is said of a desktop; the rest stays as it is. A new name needs it off.

        Processors and memory: see `Set Desktop Size`. What its hypervisor shows it: see `Configure Desktop`.

        - ``desktop``: the desktop, by name or id.
        - ``new_name``: what it is called from now on.
        - ``remark``: what the platform shows beside it.
        - ``os_type``, ``command``, ``soundcard_type``, ``gpu_type``, ``vgpu_type``: the platform's own words.
        - ``mouse``: whose mouse is shown: that of the ``client`` or of the ``server``.
        - ``graphics_card_count``: how many screens.
        - ``disable_alpha``: whether the mouse pointer is shown without transparency.
        - ``auto_join_domain``: whether Windows joins its domain by itself.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Change Desktop    sales-1    new_name=sales-old    remark=被测
        """
        changes: dict[str, Any] = {
            "remark": remark,
            "os_type": os_type,
            "command": command,
            "mouse_mode": None if mouse is None else int(mouse == "server"),
            "soundcard_type": soundcard_type,
            "gpu_type": gpu_type,
            "vgpu_type": vgpu_type,
            "graphics_card_count": graphics_card_count,
            "disable_alpha": _flag(disable_alpha),
            "auto_join_domain": _flag(auto_join_domain),
        }
        told = {name: value for name, value in changes.items() if value is not None}
        if not told and new_name is None:
            raise InputError(NOTHING)

        async def change(client: VdiClient, seconds: float) -> str:
            from ATPLibrary.vdi.shapes.vm_orders import VmChange

            vm = await client.domains.find(desktop, timeout=seconds)
            name = vm.name if new_name is None else new_name
            await client.domains.update(vm.id, VmChange(name=name, **told), timeout=seconds)
            return vm.name

        name = self.ask(f"Changing desktop '{desktop}'", change, timeout)
        renamed = [] if new_name is None else [f"name: {new_name}"]
        logger.info(f"Changed desktop '{name}': {', '.join(renamed + [f'{k}: {v}' for k, v in told.items()])}.")

    @keyword(tags=["Desktop"])
    def configure_desktop(
        self,
        *names: str,
        nested_virtual: bool | None = None,
        domain_fake: bool | None = None,
        host_bios: bool | None = None,
        host_model: bool | None = None,
        gpu_type: str | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Changes what the hypervisor shows the guests of one or several desktops; what isn't said stays.

        - ``names``: the desktops, by name or id.
        - ``nested_virtual``: whether VMs can run in it.
        - ``domain_fake``: whether the guest is shown a disguised machine, so that it doesn't see that it is a VM.
        - ``host_bios``: whether it is shown the host's BIOS.
        - ``host_model``: whether it is shown the host's processor model.
        - ``gpu_type``: its graphics card, in the platform's own words.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Configure Desktop    sales-1    sales-2    nested_virtual=True
        """
        changes: dict[str, Any] = {
            "nested_virtual": _flag(nested_virtual),
            "domain_fake": _flag(domain_fake),
            "host_bios_enable": _flag(host_bios),
            "host_model_enable": _flag(host_model),
            "gpu_type": gpu_type,
        }
        if all(value is None for value in changes.values()):
            raise InputError(NOTHING)

        async def change(client: VdiClient, ids: list[str], seconds: float) -> None:
            from ATPLibrary.vdi.shapes.vm_orders import VmsChange

            await client.domains.update_all(VmsChange(ids=ids, **changes), timeout=seconds)

        self.at_once(f"Configuring {in_words(names)}", named(names), change, timeout)

    @keyword(tags=["Desktop"])
    def set_desktop_size(
        self, *names: str, cpu: int | None = None, memory: int | None = None, timeout: timedelta | None = None
    ) -> None:
        """Gives desktops that are off another number of processors, or more or less memory. What isn't said stays.

        - ``names``: the desktops, by name or id.
        - ``cpu``: how many processors.
        - ``memory``: in MiB.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Set Desktop Size    sales-1    cpu=2    memory=4096
        | Set Desktop Size    sales-2    sales-3    memory=2048
        """
        if cpu is None and memory is None:
            raise InputError(NOTHING)
        which = named(names)

        async def resize(client: VdiClient, seconds: float) -> None:
            from ATPLibrary.orchestrator import desktops

            await desktops.resize(client, await which(client, seconds), cpu, memory, seconds)

        self.ask(f"Setting the size of {in_words(names)}", resize, timeout)
        size = [f"cpu {cpu}"] * (cpu is not None) + [f"memory {memory} MiB"] * (memory is not None)
        logger.info(f"Size of {in_words(names)}: {', '.join(size)}.")

    @keyword(tags=["Desktop"])
    def migrate_desktop(
        self,
        desktop: str,
        host: str,
        storage_pool: str | None = None,
        *,
        wait: bool = True,
        timeout: timedelta | None = None,
    ) -> list[str]:
        """Moves a desktop to another host, and waits until it is there. Returns the event id.

        One that runs goes on running (live migration); one that is off is moved with its disks, as one is with ``storage_pool``.

        - ``desktop``: the desktop, by name or id.
        - ``host``: where it goes, by the name or id of the host.
        - ``storage_pool``: where its disks go, by name or id; by default the first of that host, for a desktop that is off.
        - ``wait``: ``False`` begins only; see `Wait For Platform Events`.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Log In To Platform
        | Migrate Desktop    sales-1    lab-b
        | Migrate Desktop    sales-1    lab-a    storage_pool=lab-a-data    timeout=10 min
        """

        async def begin(client: VdiClient, seconds: float) -> LongOperation[Any]:
            from ATPLibrary.vdi.codes import MigrationKind

            vm = await client.domains.find(desktop, timeout=seconds)
            target = await client.hosts.find(host, timeout=seconds)
            if not target.ip:
                raise PlatformError.about(
                    f"Host '{target.name}'", wanted="have an address", got="the platform names none"
                )
            if storage_pool is None and vm.is_on:
                return await client.domains.migrate(vm.id, target.ip, timeout=seconds)
            pool = await _pool_of_host(client, target.id, storage_pool, seconds)
            return await client.domains.migrate(
                vm.id,
                target.ip,
                MigrationKind.STORAGE,
                storage_pool_id=None if pool is None else pool.id,
                pool_path=None if pool is None else pool.path,
                timeout=seconds,
            )

        ids = self.order(f"Migrating desktop '{desktop}' to host '{host}'", begin, timeout, wait, "boot")
        if wait:
            logger.info(f"Desktop '{desktop}' is on host '{host}' now.")
        return ids

    @keyword(tags=["Desktop", "Getter"])
    def get_possible_hosts(self, desktop: str, timeout: timedelta | None = None) -> list[str]:
        """Returns the names of the hosts that a desktop could be started on.

        - ``desktop``: the desktop, by name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | @{hosts} =    Get Possible Hosts    sales-1
        | Should Not Be Empty    ${hosts}
        """

        async def look(client: VdiClient, seconds: float) -> list[str]:
            vm = await client.domains.find(desktop, timeout=seconds)
            known = {host.id: host.name for host in await client.hosts.list(timeout=seconds).collect()}
            hosts = await client.domains.possible_hosts(vm.id, timeout=seconds)
            return [known.get(host.id or "") or host.ip or host.id or "" for host in hosts]

        found = self.ask(f"The hosts for desktop '{desktop}'", look, timeout)
        logger.info(f"Desktop '{desktop}' can start on: {', '.join(found) or 'none'}.")
        return found


def _flag(value: bool | None) -> int | None:
    """The vendor's no and yes."""
    return None if value is None else int(value)


async def _pool_of_host(
    client: VdiClient, host_id: str, storage_pool: str | None, seconds: float
) -> StoragePool | None:
    """The storage pool that is named, else the first for disks that the host has, if any."""
    if storage_pool is not None:
        return await client.storage.find(storage_pool, timeout=seconds)
    pools = await client.storage.all(for_images=False, timeout=seconds)
    return next((pool for pool in pools if pool.host_id == host_id and not pool.is_iso), None)
