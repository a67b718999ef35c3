"""How many places of a device's queue may be taken by edges that the guest hasn't seen: as it shows what it can bear. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ATPLibrary.verifier.queues import DeviceQueue

# A tap with a modifier. Less would make one key wait for another, and save nothing.
LEAST = 4
# Late is what takes twice as long a place as is usual there, and so much more: what a busy machine adds now and then.
LATE_FACTOR = 2.0
GRACE_SECONDS = 0.02
# How much the newest return says about what is usual.
WEIGHT = 1 / 8
# So many places that came back in time, and what a loss took from the most is given back, place by place.
FORGIVEN_AFTER = 1000


class Window:
    """`size` in places, of one device of one VM.

    It begins with what every such device bears and grows by each place that comes back in time, up to what the queue is known to
    hold. What comes back late halves it, and so does what is lost or overruns the observer; from then on it grows by a place a
    window. Below the size at which something was lost it stays, until much has come back in time.
    """

    __slots__ = ("_credit", "_in_time", "_is_careful", "_known", "_least", "_most", "_usual", "size")

    def __init__(self, queue: DeviceQueue) -> None:
        self.size = queue.begin
        self._known = queue.window  # never more than the queue is known to hold
        self._most = queue.window
        self._least = min(LEAST, queue.begin)
        self._is_careful = False  # since the first trouble
        self._credit = 0  # places that came back since it grew last
        self._in_time = 0  # places that came back since the most was lowered or given back
        self._usual: float | None = None  # seconds a place

    def came_back(self, places: int, ahead: int, seconds: float) -> None:
        """`places` were seen by the guest. The newest of them took `seconds`, with `ahead` places taken up to and with its own."""
        a_place = seconds / max(ahead, 1)
        if self._usual is not None and seconds > LATE_FACTOR * self._usual * ahead + GRACE_SECONDS:
            # A guest that stays slow becomes usual in time.
            self._usual *= 1 + WEIGHT
            self._shrink()
            return
        self._usual = a_place if self._usual is None else self._usual + (a_place - self._usual) * WEIGHT
        self._in_time += places
        if self._in_time >= FORGIVEN_AFTER:
            self._in_time = 0
            self._most = min(self._most + 1, self._known)
        self._credit += places
        step = self.size if self._is_careful else 1
        while self._credit >= step and self.size < self._most:
            self._credit -= step
            self.size += 1
        self._credit = min(self._credit, step)

    def lost(self) -> None:
        """Something that was sent did not arrive: so many places were too many."""
        self._most = max(self._least, self.size - 1)
        self._in_time = 0
        self._shrink()

    def overran(self) -> None:
        """The observer could not follow."""
        self._shrink()

    def _shrink(self) -> None:
        self._is_careful = True
        self._credit = 0
        self.size = max(self._least, self.size // 2)
