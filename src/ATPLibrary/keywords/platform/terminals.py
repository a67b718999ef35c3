"""Keywords about terminals: the machines that users sit at. A terminal's id is its MAC address."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError
from ATPLibrary.keywords.component import in_seconds
from ATPLibrary.keywords.platform.getting import getter, lister
from ATPLibrary.keywords.platform.looking import Looking

if TYPE_CHECKING:
    from ATPLibrary.vdi import VdiClient

GETTER = ("Terminal", "Getter")


class TerminalKeywords(Looking):
    @lister("terminals", tags=GETTER)
    async def get_terminals(
        self,
        client: VdiClient,
        seconds: float,
        *,
        keyword: str | None = None,
        online: bool | None = None,
        group: str | None = None,
    ) -> list[str]:
        """Returns the ids (MAC addresses) of the terminals that the platform knows.

        - ``keyword``: only those with this text in their user, type, version or address.
        - ``online``: ``True`` for those that are on line, ``False`` for the others.
        - ``group``: only those of this terminal group, by name or id.

        Example:
        | Log In To Platform
        | @{terminals} =    Get Terminals    online=True
        """
        from ATPLibrary.vdi.shapes.terminals import TerminalFilter

        group_id = None if group is None else (await client.terminals.find_group(group, timeout=seconds)).id
        query = TerminalFilter(keyword=keyword, is_online=None if online is None else int(online), group_id=group_id)
        return [terminal.id async for terminal in client.terminals.list(query, timeout=seconds)]

    @getter("Terminal '{terminal}'", tags=GETTER, such="==    True")
    async def get_terminal(self, client: VdiClient, seconds: float, terminal: str) -> Any:
        """Returns what the platform says about a terminal, or one field of it.

        The fields: ``id``, ``is_online``, ``user`` (who is logged in), ``client_type``, ``client_version``, ``os_info``,
        ``cpu``, ``memory``, ``ip_mac``, ``request_ip``, ``online_time``, ``offline_time``, ``bandwidth_limit`` (Mbit/s),
        ``frame_rate``, ``link_shutdown``, ``socks_proxy``, ``usb_redirection``; and its SPICE settings ``pixel_format``,
        ``encode_format``, ``quality``, ``speed``, ``decode_type``, ``game_mode``, ``mouse_mode``, in the platform's codes.

        - ``terminal``: its id, the MAC address.

        Example:
        | Log In To Platform
        | Get Terminal    52:54:00:12:34:56    is_online    ==    True    timeout=1 min
        """
        return await client.terminals.detail(terminal, timeout=seconds)

    @getter("Settings of terminal '{terminal}'", tags=GETTER, such="contains    wallpaper")
    async def get_terminal_settings(self, client: VdiClient, seconds: float, terminal: str) -> Any:
        """Returns the settings of a terminal, which the platform asks of the terminal itself, or one field of it.

        The fields: ``config`` (the settings, JSON as text) and ``code``.

        - ``terminal``: its id, the MAC address.

        Example:
        | Log In To Platform
        | ${settings} =    Get Terminal Settings    52:54:00:12:34:56    config
        """
        return await client.terminals.config(terminal, timeout=seconds)

    @keyword(tags=["Terminal"])
    def set_terminal_settings(self, settings: str, *terminals: str, timeout: timedelta | None = None) -> None:
        """Changes the settings of terminals.

        - ``settings``: JSON as text, as `Get Terminal Settings` gives it.
        - ``terminals``: their ids, the MAC addresses.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Set Terminal Settings    {"wallpaper": "blue"}    52:54:00:12:34:56
        """
        self._order(
            "Changing the settings of",
            terminals,
            timeout,
            lambda client, ids, s: client.terminals.set_config(ids, settings, timeout=s),
        )

    @keyword(tags=["Terminal"])
    def disconnect_terminals(self, *terminals: str, timeout: timedelta | None = None) -> None:
        """Parts terminals from their desktops, which go on running.

        - ``terminals``: their ids, the MAC addresses.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Disconnect Terminals    52:54:00:12:34:56
        """
        self._order(
            "Disconnecting", terminals, timeout, lambda client, ids, s: client.terminals.disconnect(ids, timeout=s)
        )

    @keyword(tags=["Terminal"])
    def restart_terminals(
        self, *terminals: str, delay: timedelta = timedelta(0), timeout: timedelta | None = None
    ) -> None:
        """Restarts terminals. The platform tells no event for it: `Get Terminal` says when one is on line again.

        - ``terminals``: their ids, the MAC addresses.
        - ``delay``: how long from now on, in whole seconds.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Restart Terminals    52:54:00:12:34:56    delay=30 s
        """
        pause = int(in_seconds(delay))
        self._order(
            "Restarting",
            terminals,
            timeout,
            lambda client, ids, s: client.terminals.restart(ids, delay=pause, timeout=s),
        )

    @keyword(tags=["Terminal"])
    def shut_down_terminals(
        self, *terminals: str, delay: timedelta = timedelta(0), timeout: timedelta | None = None
    ) -> None:
        """Switches terminals off. The platform tells no event for it: `Get Terminal` says when one is off line.

        - ``terminals``: their ids, the MAC addresses.
        - ``delay``: how long from now on, in whole seconds.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Shut Down Terminals    52:54:00:12:34:56
        """
        pause = int(in_seconds(delay))
        self._order(
            "Shutting down",
            terminals,
            timeout,
            lambda client, ids, s: client.terminals.shut_down(ids, delay=pause, timeout=s),
        )

    @keyword(tags=["Terminal"])
    def wake_up_terminals(self, *terminals: str, timeout: timedelta | None = None) -> None:
        """Switches terminals on. The platform tells no event for it: `Get Terminal` says when one is on line.

        - ``terminals``: their ids, the MAC addresses.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Wake Up Terminals    52:54:00:12:34:56
        | Get Terminal    52:54:00:12:34:56    is_online    ==    True    timeout=2 min
        """
        self._order("Waking up", terminals, timeout, lambda client, ids, s: client.terminals.wake_up(ids, timeout=s))

    @keyword(tags=["Terminal"])
    def delete_terminals(self, *terminals: str, timeout: timedelta | None = None) -> None:
        """Makes the platform forget terminals. One that connects again is known again.

        - ``terminals``: their ids, the MAC addresses.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Delete Terminals    52:54:00:12:34:56
        """
        self._order("Deleting", terminals, timeout, lambda client, ids, s: client.terminals.delete(ids, timeout=s))

    def _order(
        self,
        doing: str,
        terminals: tuple[str, ...],
        timeout: timedelta | None,
        do: Callable[[VdiClient, tuple[str, ...], float], Awaitable[None]],
    ) -> None:
        check_named(terminals)

        async def act(client: VdiClient, seconds: float) -> None:
            await do(client, terminals, seconds)

        what = f"{doing} {'terminal' if len(terminals) == 1 else 'terminals'} {', '.join(terminals)}"
        self.ask(what, act, timeout)
        logger.info(f"{what}: the platform has taken the order.")


def check_named(terminals: Sequence[str]) -> None:
    """`InputError` where no terminal is named: nothing would be done, and look done."""
    if not terminals:
        raise InputError("No terminal is named. Name at least one by its id, the MAC address: see 'Get Terminals'.")
