"""The one clock of an agent, which never goes back: every `*_us` that it says is this one's."""

from __future__ import annotations

import sys
import time

# On Windows `time.monotonic` counts in steps of 16 ms up to Python 3.12; the performance counter is finer than a microsecond.
now_ns = time.perf_counter_ns if sys.platform == "win32" else time.monotonic_ns


def now_us() -> int:
    return now_ns() // 1000


def seconds() -> float:
    return now_ns() / 1e9
