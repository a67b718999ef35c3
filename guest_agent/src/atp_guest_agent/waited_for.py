"""The events that the host waits for (`expect`), judged as the guest's input comes; and the newest of what came before."""

from __future__ import annotations

import time

from atp_guest_agent.clock import now_ns, now_us

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from atp_guest_agent.codes import Event
    from atp_guest_agent.expectations import Expectation

HISTORY = 4096  # events kept for expectations that arrive after what they expect


class WaitedFor:
    """`say` sends a message to the host; `axis` tells a device's absolute axis. Nothing is left open by `forget`."""

    def __init__(self, say: Callable[[dict[str, object]], None], axis: Callable[[int, int], int]) -> None:
        self._say = say
        self._axis = axis
        self._open: dict[str, Expectation] = {}
        self._history: list[Event] = []

    def __len__(self) -> int:
        return len(self._open)

    def forget(self) -> None:
        self._open = {}

    def deadline_us(self) -> int | None:
        """When `tend` is due at the latest."""
        return min(expectation.deadline_us for expectation in self._open.values()) if self._open else None

    def tend(self) -> None:
        """Answer those whose time is up."""
        now = now_us() if self._open else 0
        for expectation in list(self._open.values()):
            if expectation.deadline_us <= now:
                del self._open[expectation.event_id]
                self._say(expectation.fail("timeout", realtime_us()))

    def observe(self, events: list[Event]) -> None:
        """Keep them, and answer what they fulfil."""
        history = self._history
        history += events
        if len(history) > 2 * HISTORY:
            del history[:HISTORY]
        for expectation in list(self._open.values()):
            self._check(expectation, events)

    def expect(self, message: dict[str, object], arrived_us: int) -> None:
        """Raises ValueError for what isn't one."""
        from atp_guest_agent import expectations

        try:
            expectation = expectations.build(message, arrived_us, realtime_offset_us(), self._axis)
        except expectations.RefusedError as error:
            self._say(expectations.refusal(str(message["event_id"]), error.reason, realtime_us()))
            return
        if expectation.event_id in self._open:
            raise ValueError("an expectation with this event_id is open")
        if len(self._open) >= expectations.MAX_OPEN:
            raise ValueError(f"{expectations.MAX_OPEN} expectations are open already")
        self._open[expectation.event_id] = expectation
        if expectation.looks_back:
            self._check(expectation, self._history)

    def cancel(self, message: dict[str, object]) -> None:
        """Raises ValueError where none of that name is open."""
        event_id = message.get("event_id")
        expectation = self._open.pop(event_id, None) if isinstance(event_id, str) else None
        if expectation is None:
            raise ValueError("no expectation with this event_id is open")
        self._say(expectation.fail("cancelled", realtime_us()))

    def _check(self, expectation: Expectation, events: list[Event]) -> None:
        offset_us = realtime_offset_us()
        for event in events:
            result = expectation.feed(event, offset_us)
            if result is not None:
                del self._open[expectation.event_id]
                self._say(result)
                return


def realtime_us() -> int:
    return time.time_ns() // 1000


def realtime_offset_us() -> int:
    return (time.time_ns() - now_ns()) // 1000
