"""A callback that libvirt calls: it lives on one connection, holds it, and goes with it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from ATPLibrary.errors import ATPError
from ATPLibrary.transport.connection import Connection, ConnectionLost, ConnectionState

if TYPE_CHECKING:
    import libvirt


class Registration:
    """`take_back(virConnect)` undoes it: run once, by `end` or before the connection is closed."""

    def __init__(self, connection: Connection, take_back: Callable[[libvirt.virConnect], None]) -> None:
        self._connection = connection
        self._take_back = take_back
        connection.at_close.append(take_back)

    @property
    def lives(self) -> bool:
        """False when its connection was lost or closed: what it would have told is not told any more."""
        return self._connection.state is ConnectionState.OPEN

    async def end(self, timeout: float) -> None:
        """Take it back. Never fails: what can't be taken back in time goes with the connection."""
        import libvirt

        if self.lives and self._take_back in self._connection.at_close:
            self._connection.at_close.remove(self._take_back)
            self._connection.in_flight += 1
            with contextlib.suppress(ConnectionLost, ATPError, libvirt.libvirtError):
                await self._connection.run(self._take_back, timeout, "Taking a callback back", "")
