"""A proxy in front of a UNIX or TCP socket that delays, falls silent, dies in one direction, resets or truncates on command.

    async with FaultProxy(server=daemon_socket, at=directory / "faulty") as proxy:    # or server=("127.0.0.1", port)
        ... connect to proxy.address ...
        proxy.silence()

`in_front_of(path)` takes a socket's place, so that what is under test needn't know. Runs on the loop that entered it: a test must
not block that loop (threads of libvirt's are no matter).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from tests.faults.direction import Direction, Way

Address = Path | tuple[str, int]

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: TCP sends RST instead of FIN


class FaultProxy:
    """Without a command it passes everything on. What is commanded counts for open connections and for those to come."""

    def __init__(self, server: Address, at: Path | None = None) -> None:
        self.accepted = 0  # connections so far
        self.passed = 0  # bytes so far, both ways
        self.resets = 0  # how often `reset_after` or `truncate_after` has struck
        self.cut = asyncio.Event()  # set when it strikes
        self._server_address = server
        self._at = at
        self._listener: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._delays = dict.fromkeys(Way, 0.0)
        self._dead: set[Way] = set()
        self._left: int | None = None  # bytes until it strikes
        self._again = 0  # bytes until it strikes once more, and so on; 0: once
        self._politely = False

    async def __aenter__(self) -> FaultProxy:
        if self._at is not None:
            self._listener = await asyncio.start_unix_server(self._accept, self._at)
        else:
            self._listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        assert self._listener is not None
        self._listener.close()
        self.reset()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._at is not None:
            self._at.unlink(missing_ok=True)

    @property
    def address(self) -> Address:
        """Where it listens."""
        if self._at is not None:
            return self._at
        assert self._listener is not None
        host, port = self._listener.sockets[0].getsockname()[:2]
        return host, port

    @property
    def open_connections(self) -> int:
        return len(self._connections)

    # -- commands

    def delay(self, seconds: float, *ways: Way) -> None:
        """Each piece of data comes `seconds` late, in the ways named or in both."""
        self._delays |= dict.fromkeys(ways or Way, seconds)
        self._apply()

    def silence(self) -> None:
        """Accept, and swallow everything, both ways."""
        self._dead = set(Way)
        self._apply()

    def half_open(self, dead: Way) -> None:
        """One direction dies: what goes that way is swallowed, and the other goes on."""
        self._dead = {dead}
        self._apply()

    def heal(self) -> None:
        """No fault any more. Connections of which something was lost are reset: they could only go on wrongly."""
        self._dead, self._left, self._again = set(), None, 0
        self._delays = dict.fromkeys(Way, 0.0)
        self._apply()
        for connection in list(self._connections):
            if connection.has_lost:
                connection.cut(politely=False)

    def reset(self) -> None:
        """Cut every open connection now. New ones are accepted."""
        for connection in list(self._connections):
            connection.cut(politely=False)

    def reset_after(self, count: int, *, every: bool = False) -> None:
        """Let `count` more bytes pass, whichever way and over however many connections; then cut all. `every`: again and again."""
        self._left, self._again, self._politely = count, count if every else 0, False
        self.cut.clear()

    def truncate_after(self, count: int) -> None:
        """As `reset_after`, but the connections end as if they had been closed: end of file in the middle of a message."""
        self.reset_after(count)
        self._politely = True

    # -- how it is done

    def allow(self, count: int) -> int:
        """How many of `count` bytes may pass. With the last one, every connection is cut."""
        if self._left is None or self._left > count:
            self.passed += count
            if self._left is not None:
                self._left -= count
            return count
        allowed, self._left = self._left, self._again or None
        self.passed += allowed
        self.resets += 1
        self.cut.set()
        # After the caller has written what was allowed.
        loop = asyncio.get_running_loop()
        for connection in list(self._connections):
            loop.call_soon(connection.cut, self._politely)
        return allowed

    def _apply(self) -> None:
        for connection in self._connections:
            self._apply_to(connection)

    def _apply_to(self, connection: _Connection) -> None:
        for way, direction in connection.directions.items():
            direction.delay = self._delays[way]
            direction.is_dead = way in self._dead

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            if isinstance(self._server_address, Path):
                upstream = await asyncio.open_unix_connection(self._server_address)
            else:
                upstream = await asyncio.open_connection(*self._server_address)
        except OSError:
            _abort(writer)  # as its server would have refused it
            return
        connection = _Connection(self, (reader, writer), upstream)
        self._connections.add(connection)
        self._apply_to(connection)
        try:
            await connection.run()
        except asyncio.CancelledError:
            return  # the proxy ends; asyncio's streams would report a handler that was cancelled as a defect
        finally:
            self._connections.discard(connection)


class _Connection:
    """Somebody who has connected, and their own connection to the server."""

    def __init__(
        self,
        proxy: FaultProxy,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self._writers = client[1], server[1]
        self._pumps: list[asyncio.Task[None]] = []
        self.directions = {
            Way.TO_SERVER: Direction(client[0], server[1], proxy.allow),
            Way.TO_CLIENT: Direction(server[0], client[1], proxy.allow),
        }

    @property
    def has_lost(self) -> bool:
        return any(direction.has_lost for direction in self.directions.values())

    async def run(self) -> None:
        """Until both directions have ended, or it is cut."""
        self._pumps = [asyncio.create_task(direction.pump()) for direction in self.directions.values()]
        try:
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await asyncio.gather(*self._pumps)
        finally:
            self.cut(politely=True)
            await asyncio.gather(*self._pumps, return_exceptions=True)

    def cut(self, politely: bool) -> None:
        for writer in self._writers:
            if politely:
                writer.close()
            else:
                _abort(writer)
        for pump in self._pumps:
            pump.cancel()


def _abort(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    if raw is not None and raw.family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()


@contextlib.asynccontextmanager
async def in_front_of(path: Path) -> AsyncIterator[FaultProxy]:
    """Take the place of the UNIX socket `path`: whoever connects to it from now on is connected through the proxy."""
    with _set_aside(path) as behind:
        async with FaultProxy(behind, at=path) as proxy:
            yield proxy


@contextlib.contextmanager
def _set_aside(path: Path) -> Iterator[Path]:
    aside = path.with_name(f"{path.name}~")
    path.rename(aside)
    try:
        yield aside
    finally:
        aside.replace(path)
