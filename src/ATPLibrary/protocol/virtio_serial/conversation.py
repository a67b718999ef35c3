"""Messages over a channel: a codec on top of a `ByteChannel`, with flow control both ways.

Bytes are read only when a message is asked for. While nobody asks, the channel's own bounded buffer fills, and then the guest's
program waits (a socket), or the channel ends with a sentence (a libvirt stream, which can't hold back). A guest that doesn't read
holds the sender up to its deadline.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
from collections import deque
from collections.abc import Iterable
from typing import Any

from ATPLibrary.errors import ChannelError
from ATPLibrary.protocol.virtio_serial.codec import MORE, Codec, Kind, shown, size_of
from ATPLibrary.runtime import deadline
from ATPLibrary.transport import ByteChannel

# Messages that come beside an answer are kept for `receive`: so many, and together no more bytes than the codec's limit.
SET_ASIDE = 1000


class ConversationState(enum.Enum):
    """OPEN -a message may have gone out in part-> HALF_SENT; OPEN, HALF_SENT -close, or the channel ends-> ENDED.

    HALF_SENT still receives; only a new channel sends again, since the guest can't tell where the next message begins.
    """

    OPEN = "open"
    HALF_SENT = "half sent"
    ENDED = "ended"


class Conversation:
    """`subject` names it in the middle of a sentence: "channel 'com.example' of VM 'win11'". One may send while one receives."""

    def __init__(self, subject: str, channel: ByteChannel, codec: Codec, codec_name: str = "raw") -> None:
        self.codec = codec
        self.codec_name = codec_name
        self.state = ConversationState.OPEN
        self._subject = subject[:1].upper() + subject[1:]
        self._channel = channel
        self._sending = asyncio.Lock()
        self._receiving = asyncio.Lock()
        self._aside: deque[tuple[Any, int]] = deque()  # messages, each with its size in bytes
        self._late = ""  # a request whose answer may still come, and would be taken for the next one's
        self._owed = False  # something was sent since the last message came: its answer may have been on its way
        codec.subject = subject

    async def send(self, message: Any, timeout: float) -> int:
        """Send one message; returns its size in bytes. `InputError` for one that the codec can't carry: nothing is sent then."""
        size = await self._write(self.codec.encode(message), timeout)
        self._owed = True
        return size

    @property
    def is_over(self) -> bool:
        """Its channel has ended, and nobody must be told any more: an error told it, or nothing was left unanswered."""
        is_told = self.state is not ConversationState.OPEN or not (self._owed or self.codec.buffer)
        return self.state is ConversationState.ENDED or (is_told and self._channel.is_over)

    def take_aside(self) -> list[tuple[Any, int]]:
        """The messages that nobody has received yet, out of here: for the conversation that takes this one's place."""
        taken = list(self._aside)
        self._aside.clear()
        return taken

    def put_aside(self, messages: Iterable[tuple[Any, int]]) -> None:
        """What an earlier conversation on the same channel had left, to be received first."""
        self._aside.extend(messages)

    async def receive(self, timeout: float) -> Any:
        """The next message. `CommandError` when the guest's program refuses in it, `ChannelError` at the end or for a bad one."""
        async with self._waiting(timeout, "bring a message"), self._receiving:
            message, _ = self._aside.popleft() if self._aside else await self._next(timeout)
            self._owed = False
            return self.codec.value(message)

    async def request(self, message: Any, timeout: float) -> Any:
        """Send one message and return its answer: the next one, or with a codec that matches answers the one that belongs to it.

        Errors are those of `send` and `receive`. Without matching, a request that got no answer in time is the last one.
        """
        async with self._waiting(timeout, "answer"), self._receiving:
            if self._late:
                raise ChannelError.about(
                    self._subject, wanted="take a request", got=f"the answer to an earlier one ({self._late}) may still come",
                    next_step="Close the channel and open it again; with codec=json and an id_field= answers are told apart",
                )  # fmt: skip
            sent = self.codec.encode_request(message)
            if not self.codec.matches_answers:
                self._late = shown(sent)
            await self._write(sent, timeout)
            answer = await self._answer(timeout)
            self._late = ""
            return self.codec.value(answer)

    async def receive_until(self, ending: bytes, timeout: float) -> bytes:
        """The bytes up to and with `ending`; what came after it stays. For codec raw, which has no messages of its own."""
        buffer = self.codec.buffer
        async with self._waiting(timeout, f"bring {ending!r}"), self._receiving:
            searched = 0
            while (at := buffer.find(ending, searched)) < 0:
                searched = max(0, len(buffer) - len(ending) + 1)
                if len(buffer) > self.codec.limit:
                    raise ChannelError.about(
                        self._subject, wanted=f"bring {ending!r} within {size_of(self.codec.limit)}",
                        got=f"brought {size_of(len(buffer))} without it",
                        next_step="Take what has come without until=, or open the channel with a larger limit=",
                    )  # fmt: skip
                self.codec.feed(await self._read(timeout))
        self._owed = False
        data = bytes(buffer[: at + len(ending)])
        del buffer[: len(data)]
        return data

    async def close(self) -> None:
        """Close the channel; a second time does nothing."""
        self.state = ConversationState.ENDED
        await self._channel.close()

    async def _answer(self, timeout: float) -> Any:
        while True:
            message, size = await self._next(timeout)
            kind = self.codec.kind(message)
            if kind is Kind.ANSWER:
                return message
            if kind is Kind.LATE_ANSWER:
                continue  # nobody waits for it any more
            self._aside.append((message, size))
            kept = sum(each for _, each in self._aside)
            if len(self._aside) > SET_ASIDE or kept > self.codec.limit:
                self._aside.pop()
                raise ChannelError.about(
                    self._subject, wanted="answer",
                    got=f"sent {len(self._aside)} other messages ({size_of(kept)}) that nobody has received",
                    next_step="Receive them, or check that the guest's program gives the request's id back",
                )  # fmt: skip

    async def _next(self, timeout: float) -> tuple[Any, int]:
        """The next message, and how many bytes it took."""
        while True:
            before = len(self.codec.buffer)
            message = next(self.codec.messages(), MORE)
            if message is not MORE:
                return message, before - len(self.codec.buffer)
            self.codec.feed(await self._read(timeout))

    async def _read(self, timeout: float) -> bytes:
        try:
            return await self._channel.read(timeout)
        except ChannelError as error:
            self.state = ConversationState.ENDED
            try:
                self.codec.end()
            except ChannelError as half:
                raise half from error
            raise

    async def _write(self, data: bytes, timeout: float) -> int:
        async with (
            deadline(timeout, self._subject, wanted=f"take {size_of(len(data))}", got="did not read them"),
            self._sending,
        ):
            if self.state is ConversationState.HALF_SENT:
                raise ChannelError.about(
                    self._subject, wanted="take a message", got="an earlier one went out only in part",
                    next_step="Close the channel and open it again",
                )  # fmt: skip
            try:
                await self._channel.write(data, timeout)
            except ChannelError:
                self.state = ConversationState.ENDED
                raise
            except BaseException:
                if self.state is ConversationState.OPEN:
                    self.state = ConversationState.HALF_SENT
                raise
        return len(data)

    def _waiting(self, timeout: float, wanted: str) -> contextlib.AbstractAsyncContextManager[None]:
        return deadline(timeout, self._subject, wanted=wanted, got="did not", last_seen=self._unfinished)

    def _unfinished(self) -> str:
        buffer = self.codec.buffer
        return f"{size_of(len(buffer))} of an unfinished message: {shown(buffer)}" if buffer else "nothing was received"
