"""What the guest saw, as values: devices, observations, and the moments about which the observer knows nothing."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ATPLibrary.errors import AgentError
from ATPLibrary.verifier.fields import LONGEST_NUMBER, MALFORMED, MOST_EVENTS, listed, shown, text, whole

# Linux input event types, values and the codes that this package names (linux/input-event-codes.h).
EV_KEY = 1
EV_REL = 2
EV_ABS = 3

RELEASED = 0
PRESSED = 1
AUTOREPEAT = 2

# The bus of the web verifier's devices: whatever they are connected by, a browser doesn't know.
BROWSER = "browser"

ABS_X = 0
ABS_Y = 1
REL_X = 0
REL_Y = 1
REL_HWHEEL = 6
REL_WHEEL = 8


class Observation(NamedTuple):
    """One edge or motion that the guest saw on one device."""

    device: int  # the agent's id of the device
    bus: str  # "i8042", "usb", "virtio", "other"
    type: int  # EV_KEY, EV_REL, EV_ABS
    code: int
    value: int
    time_us: int  # the guest kernel's CLOCK_MONOTONIC
    received: float  # this machine's time.monotonic() when the batch was read
    sent_us: int = 0  # the guest's CLOCK_MONOTONIC when the agent sent the batch; 0: it didn't say


class Missed(enum.Enum):
    """Why an observer doesn't know all that the guest saw."""

    KERNEL = "the guest's kernel dropped events before the agent read them"
    QUEUE = "the agent dropped batches that the host didn't take"
    UNREAD = "we dropped what was not read here"
    GAP = "batches are missing on the way"
    GARBLED = "something came in the place of the missing batches that is no message"
    LATE = "a batch came after one that was sent later"
    UNREADABLE = "a batch came whose contents make no sense"
    STARTED_AGAIN = "the agent was started again"
    REPLACED = "another agent took its place"
    AWAY = "the agent's session began anew"


class ObserverOverrun(NamedTuple):
    """From here back to the observation before, the guest may have seen what the observer did not tell: unknown, not lost."""

    reason: str
    device: int | None  # None: every device
    held: frozenset[int]  # codes down on that device after it
    received: float
    missed: Missed = Missed.UNREAD


Seen = Observation | ObserverOverrun


@dataclass(frozen=True, slots=True)
class AgentDevice:
    """One input device of the guest, as the agent describes it."""

    id: int
    path: str
    name: str
    bus: str
    keyboard: bool
    pointer: str | None  # "absolute", "relative" or None
    absolute: Mapping[int, tuple[int, int]]  # axis -> (minimum, maximum)

    @classmethod
    def from_wire(cls, message: Mapping[str, Any]) -> AgentDevice:
        """Raises `AgentError` when the description isn't one."""
        try:
            absolute = {
                int(axis): (whole(low), whole(high)) for axis, (low, high) in (message.get("absolute") or {}).items()
            }
            return cls(
                id=whole(message["id"]),
                path=text(message.get("path")),
                name=text(message.get("name")),
                bus=text(message.get("bus")) or "other",
                keyboard=bool(message.get("keyboard")),
                pointer=text(message.get("pointer")) or None,
                absolute=absolute,
            )
        except MALFORMED as error:
            raise AgentError(f"The agent described an input device in a way that can't be read: {error!r}.") from error

    def __str__(self) -> str:
        return f"{self.name or self.path} ({self.bus})"


def fraction(at: Mapping[int, int], device: AgentDevice | None) -> tuple[float, float] | None:
    """Where an absolute pointer is, as fractions of the screen; None where an axis or its range isn't known."""
    if device is None or not {ABS_X, ABS_Y} <= at.keys() or not {ABS_X, ABS_Y} <= device.absolute.keys():
        return None
    x, y = ((at[axis] - low) / ((high - low) or 1) for axis in (ABS_X, ABS_Y) for low, high in [device.absolute[axis]])
    return x, y


def read_observations(message: Mapping[str, Any], devices: Mapping[int, AgentDevice], received: float) -> list[Seen]:
    """The events of an `observations` message, in order. One of `MALFORMED` when it isn't one."""
    buses = {number: device.bus for number, device in devices.items()}
    sent_us = whole(message.get("sent_us", 0))
    items: list[Seen] = []
    for event in listed(message["events"], MOST_EVENTS):
        device, kind, code, value, time_us = event
        for number in event:
            if number.__class__ is not int or not -LONGEST_NUMBER < number < LONGEST_NUMBER:
                whole(number)  # says what is wrong with it; true and false are numbers
        items.append(Observation(device, buses.get(device, "other"), kind, code, value, time_us, received, sent_us))
    return items


def read_overrun(message: Mapping[str, Any], devices: Mapping[int, AgentDevice], received: float) -> ObserverOverrun:
    """An `overrun` message: of one device (its kernel buffer was full), or of the agent's own queue (device null).

    An agent that is no kernel's says why itself.
    """
    device = None if message.get("device") is None else whole(message["device"])
    if said := text(message.get("reason")):
        reason = said
    elif device is None:
        reason = f"the agent's outgoing queue was full, {shown(message.get('dropped'))} batches dropped"
    else:
        reason = f"the guest's kernel dropped events of {devices.get(device, device)} (SYN_DROPPED)"
    held = frozenset(whole(code) for code in message.get("held") or ())
    return ObserverOverrun(reason, device, held, received, Missed.QUEUE if device is None else Missed.KERNEL)
