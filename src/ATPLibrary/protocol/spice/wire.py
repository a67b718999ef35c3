"""What all channels do alike once they are linked: headers, acknowledgements, pings, counting. No I/O.

Bytes that came go in by `receive`, messages come out; `send` and what is answered by itself gather in `output`, each piece with the
seconds to wait before it (0 unless a fault delays it).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ATPLibrary.errors import ChannelError
from ATPLibrary.protocol.spice import messages
from ATPLibrary.protocol.spice.frames import Frame, FrameReader, unpacked
from ATPLibrary.protocol.spice.messages import base
from ATPLibrary.protocol.spice.schema import Message, Sender
from ATPLibrary.protocol.spice.seam import Seam
from ATPLibrary.protocol.spice.statistics import ChannelStatistics
from ATPLibrary.transport.spice import SpiceChannelType


@dataclass(frozen=True, slots=True)
class Pause:
    """What follows is to be handled that many seconds later."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Unknown:
    """A message whose number the specification doesn't have."""

    number: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes to send, after `seconds`."""

    data: bytes
    seconds: float = 0.0


class Wire:
    """One channel's stream of messages, from this client's side."""

    def __init__(self, type: SpiceChannelType, subject: str, mini: bool) -> None:
        self.statistics = ChannelStatistics()
        self.seam = Seam(type, self.statistics)
        self._type = type
        self._subject = subject
        self._mini = mini
        self._reader = FrameReader(type, Sender.SERVER, subject, mini)
        self._output: list[Piece] = []
        self._serial = 0
        self._window = 0  # 0 until the server has set one
        self._unacknowledged = 0
        self._owed = 0  # ACKs that a test withholds

    @property
    def unfinished(self) -> str:
        """Where the server's bytes stand inside a message; empty between two."""
        return self._reader.unfinished

    def unread(self, tells: Callable[[int], bool]) -> bytes:
        """What has come of a message that isn't whole, or can't be, as `FrameReader.unread` cuts it."""
        return self._reader.unread(tells)

    @property
    def is_acknowledged(self) -> bool:
        """Whether the server has asked for acknowledgements, by SET_ACK."""
        return self._window > 0

    @property
    def acks_owed(self) -> int:
        """How many acknowledgements a test withholds: sooner or later the server sends nothing more."""
        return self._owed

    def receive(self, data: bytes) -> Iterator[Message | Unknown | Pause]:
        """The messages that are whole by now, in order. `SpiceProtocolError` for one that can't be.

        What answers them gathers in `output` as they are taken. SET_ACK and PING are dealt with here, and come out as well.
        """
        self._reader.feed(data)
        header = 6 if self._mini else 18
        while (frame := self._reader.take()) is not None:
            self.statistics.messages_received += 1
            self.statistics.bytes_received += header + len(frame.body)
            self._count_for_ack()
            for each in unpacked(frame, self._subject):
                passed = self.seam.passing(each, Sender.SERVER)
                if passed.seconds:
                    yield Pause(passed.seconds)
                if passed.frame is not None:
                    yield self._understood(passed.frame)

    def send(self, message: Message) -> None:
        """Queue a message. `InputError` for one that can't be encoded: nothing is queued then."""
        self.send_frame(Frame(message.kind.number, message.encode()))

    def send_frame(self, frame: Frame) -> None:
        """Queue bytes as they are: what no schema allows is sent this way."""
        passed = self.seam.passing(frame, Sender.CLIENT)
        if passed.frame is None:
            return
        self._serial += 1
        data = passed.frame.packed(self._serial, self._mini)
        self.statistics.messages_sent += 1
        self.statistics.bytes_sent += len(data)
        self.statistics.sent_by_name[messages.name_of(self._type, Sender.CLIENT, frame.number)] += 1
        self._output.append(Piece(data, passed.seconds))

    def output(self) -> list[Piece]:
        """What is to be sent, which is then taken as sent."""
        pieces, self._output = self._output, []
        return pieces

    def withhold_acks(self, withheld: bool) -> int:
        """Send no ACK from now on, or again, with those that are owed. Returns how many were owed.

        `ChannelError` where the server has asked for none: nothing would be withheld.
        """
        if withheld and not self.is_acknowledged:
            raise ChannelError.about(
                self._subject, wanted="have acknowledgements that can be withheld",
                got="has none: its server has sent no SET_ACK, and sends on without them",
                next_step="QEMU asks for them on its display and cursor channels",
            )  # fmt: skip
        self.seam.withholds_acks = withheld
        owed = self._owed
        if not withheld:
            self._owed = 0
            for _ in range(owed):
                self._ack()
            self._unacknowledged -= min(owed * self._window, self._unacknowledged)
        return owed

    def _understood(self, frame: Frame) -> Message | Unknown:
        kind = messages.kind_of(self._type, Sender.SERVER, frame.number)
        if kind is None:
            self.statistics.unknown[frame.number] += 1
            return Unknown(frame.number, frame.body)
        self.statistics.by_name[kind.kind.name] += 1
        message = kind.decode(frame.body, self._subject)
        match message:
            case base.SetAck(generation, window):
                self._window, self._unacknowledged, self._owed = window, 0, 0
                self.send(base.AckSync(generation))
            case base.Ping(id, time):
                self.statistics.pings += 1
                self.send(base.Pong(id, time))
        return message

    def _count_for_ack(self) -> None:
        """One more message: each `window` of them is acknowledged."""
        if not self._window:
            return
        self._unacknowledged += 1
        if self._unacknowledged % self._window == 0:
            if self.seam.withholds_acks:
                self._owed += 1
                self.statistics.acks_withheld += 1
            else:
                self._unacknowledged = 0
                self._ack()
        if self._unacknowledged == 2 * self._window:
            self.statistics.ack_stalls += 1

    def _ack(self) -> None:
        self.statistics.acks_sent += 1
        self.send(base.Ack())
