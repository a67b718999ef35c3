"""The open connections of one host: calls are spread over them, more are opened under load, idle ones are closed.

libvirt's events are registered on the first connection, which lives as long as the pool: when it is lost, the host is. The
others carry calls only. Each serves a few calls at a time; when all are busy and the maximum isn't reached, one more is opened,
and a call takes whichever place is free first. One that was idle for `idle_timeout` is closed, down to the minimum, which is
kept: what the minimum lacks is opened at once, and tried again with each heartbeat. Streams have connections of their own
(`stream_connections`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from ATPLibrary.errors import ATPError
from ATPLibrary.transport.connection import Connection, ConnectionLost
from ATPLibrary.transport.selection import Selection, Strategy
from ATPLibrary.transport.stream_connections import StreamConnections

if TYPE_CHECKING:
    from ATPLibrary.config import PoolSettings

# Opens one more connection. Raises an ATPError when it can't.
Opener = Callable[[], Awaitable[Connection]]
# Told (kind, reason): "opened", "idle-closed", "lost", "not-opened"; "stream-opened", "stream-closed".
Teller = Callable[[str, str], None]


class Pool:
    """Belongs to one loop. Made around `first`; `close()` ends it for good."""

    def __init__(self, first: Connection, settings: PoolSettings, open_one: Opener, tell: Teller) -> None:
        self.first = first
        first.freed = self.freed
        self.connections: list[Connection] = [first]
        self.streams = StreamConnections(settings, open_one, tell)
        self._settings = settings
        self._open_one = open_one
        self._tell = tell
        self._selection = Selection(Strategy(settings.selection_strategy))
        self._waiting: deque[asyncio.Future[Connection]] = deque()
        self._opening: asyncio.Task[None] | None = None
        self._why_closed = ""
        self.replenish()

    @property
    def all_connections(self) -> list[Connection]:
        """Those for calls and those for streams."""
        return [*self.connections, *self.streams.connections]

    @property
    def in_flight(self) -> int:
        return sum(connection.in_flight for connection in self.all_connections)

    async def lease(self) -> Connection:
        """A connection with one of its places taken for the caller, who must `run` one call on it. Waits for a free place.

        `ConnectionLost` when the pool is closed meanwhile.
        """
        connection = self.take()
        if connection is not None:
            return connection
        if self._why_closed:
            raise ConnectionLost(self._why_closed)
        place: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        self._grow()
        try:
            return await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.exception() is None:
                self._leave(place.result())
            raise

    async def lease_first(self) -> Connection:
        """As `lease`, of the connection that events come by, for what registers a callback there: it may wait for a thread."""
        if self._why_closed:
            raise ConnectionLost(self._why_closed)
        self.first.in_flight += 1
        return self.first

    async def lease_for_stream(self) -> Connection:
        """As `lease`, of a connection that carries streams."""
        return await self.streams.lease()

    def drop(self, connection: Connection, why: str) -> None:
        """One that carries calls only was lost: its calls are told, and the minimum is filled up again."""
        if connection in self.connections:
            self.connections.remove(connection)
            connection.lose(why)
            connection.close()
            self._tell("lost", why)
            self.replenish()
            if self._waiting:
                self._grow()
        else:
            self.streams.drop(connection, why)

    def replenish(self) -> None:
        """Open what the minimum lacks."""
        if len(self.connections) < self._settings.min_connections_per_host:
            self._grow()

    def close(self, why: str) -> list[asyncio.Event]:
        """Close every connection and tell whoever waits. Returns the events that are set when each is closed."""
        self._why_closed = why
        if self._opening is not None:
            self._opening.cancel()
        for place in self._waiting:
            if not place.done():
                place.set_exception(ConnectionLost(why))
        self._waiting.clear()
        connections, self.connections = self.connections, []
        for connection in connections:
            connection.lose(why)
        return [*(connection.close() for connection in connections), *self.streams.close(why)]

    def freed(self, connection: Connection) -> None:
        """A place on `connection` is free: for the one who waits longest, else its idleness begins."""
        self._hand_on()
        self._watch_idleness(connection)

    def take(self) -> Connection | None:
        """As `lease`, where a place is free now; else None."""
        candidates = [connection for connection in self.connections if connection.has_room]
        if not candidates:
            return None
        connection = candidates[0] if len(candidates) == 1 else self._selection.order(candidates)[0]
        connection.in_flight += 1
        self._watch_idleness(connection)
        return connection

    def _leave(self, connection: Connection) -> None:
        connection.in_flight -= 1
        self.freed(connection)

    def _hand_on(self) -> None:
        while self._waiting:
            if self._waiting[0].done():  # its caller has gone
                self._waiting.popleft()
                continue
            connection = self.take()
            if connection is None:
                return
            self._waiting.popleft().set_result(connection)

    def _grow(self) -> None:
        """Open one more, one at a time, in the background."""
        full = len(self.connections) >= self._settings.max_connections_per_host
        if full or self._why_closed or self._opening is not None:
            return
        self._opening = asyncio.get_running_loop().create_task(self._open(), name=f"{self.first.name}-grow")

    async def _open(self) -> None:
        more = False
        try:
            connection = await self._open_one()
        except ATPError as error:
            self._tell("not-opened", str(error))
        else:
            if self._why_closed:
                connection.close()
                return
            connection.freed = self.freed
            self.connections.append(connection)
            self._tell("opened", "")
            self._watch_idleness(connection)
            self._hand_on()
            more = bool(self._waiting) or len(self.connections) < self._settings.min_connections_per_host
        finally:
            self._opening = None
        if more:
            self._grow()

    def _watch_idleness(self, connection: Connection) -> None:
        """Start its time when it has become idle, stop it when it is used."""
        if not connection.is_idle or connection not in self.connections:
            if connection.idle_timer is not None:
                connection.idle_timer.cancel()
                connection.idle_timer = None
        elif connection.idle_timer is None and connection is not self.first:
            loop = asyncio.get_running_loop()
            connection.idle_timer = loop.call_later(self._settings.idle_timeout, self._idle_out, connection)

    def _idle_out(self, connection: Connection) -> None:
        connection.idle_timer = None
        if len(self.connections) > self._settings.min_connections_per_host and connection in self.connections:
            self.connections.remove(connection)
            connection.close()
            self._tell("idle-closed", f"no call for {self._settings.idle_timeout:g} s")
