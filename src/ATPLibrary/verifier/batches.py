"""The numbered part of what the agent sends: observations, overruns and devices, in order, and what of it is missing."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any

from ATPLibrary.deadlines import limit
from ATPLibrary.verifier.fields import MALFORMED, MOST_DEVICES, listed, whole
from ATPLibrary.verifier.observation import AgentDevice, Missed, ObserverOverrun, Seen, read_observations, read_overrun
from ATPLibrary.verifier.remarks import Remarks
from ATPLibrary.verifier.signal import Signal
from ATPLibrary.verifier.stream import ObservationFeed

NUMBERED = ("observations", "overrun", "devices")
# How many stretches of missing batches are remembered, to know one that comes late for what it is.
GAPS_KEPT = 100


class Batches:
    """Counts batches and passes on what is in them. `publish` takes an event's kind and data."""

    __slots__ = (
        "_devices_changed", "_first", "_gaps", "_garbage", "_publish", "_remarks", "devices", "next_seq", "observations",
    )  # fmt: skip

    def __init__(self, publish: Callable[[str, Mapping[str, Any]], None], remarks: Remarks) -> None:
        self.devices: dict[int, AgentDevice] = {}
        self.observations = ObservationFeed()
        self.next_seq: int | None = None
        self._publish = publish
        self._remarks = remarks
        self._first = 0  # the first number of this session
        self._gaps: list[range] = []
        self._garbage = ""  # what came since the last batch and was no message
        self._devices_changed = Signal()

    def begin(
        self, next_seq: int, devices: Mapping[int, AgentDevice], how: str = "", missed: Missed = Missed.AWAY
    ) -> None:
        """An agent has greeted; its next batch is `next_seq`. What went on since the last batch nobody knows.

        `how` and `missed` say what is known of why it greeted anew.
        """
        expected, self.next_seq = self.next_seq, next_seq
        self._first, self._garbage = next_seq, ""
        self._gaps.clear()
        self._note_devices(dict(devices))
        if expected is not None and expected != next_seq:
            words = f"the agent's session began anew{': ' if how else ''}{how}"
            self._overrun(f"{words} (batch {next_seq} follows {expected - 1})", missed)

    def garbage(self, what: str) -> None:
        """Something came that is no message: it may have been a batch."""
        self._garbage = what

    def receive(self, message: Mapping[str, Any], now: float) -> None:
        """A batch, whatever is in it: one that can't be read is an overrun. One of an older session is skipped."""
        if self.next_seq is None:
            return
        try:
            seq = whole(message["seq"])
        except MALFORMED as error:
            self._overrun(f"a batch without a number came: {error!r}", Missed.UNREADABLE)
            return
        if seq < self.next_seq:
            self._old(seq)
            return
        if seq > self.next_seq:
            self._gap(range(self.next_seq, seq))
        self.next_seq, self._garbage = seq + 1, ""
        try:
            items = self._items(message, now)
        except MALFORMED as error:
            self._overrun(f"batch {seq} can't be read: {error!r}", Missed.UNREADABLE)
            return
        if items:
            self.observations.publish(items)

    def _old(self, seq: int) -> None:
        if any(seq in gap for gap in self._gaps):
            assert self.next_seq is not None
            # What is in it belongs before what was told already: it stays unknown.
            self._overrun(f"batch {seq} came after batch {self.next_seq - 1}, which was sent later", Missed.LATE)
        elif seq >= self._first:
            self._remarks.add("batch_repeated", "a message of the agent came twice, and was counted once")

    def _gap(self, gap: range) -> None:
        self._gaps.append(gap)
        del self._gaps[:-GAPS_KEPT]
        which = f"batch {gap[0]} is missing" if gap[0] == gap[-1] else f"batches {gap[0]} to {gap[-1]} are missing"
        if self._garbage:
            self._overrun(f"{which}, and in its place came {self._garbage}", Missed.GARBLED)
        else:
            self._overrun(f"{which} and nothing came in its place", Missed.GAP)

    async def wait_for_device(self, predicate: Callable[[AgentDevice], bool], timeout: float) -> AgentDevice | None:
        with contextlib.suppress(TimeoutError), limit(timeout):
            while True:
                if (device := next(filter(predicate, self.devices.values()), None)) is not None:
                    return device
                await self._devices_changed.wait()
        return None

    def _items(self, message: Mapping[str, Any], now: float) -> list[Seen]:
        if message["type"] == "observations":
            return read_observations(message, self.devices, now)
        if message["type"] == "overrun":
            overrun = read_overrun(message, self.devices, now)
            self._publish("agent.overrun", {"reason": overrun.reason})
            return [overrun]
        devices = [AgentDevice.from_wire(device) for device in listed(message["devices"], MOST_DEVICES)]
        added, removed = (
            [whole(number) for number in listed(message.get(name) or [])] for name in ("added", "removed")
        )
        self._note_devices({device.id: device for device in devices})
        self._publish("agent.devices", {"added": added, "removed": removed})
        return []

    def _note_devices(self, devices: dict[int, AgentDevice]) -> None:
        self.devices = devices
        self._devices_changed.give()

    def _overrun(self, reason: str, missed: Missed) -> None:
        self._publish("agent.overrun", {"reason": reason})
        self.observations.publish([ObserverOverrun(reason, None, frozenset(), time.monotonic(), missed)])
