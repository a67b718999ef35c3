"""The commands of one QMP session that have no reply yet, and what the socket brings, in one object.

Where many VMs are spoken to at once each one's objects are cold in the processor's caches when its turn comes: what a command
touches is here, in slots, and nowhere else (docs/decisions/0021-scale.md).
"""

from __future__ import annotations

import asyncio
import json
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from qemu.qmp.error import ProtocolError
from qemu.qmp.message import DeserializationError, UnexpectedTypeError

from ATPLibrary.protocol.qmp.bounds import Bounds, bounds_of
from ATPLibrary.transport.arrivals import Taker

Reply = dict[str, Any]

# QEMU's own largest replies (query-qmp-schema) are some 200 KB.
LARGEST_MESSAGE_BYTES = 10 * 1024 * 1024
# QEMU reads its monitor one byte at a time, some 5 us each: ids are short. Replies come in order, so few are enough.
_IDS = 10
_ENTRIES = 4  # among those that wait, for each
# json.dumps() with separators makes an encoder each time; json.loads() of bytes guesses their encoding.
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_decode = json.JSONDecoder().decode


@dataclass(frozen=True, slots=True)
class Question:
    """A command whose caller awaits what is picked from the answer, without a coroutine between, which would be cold twice."""

    command: str
    pick: Callable[[Any], Any]


class UnexpectedReply(ProtocolError):
    """QEMU answers commands in the order in which they were sent; this reply belongs to none of those that wait."""


class OversizeMessage(ProtocolError):
    """More bytes than any message of QEMU's has, and no end of line."""


class Owner(Protocol):
    """Whose commands they are."""

    @abstractmethod
    def publish(self, name: str, data: Any) -> None:
        """An event of QEMU's has come."""

    @abstractmethod
    def failure(self, command: str, reply: Reply | None, timeout: float) -> Exception:
        """The error for a question that QEMU refuses by that reply, or hasn't answered in `timeout` seconds."""


class Commands(Taker):
    """Sends commands, and sets each reply on its future.

    A stream reader feeds it until `take_over`; from then on the socket does, which saves two task switches a reply. What goes
    wrong, and the end, are told to the stream reader all the same: the library's reader task raises it and ends the session.
    """

    __slots__ = (
        "_bounds",
        "_broken",
        "_heard",
        "_last_id",
        "_owner",
        "_reader",
        "_rest",
        "_waiting",
    )

    def __init__(self, owner: Owner) -> None:
        super().__init__()
        self._owner = owner
        self._last_id = 0
        # The commands without a reply, oldest first, four entries each: the future that takes it (done already when its caller
        # has gone), when it was sent (loop's time), for how many seconds its caller waits, and the question where the future takes
        # its answer and not the reply. QEMU answers in order, so that their numbers are known.
        self._waiting: tuple[Any, ...] = ()
        self._bounds: Bounds | None = None  # the loop's, while something may wait here
        self._heard = 0.0  # when the newest reply or event came that left a command waiting, by the loop's clock
        self._rest = b""
        self._reader: asyncio.StreamReader | None = None
        self._broken = False

    def begin(self, transport: asyncio.WriteTransport) -> None:
        """Write there from now on."""
        self._transport = transport

    def take_over_from(self, reader: asyncio.StreamReader) -> None:
        """Take the bytes where the socket gives them, from a reader that is empty."""
        assert self._transport is not None, "begin() brings the connection"
        self._reader = reader
        self.take_over(self._transport)

    @property
    def silence(self) -> float:
        """For how many seconds a command has been waiting without anything at all having come."""
        if not self._waiting:
            return 0.0
        sent: float = self._waiting[1]
        return asyncio.get_running_loop().time() - max(self._heard, sent)

    def send(self, command: dict[str, Any], timeout: float, question: Question | None = None) -> asyncio.Future[Any]:
        """Write a command; its reply will be set on the future, or `TimeoutError` after `timeout` seconds.

        Of a question: its answer, or the error that its caller is to see.
        """
        loop = asyncio.get_running_loop()
        self._last_id = number = (self._last_id + 1) % _IDS
        command["id"] = number
        reply: asyncio.Future[Any] = loop.create_future()
        bounds = self._bounds or self._join(loop)
        self._waiting += (reply, bounds.sent(loop, timeout), timeout, question)
        self.write(_encode(command).encode())
        return reply

    def send_many(self, commands: list[dict[str, Any]], timeout: float) -> list[asyncio.Future[Reply]]:
        """Write commands at once, as `send` does each."""
        loop = asyncio.get_running_loop()
        now = (self._bounds or self._join(loop)).sent(loop, timeout)
        replies: list[asyncio.Future[Reply]] = []
        waiting: list[Any] = []
        text = []
        for command in commands:
            self._last_id = number = (self._last_id + 1) % _IDS
            command["id"] = number
            replies.append(loop.create_future())
            waiting += (replies[-1], now, timeout, None)
            text.append(_encode(command))
        self._waiting += tuple(waiting)
        self.write("\n".join(text).encode())
        return replies

    def _join(self, loop: asyncio.AbstractEventLoop) -> Bounds:
        self._bounds = bounds = bounds_of(loop)
        bounds.add(self)
        return bounds

    def _leave(self) -> None:
        bounds, self._bounds = self._bounds, None
        if bounds is not None:
            bounds.remove(self)

    def expire(self) -> None:
        """End the commands whose time is up."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        later = []
        waiting = self._waiting
        for reply, sent, timeout, question in zip(*(waiting[part::_ENTRIES] for part in range(_ENTRIES)), strict=True):
            if not reply.done():
                if sent + timeout > now:
                    later.append(sent + timeout)
                elif question is None:
                    reply.set_exception(TimeoutError())
                else:
                    # It may find that the channel has ended, which ends all that wait.
                    error = self._owner.failure(question.command, None, timeout)
                    if not reply.done():
                        reply.set_exception(error)
        if self._bounds is None:  # it has ended meanwhile
            return
        if later:
            self._bounds.call_at(loop, min(later))
        else:
            self._leave()

    def fail_all(self, make_error: Callable[[], Exception]) -> None:
        """End every command that still waits, each with an error of its own."""
        self._leave()
        everyone, self._waiting = self._waiting, ()
        for reply in everyone[::_ENTRIES]:
            if not reply.done():
                reply.set_exception(make_error())
                reply.exception()  # a caller who has gone won't look at it

    @property
    def at_boundary(self) -> bool:
        """Whether nothing of an unfinished message has come."""
        return not self._rest

    def feed(self, data: bytes) -> None:
        """Take what came: cut it into lines, and route each one's message."""
        *lines, self._rest = (self._rest + data if self._rest else data).split(b"\n")
        for line in lines:
            self._route(_parse(line))
        if len(self._rest) > LARGEST_MESSAGE_BYTES:
            raise OversizeMessage(f"a message of more than {LARGEST_MESSAGE_BYTES // 2**20} MiB came")

    def _route(self, reply: Reply) -> None:
        waiting = self._waiting
        if "event" in reply:
            if waiting:
                self._heard = asyncio.get_running_loop().time()
            self._owner.publish(str(reply["event"]), reply.get("data"))
            return
        if "id" not in reply:
            raise UnexpectedReply(f"a reply without an id: {reply.get('error', reply)!r}"[:300])
        due = (self._last_id + 1 - len(waiting) // _ENTRIES) % _IDS
        if not waiting or due != reply["id"]:
            wanted = f"the reply to command {due}" if waiting else "no reply"
            raise UnexpectedReply(f"a reply to command {reply['id']!r} while {wanted} was due")
        future, _, timeout, question = waiting[:_ENTRIES]
        self._waiting = waiting = waiting[_ENTRIES:]
        if waiting:
            self._heard = asyncio.get_running_loop().time()
        if future.done():
            return
        if question is None:
            future.set_result(reply)
            return
        try:
            future.set_result(question.pick(reply["return"]))
        except (KeyError, TypeError):
            future.set_exception(self._owner.failure(question.command, reply, timeout))

    def data_received(self, data: bytes) -> None:
        if self._broken:
            return
        try:
            self.feed(data)
        except ProtocolError as error:
            self.failed(error)

    def eof_received(self) -> bool | None:
        self._check_boundary()
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._check_boundary()
        super().connection_lost(exc)

    def _check_boundary(self) -> None:
        if not self._broken and not self.at_boundary:
            self.failed(EOFError("the connection ended in the middle of a message"))

    def failed(self, error: Exception) -> None:
        self._broken = True
        assert self._reader is not None
        self._reader.set_exception(error)


def _parse(line: bytes) -> Reply:
    try:
        reply = _decode(line.decode())
    except (ValueError, RecursionError) as error:
        raise DeserializationError("not JSON", line) from error
    if not isinstance(reply, dict):
        raise UnexpectedTypeError("not a JSON object", reply)
    return reply
