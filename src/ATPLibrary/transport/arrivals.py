"""What comes on the sockets of many VMs, read here and given to each one's taker.

For each arrival asyncio goes through a selector's key, a handle, its context, a bound method and a transport of the connection
before a protocol hears of it. With a thousand VMs all of them are cold in the processor's caches when their turn comes
(docs/decisions/0021-scale.md). Here the descriptor leads to the taker at once: one epoll of our own, which the loop waits for as
for any descriptor.
"""

from __future__ import annotations

import asyncio
import os
import select
import socket
from abc import abstractmethod
from typing import Any

_READ_BYTES = 64 * 1024
# Told once each time that something comes, not for as long as something is there: then the kernel would look at each socket again
# after it was read, when all that belongs to it is cold. Of the end we are told beside the bytes before it.
_NEWS = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET
# So many sockets are read before those whose bytes came are heard: with a thousand that have something, what the first one's
# bytes have touched would be out of the processor's caches again when its taker's turn comes.
_AT_ONCE = 16


class Taker(asyncio.Protocol):
    """Takes the bytes of a connection where the socket gives them, instead of the stream reader that it began with.

    `take_over()` begins that; `data_received()` is then called with what comes, and `failed()` with what went wrong. The
    connection's end is told to the stream reader, whose owner knows what it means.
    """

    __slots__ = ("_choked", "_fd", "_stream", "_transport")

    def __init__(self) -> None:
        self._transport: asyncio.WriteTransport | None = None
        self._stream: Any = None
        self._fd = -1  # of a socket on this machine, while it is ours to read and write
        # The transport may have bytes that the socket did not take: some of before we took over, too.
        self._choked = True

    @abstractmethod
    def data_received(self, data: bytes) -> None: ...

    @abstractmethod
    def failed(self, error: Exception) -> None:
        """The socket could not be read; the connection ends."""

    def take_over(self, transport: asyncio.WriteTransport) -> None:
        """From now on. What its stream reader has been given already isn't taken."""
        assert self._stream is None, "taken over already"
        self._transport, self._stream = transport, transport.get_protocol()
        transport.set_protocol(self)
        plain = transport.get_extra_info("socket")
        if plain is not None and plain.family == socket.AF_UNIX and transport.get_extra_info("ssl_object") is None:
            _reading(transport).pause_reading()
            self._fd = plain.fileno()
            _arrivals().watch(self._fd, self)

    def write(self, data: bytes) -> None:
        """Send it, behind all that was written before."""
        if not self.write_now(data):
            assert self._transport is not None, "nothing can be written before there is a connection"
            self._transport.write(data)

    def write_now(self, data: bytes) -> bool:
        """Send it, if nothing that was written before waits; else, or of a socket that isn't ours, False."""
        if self._fd < 0 or (self._choked and self._has_unsent()):
            return False
        try:
            sent = os.write(self._fd, data)
        except OSError:
            self._choked = True
            return False  # full, or broken: the transport will find out which
        if sent < len(data):
            self._choked = True
            assert self._transport is not None
            self._transport.write(data[sent:])
        return True

    def _has_unsent(self) -> bool:
        assert self._transport is not None
        self._choked = self._transport.get_write_buffer_size() > 0
        return self._choked

    def give_back(self) -> None:
        """Leave what comes from now on to the stream reader."""
        self.let_go()
        if self._transport is not None:
            self._transport.set_protocol(self._stream)

    def let_go(self) -> None:
        """Leave what comes from now on to the transport, which tells its protocol."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            _arrivals().forget(fd)
            assert self._transport is not None
            _reading(self._transport).resume_reading()

    def eof_received(self) -> bool | None:
        keep_open: bool | None = self._stream.eof_received()
        return keep_open

    def connection_lost(self, exc: Exception | None) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:  # before the descriptor is closed, and given to somebody else
            _arrivals().forget(fd)
        self._stream.connection_lost(exc)

    def pause_writing(self) -> None:
        self._stream.pause_writing()

    def resume_writing(self) -> None:
        self._stream.resume_writing()


def _reading(transport: asyncio.WriteTransport) -> asyncio.ReadTransport:
    """A socket's transport is both."""
    assert isinstance(transport, asyncio.ReadTransport)
    return transport


class _Arrivals:
    """Of one loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._epoll = select.epoll()
        self._takers: list[Taker | None] = []  # by descriptor: denser than a dictionary
        self._count = 0

    def watch(self, fd: int, taker: Taker) -> None:
        self._takers += [None] * (fd + 1 - len(self._takers))
        self._takers[fd] = taker
        self._epoll.register(fd, _NEWS)
        self._count += 1
        if self._count == 1:
            self._loop.add_reader(self._epoll.fileno(), self._ready)

    def forget(self, fd: int) -> None:
        self._takers[fd] = None
        self._epoll.unregister(fd)
        self._count -= 1
        if not self._count:
            del _OF_LOOP[self._loop]
            self.close()

    def close(self) -> None:
        if not self._loop.is_closed():
            self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()

    def _ready(self) -> None:
        takers = self._takers
        for fd, news in self._epoll.poll(0, _AT_ONCE):
            taker = takers[fd]
            if taker is None:  # let go of by what came before it
                continue
            try:
                data = os.read(fd, _READ_BYTES)
            except (BlockingIOError, InterruptedError):
                continue
            except OSError as error:
                self._fail(taker, error)
                continue
            if not data:
                taker.let_go()  # the transport sees the end too
                continue
            if len(data) == _READ_BYTES or news != select.EPOLLIN:  # there is more, or its end: in its turn
                self._epoll.modify(fd, _NEWS)
            try:
                taker.data_received(data)
            except Exception as error:  # noqa: BLE001 - a defect of one taker is not to be the end of the others
                self._loop.call_exception_handler({"message": f"{taker!r} broke", "exception": error})
                self._fail(taker, error)

    def _fail(self, taker: Taker, error: Exception) -> None:
        transport = taker._transport
        assert transport is not None
        taker.failed(error)
        transport.abort()


_OF_LOOP: dict[asyncio.AbstractEventLoop, _Arrivals] = {}


def _arrivals() -> _Arrivals:
    """The running loop's."""
    loop = asyncio.get_running_loop()
    arrivals = _OF_LOOP.get(loop)
    if arrivals is None:
        for known in list(_OF_LOOP):
            if known.is_closed():
                _OF_LOOP.pop(known).close()
        arrivals = _OF_LOOP[loop] = _Arrivals(loop)
    return arrivals
