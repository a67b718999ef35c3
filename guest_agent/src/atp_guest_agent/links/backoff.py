"""How long to wait before the next try: longer each time, and never as long as everybody else."""

from __future__ import annotations

import os

FIRST_SECONDS = 0.5
LONGEST_SECONDS = 15.0


class BackOff:
    def __init__(self, first: float = FIRST_SECONDS, longest: float = LONGEST_SECONDS) -> None:
        self._first = first
        self._longest = longest
        self._next = first

    def next(self) -> float:
        """Seconds: from half of what is due to all of it, and the double is due next."""
        due = self._next
        self._next = min(2 * due, self._longest)
        return due * (0.5 + os.urandom(1)[0] / 510)

    def reset(self) -> None:
        self._next = self._first
