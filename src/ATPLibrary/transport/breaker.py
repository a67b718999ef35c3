"""When a host that failed may be tried again: jittered exponential back-off, and a circuit breaker."""

from __future__ import annotations

import enum
import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ATPLibrary.config import ReconnectSettings


class BreakerState(enum.Enum):
    """CLOSED -max_attempts failures in a row-> OPEN -max_delay-> HALF_OPEN -failure-> OPEN; a success from any -> CLOSED."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Breaker:
    """Counts failures in a row. Pure: `clock` (seconds) and `chance` (0 to 1) can be given."""

    def __init__(
        self,
        settings: ReconnectSettings,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._chance = chance
        self._retry_at = 0.0
        self.failures = 0

    @property
    def state(self) -> BreakerState:
        if self.failures < self._settings.max_attempts:
            return BreakerState.CLOSED
        return BreakerState.OPEN if self._clock() < self._retry_at else BreakerState.HALF_OPEN

    @property
    def retry_in(self) -> float:
        """Seconds until a trial is let through; 0 when one is now."""
        return max(0.0, self._retry_at - self._clock()) if self.state is BreakerState.OPEN else 0.0

    def failed(self) -> None:
        self.failures += 1
        if self.failures >= self._settings.max_attempts:
            self._retry_at = self._clock() + self._settings.max_delay

    def succeeded(self) -> None:
        self.failures = 0

    def delay(self) -> float:
        """Seconds to wait before the next attempt. Jitter takes up to half off, so that many clients don't come at once."""
        if self.state is not BreakerState.CLOSED:
            return self.retry_in
        settings = self._settings
        # Bounded before it is computed: a float's power overflows long after the bound is reached.
        longest = settings.initial_delay
        for _ in range(self.failures):
            longest = min(longest * settings.backoff_multiplier, settings.max_delay)
        return min(longest, settings.max_delay) * (1 - self._chance() / 2)
