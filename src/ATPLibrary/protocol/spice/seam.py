"""The one place that every message of a channel passes, both ways: it is written down here, and harmed here when a test wants that.

A fault waits for its message and then does what it says, so many times. What it did is counted and stands in the record.
"""

from __future__ import annotations

import enum
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from itertools import islice

from ATPLibrary.protocol.spice import messages
from ATPLibrary.protocol.spice.errors import SpiceProtocolError
from ATPLibrary.protocol.spice.flat_fields import FlatFields, flat
from ATPLibrary.protocol.spice.frames import Frame
from ATPLibrary.protocol.spice.schema import Message, Sender
from ATPLibrary.protocol.spice.statistics import ChannelStatistics
from ATPLibrary.transport.spice import SpiceChannelType

KEPT_RECORDS = 1000
# Of the records' bodies, so that their fields can be asked for: so many bytes in all, the newest. Of a long one the fields are
# taken at once, and counted as these many.
KEPT_BYTES = 64 << 10
_LONG, _FIELDS_BYTES = 4 << 10, 1 << 10


class Harm(enum.Enum):
    """DROP: it never was. TRUNCATE: its last bytes are missing, and its header says so. CORRUPT: one byte is another.
    DELAY: it, and what is behind it, comes later."""

    DROP = "drop"
    TRUNCATE = "truncate"
    CORRUPT = "corrupt"
    DELAY = "delay"


@dataclass
class Fault:
    """`name` None means any message of that sender. `keep` bytes of the body are left (TRUNCATE), the byte `at` is turned
    (CORRUPT), `seconds` pass (DELAY); it happens `times` times. A message that it would leave as it is passes it by."""

    harm: Harm
    sender: Sender
    name: str | None = None
    keep: int = 0
    at: int = 0
    seconds: float = 0.0
    times: int = 1

    def fits(self, sender: Sender, name: str, size: int) -> bool:
        if not (self.times > 0 and sender is self.sender and self.name in (None, name)):
            return False
        match self.harm:
            case Harm.TRUNCATE:
                return size > self.keep
            case Harm.CORRUPT:
                return size > 0
        return True


@dataclass(frozen=True, slots=True)
class Record:
    """One message that passed: `number` counts those of the channel from 1; `time` in seconds since the epoch."""

    number: int
    time: float
    sender: Sender
    name: str
    size: int
    harm: Harm | None = None

    def __str__(self) -> str:
        moment = time.strftime("%H:%M:%S", time.localtime(self.time)) + f".{int(self.time * 1000) % 1000:03d}"
        way = "<-" if self.sender is Sender.SERVER else "->"
        return f"{moment} {way} {self.name} ({self.size} bytes{f', {self.harm.value}' if self.harm else ''})"


@dataclass(frozen=True, slots=True)
class Passed:
    """What became of a message: nothing where it was dropped; `seconds` to wait before it."""

    frame: Frame | None
    seconds: float = 0.0


@dataclass
class Seam:
    """Of one channel. `faults` are asked in their order, the first that fits acts. `taps` are called with each record and what went
    on of its message: None where it was dropped. `brakes` are asked behind each of the server's: what they return is awaited before
    the next one. `is_harmed`: a fault has acted that leaves more than time missing.
    """

    type: SpiceChannelType
    statistics: ChannelStatistics
    faults: list[Fault] = field(default_factory=list)
    records: deque[Record] = field(default_factory=lambda: deque(maxlen=KEPT_RECORDS))
    taps: list[Callable[[Record, Frame | None], None]] = field(default_factory=list)
    brakes: list[Callable[[], Awaitable[None] | None]] = field(default_factory=list)
    withholds_acks: bool = False
    is_harmed: bool = False
    _harmed: set[tuple[Sender, str]] = field(default_factory=set)  # those messages whose newest has been harmed
    _count: int = 0
    _contents: dict[int, bytes | FlatFields] = field(default_factory=dict)  # by record's number, oldest first
    _content_bytes: int = 0

    def passing(self, frame: Frame, sender: Sender) -> Passed:
        """What goes on of a message that arrives, or is to be sent."""
        name = messages.name_of(self.type, sender, frame.number)
        fault = next((each for each in self.faults if each.fits(sender, name, len(frame.body))), None)
        record = self._note(sender, name, frame, fault.harm if fault is not None else None)
        passed = self._harm(frame, fault) if fault is not None else Passed(frame)
        if passed.frame is not frame:
            self._harmed.add((sender, name))
        elif self._harmed:
            self._harmed.discard((sender, name))
        for tap in list(self.taps):
            tap(record, passed.frame)
        return passed

    def _harm(self, frame: Frame, fault: Fault) -> Passed:
        fault.times -= 1
        self.statistics.faults += 1
        self.is_harmed = self.is_harmed or fault.harm is not Harm.DELAY
        if fault.times == 0:
            self.faults.remove(fault)
        match fault.harm:
            case Harm.DROP:
                return Passed(None)
            case Harm.TRUNCATE:
                return Passed(replace(frame, body=frame.body[: fault.keep]))
            case Harm.CORRUPT:
                at = min(fault.at, len(frame.body) - 1)
                turned = bytes([frame.body[at] ^ 0xFF])
                return Passed(replace(frame, body=frame.body[:at] + turned + frame.body[at + 1 :]))
            case Harm.DELAY:
                return Passed(frame, fault.seconds)

    def is_newest_harmed(self, name: str) -> bool:
        """Whether the newest message of that name that the server has sent never came, or otherwise than it was sent."""
        return (Sender.SERVER, name) in self._harmed

    def last_broken(self, among: int) -> Record | None:
        """The newest of this client's messages that a fault has sent cut or turned, of the last so many that passed."""
        broken = (Harm.TRUNCATE, Harm.CORRUPT)
        newest = islice(reversed(self.records), among)
        return next((each for each in newest if each.sender is Sender.CLIENT and each.harm in broken), None)

    @property
    def last_number(self) -> int:
        """The number of the newest record, 0 before any."""
        return self._count

    def first_after(
        self, number: int, name: str, sender: Sender | None = None, fits: Callable[[Record], bool] | None = None
    ) -> Record | None:
        """The oldest record behind `number` of that name, and for which `fits` holds; None where there is none (yet). What a fault
        dropped never was.
        """
        known = len(self.records)
        behind = islice(self.records, max(0, known - (self._count - number)), None)
        passed = (each for each in behind if each.harm is not Harm.DROP)
        fitting = (each for each in passed if each.name == name and sender in (None, each.sender))
        return next((each for each in fitting if fits is None or fits(each)), None)

    def fields_of(self, record: Record) -> FlatFields | None:
        """What stood in the message, before any harm, as `flat_fields` tells it; None for one that couldn't be read, or is not kept
        any more (of the newest `KEPT_BYTES` all are).
        """
        content = self._contents.get(record.number)
        if not isinstance(content, bytes):
            return content
        kinds = messages.named(self.type, record.name)
        return _read(next((each for each in kinds if each.kind.sender is record.sender), None), content)

    def _note(self, sender: Sender, name: str, frame: Frame, harm: Harm | None) -> Record:
        self._count += 1
        record = Record(self._count, time.time(), sender, name, len(frame.body), harm)
        self.records.append(record)
        is_long = len(frame.body) > _LONG
        content = _read(messages.kind_of(self.type, sender, frame.number), frame.body) if is_long else frame.body
        if content is not None:
            self._contents[record.number] = content
            self._content_bytes += _weight(content)
            while self._content_bytes > KEPT_BYTES or len(self._contents) > KEPT_RECORDS:
                self._content_bytes -= _weight(self._contents.pop(next(iter(self._contents))))
        return record


def _read(kind: type[Message] | None, body: bytes) -> FlatFields | None:
    if kind is None:
        return None
    try:
        return flat(kind.decode(body))
    except SpiceProtocolError:
        return None


def _weight(content: bytes | FlatFields) -> int:
    return len(content) if isinstance(content, bytes) else _FIELDS_BYTES
