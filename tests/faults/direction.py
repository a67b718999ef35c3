"""One direction of one connection through a `FaultProxy`: bytes are read, delayed, held back or lost, and written on."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable

_READ_BYTES = 64 * 1024


class Way(enum.Enum):
    """Which way bytes go: from whoever has connected, or to them."""

    TO_SERVER = "to the server"
    TO_CLIENT = "to the client"


class Direction:
    """Pumps from `reader` to `writer`. `allow(n)` says how many of the next `n` bytes may pass before the connection is cut."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, allow: Callable[[int], int]) -> None:
        self.delay = 0.0  # seconds
        self.is_dead = False  # what comes is taken and thrown away
        self.has_lost = False  # something was thrown away: this connection can never be right again
        self._reader = reader
        self._writer = writer
        self._allow = allow

    async def pump(self) -> None:
        """Until the sender ends: the end is passed on, unless this direction is dead."""
        while data := await self._reader.read(_READ_BYTES):
            if self.delay:
                await asyncio.sleep(self.delay)  # what comes meanwhile is read later: order is kept
            if self.is_dead:
                self.has_lost = True
                continue
            allowed = self._allow(len(data))
            self._writer.write(data[:allowed])
            if allowed < len(data):
                return  # the proxy cuts the connection
            await self._writer.drain()
        if not self.is_dead and self._writer.can_write_eof():
            self._writer.write_eof()
