"""How much an agent may say in a second: one loop serves all VMs, and none of their guests may keep it busy."""

from __future__ import annotations

# A gaming mouse makes 24,000 events a second, an agent that is asked everything some hundred answers.
EVENTS_A_SECOND = 100_000
OTHERS_A_SECOND = 5_000
# Three of the largest messages; what is skipped for its size costs little and doesn't count.
BYTES_A_SECOND = 32 * 1024 * 1024


class FloodGuard:
    """Counts what comes, by the second. Times are `time.monotonic()`."""

    __slots__ = ("_events", "_others", "_since", "_size")

    def __init__(self) -> None:
        self._since = 0.0
        self._events = self._others = self._size = 0

    def count(self, now: float, *, events: int = 0, others: int = 0, size: int = 0) -> str:
        """What came too often, in words; "" while all is well."""
        if now - self._since >= 1.0:
            self._since, self._events, self._others, self._size = now, 0, 0, 0
        self._events += events
        self._others += others
        self._size += size
        if self._events > EVENTS_A_SECOND:
            return f"more than {EVENTS_A_SECOND:,} events within a second"
        if self._others > OTHERS_A_SECOND:
            return f"more than {OTHERS_A_SECOND:,} messages besides observations within a second"
        if self._size > BYTES_A_SECOND:
            return f"more than {BYTES_A_SECOND:,} bytes of messages within a second"
        return ""
