"""One connection to the service, of an agent or of a stranger: whole messages both ways, whatever carries them."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from ATPLibrary.errors import ChannelError
from ATPLibrary.protocol.virtio_serial.codec import MORE, Codec
from ATPLibrary.protocol.virtio_serial.codecs import DelimitedCodec
from ATPLibrary.transport.byte_channel import end_now, reset

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

_READ_BYTES = 64 * 1024
# How long a close waits for what is still to be written, and for the other side's word.
CLOSE_SECONDS = 1.0


class Peer(ABC):
    """One reader and one writer at a time. `way` is "tcp", "websocket" or "unix"; `address` is where it came from, in words."""

    way: str
    address: str

    @abstractmethod
    def allow(self, limit: int) -> None:
        """The largest message, in bytes, that is taken from now on."""

    @abstractmethod
    async def receive(self) -> bytes:
        """The next message, as one line without its end. `ChannelError` at the end, and after a message that is too large."""

    @abstractmethod
    async def send(self, message: bytes) -> None:
        """Send one message, a line without its end; waits while the other side doesn't read. `ChannelError` at the end."""

    @abstractmethod
    def abort(self) -> None:
        """End it now: whoever receives or sends gets `ChannelError`. A second time does nothing."""

    @abstractmethod
    def reset(self) -> None:
        """`abort()`, so that the other side hears of it even if it doesn't know how far this connection has come."""

    @abstractmethod
    async def close(self) -> None:
        """End it, within `CLOSE_SECONDS`, after what was sent."""

    def ended(self, how: str, kind: type[ChannelError] = ChannelError) -> ChannelError:
        return kind.about(
            f"The agent's {self.way} connection from {self.address}", wanted="stay open", got=f"ended: {how}",
            next_step="The agent comes again by itself; its log in the guest says why it went",
        )  # fmt: skip


class LineFraming(DelimitedCodec):
    """Messages as they travel over virtio-serial: each ended by a newline."""

    def encode(self, message: Any) -> bytes:
        return self.frame(message)

    def take(self) -> Any:
        line = self.line()
        return MORE if line is None else line


class StreamPeer(Peer):
    """A TCP or UNIX connection, its messages cut out of the stream by `codec`."""

    def __init__(
        self, way: str, address: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, codec: Codec
    ) -> None:
        self.way, self.address = way, address
        self._reader, self._writer, self._codec = reader, writer, codec
        codec.subject = f"the agent's {way} connection from {address}"

    def allow(self, limit: int) -> None:
        self._codec.limit = limit

    async def receive(self) -> bytes:
        while (message := self._codec.take()) is MORE:
            try:
                data = await self._reader.read(_READ_BYTES)
            except ConnectionResetError as error:  # an end as any: an agent that ends closes on what it hasn't read
                self._codec.end()
                raise self.ended(f"closed by the other side ({error.strerror or error})") from error
            except OSError as error:
                self._codec.end()  # that a message was cut says more than how
                raise self.ended(str(error)) from error
            if not data:
                self._codec.end()
                raise self.ended("closed by the other side")
            self._codec.feed(data)
        return one_line(message)

    async def send(self, message: bytes) -> None:
        if self._writer.is_closing():
            raise self.ended("closed")
        try:
            self._writer.write(self._codec.encode(message))
            await self._writer.drain()
        except OSError as error:
            raise self.ended(str(error)) from error

    def abort(self) -> None:
        end_now(self._writer.transport)

    def reset(self) -> None:
        reset(self._writer.transport)

    async def close(self) -> None:
        self._writer.close()
        try:
            with contextlib.suppress(OSError):  # a TimeoutError is one
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._writer.wait_closed()
        finally:
            end_now(self._writer.transport)


class WebSocketPeer(Peer):
    """A WebSocket connection: each text message is one message."""

    way = "websocket"

    def __init__(self, address: str, connection: ServerConnection) -> None:
        self.address = address
        self._connection = connection

    def allow(self, limit: int) -> None:
        self._connection.protocol.max_message_size = limit

    async def receive(self) -> bytes:
        from websockets.exceptions import ConnectionClosed

        try:
            return one_line(await self._connection.recv(decode=False))
        except ConnectionClosed as error:
            raise self.ended(str(error)) from error

    async def send(self, message: bytes) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            await self._connection.send(message, text=True)
        except ConnectionClosed as error:
            raise self.ended(str(error)) from error

    def abort(self) -> None:
        end_now(self._connection.transport)

    def reset(self) -> None:
        reset(self._connection.transport)

    async def close(self) -> None:
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._connection.close()
        finally:
            end_now(self._connection.transport)


def one_line(message: bytes) -> bytes:
    """JSON in several lines as one: a raw line end in JSON can be nothing but space."""
    if b"\n" in message or b"\r" in message:
        return message.replace(b"\n", b" ").replace(b"\r", b" ")
    return message
