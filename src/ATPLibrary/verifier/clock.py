"""How far the guest's clock is from ours, and how sure of it we are, from pings (the way of NTP)."""

from __future__ import annotations

import math
from dataclasses import dataclass

# A guest's clock drifts against the host's: under TCG its time source was calibrated on a busy machine. A measurement's error
# grows by this much with age, so a fresh worse one replaces an old better one in time.
DRIFT_US_PER_S = 200.0
KEPT = 32


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """`offset_us` is guest minus host; the truth is within `error_us` of it.

    It says nothing of what was received before `since` (this machine's `time.monotonic()`): the guest had another clock then.
    `known` is when it was so; a leap of the guest's clock by less than `unnoticed_us` would not have shown in the measurements.
    """

    offset_us: float
    error_us: float
    since: float = -math.inf
    known: float = math.inf
    unnoticed_us: float = 0.0

    def host_time(self, guest_us: float) -> float:
        """A guest kernel's time in us as this machine's `time.monotonic()` in seconds."""
        return (guest_us - self.offset_us) / 1e6

    def is_surely_before(self, guest_us: float, received: float, moment: float) -> bool:
        """Whether what was at `guest_us`, and came here at `received`, was before `moment` (`time.monotonic()`), beyond doubt."""
        if received < self.since:
            return False
        age = max(self.known - received, 0.0) if self.known < math.inf else 0.0
        error_us = self.error_us + self.unnoticed_us + age * DRIFT_US_PER_S
        return self.host_time(guest_us + error_us) < moment


@dataclass(frozen=True, slots=True)
class _Sample:
    offset_us: float
    error_us: float
    taken: float

    def error_at(self, now: float) -> float:
        return self.error_us + (now - self.taken) * DRIFT_US_PER_S


class ClockEstimate:
    """Keeps the newest pings and answers with the surest of them."""

    __slots__ = ("_is_void", "_samples", "_since")

    def __init__(self) -> None:
        self._samples: list[_Sample] = []  # the newest last; a deque keeps 0.6 KiB more, of each VM
        self._since = -math.inf
        self._is_void = False  # the clock that was measured is gone, and no other measured yet

    def add(self, sent: float, received_us: float, answered_us: float, returned: float) -> float:
        """One ping: `sent` and `returned` in seconds of this machine, the two in the middle in us of the guest.

        Returns by how many seconds the guest's clock has leapt against ours since the measurements before (less than nothing: it
        stood still), 0 where they agree.
        """
        travelled_us = (returned - sent) * 1e6 - (answered_us - received_us)
        offset_us = ((received_us - sent * 1e6) + (answered_us - returned * 1e6)) / 2
        # Half of what it spent on the way, either way: the guest's stamps lie somewhere between ours.
        sample = _Sample(offset_us, max(travelled_us, 0.0) / 2, returned)
        known, leapt_us = self.at(returned), 0.0
        if known is not None and abs(known.offset_us - offset_us) > known.error_us + sample.error_us:
            # They can't both be true: the guest's clock stood still (the VM was paused) or was set. The old ones are void.
            leapt_us = offset_us - known.offset_us
            self.clear()
        if self._is_void:
            self._since, self._is_void = sent, False
        self._samples.append(sample)
        del self._samples[:-KEPT]
        return leapt_us / 1e6

    def clear(self) -> None:
        """The guest was restarted, or put back to a snapshot: it has another clock."""
        self._samples.clear()
        self._is_void = True

    def at(self, now: float) -> ClockOffset | None:
        """The offset with its error bound at `now` (`time.monotonic()`), None before the first ping."""
        if not self._samples:
            return None
        best = min(self._samples, key=lambda sample: sample.error_at(now))
        error_us = best.error_at(now)
        unnoticed_us = error_us + self._samples[-1].error_at(now)  # two that differ by less are held to agree
        return ClockOffset(best.offset_us, error_us, self._since, now, unnoticed_us)
