"""Keywords that switch the platform's hosts off, and that make it forget them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import DeadlineError, VerificationError
from ATPLibrary.keywords.platform.host_orders import HostOrdering
from ATPLibrary.vdi.codes import HostStatus

if TYPE_CHECKING:
    from ATPLibrary.vdi import VdiClient


class PlatformHostClosingKeywords(HostOrdering):
    @keyword(tags=["Platform Host"])
    def close_platform_host(self, host: str, *, wait: bool = True, timeout: timedelta | None = None) -> None:
        """Closes the desktops of a host, then switches the machine off, without asking anybody.

        The platform tells no event for it, so what is waited for is that the host is closed or off line and no desktop runs on it.

        - ``host``: the host's name or id.
        - ``wait``: ``False`` only gives the order.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Log In To Platform
        | Close Platform Host    rack-7    timeout=5 min
        | Platform Host Should Be    rack-7    closed
        """
        seconds = self.seconds(timeout, "boot")
        found = self.order_host(
            "Closing",
            host,
            timedelta(seconds=seconds),
            lambda client, found, s: client.hosts.close(found.id, timeout=s),
        )
        if wait:

            async def rests(client: VdiClient, each: float) -> tuple[bool | None, str]:
                now = await client.hosts.find(found.id, timeout=each)
                status = getattr(now.status, "name", str(now.status)).lower()
                is_closed = now.status in (HostStatus.CLOSED, HostStatus.OFFLINE)
                return is_closed and not now.running_vm_count, f"{status}, {now.running_vm_count} desktops run on it"

            try:
                self.should(f"Host '{host}'", "be closed, with no desktop running", rests, timedelta(seconds=seconds))
            except VerificationError as error:
                raise DeadlineError(str(error)) from None  # of what was ordered, not of what a tester asserts

    @keyword(tags=["Platform Host"])
    def close_class_room_hosts(self, timeout: timedelta | None = None) -> None:
        """Closes the hosts of the class room, by the way that class rooms have: the platform itself knows which are meant.

        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Log In To Platform
        | Close Class Room Hosts
        """
        self.ask(
            "Closing the class room's hosts", lambda client, s: client.hosts.close_for_class(timeout=s), timeout, "boot"
        )
        logger.info("The class room's hosts are told to close.")

    @keyword(tags=["Platform Host"])
    def delete_platform_host(self, host: str, timeout: timedelta | None = None) -> None:
        """Makes the platform forget a host. The machine and its VMs stay as they are.

        - ``host``: the host's name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Delete Platform Host    rack-7
        """
        self.order_host("Deleting", host, timeout, lambda client, found, s: client.hosts.delete(found.id, timeout=s))
