"""Latency histograms that merge, and counters."""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

# Buckets grow by this factor, so a percentile is off by at most 1 % of its value, whatever the scale.
_GROWTH = 1.02
_LOG_GROWTH = math.log(_GROWTH)
_SMALLEST_MS = 0.001


class Histogram:
    """Milliseconds in logarithmic buckets: constant memory however many are recorded, exact minimum and maximum."""

    def __init__(self) -> None:
        self._buckets: dict[int, int] = {}
        self.count = 0
        self.sum_ms = 0.0
        self.min_ms = math.inf
        self.max_ms = -math.inf

    def record(self, ms: float) -> None:
        """Add one value. A negative one (two clocks that disagree by more than the latency) counts as zero in the buckets."""
        index = 0 if ms <= _SMALLEST_MS else 1 + int(math.log(ms / _SMALLEST_MS) / _LOG_GROWTH)
        self._buckets[index] = self._buckets.get(index, 0) + 1
        self.count += 1
        self.sum_ms += ms
        if ms < self.min_ms:  # noqa: PLR1730 - two calls the less; each edge that is typed is recorded twice
            self.min_ms = ms
        if ms > self.max_ms:  # noqa: PLR1730
            self.max_ms = ms

    def percentile(self, p: float) -> float:
        """The value in ms that `p` percent (0 to 100) of the recorded ones don't exceed; NaN when there are none."""
        if not 0 <= p <= 100:
            raise ValueError(f"a percentile is between 0 and 100, not {p}")
        if not self.count:
            return math.nan
        rank = max(1, math.ceil(self.count * p / 100))
        seen = 0
        for index in sorted(self._buckets):
            seen += self._buckets[index]
            if seen >= rank:
                middle = 0.0 if index == 0 else _SMALLEST_MS * _GROWTH ** (index - 0.5)
                return min(max(middle, self.min_ms), self.max_ms)
        return self.max_ms

    @property
    def mean_ms(self) -> float:
        return self.sum_ms / self.count if self.count else math.nan

    def merge(self, other: Histogram) -> None:
        for index, count in other._buckets.items():
            self._buckets[index] = self._buckets.get(index, 0) + count
        self.count += other.count
        self.sum_ms += other.sum_ms
        self.min_ms = min(self.min_ms, other.min_ms)
        self.max_ms = max(self.max_ms, other.max_ms)

    def as_json(self) -> dict[str, Any]:
        """All of it, for a file of JSON; `from_json()` reads it."""
        known = bool(self.count)
        return {
            "sum_ms": self.sum_ms,
            "min_ms": self.min_ms if known else None,
            "max_ms": self.max_ms if known else None,
            "buckets": sorted(self._buckets.items()),
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Histogram:
        """One that `as_json()` told. `ValueError`, `KeyError` or `TypeError` when it isn't one."""
        histogram = cls()
        histogram._buckets = {int(index): int(count) for index, count in told["buckets"]}
        histogram.count = sum(histogram._buckets.values())
        if histogram.count:
            histogram.sum_ms, histogram.min_ms, histogram.max_ms = (
                float(told[key]) for key in ("sum_ms", "min_ms", "max_ms")
            )
        return histogram


class Counters:
    """Named counts that any thread may raise."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, name: str, amount: int = 1) -> None:
        with self._lock:
            self._counts[name] += amount

    def snapshot(self) -> Mapping[str, int]:
        with self._lock:
            return dict(self._counts)
