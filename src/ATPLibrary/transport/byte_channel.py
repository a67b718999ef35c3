"""A two-way stream of bytes to one port of one VM."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from abc import ABC, abstractmethod
from pathlib import Path

from ATPLibrary.errors import ChannelError
from ATPLibrary.runtime import deadline
from ATPLibrary.transport.vm_sockets import VmSockets, open_here

_READ_BYTES = 64 * 1024
# How long a close waits for what is still to be written.
_CLOSE_SECONDS = 1.0


class ByteChannel(ABC):
    """One reader and one writer at a time. Cancelling a read loses nothing; a cancelled write may have been sent in part."""

    comes_again = False  # whoever is at its other end has dialled, and dials anew when it is cut

    @abstractmethod
    async def read(self, timeout: float) -> bytes:
        """What has arrived, at least one byte. `ChannelError` at the end of the stream, `DeadlineError` when nothing comes."""

    @abstractmethod
    async def write(self, data: bytes, timeout: float) -> None:
        """Send all of `data`; waits while the other side doesn't read."""

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
        self._closed = False

    async def read(self, timeout: float) -> bytes:
        async with deadline(timeout, self._subject, wanted="send something", got="sent nothing"):
            try:
                data = await self._reader.read(_READ_BYTES)
            except OSError as error:
                raise self._ended(str(error)) from error
        if not data:
            raise self._ended("closed here" if self._closed else "closed by the other side")
        return data

    async def write(self, data: bytes, timeout: float) -> None:
        if self._writer.is_closing():
            raise self._ended("closed")
        async with deadline(timeout, self._subject, wanted=f"take {len(data)} bytes", got="did not read them"):
            try:
                self._writer.write(data)
                await self._writer.drain()
            except OSError as error:
                raise self._ended(str(error)) from error

    @property
    def is_over(self) -> bool:
        return self._closed or self._writer.is_closing() or self._reader.at_eof()

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._writer.close()
        try:
            with contextlib.suppress(OSError):  # a TimeoutError is one
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await self._writer.wait_closed()
        finally:
            end_now(self._writer.transport)

    def _ended(self, how: str) -> ChannelError:
        return ChannelError.about(
            self._subject, wanted="stay open", got=f"ended: {how}",
            next_step="Check that the VM still runs, then open the channel again",
        )  # fmt: skip


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
