"""The client on its sockets: reads, answers and sends on a linked channel until that ends."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import os
import time
from collections import deque
from collections.abc import Callable, Sequence

from ATPLibrary.errors import ATPError, ChannelError
from ATPLibrary.events import Event
from ATPLibrary.protocol.spice.channels import Conversation
from ATPLibrary.protocol.spice.conditions import Conditions
from ATPLibrary.protocol.spice.frames import Frame
from ATPLibrary.protocol.spice.schema import Message, Sender
from ATPLibrary.protocol.spice.seam import Record
from ATPLibrary.protocol.spice.wire import Pause, Piece, Unknown
from ATPLibrary.runtime import Workers, deadline
from ATPLibrary.transport.spice import SpiceChannelType
from ATPLibrary.transport.spice_connection import SpiceChannel, SpiceSpeaker

_READ_BYTES = 256 * 1024
# What may wait to be sent: a server that reads nothing must not make it grow.
_UNSENT_LIMIT = 32 << 20
# How many messages an expectation that fails quotes.
_QUOTED = 8
# Where pictures are unpacked that take milliseconds (the first one of QUIC takes seconds), video and sound are decoded, much of it
# by C code, beside the loop and each other. One for each core; more would only wait for Python's lock.
_WORKERS = Workers("atp-spice", min(8, max(2, os.cpu_count() or 2)))
_WORK_SECONDS = 60.0
# So long the messages of one channel may keep the loop; then others have their turn.
_KEPT_SECONDS = 0.005
# How long a server that draws may take until it has said something on a channel that is linked.
_TAKEN_UP_SECONDS = 1.0
# How long is tried whether the server still listens, once it has closed the main channel.
_PROBE_SECONDS = 1.0
# A server that ends a session closes its channels one behind the other: so long the main one, which knows why, may be behind.
_TOGETHER_SECONDS, _WHY_SECONDS = 0.2, 3.0


class EndedBy(enum.Enum):
    """US: it was closed or dropped here. CONNECTION: the server or the network ended it. MESSAGE: one that can't be taken."""

    US = "us"
    CONNECTION = "connection"
    MESSAGE = "message"


class SpeakingChannel(SpiceSpeaker):
    """A linked channel. `conversation` is what is known of it, `conversation.wire` its counters, record and faults."""

    def __init__(self, channel: SpiceChannel, conversation: Conversation) -> None:
        assert channel.reader is not None
        assert channel.writer is not None
        self.channel = channel
        self.conversation = conversation
        # Called once, with what ended it, when `ended_by` is known.
        self.when_ended: list[Callable[[ATPError], None]] = []
        self.ended_by = EndedBy.US
        self.taken = 0  # messages of the server's that have been dealt with, pictures that take long too
        self._reader, self._writer = channel.reader, channel.writer
        self._changed = asyncio.Event()
        self._is_closed, self._has_ended = asyncio.Event(), asyncio.Event()  # by the server; with its reason
        self._delayed: deque[Piece] = deque()
        self._sender: asyncio.Task[None] | None = None
        self._pump: asyncio.Task[None] | None = None
        self._end: ATPError | None = None
        self._kept = 0.0  # seconds for which messages have kept the loop since others had their turn
        self._expected = 0  # the number of the record that the last expectation found

    def start(self, early: bytes) -> None:
        """Begin to speak; `early` came behind the link."""
        self.conversation.begin()
        self._flush()
        self._pump = asyncio.create_task(
            self._read(early), name=f"SPICE {self.channel.name} of {self.channel.connection.vm}"
        )

    async def send(self, message: Message, timeout: float) -> None:
        """Send one message, and wait while the server doesn't read. `ChannelError` when the channel has ended."""
        await self.send_all([message], timeout)

    async def send_all(self, messages: Sequence[Message], timeout: float) -> None:
        """As `send`, several at one go."""
        self.require_open()
        for message in messages:
            self.conversation.wire.send(message)
        await self._sent(", ".join(dict.fromkeys(message.kind.name for message in messages)), timeout)

    async def send_frame(self, frame: Frame, timeout: float) -> None:
        """Send bytes as they are, whether or not they are a message."""
        self.require_open()
        self.conversation.wire.send_frame(frame)
        await self._sent(f"message {frame.number}", timeout)

    async def pass_on(self, what: str, timeout: float) -> None:
        """Send what the conversation has made to be sent, and wait while the server doesn't read. Errors as for `send`."""
        self.require_open()
        await self._sent(what, timeout)

    def pass_on_at_once(self) -> None:
        """As `pass_on`, without waiting for a server that doesn't read."""
        self.require_open()
        self._flush()

    @property
    def end(self) -> ATPError | None:
        """What ended the channel; None while it lives."""
        return self._end

    def withhold_acks(self, withheld: bool) -> int:
        """No ACK from now on, or again (with those owed, whose number is returned)."""
        self.require_open()
        owed = self.conversation.wire.withhold_acks(withheld)
        self._flush()
        return owed

    def drop(self, reason: str) -> None:
        """Break the connection, without a goodbye: the channel has failed then."""
        self.require_open()
        self._writer.transport.abort()
        self.channel.fail(reason)

    async def wait_until(
        self, holds: Callable[[], bool], timeout: float, wanted: str, last_seen: Callable[[], str] = str
    ) -> None:
        """Until `holds()`, which is asked after each message. `DeadlineError`, or the error that ended the channel."""
        async with deadline(timeout, self.channel.subject, wanted=wanted, got="did not", last_seen=last_seen):
            while not holds():
                self.require_open()
                self._changed.clear()
                await self._changed.wait()

    async def expect(
        self,
        name: str,
        timeout: float,
        sender: Sender | None = None,
        conditions: Conditions | None = None,
        *,
        from_now_on: bool = False,
    ) -> Record:
        """The first message of that name behind the one that the last expectation on this channel found; both directions count
        unless `sender` is told, and `conditions` hold for its fields. What passed before is found at once (of the last 1000; of
        fields, those of the last 64 KiB) unless `from_now_on`, what a fault dropped never. `DeadlineError` quotes what passed last.
        """
        seam = self.conversation.wire.seam
        looked = seam.last_number if from_now_on else self._expected
        record: Record | None = None
        last_misfit = ""

        def fits(each: Record) -> bool:
            nonlocal last_misfit
            misfit = conditions.misfit(seam.fields_of(each)) if conditions is not None else ""
            last_misfit = f"{each}: {misfit}" if misfit else last_misfit
            return not misfit

        def found() -> bool:
            nonlocal record, looked
            record = seam.first_after(looked, name, sender, fits)
            looked = seam.last_number
            return record is not None

        def passed_last() -> str:
            passed = "; ".join(map(str, list(seam.records)[-_QUOTED:])) or "no message at all"
            return f"{last_misfit}; all that passed last: {passed}" if last_misfit else passed

        await self.wait_until(found, timeout, f"bring {name}{conditions or ''}", passed_last)
        assert record is not None
        self._expected = record.number
        return record

    def ended(self, reason: str) -> None:
        """The channel is closed or has failed."""
        if self._end is None:
            self._end = ChannelError.about(
                self.channel.subject, wanted="stay open", got=reason, next_step=_again(self.channel)
            )
        self._has_ended.set()
        for task in (self._pump, self._sender):
            if task is not None and task is not asyncio.current_task():
                task.cancel()
        self._changed.set()
        tell, self.when_ended = self.when_ended, []
        for each in tell:
            each(self._end)

    async def taken_up(self) -> None:
        # spice-server 0.15 draws by a thread of its own. Where a display or a pointer is taken from it while it takes that up, it
        # reads memory that was freed, and QEMU dies. Once it has said something it has taken it up.
        if self.channel.type not in (SpiceChannelType.DISPLAY, SpiceChannelType.CURSOR):
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_TAKEN_UP_SECONDS):
                counted = self.conversation.wire.statistics
                while not counted.messages_received and self._end is None:
                    self._changed.clear()
                    await self._changed.wait()

    def require_open(self) -> None:
        """`ChannelError` with the reason, once the channel has ended."""
        if self._end is not None:
            raise type(self._end)(str(self._end)) from self._end

    async def _read(self, early: bytes) -> None:
        # What stays true where an error of this client's own ends the task, which asyncio reports.
        reason, by = "this client failed to handle a message", EndedBy.MESSAGE
        try:
            await self._handle(early)
            while data := await self._reader.read(_READ_BYTES):
                await self._handle(data)
            self._is_closed.set()
            reason, by = await self._reason_of_end(), EndedBy.CONNECTION
        except ATPError as error:
            self._end = error
            reason = str(error)
        except OSError as error:
            self._is_closed.set()
            broke = f"the connection broke: {error.strerror or error}"
            reason, by = await self._reason_of_main() or broke, EndedBy.CONNECTION
            self._end_the_others(reason)
        finally:
            if self.channel.speaker is self:  # else it was closed, and somebody else may speak on it by now
                self.ended_by = by
                self.channel.fail(reason)

    def _end_the_others(self, reason: str) -> None:
        """The connection of the main channel broke: where the host is gone, one that has said something waits for minutes."""
        if self.channel.type is not SpiceChannelType.MAIN or self.channel.speaker is not self:
            return
        for each in self.channel.connection.channels.values():
            if each is not self.channel and isinstance(each.speaker, SpeakingChannel):
                each.speaker.ended_by = EndedBy.CONNECTION
                each.fail(reason)

    async def _handle(self, data: bytes) -> None:
        wire, began = self.conversation.wire, time.monotonic() - self._kept
        for item in wire.receive(data):
            if isinstance(item, Pause):
                self._after()
                await asyncio.sleep(item.seconds)
            else:
                await self._works_before(item)
                self.conversation.take(item)
                self.taken += 1
            for brake in wire.seam.brakes:
                if (waiting := brake()) is not None:
                    self._after()
                    await waiting
            if time.monotonic() - began > _KEPT_SECONDS:
                self._after()
                await asyncio.sleep(0)
                began = time.monotonic()
        self._kept = time.monotonic() - began
        await self._works_before(None)
        self._after()

    async def _works_before(self, item: Message | Unknown | None) -> None:
        """The channel waits for it; the loop, and with it the other channels, doesn't."""
        for work in self.conversation.works_before(item):
            self._after()
            work.finish(await _WORKERS.call(work.run, timeout=_WORK_SECONDS, what=work.what))

    def _after(self) -> None:
        self._flush()
        for news in self.conversation.take_news():
            connection = self.channel.connection
            data = {"uuid": connection.uuid, "channel": self.channel.name, **news.data}
            event = Event(
                f"vm:{connection.vm}", f"spice.{news.kind}", data, notice=news.notice, is_warning=news.is_warning
            )
            connection.bus.publish(event)
        self._changed.set()

    def _flush(self) -> None:
        """Write what is to be sent; what a fault delays, and all behind it, is left to a task."""
        self._changed.set()
        for piece in self.conversation.wire.output():
            if piece.seconds or self._delayed:
                self._delayed.append(piece)
            else:
                self._write(piece.data)
        if self._delayed and (self._sender is None or self._sender.done()):
            self._sender = asyncio.create_task(self._send_delayed(), name=f"SPICE {self.channel.name}: delayed")

    def _write(self, data: bytes) -> None:
        self._writer.write(data)
        unsent = self._writer.transport.get_write_buffer_size()
        if unsent > _UNSENT_LIMIT:
            self._end = ChannelError.about(
                self.channel.subject, wanted="take what is sent", got=f"left {unsent} bytes of it unread",
                next_step="Check that QEMU still runs",
            )  # fmt: skip
            self._writer.transport.abort()
            self.channel.fail(str(self._end))
            raise self._end

    async def _send_delayed(self) -> None:
        while self._delayed:
            await asyncio.sleep(self._delayed[0].seconds)
            self._write(self._delayed.popleft().data)

    async def _sent(self, name: str, timeout: float) -> None:
        async with deadline(timeout, self.channel.subject, wanted=f"take {name}", got="the server does not read"):
            self._flush()
            if self._sender is not None and not self._sender.done():
                await asyncio.wait([self._sender])
            with contextlib.suppress(ConnectionError):  # told by the reader, with its reason
                await self._writer.drain()
        self.require_open()

    async def _reason_of_end(self) -> str:
        where = self.conversation.wire.unfinished
        if self.conversation.farewell:
            return self.conversation.farewell
        if where:
            return f"the server closed it {where}"
        if waits_for := self.conversation.waits_for:
            return f"the server closed it while {waits_for} was awaited"
        if self.channel.type is not SpiceChannelType.MAIN:
            return await self._reason_of_main() or "the server closed it"
        if not await self.channel.connection.is_listening(_PROBE_SECONDS):
            return "the server closed it, and nobody listens there any more: QEMU has ended"
        if broken := self.conversation.wire.seam.last_broken(_QUOTED):
            return f"the server closed it behind a message that a fault on purpose has broken: {broken}"
        return "the server closed it: another client has taken the session: the server still listens"

    async def _reason_of_main(self) -> str:
        """Why the whole session has ended, if it has: the main channel's server closed that one at the same time."""
        main = self.channel.connection.channel(SpiceChannelType.MAIN)
        if main is None or main is self.channel:
            return ""
        if isinstance(speaker := main.speaker, SpeakingChannel):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TOGETHER_SECONDS):
                    await speaker._is_closed.wait()
                async with asyncio.timeout(_WHY_SECONDS):
                    await speaker._has_ended.wait()
        return main.failure


def speaking(channel: SpiceChannel) -> SpeakingChannel:
    """The client on a linked channel. `ChannelError` when it isn't linked."""
    speaker = channel.speaker
    if not isinstance(speaker, SpeakingChannel) or not channel.state.is_open:
        reason = f" ({channel.failure})" if channel.failure else ""
        raise ChannelError.about(
            channel.subject, wanted="be linked", got=f"is {channel.state.value}{reason}", next_step=_again(channel)
        )
    return speaker


def _again(channel: SpiceChannel) -> str:
    """What opens it again: without its main channel the session is over."""
    main = channel.connection.channel(SpiceChannelType.MAIN)
    if main is not None and main.state.is_open:
        return "Open it again"
    return "'Connect To SPICE' begins the session anew"
