"""The connections of one host that carry streams, beside the pool's: what a stream does to its connection hurts no call.

A daemon that holds some packets which a guest doesn't take stops reading the whole connection, until its keepalive ends it (30 s).
So each stream has a connection to itself, up to as many as the pool may have; further ones share the least loaded. One is
opened when a stream needs it, and closed soon after its last stream has ended: at once when that stream was stuck.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from ATPLibrary.errors import ATPError
from ATPLibrary.transport.connection import Connection, ConnectionLost, ConnectionState

if TYPE_CHECKING:
    from ATPLibrary.config import PoolSettings

# How long an unused one waits for another stream: a session that opens its channel again, say, needn't log in again.
LINGER_SECONDS = 5.0


class Hold:
    """A stream's, of its connection. Call it once when the stream has ended; True: stuck, and the connection perhaps is too."""

    def __init__(self, connection: Connection, ended: Callable[[bool], None]) -> None:
        self._connection = connection
        self._ended = ended
        self._tell: Callable[[str], None] | None = None

    def when_lost(self, tell: Callable[[str], None]) -> None:
        """`tell(reason)` when the connection is lost: libvirt may say nothing to its streams then."""
        self._tell = tell
        if self._connection.state is ConnectionState.OPEN:
            self._connection.when_lost.append(tell)
        else:
            tell(self._connection.why or self._connection.state.value)

    def __call__(self, stuck: bool) -> None:
        if self._tell in self._connection.when_lost:
            self._connection.when_lost.remove(self._tell)
        self._ended(stuck)


class StreamConnections:
    """Belongs to one loop. `tell` hears (kind, reason): "stream-opened", "stream-closed", "lost"."""

    def __init__(
        self, settings: PoolSettings, open_one: Callable[[], Awaitable[Connection]], tell: Callable[[str, str], None]
    ) -> None:
        self.connections: list[Connection] = []
        self._settings = settings
        self._open_one = open_one
        self._tell = tell
        self._opening = 0
        self._waiting: list[asyncio.Future[None]] = []  # for one of those to be open
        self._stuck: set[Connection] = set()  # these get no further stream
        self._why_closed = ""

    @property
    def in_flight(self) -> int:
        return sum(connection.in_flight for connection in self.connections)

    async def lease(self) -> Connection:
        """A connection with a place taken for the caller, who must `run` one call on it: the one that opens the stream.

        `ConnectionLost` when all are closed meanwhile; `HostError` or `DeadlineError` when none can be opened and none is there.
        """
        while True:
            if self._why_closed:
                raise ConnectionLost(self._why_closed)
            connection = self._least_loaded()
            is_full = len(self.connections) + self._opening >= self._settings.max_connections_per_host
            if connection is not None and (connection.is_idle or is_full):
                break
            if not is_full or not self._opening:  # full of stuck ones, it may be one more
                connection = await self._open(instead=connection)
                break
            await self._until_opened()
        connection.in_flight += 1
        self._watch_idleness(connection)
        return connection

    def pin(self, connection: Connection) -> Hold:
        """A stream lives on `connection` from now on. Call what is returned once, when it has ended."""
        connection.pins += 1
        self._watch_idleness(connection)

        def unpin(stuck: bool) -> None:
            connection.pins -= 1
            if stuck:
                self._stuck.add(connection)
            self._watch_idleness(connection)

        return Hold(connection, unpin)

    def drop(self, connection: Connection, why: str) -> None:
        """One was lost: its streams are told."""
        if connection in self.connections:
            self._remove(connection)
            connection.lose(why)
            connection.close()
            self._tell("lost", why)

    def close(self, why: str) -> list[asyncio.Event]:
        """Close every one for good. Returns the events that are set when each is closed."""
        self._why_closed = why
        connections, self.connections = self.connections, []
        for connection in connections:
            connection.lose(why)
        return [connection.close() for connection in connections]

    async def _open(self, instead: Connection | None) -> Connection:
        """One more; where that fails, the one that could be shared `instead`."""
        self._opening += 1
        try:
            connection = await self._open_one()
        except ATPError:
            if instead is None or instead.state is not ConnectionState.OPEN:
                raise
            return instead
        finally:
            self._opening -= 1
            waiting, self._waiting = self._waiting, []
            for each in waiting:
                if not each.done():
                    each.set_result(None)
        if self._why_closed:
            connection.close()
            raise ConnectionLost(self._why_closed)
        connection.freed = self._watch_idleness
        self.connections.append(connection)
        self._tell("stream-opened", "")
        return connection

    async def _until_opened(self) -> None:
        """Until one that is being opened is open, or won't be."""
        opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(opened)
        await opened

    def _least_loaded(self) -> Connection | None:
        usable = [each for each in self.connections if each.state is ConnectionState.OPEN and each not in self._stuck]
        return min(usable, key=lambda each: each.pins + each.in_flight, default=None)

    def _watch_idleness(self, connection: Connection) -> None:
        """Start its time when it is used no longer, stop it when it is used again."""
        if connection not in self.connections:
            return
        if not connection.is_idle:
            if connection.idle_timer is not None:
                connection.idle_timer.cancel()
                connection.idle_timer = None
        elif connection in self._stuck:
            self._close_unused(connection)
        elif connection.idle_timer is None:
            loop = asyncio.get_running_loop()
            connection.idle_timer = loop.call_later(LINGER_SECONDS, self._close_unused, connection)

    def _close_unused(self, connection: Connection) -> None:
        self._remove(connection)
        connection.close()
        self._tell("stream-closed", "its last stream has ended")

    def _remove(self, connection: Connection) -> None:
        self.connections.remove(connection)
        self._stuck.discard(connection)
