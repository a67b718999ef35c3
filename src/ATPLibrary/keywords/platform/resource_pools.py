"""Keywords about resource pools: hosts of one architecture that share VMs and storage."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError, PlatformError
from ATPLibrary.keywords.assertions import Operator
from ATPLibrary.keywords.platform.looking import Looking
from ATPLibrary.orchestrator.creations import ClosingLevel
from ATPLibrary.vdi.codes import PoolStatus

if TYPE_CHECKING:
    from ATPLibrary.vdi import VdiClient
    from ATPLibrary.vdi.shapes.pools import Pool


class ResourcePoolKeywords(Looking):
    @keyword(tags=["Resource Pool"])
    def create_resource_pool(
        self,
        name: str,
        *,
        arch: str = "x86_64",
        data_centre: str | None = None,
        closing: ClosingLevel | None = None,
        timeout: timedelta | None = None,
    ) -> str:
        """Makes a resource pool, in service and without hosts. Returns its id.

        - ``name``: the new resource pool's name, in any language.
        - ``arch``: the architecture of its hosts, as the platform writes it.
        - ``data_centre``: the id of the data centre that it is in; by default that of the other resource pools, if they have one.
        - ``closing``: when it is removed again: ``test``, ``suite``, ``manual``, ``keep``; by default the library import's level.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Create Resource Pool    laboratory
        | Put Resource Pool Into Maintenance    laboratory
        | Delete Resource Pool    laboratory
        """

        async def create(client: VdiClient, seconds: float) -> str:
            centre = data_centre or await _data_centre(client, seconds)
            before = {each.id for each in await client.pools.all(timeout=seconds)}

            async def ours(client: VdiClient, seconds: float) -> list[Pool]:
                pools = await client.pools.all(timeout=seconds)
                if made.id is not None:
                    return [each for each in pools if each.id == made.id]
                return [each for each in pools if each.name == name and each.id not in before]

            async def remove(client: VdiClient, seconds: float) -> None:
                for each in await ours(client, seconds):
                    if each.status != PoolStatus.MAINTENANCE:
                        await client.pools.update(each.id, status=PoolStatus.MAINTENANCE, timeout=seconds)
                    await client.pools.delete(each.id, timeout=seconds)

            with self.making("resource pool", name, remove, closing) as made:
                await client.pools.create(name, arch=arch, vmc_id=centre, timeout=seconds)
            made.id = (await client.pools.find(name, timeout=seconds)).id
            return made.id

        id_ = self.ask(f"Creating resource pool '{name}'", create, timeout)
        logger.info(f"Created resource pool '{name}' ({id_}).")
        return id_

    @keyword(tags=["Resource Pool"])
    def update_resource_pool(
        self,
        resource_pool: str,
        *,
        name: str | None = None,
        cpu_over: int | None = None,
        memory_over: int | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Changes a resource pool: what is named becomes so, the rest stays.

        - ``resource_pool``: the resource pool's name or id.
        - ``name``: its new name.
        - ``cpu_over``: how many times its processors may be promised.
        - ``memory_over``: how many times its memory may be promised.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Update Resource Pool    laboratory    name=lab-2    cpu_over=4
        """
        if name is None and cpu_over is None and memory_over is None:
            raise InputError("There is nothing to change: say name=, cpu_over= or memory_over=.")

        async def update(client: VdiClient, seconds: float) -> None:
            found = await client.pools.find(resource_pool, timeout=seconds)
            await client.pools.update(found.id, name=name, cpu_over=cpu_over, memory_over=memory_over, timeout=seconds)

        self.ask(f"Changing resource pool '{resource_pool}'", update, timeout)
        logger.info(f"Changed resource pool '{resource_pool}'.")

    @keyword(tags=["Resource Pool"])
    def put_resource_pool_into_maintenance(self, resource_pool: str, timeout: timedelta | None = None) -> None:
        """Puts a resource pool into maintenance: no desktop is started on its hosts until `Return Resource Pool To Service`.

        Desktops that run there go on running.

        - ``resource_pool``: the resource pool's name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Put Resource Pool Into Maintenance    laboratory
        | Return Resource Pool To Service    laboratory
        """
        self._set_status(resource_pool, PoolStatus.MAINTENANCE, timeout)
        logger.info(f"Resource pool '{resource_pool}' is in maintenance.")

    @keyword(tags=["Resource Pool"])
    def return_resource_pool_to_service(self, resource_pool: str, timeout: timedelta | None = None) -> None:
        """Ends a resource pool's maintenance: desktops may be started on its hosts again.

        - ``resource_pool``: the resource pool's name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Return Resource Pool To Service    laboratory
        """
        self._set_status(resource_pool, PoolStatus.NORMAL, timeout)
        logger.info(f"Resource pool '{resource_pool}' is in service.")

    @keyword(tags=["Resource Pool"])
    def delete_resource_pool(self, resource_pool: str, timeout: timedelta | None = None) -> None:
        """Deletes a resource pool. It must be in maintenance, and have neither hosts nor storage.

        - ``resource_pool``: the resource pool's name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Put Resource Pool Into Maintenance    laboratory
        | Delete Resource Pool    laboratory
        """

        async def delete(client: VdiClient, seconds: float) -> str:
            found = await client.pools.find(resource_pool, timeout=seconds)
            await client.pools.delete(found.id, timeout=seconds)
            return found.id

        self.forget("resource pool", self.ask(f"Deleting resource pool '{resource_pool}'", delete, timeout))
        logger.info(f"Deleted resource pool '{resource_pool}'.")

    @keyword(tags=["Resource Pool", "Getter"])
    def get_resource_pools(self, timeout: timedelta | None = None) -> list[str]:
        """Returns the names of all resource pools.

        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | @{pools} =    Get Resource Pools
        | Log Many    @{pools}
        """
        client, seconds = self.client(), self.seconds(timeout, "platform")

        async def names() -> list[str]:
            return [pool.name for pool in await client.pools.list(timeout=seconds).collect()]

        return self._named(names(), seconds, "resource pools")

    @keyword(tags=["Resource Pool", "Getter"])
    def get_resource_pool(
        self,
        resource_pool: str,
        field: str | None = None,
        operator: Operator | None = None,
        expected: Any = None,
        *,
        timeout: timedelta | None = None,
    ) -> Any:
        """Returns what the platform says about a resource pool, or one field of it, and asserts it where something is expected.

        The fields: ``name``, ``id``, ``status`` (``normal``, ``maintenance``), ``arch``, ``cpu_over``, ``memory_over``, ...

        - ``resource_pool``: the resource pool's name or id.
        - ``field``: which field; by default an object with all of them.
        - ``operator``, ``expected``: what the field should be, such as ``==    normal``.
        - ``timeout``: how long to wait until it is so; by default it is looked at once.

        Example:
        | Log In To Platform
        | Get Resource Pool    laboratory    status    ==    normal
        """

        async def look(client: VdiClient, seconds: float) -> Pool:
            found = await client.pools.find(resource_pool, timeout=seconds)
            return await client.pools.detail(found.id, timeout=seconds)

        return self.looked_at(
            f"Resource pool '{resource_pool}'", look, field, operator=operator, expected=expected, timeout=timeout
        )

    @keyword(tags=["Resource Pool", "Assertion"])
    def resource_pool_should_exist(self, resource_pool: str, timeout: timedelta | None = None) -> None:
        """Fails unless the platform lists a resource pool of that name or id.

        - ``resource_pool``: the resource pool's name or id.
        - ``timeout``: how long to wait until it does; by default it is looked at once.

        Example:
        | Log In To Platform
        | Resource Pool Should Exist    laboratory
        """
        self.should_exist(f"Resource pool '{resource_pool}'", _names, resource_pool, True, timeout)

    @keyword(tags=["Resource Pool", "Assertion"])
    def resource_pool_should_not_exist(self, resource_pool: str, timeout: timedelta | None = None) -> None:
        """Fails if the platform lists a resource pool of that name or id.

        - ``resource_pool``: the resource pool's name or id.
        - ``timeout``: how long to wait until it is gone; by default it is looked at once.

        Example:
        | Log In To Platform
        | Resource Pool Should Not Exist    old-laboratory
        """
        self.should_exist(f"Resource pool '{resource_pool}'", _names, resource_pool, False, timeout)

    @keyword(tags=["Resource Pool", "Getter"])
    def get_resource_pool_disk_buses(self, resource_pool: str, timeout: timedelta | None = None) -> list[str]:
        """Returns the buses that the hosts of a resource pool can give a disk: ``virtio``, ``sata``, ...

        - ``resource_pool``: the resource pool's name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | @{buses} =    Get Resource Pool Disk Buses    laboratory
        | Should Contain    ${buses}    virtio
        """
        client, seconds = self.client(), self.seconds(timeout, "platform")

        async def names() -> list[str]:
            found = await client.pools.find(resource_pool, timeout=seconds)
            return [*await client.pools.disk_bus_types(found.id, timeout=seconds)]

        return self._named(names(), seconds, f"disk buses of resource pool '{resource_pool}'")

    @keyword(tags=["Resource Pool", "Getter"])
    def get_idle_desktops(self, resource_pool: str, timeout: timedelta | None = None) -> list[str]:
        """Returns the names of the desktops of a resource pool that aren't running.

        - ``resource_pool``: the resource pool's name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | @{idle} =    Get Idle Desktops    laboratory
        | Should Contain    ${idle}    sales-001
        """
        client, seconds = self.client(), self.seconds(timeout, "platform")

        async def names() -> list[str]:
            found = await client.pools.find(resource_pool, timeout=seconds)
            return [vm.name for vm in await client.pools.inactive_vms(found.id, timeout=seconds)]

        return self._named(names(), seconds, f"idle desktops of resource pool '{resource_pool}'")

    def _set_status(self, resource_pool: str, status: PoolStatus, timeout: timedelta | None) -> None:
        async def update(client: VdiClient, seconds: float) -> None:
            found = await client.pools.find(resource_pool, timeout=seconds)
            await client.pools.update(found.id, status=status, timeout=seconds)

        self.ask(f"Changing resource pool '{resource_pool}'", update, timeout)


async def _names(client: VdiClient, seconds: float) -> list[str]:
    return [key for pool in await client.pools.all(timeout=seconds) for key in (pool.name, pool.id)]


async def _data_centre(client: VdiClient, timeout: float) -> str:
    """The one that the platform's resource pools are in."""
    centres = {pool.vmc_id for pool in await client.pools.all(timeout=timeout) if pool.vmc_id}
    if len(centres) != 1:
        raise PlatformError.about(
            f"Platform '{client.name}'",
            wanted="have its resource pools in one data centre",
            got=f"has them in {', '.join(sorted(centres))}" if centres else "names none",
            next_step="Say which is meant with data_centre=",
        )
    return centres.pop()
