"""How much of a deadline is left, for work of several steps."""

from __future__ import annotations

import time
from collections.abc import Callable


def remaining(timeout: float) -> Callable[[], float]:
    """A function that tells how many of `timeout` seconds, counted from now, are left; never less than 0."""
    end = time.monotonic() + timeout
    return lambda: max(0.0, end - time.monotonic())
