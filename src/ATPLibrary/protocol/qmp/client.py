"""`qemu.qmp`'s client on its lean path: docs/decisions/0009-lean-qmp.md.

`QMPClient` does the greeting, the negotiation, the state machine and the end of a session. A command, however, crosses two
queues, two tasks and three serialisations there, and each message is pretty-printed for a log that nobody reads. Here a command is
serialised once and written at once, and its reply is set on the waiting future where the socket gives it (`commands.Commands`).
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from qemu.qmp import Message, QMPClient, Runstate

from ATPLibrary.protocol.qmp.commands import LARGEST_MESSAGE_BYTES, Commands, Owner

_READ_BYTES = 256 * 1024
# Above this the writer waits until QEMU has read.
_WRITE_BUFFER_BYTES = 64 * 1024

# Each failure reaches the caller as an exception: without this the library would print it to stderr too.
_LOGGER = logging.getLogger("ATPLibrary.qmp")
_LOGGER.addHandler(logging.NullHandler())
_LOGGER.propagate = False


class LeanClient(QMPClient):
    """`.commands` sends."""

    def __init__(self, owner: Owner) -> None:
        super().__init__(readbuflen=LARGEST_MESSAGE_BYTES)
        self.logger = _LOGGER
        self.commands = Commands(owner)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Greet and negotiate on a connection that is there already. `ConnectError` when it fails."""
        self._streams = reader, writer
        self.commands.begin(writer.transport)
        await self.connect("")

    async def until_written(self, timeout: float) -> None:
        """Wait while QEMU doesn't read and much is unwritten: `TimeoutError`."""
        writer = self._writer
        if writer is not None and writer.transport.get_write_buffer_size() > _WRITE_BUFFER_BYTES:
            async with asyncio.timeout(timeout):
                await writer.drain()

    def abort(self) -> None:
        """Cut the connection at once, unsent data included."""
        if self._writer is not None:
            self._writer.transport.abort()

    async def _do_connect(self, address: Any, ssl: Any = None) -> None:
        assert self._streams is not None, "begin() brings the connection"
        self._set_state(Runstate.CONNECTING)
        self._reader, self._writer = self._streams
        await asyncio.sleep(0)  # whoever watches the state shall see this one

    async def _do_recv(self) -> Message:
        """Before the session: return the next message. In the session: route what comes until the end, which is an exception."""
        if self.runstate is not Runstate.RUNNING:
            return Message(await self._readline())
        reader = self._reader
        assert reader is not None
        while True:
            data = await reader.read(_READ_BYTES)
            if not data:
                raise EOFError("QEMU closed it")
            self.commands.feed(data)
            if self.commands.at_boundary and len(data) < _READ_BYTES:
                # The stream reader is empty: from here on the bytes need not pass through it. Its end still does.
                self.commands.take_over_from(reader)

    def _cb_inbound(self, msg: Message) -> Message:
        return msg

    def _cb_outbound(self, msg: Message) -> Message:
        return msg
