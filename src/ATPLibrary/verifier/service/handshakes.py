"""Connections that haven't ended their TLS or WebSocket handshake: at most so many, and the one that waits longest goes first.

Nobody above hears of a connection before its handshake is done, so they are counted where they are accepted.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any


class Handshakes:
    """`begun()` each connection as it is accepted, `done()` it when its handshake is; one that ends meanwhile counts no more."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: dict[int, socket.socket] = {}  # by file descriptor, in the order in which they came

    @property
    def count(self) -> int:
        self._forget_the_ended()
        return len(self._open)

    def begun(self, connection: socket.socket) -> None:
        self._open.pop(connection.fileno(), None)  # of a connection that is closed, whose number this one has now
        self._open[connection.fileno()] = connection
        if len(self._open) > self._limit:
            self._forget_the_ended()
        while len(self._open) > self._limit:
            # An agent is done within a few round trips, so that those who dawdle can't keep it out.
            oldest = self._open.pop(next(iter(self._open)))
            with contextlib.suppress(OSError):  # it is just ending by itself
                oldest.shutdown(socket.SHUT_RDWR)  # its transport sees the end, and closes it

    def done(self, transport: Any) -> None:
        """The handshake on that asyncio transport, or stream writer, is over."""
        connection = transport.get_extra_info("socket")
        if connection is not None:
            self._open.pop(connection.fileno(), None)

    def _forget_the_ended(self) -> None:
        self._open = {number: each for number, each in self._open.items() if each.fileno() == number}


class CountingSocket(socket.socket):
    """A listening TCP socket that tells `handshakes` of each connection."""

    handshakes: Handshakes

    def accept(self) -> tuple[socket.socket, Any]:
        connection, address = super().accept()
        self.handshakes.begun(connection)
        return connection, address


async def listening_sockets(host: str, port: int, handshakes: Handshakes) -> list[socket.socket]:
    """Bound to each address of `host`, and not listening yet. `OSError` when one can't be had; then none is kept.

    Port 0 is any free one, the same at each address.
    """
    found: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in dict.fromkeys(await _addresses(host, port)):
            ours = CountingSocket(family, kind, protocol)
            ours.handshakes = handshakes
            found.append(ours)
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                ours.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            ours.setblocking(False)
            taken = found[0].getsockname()[1] or address[1]
            ours.bind((address[0], taken, *address[2:]))
    except BaseException:
        for each in found:
            each.close()
        raise
    return found


async def _addresses(host: str, port: int) -> list[Any]:
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:  # a name, which may have to be asked for
        return await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
