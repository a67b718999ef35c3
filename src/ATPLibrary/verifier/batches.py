"""The numbered part of what the agent sends: observations, overruns and devices, in order, and what of it is missing."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any

from ATPLibrary.verifier.fields import MALFORMED, listed, whole
from ATPLibrary.verifier.observation import AgentDevice, ObserverOverrun, Seen, read_observations, read_overrun
from ATPLibrary.verifier.stream import ObservationFeed

NUMBERED = ("observations", "overrun", "devices")


class Batches:
    """Counts batches and passes on what is in them. `publish` takes an event's kind and data."""

    def __init__(self, publish: Callable[[str, Mapping[str, Any]], None]) -> None:
        self.devices: dict[int, AgentDevice] = {}
        self.observations = ObservationFeed()
        self.next_seq: int | None = None
        self._publish = publish
        self._devices_changed = asyncio.Event()  # replaced at each change

    def begin(self, next_seq: int, devices: Mapping[int, AgentDevice]) -> None:
        """An agent has greeted; its next batch is `next_seq`. What went on since the last batch nobody knows."""
        expected, self.next_seq = self.next_seq, next_seq
        self._note_devices(dict(devices))
        if expected is not None and expected != next_seq:
            self._overrun(f"the agent's session began anew (batch {next_seq} follows {expected - 1})")

    def receive(self, message: Mapping[str, Any], now: float) -> None:
        """A batch, whatever is in it: one that can't be read is an overrun. One of an older session is skipped."""
        if self.next_seq is None:
            return
        try:
            seq = whole(message["seq"])
        except MALFORMED as error:
            self._overrun(f"a batch without a number came: {error!r}")
            return
        if seq < self.next_seq:
            return
        if seq > self.next_seq:
            self._overrun(f"batches {self.next_seq} to {seq - 1} are missing")
        self.next_seq = seq + 1
        try:
            items = self._items(message, now)
        except MALFORMED as error:
            self._overrun(f"batch {seq} can't be read: {error!r}")
            return
        if items:
            self.observations.publish(items)

    async def wait_for_device(self, predicate: Callable[[AgentDevice], bool], timeout: float) -> AgentDevice | None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while True:
                    changed = self._devices_changed
                    if (device := next(filter(predicate, self.devices.values()), None)) is not None:
                        return device
                    await changed.wait()
        return None

    def _items(self, message: Mapping[str, Any], now: float) -> list[Seen]:
        if message["type"] == "observations":
            return read_observations(message, self.devices, now)
        if message["type"] == "overrun":
            overrun = read_overrun(message, self.devices, now)
            self._publish("agent.overrun", {"reason": overrun.reason})
            return [overrun]
        devices = [AgentDevice.from_wire(device) for device in listed(message["devices"])]
        added, removed = (
            [whole(number) for number in listed(message.get(name) or [])] for name in ("added", "removed")
        )
        self._note_devices({device.id: device for device in devices})
        self._publish("agent.devices", {"added": added, "removed": removed})
        return []

    def _note_devices(self, devices: dict[int, AgentDevice]) -> None:
        self.devices = devices
        changed, self._devices_changed = self._devices_changed, asyncio.Event()
        changed.set()

    def _overrun(self, reason: str) -> None:
        self._publish("agent.overrun", {"reason": reason})
        self.observations.publish([ObserverOverrun(reason, None, frozenset(), time.monotonic())])
