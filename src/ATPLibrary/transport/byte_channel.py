"""A two-way stream of bytes to one port of one VM."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from ATPLibrary.deadlines import deadline, limit
from ATPLibrary.errors import ATPError, ChannelError
from ATPLibrary.transport.arrivals import Taker
from ATPLibrary.transport.vm_sockets import VmSockets, open_here

_READ_BYTES = 64 * 1024
# How long a close waits for what is still to be written.
_CLOSE_SECONDS = 1.0


class ByteChannel(ABC):
    """One reader and one writer at a time. Cancelling a read loses nothing; a cancelled write may have been sent in part."""

    __slots__ = ()

    comes_again = False  # whoever is at its other end has dialled, and dials anew when it is cut

    @abstractmethod
    async def read(self, timeout: float | None) -> bytes:
        """What has arrived, at least one byte. `ChannelError` at the end of the stream, `DeadlineError` when nothing comes.

        Without a `timeout` it waits for as long as the stream lasts.
        """

    async def hand_over(self, take: Callable[[bytes], None]) -> NoReturn:
        """Call `take` with all that arrives from now on, until the stream ends (`ChannelError`); what `take` raises ends it too."""
        while True:
            take(await self.read(None))

    @abstractmethod
    async def write(self, data: bytes, timeout: float) -> None:
        """Send all of `data`; waits while the other side doesn't read."""

    def write_now(self, data: bytes) -> bool:
        """Send `data` without waiting, where that can be done. False: nothing of it was sent, and `write` is what can do it."""
        return False

    @property
    @abstractmethod
    def is_over(self) -> bool:
        """It has ended, and all that had arrived was read."""

    def cut(self, why: str) -> None:
        """End it now, of a channel that `comes_again`, so that the other side hears of it even if it has gone back in time."""
        raise NotImplementedError

    @abstractmethod
    async def close(self) -> None:
        """Close; a second time does nothing. Ends within a moment whatever the other side does."""


async def socket_channel(path: Path, timeout: float, sockets: VmSockets | None = None) -> ByteChannel:
    """Connect to the UNIX socket at `path`, on this machine or where `sockets` are. QEMU serves one client of a socket at a time
    and leaves a second one waiting."""
    subject = f"The socket {path}"
    opening = open_here(path, timeout, subject) if sockets is None else sockets.open(path, timeout, subject)
    return SocketChannel(subject, *await opening)


class SocketChannel(ByteChannel):
    def __init__(self, subject: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._subject = subject
        self._reader = reader
        self._writer = writer
        self._taker: _Handing | None = None
        self._closed = False

    async def read(self, timeout: float | None) -> bytes:
        async with deadline(timeout, self._subject, wanted="send something", got="sent nothing"):
            try:
                data = await self._reader.read(_READ_BYTES)
            except OSError as error:
                raise self._ended(str(error)) from error
        if not data:
            raise self._ended("closed here" if self._closed else "closed by the other side")
        return data

    async def hand_over(self, take: Callable[[bytes], None]) -> NoReturn:
        try:
            while True:
                data = await self.read(None)
                take(data)
                is_read = len(data) < _READ_BYTES and not self._reader.at_eof() and self._reader.exception() is None
                if self._taker is None and is_read:
                    # From here on the bytes need not pass through the stream reader. Its end still does.
                    self._taker = _Handing(self._reader, take)
                    self._taker.take_over(self._writer.transport)
        finally:
            if self._taker is not None:
                taker, self._taker = self._taker, None
                taker.give_back()

    async def write(self, data: bytes, timeout: float) -> None:
        if self._writer.is_closing():
            raise self._ended("closed")
        async with deadline(timeout, self._subject, wanted=f"take {len(data)} bytes", got="did not read them"):
            try:
                if self._taker is not None:
                    self._taker.write(data)
                else:
                    self._writer.write(data)
                await self._writer.drain()
            except OSError as error:
                raise self._ended(str(error)) from error

    def write_now(self, data: bytes) -> bool:
        return self._taker is not None and self._taker.write_now(data)

    @property
    def is_over(self) -> bool:
        return self._closed or self._writer.is_closing() or self._reader.at_eof()

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._writer.close()
        try:
            with contextlib.suppress(OSError), limit(_CLOSE_SECONDS):  # a TimeoutError is an OSError
                await self._writer.wait_closed()
        finally:
            end_now(self._writer.transport)

    def _ended(self, how: str) -> ChannelError:
        return ChannelError.about(
            self._subject, wanted="stay open", got=f"ended: {how}",
            next_step="Check that the VM still runs, then open the channel again",
        )  # fmt: skip


class _Handing(Taker):
    """Gives what a socket brings to somebody, and what goes wrong to its stream reader."""

    __slots__ = ("_reader", "_take")

    def __init__(self, reader: asyncio.StreamReader, take: Callable[[bytes], None]) -> None:
        super().__init__()
        self._reader: asyncio.StreamReader | None = reader
        self._take = take

    def data_received(self, data: bytes) -> None:
        if self._reader is None:
            return
        try:
            self._take(data)
        except ATPError as error:
            self.failed(error.with_traceback(None))  # which would keep what came alive
        except Exception as error:  # noqa: BLE001 - whoever waits for the end is told, whatever it is
            self.failed(error)

    def failed(self, error: Exception) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.set_exception(error)


def end_now(transport: asyncio.WriteTransport) -> None:
    """Abort it. Python 3.11's own abort trips over one that was closed with bytes to send and has ended since."""
    with contextlib.suppress(AttributeError):
        transport.abort()


def reset(transport: asyncio.WriteTransport) -> None:
    """Abort it by TCP's RST. A FIN that isn't where a guest's kernel expects it says nothing to that; a RST it asks back about."""
    if (connection := transport.get_extra_info("socket")) is not None:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end_now(transport)
