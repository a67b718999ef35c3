"""Keywords that look at the platform's hosts."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ATPLibrary.keywords.platform.getting import getter, lister
from ATPLibrary.keywords.platform.looking import Looking
from ATPLibrary.vdi.codes import HostStatus

if TYPE_CHECKING:
    from ATPLibrary.vdi import VdiClient

GETTER = ("Platform Host", "Getter")


class PlatformHostStatus(enum.Enum):
    """How the platform says that a host stands; the names are those of its codes."""

    MAINTENANCE = "maintenance"
    ENABLED = "enabled"
    CLOSED = "closed"
    OFFLINE = "offline"


class PlatformHostKeywords(Looking):
    @lister("hosts", tags=GETTER)
    async def get_platform_hosts(
        self,
        client: VdiClient,
        seconds: float,
        *,
        name: str | None = None,
        status: PlatformHostStatus | None = None,
        resource_pool: str | None = None,
        outside_pools: bool = False,
    ) -> list[str]:
        """Returns the names of the hosts that the platform manages. Not those of libvirt's configuration: see `Get Hosts`.

        - ``name``: only hosts that have this text in their name.
        - ``status``: only hosts in this state.
        - ``resource_pool``: only hosts of this resource pool, by name or id.
        - ``outside_pools``: ``True`` for those of no resource pool.

        Example:
        | Log In To Platform
        | @{hosts} =    Get Platform Hosts
        | Should Not Be Empty    ${hosts}
        | @{ready} =    Get Platform Hosts    status=enabled
        """
        pool_id = None if resource_pool is None else (await client.pools.find(resource_pool, timeout=seconds)).id
        hosts = await client.hosts.all(
            name,
            None if status is None else HostStatus[status.name],
            pool_id=pool_id,
            outside_pools=outside_pools,
            timeout=seconds,
        )
        return [host.name for host in hosts]

    @getter("Host '{host}'", tags=GETTER, such="==    enabled")
    async def get_platform_host(self, client: VdiClient, seconds: float, host: str) -> Any:
        """Returns what the platform says about a host, or one field of it.

        The fields: ``name``, ``id``, ``ip``, ``ip_v6``, ``local_ip`` (its own address), ``status`` (``enabled``,
        ``maintenance``, ``closed``, ``offline``), ``arch``, ``cpu``, ``cpu_size`` (logical processors), ``memory`` and
        ``physical_memory`` (GiB), ``running_vm_count``, ``vm_limit`` (how many may run), ``pool_id`` and ``pool_name`` (its
        resource pool), ``vmc_id`` (its data centre), ``host_count``, ``manufacturer``, ``model``, ``extranet_ip``,
        ``extranet_ip_v6``, ``create_time``.

        - ``host``: the host's name or id.

        Example:
        | Log In To Platform
        | ${host} =    Get Platform Host    lab-a
        | Log    ${host.ip}
        | Get Platform Host    lab-a    status    ==    enabled    timeout=30 s
        """
        return await client.hosts.whole(host, timeout=seconds)

    @getter("Hardware of host '{host}'", tags=GETTER, such=">=    2")
    async def get_platform_host_hardware(self, client: VdiClient, seconds: float, host: str) -> Any:
        """Returns the processor of a host of the platform, or one field of it.

        The fields: ``arch``, ``cpu`` (its model), ``vendor``, ``sockets``, ``cores``, ``threads``, ``virtualization`` and
        ``iommu`` (1 where it has them).

        - ``host``: the host's name or id.

        Example:
        | Log In To Platform
        | Get Platform Host Hardware    lab-a    threads    >=    1
        """
        return await client.hosts.hardware((await client.hosts.find(host, timeout=seconds)).id, timeout=seconds)

    @getter("Uptime of host '{host}'", tags=GETTER, such=">    3600", has_fields=False)
    async def get_platform_host_uptime(self, client: VdiClient, seconds: float, host: str) -> Any:
        """Returns how long a host of the platform has been running, in the platform's unit; the lab's is the second.

        - ``host``: the host's name or id.

        Example:
        | Log In To Platform
        | ${uptime} =    Get Platform Host Uptime    lab-a
        | Get Platform Host Uptime    lab-a    >    0
        """
        return await client.hosts.uptime((await client.hosts.find(host, timeout=seconds)).id, timeout=seconds)

    @getter("Versions of host '{host}'", tags=GETTER, such="matches    ^9\\\\.")
    async def get_platform_host_versions(self, client: VdiClient, seconds: float, host: str) -> Any:
        """Returns which versions of the platform's parts a host has, or one of them.

        The fields: ``agent_version`` (the platform's own program on the host) and ``spice_version``.

        - ``host``: the host's name or id.

        Example:
        | Log In To Platform
        | ${versions} =    Get Platform Host Versions    lab-a
        | Get Platform Host Versions    lab-a    agent_version    matches    [0-9]
        """
        return await client.hosts.version((await client.hosts.find(host, timeout=seconds)).id, timeout=seconds)

    @getter("Addresses of host '{host}'", tags=GETTER, such="==    192.0.2.7")
    async def get_platform_host_addresses(self, client: VdiClient, seconds: float, host: str) -> Mapping[str, str]:
        """Returns the settings of a host's inner network, by the platform's own names, or one of them.

        - ``host``: the host's name or id.

        Example:
        | Log In To Platform
        | &{addresses} =    Get Platform Host Addresses    lab-a
        | Get Platform Host Addresses    lab-a    ip    matches    ^127
        """
        return await client.hosts.addresses((await client.hosts.find(host, timeout=seconds)).id, timeout=seconds)

    @lister("free network cards of host '{host}'", tags=GETTER)
    async def get_platform_host_network_cards(self, client: VdiClient, seconds: float, host: str) -> list[str]:
        """Returns libvirt's XML of each network card of a host that nothing uses.

        - ``host``: the host's name or id.

        Example:
        | Log In To Platform
        | @{cards} =    Get Platform Host Network Cards    lab-a
        """
        return [*await client.hosts.nics((await client.hosts.find(host, timeout=seconds)).id, timeout=seconds)]

    @lister("graphics cards of host '{host}'", tags=GETTER)
    async def get_platform_host_graphics_cards(
        self, client: VdiClient, seconds: float, host: str, *, virtual: bool = False
    ) -> list[Any]:
        """Returns the graphics cards of a host, and which desktop has each.

        Each has ``address`` (PCI), ``product``, ``vendor``, ``owner`` and ``vm_name`` (who has it), ``gpu_rate`` and
        ``memory_rate`` (how busy it is), ``is_virtual``, ``group``, ``profile``, ...

        - ``host``: the host's name or id.
        - ``virtual``: ``True`` for the virtual cards that real ones are cut into.

        Example:
        | Log In To Platform
        | @{cards} =    Get Platform Host Graphics Cards    lab-a
        | @{cut} =    Get Platform Host Graphics Cards    lab-a    virtual=True
        """
        host_id = (await client.hosts.find(host, timeout=seconds)).id
        if virtual:
            return await client.hosts.virtual_graphics_cards(host_id, timeout=seconds).collect()
        return [*await client.hosts.graphics_cards(host_id, timeout=seconds)]
