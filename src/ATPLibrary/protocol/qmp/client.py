"""`qemu.qmp`'s client on its lean path: docs/decisions/0009-lean-qmp.md.

`QMPClient` does the greeting, the negotiation, the state machine and the end of a session. A command, however, crosses two
queues, two tasks and three serialisations there, and each message is pretty-printed for a log that nobody reads. Here a command is
serialised once and written at once, and its reply is set on the waiting future where the socket gives it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from qemu.qmp import Message, QMPClient, Runstate
from qemu.qmp.error import ProtocolError
from qemu.qmp.message import DeserializationError, UnexpectedTypeError

Reply = dict[str, Any]

# QEMU's own largest replies (query-qmp-schema) are some 200 KB.
LARGEST_MESSAGE_BYTES = 10 * 1024 * 1024
# QEMU reads its monitor one byte at a time, some 5 us each: ids are short. Replies come in order, so few are enough.
_IDS = 10
# json.dumps() with separators makes an encoder each time; json.loads() of bytes guesses their encoding.
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_decode = json.JSONDecoder().decode
_READ_BYTES = 256 * 1024
# Above this the writer waits until QEMU has read.
_WRITE_BUFFER_BYTES = 64 * 1024

# Each failure reaches the caller as an exception: without this the library would print it to stderr too.
_LOGGER = logging.getLogger("ATPLibrary.qmp")
_LOGGER.addHandler(logging.NullHandler())
_LOGGER.propagate = False


class UnexpectedReply(ProtocolError):
    """QEMU answers commands in the order in which they were sent; this reply belongs to none of those that wait."""


class _Waiting(NamedTuple):
    """A command without a reply: what it was sent as and when, and until when (loop's time) its caller waits."""

    id: int
    sent: float
    due: float
    reply: asyncio.Future[Reply]


class OversizeMessage(ProtocolError):
    """More bytes than any message of QEMU's has, and no end of line."""


class LeanClient(QMPClient):
    """`on_event(name, data)` is called for each of QEMU's events. After the end, `fail_all` tells whoever still waits."""

    def __init__(self, on_event: Callable[[str, Any], None]) -> None:
        super().__init__(readbuflen=LARGEST_MESSAGE_BYTES)
        self.logger = _LOGGER
        self._on_event = on_event
        self._last_id = 0
        # Commands without a reply yet, oldest first; a future that is done belongs to a caller who has gone.
        self._waiting: deque[_Waiting] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._heard = 0.0  # when the newest reply or event came, by the loop's clock

    @property
    def silence(self) -> float:
        """For how many seconds a command has been waiting without anything at all having come."""
        if not self._waiting:
            return 0.0
        return asyncio.get_running_loop().time() - max(self._heard, self._waiting[0].sent)

    async def begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Greet and negotiate on a connection that is there already. `ConnectError` when it fails."""
        self._streams = reader, writer
        await self.connect("")

    def send(self, commands: list[dict[str, Any]], timeout: float) -> list[asyncio.Future[Reply]]:
        """Write commands at once; each reply will be set on its future, or `TimeoutError` after `timeout` seconds."""
        writer = self._writer
        assert writer is not None, "send() needs an established session"
        loop = asyncio.get_running_loop()
        now = loop.time()
        due = now + timeout
        replies = []
        text = []
        for command in commands:
            self._last_id = (self._last_id + 1) % _IDS
            command["id"] = self._last_id
            reply: asyncio.Future[Reply] = loop.create_future()
            self._waiting.append(_Waiting(self._last_id, now, due, reply))
            replies.append(reply)
            text.append(_encode(command))
        writer.write("\n".join(text).encode())
        if self._timer is None or due < self._timer.when():
            self._set_timer(due)
        return replies

    async def until_written(self, timeout: float) -> None:
        """Wait while QEMU doesn't read and much is unwritten: `TimeoutError`."""
        writer = self._writer
        if writer is not None and writer.transport.get_write_buffer_size() > _WRITE_BUFFER_BYTES:
            async with asyncio.timeout(timeout):
                await writer.drain()

    def _set_timer(self, due: float) -> None:
        # One for the channel, mostly set already: one for each command would cost 5 us each.
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(due, self._expire)

    def _expire(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        later = []
        for waiting in self._waiting:
            if not waiting.reply.done():
                if waiting.due <= now:
                    waiting.reply.set_exception(TimeoutError())
                else:
                    later.append(waiting.due)
        if later:
            self._set_timer(min(later))

    def fail_all(self, make_error: Callable[[], Exception]) -> None:
        """End every command that still waits, each with an error of its own."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        everyone, self._waiting = self._waiting, deque()
        for waiting in everyone:
            if not waiting.reply.done():
                waiting.reply.set_exception(make_error())
                waiting.reply.exception()  # a caller who has gone won't look at it

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
        reader, writer = self._reader, self._writer
        assert reader is not None
        assert writer is not None
        lines = _Lines(self._route)
        while True:
            data = await reader.read(_READ_BYTES)
            if not data:
                raise EOFError("QEMU closed it")
            lines.feed(data)
            if lines.at_boundary and len(data) < _READ_BYTES:
                # The stream reader is empty: from here on the bytes need not pass through it. Its end still does.
                writer.transport.set_protocol(_Shortcut(writer.transport, reader, lines))

    def _route(self, reply: Reply) -> None:
        self._heard = asyncio.get_running_loop().time()
        if "event" in reply:
            self._on_event(str(reply["event"]), reply.get("data"))
            return
        if "id" not in reply:
            raise UnexpectedReply(f"a reply without an id: {reply.get('error', reply)!r}"[:300])
        if not self._waiting or self._waiting[0].id != reply["id"]:
            wanted = f"the reply to command {self._waiting[0].id}" if self._waiting else "no reply"
            raise UnexpectedReply(f"a reply to command {reply['id']!r} while {wanted} was due")
        future = self._waiting.popleft().reply
        if not future.done():
            future.set_result(reply)

    def _cb_inbound(self, msg: Message) -> Message:
        return msg

    def _cb_outbound(self, msg: Message) -> Message:
        return msg


class _Lines:
    """Cuts what comes into lines and hands each one's JSON on."""

    def __init__(self, route: Callable[[Reply], None]) -> None:
        self._route = route
        self._rest = b""

    @property
    def at_boundary(self) -> bool:
        return not self._rest

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data if self._rest else data).split(b"\n")
        for line in lines:
            self._route(_parse(line))
        if len(self._rest) > LARGEST_MESSAGE_BYTES:
            raise OversizeMessage(f"a message of more than {LARGEST_MESSAGE_BYTES // 2**20} MiB came")


class _Shortcut(asyncio.Protocol):
    """Takes the bytes where the socket gives them, which saves two task switches a reply, and leaves all else to the stream.

    What goes wrong, and the end, are told to the stream reader: the library's reader task raises it and ends the session.
    """

    def __init__(self, transport: asyncio.WriteTransport, reader: asyncio.StreamReader, lines: _Lines) -> None:
        self._stream: Any = transport.get_protocol()
        self._reader = reader
        self._lines = lines
        self._broken = False

    def data_received(self, data: bytes) -> None:
        if self._broken:
            return
        try:
            self._lines.feed(data)
        except ProtocolError as error:
            self._break(error)

    def eof_received(self) -> bool | None:
        self._check_boundary()
        keep_open: bool | None = self._stream.eof_received()
        return keep_open

    def connection_lost(self, exc: Exception | None) -> None:
        self._check_boundary()
        self._stream.connection_lost(exc)

    def pause_writing(self) -> None:
        self._stream.pause_writing()

    def resume_writing(self) -> None:
        self._stream.resume_writing()

    def _check_boundary(self) -> None:
        if not self._broken and not self._lines.at_boundary:
            self._break(EOFError("the connection ended in the middle of a message"))

    def _break(self, error: Exception) -> None:
        self._broken = True
        self._reader.set_exception(error)


def _parse(line: bytes) -> Reply:
    try:
        reply = _decode(line.decode())
    except (ValueError, RecursionError) as error:
        raise DeserializationError("not JSON", line) from error
    if not isinstance(reply, dict):
        raise UnexpectedTypeError("not a JSON object", reply)
    return reply
