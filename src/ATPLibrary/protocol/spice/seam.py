"""The one place that every message of a channel passes, both ways: it is written down here, and harmed here when a test wants that.

A fault waits for its message and then does what it says, so many times. What it did is counted and stands in the record.
"""

from __future__ import annotations

import enum
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ATPLibrary.protocol.spice import messages
from ATPLibrary.protocol.spice.frames import Frame
from ATPLibrary.protocol.spice.schema import Sender
from ATPLibrary.protocol.spice.statistics import ChannelStatistics
from ATPLibrary.transport.spice import SpiceChannelType

KEPT_RECORDS = 1000


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
    (CORRUPT), `seconds` pass (DELAY); it happens `times` times."""

    harm: Harm
    sender: Sender
    name: str | None = None
    keep: int = 0
    at: int = 0
    seconds: float = 0.0
    times: int = 1

    def fits(self, sender: Sender, name: str) -> bool:
        return self.times > 0 and sender is self.sender and self.name in (None, name)


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
    """Of one channel. `faults` are asked in their order, the first that fits acts. `told` is called with each record."""

    type: SpiceChannelType
    statistics: ChannelStatistics
    faults: list[Fault] = field(default_factory=list)
    records: deque[Record] = field(default_factory=lambda: deque(maxlen=KEPT_RECORDS))
    told: list[Callable[[Record], None]] = field(default_factory=list)
    withholds_acks: bool = False
    _count: int = 0

    def passing(self, frame: Frame, sender: Sender) -> Passed:
        """What goes on of a message that arrives, or is to be sent."""
        name = messages.name_of(self.type, sender, frame.number)
        fault = next((each for each in self.faults if each.fits(sender, name)), None)
        self._note(sender, name, frame, fault.harm if fault is not None else None)
        if fault is None:
            return Passed(frame)
        fault.times -= 1
        self.statistics.faults += 1
        if fault.times == 0:
            self.faults.remove(fault)
        match fault.harm:
            case Harm.DROP:
                return Passed(None)
            case Harm.TRUNCATE:
                return Passed(replace(frame, body=frame.body[: fault.keep]))
            case Harm.CORRUPT:
                at = fault.at if fault.at < len(frame.body) else len(frame.body) - 1
                turned = bytes([frame.body[at] ^ 0xFF]) if at >= 0 else b""
                return Passed(
                    replace(frame, body=frame.body[:at] + turned + frame.body[at + 1 :]) if at >= 0 else frame
                )
            case Harm.DELAY:
                return Passed(frame, fault.seconds)

    @property
    def last_number(self) -> int:
        """The number of the newest record, 0 before any."""
        return self._count

    def first_after(self, number: int, name: str, sender: Sender | None = None) -> Record | None:
        """The oldest record behind `number` of that name; None where there is none (yet)."""
        return next(
            (
                each
                for each in self.records
                if each.number > number and each.name == name and sender in (None, each.sender)
            ),
            None,
        )

    def _note(self, sender: Sender, name: str, frame: Frame, harm: Harm | None) -> None:
        self._count += 1
        record = Record(self._count, time.time(), sender, name, len(frame.body), harm)
        self.records.append(record)
        for tell in list(self.told):
            tell(record)
