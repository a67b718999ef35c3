"""`qemu.qmp`'s client on its lean path: docs/decisions/0006-lean-qmp.md.

`QMPClient` does the greeting, the negotiation, the state machine and the end of a session. A command, however, crosses two
queues, two tasks and three serialisations there, and each message is pretty-printed for a log that nobody reads. Here a command is
serialised once, written at once, and its reply is set on the waiting future by the reader task.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

from qemu.qmp import Message, QMPClient
from qemu.qmp.error import ProtocolError
from qemu.qmp.message import DeserializationError

# QEMU's own largest replies (query-qmp-schema) are some 200 KB.
LARGEST_MESSAGE_BYTES = 10 * 1024 * 1024
# QEMU reads its monitor one byte at a time, some 5 us each: ids are short. Replies come in order, so few are enough.
_IDS = 100
# Above this the writer waits until QEMU has read.
_WRITE_BUFFER_BYTES = 64 * 1024

# Each failure reaches the caller as an exception: without this the library would print it to stderr too.
_LOGGER = logging.getLogger("ATPLibrary.qmp")
_LOGGER.addHandler(logging.NullHandler())
_LOGGER.propagate = False


class UnexpectedReply(ProtocolError):
    """QEMU answers commands in the order in which they were sent; this reply belongs to none of those that wait."""


class LeanClient(QMPClient):
    """`on_event(name, data)` is called for each of QEMU's events. After the end, `fail_all` tells whoever still waits."""

    def __init__(self, on_event: Callable[[str, Any], None]) -> None:
        super().__init__(readbuflen=LARGEST_MESSAGE_BYTES)
        self.logger = _LOGGER
        self._on_event = on_event
        self._last_id = 0
        # Commands without a reply yet, oldest first; a future that is done belongs to a caller who has gone.
        self._waiting: deque[tuple[int, asyncio.Future[Message]]] = deque()

    async def send(self, commands: list[dict[str, Any]]) -> list[asyncio.Future[Message]]:
        """Write commands at once; each reply will be set on its future. Waits only while QEMU doesn't read."""
        writer = self._writer
        assert writer is not None, "send() needs an established session"
        loop = asyncio.get_running_loop()
        replies = []
        text = []
        for command in commands:
            self._last_id = (self._last_id + 1) % _IDS
            reply: asyncio.Future[Message] = loop.create_future()
            self._waiting.append((self._last_id, reply))
            replies.append(reply)
            text.append(json.dumps(command | {"id": self._last_id}, separators=(",", ":")))
        writer.write("\n".join(text).encode())
        if writer.transport.get_write_buffer_size() > _WRITE_BUFFER_BYTES:
            await writer.drain()
        return replies

    def fail_all(self, make_error: Callable[[], Exception]) -> None:
        """End every command that still waits, each with an error of its own."""
        waiting, self._waiting = self._waiting, deque()
        for _, reply in waiting:
            if not reply.done():
                reply.set_exception(make_error())
                reply.exception()  # a caller who has gone won't look at it

    def abort(self) -> None:
        """Cut the connection at once, unsent data included."""
        if self._writer is not None:
            self._writer.transport.abort()

    async def _do_recv(self) -> Message:
        line = await self._readline()
        if not line.endswith(b"\n"):
            raise EOFError("the connection ended in the middle of a message")
        try:
            return Message(line)
        except (
            UnicodeDecodeError,
            RecursionError,
        ) as error:  # the two ways of not being JSON that the library lets through
            raise DeserializationError("not JSON", line) from error

    async def _on_message(self, msg: Message) -> None:
        if "event" in msg:
            self._on_event(str(msg["event"]), msg.get("data"))
            return
        if "id" not in msg:
            description = msg["error"] if "error" in msg else bytes(msg)[:200]
            raise UnexpectedReply(f"a reply without an id: {description!r}")
        if not self._waiting or self._waiting[0][0] != msg["id"]:
            wanted = f"the reply to command {self._waiting[0][0]}" if self._waiting else "no reply"
            raise UnexpectedReply(f"a reply to command {msg['id']!r} while {wanted} was due")
        _, reply = self._waiting.popleft()
        if not reply.done():
            reply.set_result(msg)

    def _cb_inbound(self, msg: Message) -> Message:
        return msg

    def _cb_outbound(self, msg: Message) -> Message:
        return msg
