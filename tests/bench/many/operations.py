"""One operation many times, from many VMs at once: what it costs, and how long each answer takes."""

from __future__ import annotations

import asyncio
import gc
import math
import time
from collections.abc import Awaitable, Callable
from typing import Any

from ATPLibrary.metrics import Histogram

# For each VM: after the first, nothing has been heard of its agent for as long as the others take.
LEAST = 2

# One operation on the VM of that index; what it returns is merged into the histogram of verifications.
Operation = Callable[[int], Awaitable[Histogram | None]]


async def measure(operation: Operation, vms: int, operations: int) -> dict[str, Any]:
    """So many operations, from all VMs at once, each VM's one after the other."""
    each = max(LEAST, math.ceil(operations / vms))
    latency, verification = Histogram(), Histogram()

    async def one(index: int) -> None:
        for _ in range(each):
            started = time.perf_counter()
            seen = await operation(index)
            latency.record((time.perf_counter() - started) * 1000)
            if seen is not None:
                verification.merge(seen)

    with _Collections() as collections:
        started, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(one(index) for index in range(vms)))
        cpu, seconds = time.process_time() - cpu, time.perf_counter() - started
    return {
        "operations": each * vms,
        "seconds": seconds,
        "cpu_us": cpu / (each * vms) * 1e6,
        "busy": cpu / seconds,
        "gc_us": collections.seconds / (each * vms) * 1e6,
        "p50": latency.percentile(50),
        "p99": latency.percentile(99),
        "verified_p99": verification.percentile(99) if verification.count else None,
    }


class _Collections:
    """How long Python's garbage collector runs meanwhile."""

    def __enter__(self) -> _Collections:
        self.seconds = self._started = 0.0
        gc.callbacks.append(self._note)
        return self

    def __exit__(self, *exc_info: object) -> None:
        gc.callbacks.remove(self._note)

    def _note(self, phase: str, info: object) -> None:
        if phase == "start":
            self._started = time.perf_counter()
        else:
            self.seconds += time.perf_counter() - self._started
