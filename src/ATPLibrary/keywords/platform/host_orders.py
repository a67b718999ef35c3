"""Keywords that change the platform's hosts: in service or not, how many desktops, which resource pool."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError
from ATPLibrary.keywords.platform.hosts import PlatformHostStatus
from ATPLibrary.keywords.platform.looking import Looking
from ATPLibrary.orchestrator.creations import ClosingLevel
from ATPLibrary.vdi.codes import HostStatus

if TYPE_CHECKING:
    from ATPLibrary.vdi import Host, VdiClient


class HostOrdering(Looking):
    def order_host(
        self, doing: str, host: str, timeout: timedelta | None, do: Callable[[VdiClient, Host, float], Awaitable[None]]
    ) -> Host:
        """Do something to the host of that name or id; returns it as it was before."""

        async def act(client: VdiClient, seconds: float) -> Host:
            found = await client.hosts.find(host, timeout=seconds)
            await do(client, found, seconds)
            return found

        found = self.ask(f"{doing} host '{host}'", act, timeout)
        logger.info(f"{doing} host '{found.name}': done.")
        return found


class PlatformHostOrderKeywords(HostOrdering):
    @keyword(tags=["Platform Host", "Assertion"])
    def platform_host_should_be(self, host: str, status: PlatformHostStatus, timeout: timedelta | None = None) -> None:
        """Fails unless the platform says that a host is in that state. With ``timeout`` it is waited for.

        - ``host``: the host's name or id.
        - ``status``: what it should be.
        - ``timeout``: how long to wait for it; without it, it is checked once.

        Example:
        | Log In To Platform
        | Platform Host Should Be    lab-a    enabled
        | Platform Host Should Be    lab-a    enabled    timeout=2 min
        """
        wanted = status.value
        self.looked_at(
            f"Host '{host}'",
            lambda c, s: c.hosts.find(host, timeout=s),
            "status",
            operator="==",
            expected=wanted,
            timeout=timeout,
        )

    @keyword(tags=["Platform Host"])
    def put_platform_host_into_maintenance(
        self, host: str, *, closing: ClosingLevel | None = None, timeout: timedelta | None = None
    ) -> None:
        """Takes a host out of service: the platform makes and starts no desktop on it. What runs on it goes on.

        It is returned to service at the closing level.

        - ``host``: the host's name or id.
        - ``closing``: when it is put back: ``test``, ``suite``, ``manual``, ``keep``; by default the library import's level.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Put Platform Host Into Maintenance    lab-b
        | Return Platform Host To Service    lab-b
        """

        async def maintain(client: VdiClient, found: Host, seconds: float) -> None:
            async def put_back(client: VdiClient, seconds: float) -> None:
                if found.status is HostStatus.ENABLED:
                    await client.hosts.set_status(found.id, HostStatus.ENABLED, timeout=seconds)

            with self.making("maintenance of host", found.name, put_back, closing) as change:
                change.id = found.id
                await client.hosts.set_status(found.id, HostStatus.MAINTENANCE, timeout=seconds)

        self.order_host("Putting into maintenance", host, timeout, maintain)

    @keyword(tags=["Platform Host"])
    def return_platform_host_to_service(self, host: str, timeout: timedelta | None = None) -> None:
        """Puts a host into service that is in maintenance, or closed.

        - ``host``: the host's name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Return Platform Host To Service    lab-b
        | Platform Host Should Be    lab-b    enabled
        """
        found = self.order_host(
            "Returning to service",
            host,
            timeout,
            lambda client, found, s: client.hosts.set_status(found.id, HostStatus.ENABLED, timeout=s),
        )
        self.forget("maintenance of host", found.id)

    @keyword(tags=["Platform Host"])
    def refresh_platform_host(self, host: str, timeout: timedelta | None = None) -> None:
        """Makes the platform look at a host again and bring its status up to date.

        - ``host``: the host's name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Refresh Platform Host    lab-a
        | Platform Host Should Be    lab-a    enabled    timeout=30 s
        """
        self.order_host(
            "Refreshing", host, timeout, lambda client, found, s: client.hosts.sync_status(found.id, timeout=s)
        )

    @keyword(tags=["Platform Host"])
    def limit_platform_host(
        self, host: str, desktops: int, *, closing: ClosingLevel | None = None, timeout: timedelta | None = None
    ) -> None:
        """Lets at most so many desktops run on a host at once. The limit that it had is put back at the closing level.

        - ``host``: the host's name or id.
        - ``desktops``: how many.
        - ``closing``: when it is put back: ``test``, ``suite``, ``manual``, ``keep``; by default the library import's level.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Limit Platform Host    lab-a    20
        | Get Platform Host    lab-a    vm_limit    ==    20
        """
        if desktops < 0:
            raise InputError(f"A limit of {desktops} desktops makes no sense. Say how many may run on host '{host}'.")

        async def limit(client: VdiClient, found: Host, seconds: float) -> None:
            async def put_back(client: VdiClient, seconds: float) -> None:
                if found.vm_limit is not None:
                    await client.hosts.limit_vms(found.id, found.vm_limit, timeout=seconds)

            with self.making("limit of host", found.name, put_back, closing) as change:
                change.id = found.id
                await client.hosts.limit_vms(found.id, desktops, timeout=seconds)

        self.order_host("Limiting", host, timeout, limit)

    @keyword(tags=["Platform Host"])
    def set_platform_host_outer_address(
        self,
        host: str,
        ip: str | None = None,
        ip_v6: str | None = None,
        *,
        closing: ClosingLevel | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Tells the platform by which addresses a host is reached from outside.

        Those that it had are put back at the closing level.

        - ``host``: the host's name or id.
        - ``ip``: the IPv4 address.
        - ``ip_v6``: the IPv6 address.
        - ``closing``: when it is put back: ``test``, ``suite``, ``manual``, ``keep``; by default the library import's level.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Set Platform Host Outer Address    lab-a    ip=192.0.2.7
        | Get Platform Host    lab-a    extranet_ip    ==    192.0.2.7
        """

        async def change_address(client: VdiClient, found: Host, seconds: float) -> None:
            async def put_back(client: VdiClient, seconds: float) -> None:
                await client.hosts.set_extranet_address(
                    found.id, found.extranet_ip or "", ip_v6=found.extranet_ip_v6 or "", timeout=seconds
                )

            with self.making("outer address of host", found.name, put_back, closing) as change:
                change.id = found.id
                await client.hosts.set_extranet_address(found.id, ip, ip_v6=ip_v6, timeout=seconds)

        self.order_host("Setting the outer address of", host, timeout, change_address)

    @keyword(tags=["Platform Host"])
    def set_platform_host_addresses(self, host: str, timeout: timedelta | None = None, **addresses: str) -> None:
        """Changes the settings of a host's inner network. The platform may lose the host by it; nothing puts them back.

        - ``host``: the host's name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).
        - ``addresses``: the settings by the platform's own names, as `Get Platform Host Addresses` gives them.

        Example:
        | Log In To Platform
        | Set Platform Host Addresses    rack-7    ip=192.0.2.7
        """
        if not addresses:
            raise InputError(f"Nothing is to be changed of host '{host}'. Name a setting, such as ip=192.0.2.7.")
        self.order_host(
            "Changing the addresses of",
            host,
            timeout,
            lambda client, found, s: client.hosts.set_addresses(found.id, addresses, timeout=s),
        )

    @keyword(tags=["Platform Host"])
    def put_platform_host_into_resource_pool(
        self, host: str, resource_pool: str, *, closing: ClosingLevel | None = None, timeout: timedelta | None = None
    ) -> None:
        """Gives a host to a resource pool; it must be in none. It is taken out again at the closing level.

        - ``host``: the host's name or id.
        - ``resource_pool``: the resource pool's name or id.
        - ``closing``: when it is taken out again: ``test``, ``suite``, ``manual``, ``keep``; by default the library import's level.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Take Platform Host Out Of Resource Pool    lab-b
        | Put Platform Host Into Resource Pool    lab-b    research
        """

        async def join(client: VdiClient, found: Host, seconds: float) -> None:
            pool = await client.pools.find(resource_pool, timeout=seconds)

            async def leave(client: VdiClient, seconds: float) -> None:
                if (await client.hosts.find(found.id, timeout=seconds)).pool_id == pool.id:
                    await client.hosts.leave_pool(found.id, timeout=seconds)

            with self.making(f"place in resource pool '{pool.name}' of host", found.name, leave, closing) as change:
                change.id = found.id
                await client.hosts.join_pool(found.id, pool.id, timeout=seconds)

        self.order_host(f"Putting into resource pool '{resource_pool}'", host, timeout, join)

    @keyword(tags=["Platform Host"])
    def take_platform_host_out_of_resource_pool(
        self, host: str, *, closing: ClosingLevel | None = None, timeout: timedelta | None = None
    ) -> None:
        """Takes a host out of its resource pool. It is put back at the closing level.

        - ``host``: the host's name or id.
        - ``closing``: when it is put back: ``test``, ``suite``, ``manual``, ``keep``; by default the library import's level.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Take Platform Host Out Of Resource Pool    lab-b
        """

        async def leave(client: VdiClient, found: Host, seconds: float) -> None:
            async def put_back(client: VdiClient, seconds: float) -> None:
                if found.pool_id and not (await client.hosts.find(found.id, timeout=seconds)).pool_id:
                    await client.hosts.join_pool(found.id, found.pool_id, timeout=seconds)

            with self.making("absence from its resource pool of host", found.name, put_back, closing) as change:
                change.id = found.id
                await client.hosts.leave_pool(found.id, timeout=seconds)

        self.order_host("Taking out of its resource pool", host, timeout, leave)
