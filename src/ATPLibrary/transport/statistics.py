"""What a host's connections have done: counts, requests a second, and how long each operation takes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ATPLibrary.metrics import Counters, Histogram

# Requests a second are those of this many whole seconds past.
RATE_SECONDS = 10
# Operations come from the code, not from data; should one carry a name after all, memory stays bounded.
MOST_OPERATIONS = 100
_OTHER = "other"
CONNECT = "connect"


@dataclass(frozen=True, slots=True)
class OperationStatistics:
    """`mean_ms` and `p99_ms` are of the calls that were answered, well or not."""

    count: int
    requests_per_second: float
    errors: int
    mean_ms: float
    p99_ms: float
    sum_ms: float


@dataclass(frozen=True, slots=True)
class HostStatistics:
    """A host at one moment. `counts` since the start: opened, not_opened, idle_closed, lost, reconnected, retried, ...

    `errors` are calls and attempts to connect that failed; `requests` and times are of calls.
    """

    host: str
    state: str
    drained: bool
    connections: int
    in_flight: int
    requests: int
    requests_per_second: float
    errors: int
    mean_ms: float
    p99_ms: float
    counts: Mapping[str, int]
    operations: Mapping[str, OperationStatistics]


class _Tally:
    """How many calls there were, how many failed, how long they took, and when the latest were. `clock` as `Recorder`'s."""

    def __init__(self, clock: Callable[[], float], started: float) -> None:
        self.errors = 0
        self.times = Histogram()
        self._clock = clock
        self._started = started
        self._seconds: deque[tuple[int, int]] = deque()  # (second, requests in it), the newest last

    def add(self, ms: float, failed: bool) -> None:
        self.times.record(ms)
        self.errors += failed
        second = int(self._clock())
        if self._seconds and self._seconds[-1][0] == second:
            self._seconds[-1] = (second, self._seconds[-1][1] + 1)
        else:
            self._seconds.append((second, 1))
            while self._seconds[0][0] < second - RATE_SECONDS:
                self._seconds.popleft()

    def rate(self) -> float:
        """Requests a second, over the last `RATE_SECONDS`, or since the start when that is less."""
        now = self._clock()
        recent = sum(count for second, count in self._seconds if second > now - RATE_SECONDS)
        return recent / max(1.0, min(RATE_SECONDS, now - self._started))


class Recorder:
    """Belongs to one host; its loop records. `clock` counts seconds and never goes back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.counts = Counters()
        self._clock = clock
        self._started = clock()
        self._all = _Tally(clock, self._started)
        self._operations: dict[str, _Tally] = {}

    def record(self, what: str, ms: float, failed: bool) -> None:
        """One call has ended after `ms` milliseconds. Its operation is `what` without names: "find VM" of "find VM 'a'"."""
        self._tally(what.partition(" '")[0]).add(ms, failed)
        self._all.add(ms, failed)

    def _tally(self, operation: str) -> _Tally:
        if operation not in self._operations and len(self._operations) >= MOST_OPERATIONS:
            operation = _OTHER
        tally = self._operations.get(operation)
        if tally is None:
            tally = self._operations[operation] = _Tally(self._clock, self._started)
        return tally

    def record_attempt(self, ms: float, failed: bool) -> None:
        """An attempt to connect has ended: an operation of its own, and no request, but an error when it failed."""
        self._tally(CONNECT).add(ms, failed)
        self._all.errors += failed

    def rate(self) -> float:
        """Requests a second: see `_Tally.rate`."""
        return self._all.rate()

    def snapshot(self, host: str, state: str, drained: bool, connections: int, in_flight: int) -> HostStatistics:
        operations = {
            name: OperationStatistics(
                each.times.count,
                each.rate(),
                each.errors,
                each.times.mean_ms,
                each.times.percentile(99),
                each.times.sum_ms,
            )
            for name, each in sorted(self._operations.items())
        }
        return HostStatistics(
            host=host,
            state=state,
            drained=drained,
            connections=connections,
            in_flight=in_flight,
            requests=self._all.times.count,
            requests_per_second=self.rate(),
            errors=self._all.errors,
            mean_ms=self._all.times.mean_ms,
            p99_ms=self._all.times.percentile(99),
            counts=dict(sorted(self.counts.snapshot().items())),
            operations=operations,
        )
