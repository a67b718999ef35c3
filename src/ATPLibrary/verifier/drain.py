"""How fast a keyboard lets go, measured while its guest is watched: what to pace by when nobody watches. Pure."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ATPLibrary.verifier.queues import DeviceQueue

KEPT_PLACES = 500
KEPT_RETURNS = 500
# Fewer say too little.
ENOUGH_PLACES = 50
ENOUGH_RETURNS = 20
# Slower than it lets go by so much, and able to bear a standstill so many times as long as any that was seen.
MARGIN = 1.1
STANDSTILLS = 2.0


class Pace(NamedTuple):
    seconds: float  # a place
    why: str


class Drain:
    """Of one device of one VM."""

    __slots__ = ("_places", "_queue", "_returns")

    def __init__(self, queue: DeviceQueue) -> None:
        self._queue = queue
        # Lists, the newest last: an empty deque keeps 0.6 KiB, and most VMs type a few lines.
        self._places: list[float] = []  # seconds a place, from one edge to the next by the guest's kernel
        self._returns: list[tuple[int, float]] = []  # places up to and with an edge's, and its seconds

    def took(self, places: int, seconds: float) -> None:
        """An edge of so many places was seen `seconds` after one that waited in the queue with it."""
        if seconds >= 0:  # a guest that was put back to a snapshot
            self._places.append(seconds / places)
            _forget(self._places, KEPT_PLACES)

    def came_back(self, ahead: int, seconds: float) -> None:
        """An edge was seen `seconds` after it was sent, with `ahead` places taken up to and with its own."""
        self._returns.append((ahead, seconds))
        _forget(self._returns, KEPT_RETURNS)

    def pace(self) -> Pace:
        """How long to wait after each place that nobody sees arrive."""
        if len(self._places) < ENOUGH_PLACES or len(self._returns) < ENOUGH_RETURNS:
            return Pace(self._queue.drain_seconds, "that is safe for this kind of keyboard")
        drained = statistics.median(self._places)
        # While the guest stands still the queue fills: it must hold what is sent until it goes on.
        standstill = max(max(seconds - ahead * drained, 0.0) for ahead, seconds in self._returns)
        seconds = max(MARGIN * drained, STANDSTILLS * standstill / self._queue.window)
        return Pace(
            seconds,
            f"by what was measured on this VM: {drained * 1000:.2f} ms a place, and standstills up to {standstill * 1000:.0f} ms",
        )


def _forget(kept: list[Any], most: int) -> None:
    """The oldest, some at a time."""
    if len(kept) > most + most // 8:
        del kept[:-most]
