"""What became of the guest's clocks since they were last measured: set, stood still, or leapt."""

from __future__ import annotations

# A time server's corrections in small steps are slower than this between two measurements; `date -s` isn't.
SET_SECONDS = 0.5
# The measurement's own error is far below.
LEAP_SECONDS = 0.1


class WallClock:
    """The guest's CLOCK_REALTIME against its CLOCK_MONOTONIC, which nobody can set."""

    __slots__ = ("_ahead_us",)

    def __init__(self) -> None:
        self._ahead_us: int | None = None

    def forget(self) -> None:
        """It is another guest, or another boot."""
        self._ahead_us = None

    def measured(self, realtime_us: int, monotonic_us: int) -> str:
        """What became of it, in words; "" when nothing did. 0 for `realtime_us`: the agent didn't say."""
        if not realtime_us:
            return ""
        ahead_us = realtime_us - monotonic_us
        before, self._ahead_us = self._ahead_us, ahead_us
        step = 0.0 if before is None else (ahead_us - before) / 1e6
        if abs(step) < SET_SECONDS:
            return ""
        way = "forwards" if step > 0 else "backwards"
        return f"the guest's clock was set {way} by {abs(step):.1f} s; what is measured here is by the one that can't be set"


def leap(seconds: float) -> str:
    """What a jump of the guest's CLOCK_MONOTONIC against ours means, in words; "" for none to speak of."""
    if seconds <= -LEAP_SECONDS:
        return f"the guest stood still for {-seconds:.1f} s (paused, or saved and restored)"
    if seconds >= LEAP_SECONDS:
        return f"the guest's own time leapt forwards by {seconds:.1f} s"
    return ""
