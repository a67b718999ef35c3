"""Keywords for looking into a desktop from outside: display ports and their keys, being watched."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from robot.api import logger
from robot.api.deco import keyword
from robot.api.types import Secret

from ATPLibrary.errors import PlatformError
from ATPLibrary.keywords.assertions import Operator
from ATPLibrary.keywords.platform.base import PlatformComponent

if TYPE_CHECKING:
    from ATPLibrary.secrets import Secret as OurSecret
    from ATPLibrary.vdi import VdiClient
    from ATPLibrary.vdi.shapes.vms import SpiceKey


class DesktopConsoleKeywords(PlatformComponent):
    @keyword(tags=["Desktop", "Display", "Getter"])
    def get_desktop_port(
        self, desktop: str, display: Literal["spice", "vnc"] = "spice", timeout: timedelta | None = None
    ) -> int:
        """Returns the TCP port of a desktop's display on its host. A desktop that is off has none, which fails.

        - ``desktop``: the desktop's name or id.
        - ``display``: which display.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | ${port} =    Get Desktop Port    sales-1    spice
        | Should Be True    ${port} >= 5900
        """

        async def read(client: VdiClient, seconds: float) -> int:
            vm = await client.domains.find(desktop, timeout=seconds)
            ports = {each.type: each.value for each in await client.domains.ports(vm.id, timeout=seconds)}
            if display not in ports:
                raise PlatformError.about(
                    f"Desktop '{vm.name}'",
                    wanted=f"have a {display} port",
                    got=f"has {', '.join(f'{kind} {port}' for kind, port in ports.items()) or 'no display port'}",
                    next_step="Start the desktop: one that is off has none" if not ports else "",
                )
            return ports[display]

        port = self.ask(f"Reading the ports of desktop '{desktop}'", read, timeout)
        logger.info(f"The {display} display of desktop '{desktop}' is at port {port}.")
        return port

    @keyword(name="Get Desktop SPICE Key", tags=["Desktop", "Display", "Getter"])
    def get_desktop_spice_key(self, desktop: str, timeout: timedelta | None = None) -> Secret:
        """Returns the key that opens a desktop's SPICE display, as a secret.

        - ``desktop``: the desktop's name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | ${key} =    Get Desktop SPICE Key    sales-1
        | Should Not Be Empty    ${key.value}
        """

        async def read(client: VdiClient, seconds: float) -> SpiceKey:
            vm = await client.domains.find(desktop, timeout=seconds)
            return await client.domains.spice_key(vm.id, timeout=seconds)

        answer = self.ask(f"Reading the SPICE key of desktop '{desktop}'", read, timeout)
        if answer.key is None:
            raise PlatformError(f"The platform names no SPICE key of desktop '{desktop}'.")
        logger.info(f"The SPICE display of desktop '{desktop}' is at {answer.ip}:{answer.port}.")
        return Secret(answer.key.reveal())

    @keyword(name="Get Desktop VNC Password", tags=["Desktop", "Display", "Getter"])
    def get_desktop_vnc_password(
        self, desktop: str, share_password: Secret | None = None, timeout: timedelta | None = None
    ) -> Secret:
        """Returns the password that opens a desktop's VNC display, as a secret.

        - ``desktop``: the desktop's name or id.
        - ``share_password``: that of the link by which the desktop is shared, in a secret variable, where it is shared by one.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | ${password} =    Get Desktop VNC Password    sales-1
        | Log    ${{len($password.value)}} characters
        """

        async def read(client: VdiClient, seconds: float) -> OurSecret:
            vm = await client.domains.find(desktop, timeout=seconds)
            return await client.domains.vnc_password(vm.id, share_password=share_password, timeout=seconds)

        password = self.ask(f"Reading the VNC password of desktop '{desktop}'", read, timeout)
        logger.info(f"The platform told the VNC password of desktop '{desktop}'.")
        return Secret(password.reveal())

    @keyword(tags=["Desktop", "User"])
    def ask_to_watch_desktop(self, desktop: str, timeout: timedelta | None = None) -> str:
        """Asks the user of a desktop to let an administrator watch, and returns the request's id for `Get Watch Answer`.

        - ``desktop``: the desktop's name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | ${request} =    Ask To Watch Desktop    sales-1
        | Get Watch Answer    sales-1    ${request}    ==    accepted    timeout=1 min
        """

        async def begin(client: VdiClient, seconds: float) -> str:
            vm = await client.domains.find(desktop, timeout=seconds)
            return await client.domains.ask_to_watch(vm.id, timeout=seconds)

        request = self.ask(f"Asking the user of desktop '{desktop}'", begin, timeout)
        logger.info(f"The user of desktop '{desktop}' is asked: request {request}.")
        return request

    @keyword(tags=["Desktop", "User", "Getter"])
    def get_watch_answer(
        self,
        desktop: str,
        request: str,
        operator: Operator | None = None,
        expected: Any = None,
        *,
        timeout: timedelta | None = None,
    ) -> str:
        """Returns what the user of a desktop says to being watched: ``asked`` (nothing yet), ``accepted`` or ``refused``.

        - ``desktop``: the desktop's name or id.
        - ``request``: what `Ask To Watch Desktop` returned.
        - ``operator`` and ``expected``: an assertion about it, such as ``==  accepted``.
        - ``timeout``: how long to wait until the assertion holds; without it it is checked once.

        Example:
        | Log In To Platform
        | ${request} =    Ask To Watch Desktop    sales-1
        | Get Watch Answer    sales-1    ${request}    !=    refused
        """

        from ATPLibrary.vdi.shapes.vms import MonitorAnswer

        async def look(client: VdiClient, seconds: float) -> MonitorAnswer:
            vm = await client.domains.find(desktop, timeout=seconds)
            return MonitorAnswer(status=await client.domains.watch_state(vm.id, request, timeout=seconds))

        subject = f"The answer of desktop '{desktop}'s user"
        return str(self.looked_at(subject, look, "status", operator=operator, expected=expected, timeout=timeout))
