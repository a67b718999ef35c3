"""Input whose letters nobody may read: its edges are told by their positions, never by the keys that they were."""

from __future__ import annotations

import time

from ATPLibrary import secrets

# What a key of such an input is called; by whether it went down.
A_KEY = {True: "a key down", False: "a key up"}
MOST_KEPT = 1000


def hides(what: str) -> bool:
    """Whether an input that is described so has a secret in it, which its letters would spell."""
    return secrets.MASK in secrets.redact(what)


class HiddenTimes:
    """When such input was on its way: the keys that a guest saw meanwhile aren't named. Times are `time.monotonic()`."""

    __slots__ = ("_began", "_times")

    def __init__(self) -> None:
        self._times: list[tuple[float, float]] = []
        self._began: float | None = None

    def begin(self) -> None:
        self._began = time.monotonic()

    def end(self, later: float = 0.0) -> None:
        """`later`: so many seconds from now, for what may still come."""
        if self._began is None:
            return
        self._times.append((self._began, time.monotonic() + later))
        self._began = None
        if len(self._times) > MOST_KEPT:  # rather too much hidden than too little
            self._times[:2] = [(self._times[0][0], self._times[1][1])]

    @property
    def any(self) -> bool:
        """Whether there was such an input at all."""
        return bool(self._times) or self._began is not None

    def cover(self, moment: float) -> bool:
        if self._began is not None and moment >= self._began:
            return True
        return any(begin <= moment <= end for begin, end in self._times)


NOTHING_HIDDEN = HiddenTimes()
EVERYTHING_HIDDEN = HiddenTimes()
EVERYTHING_HIDDEN.begin()
