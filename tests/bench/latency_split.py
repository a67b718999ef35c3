"""How long each part of a single tap's way takes, and how well that is known.

A tap at a time, and before each the bare round trips that its way is made of: a QMP command, and a ping of the agent. The offset
of the clocks is an interval, not a number: what crosses from one to the other (to the kernel, and from the agent to here) is right
to within `clock_error_ms`, the widest that any of the reports had. The whole is measured on one clock, and so is kernel to agent.
"""

from __future__ import annotations

import math
import os
import time

from ATPLibrary.metrics import Histogram
from ATPLibrary.protocol.qmp import Qmp
from ATPLibrary.verifier import Part, TypingEngine

from .rows import Row
from .world import BenchVm, Progress

PERCENTILES = (50, 95, 99)
SLOWEST_P99_MS = 20.0
SECONDS = 10.0
WORDS = {
    Part.KERNEL: "ms, host to kernel",
    Part.AGENT: "ms, kernel to agent",
    Part.HOST: "ms, agent to host",
    Part.WHOLE: "ms, injection to verified",
}


class BareTrips:
    """What the parts of the way stand beside."""

    def __init__(self) -> None:
        self.command, self.half_ping, self.both = Histogram(), Histogram(), Histogram()

    async def measure(self, vm: BenchVm, qmp: Qmp) -> None:
        started = time.perf_counter()
        await qmp.query_status(SECONDS)
        between = time.perf_counter()
        await vm.session.ping(SECONDS)
        ended = time.perf_counter()
        self.command.record((between - started) * 1000)
        self.half_ping.record((ended - between) * 500)
        self.both.record((ended - started) * 1000)

    def peer_of(self, part: Part) -> tuple[str, Histogram]:
        return {
            Part.KERNEL: ("a QMP command, there and back", self.command),
            Part.AGENT: ("half a ping of the agent", self.half_ping),
            Part.HOST: ("half a ping of the agent", self.half_ping),
            Part.WHOLE: ("a QMP command and a ping", self.both),
        }[part]


async def measure(vm: BenchVm, engine: TypingEngine, qmp: Qmp, presses: int, progress: Progress) -> list[Row]:
    """Rows `latency.KEYBOARD.PART.pN`; the whole's p99 has the aim."""
    progress(f"{vm.keyboard}: {presses} single taps")
    load = os.getloadavg()[0]
    parts, bare, error_ms = {part: Histogram() for part in Part}, BareTrips(), 0.0
    for _ in range(presses):
        await bare.measure(vm, qmp)
        report = await engine.press("a")
        report.raise_if_bad(must_be_verified=True)
        error_ms = max(error_ms, math.inf if report.clock_error_ms is None else report.clock_error_ms)
        for part, histogram in parts.items():
            histogram.merge(report.histogram(part))
    return rows(vm.keyboard, parts, bare, error_ms, load)


def rows(keyboard: str, parts: dict[Part, Histogram], bare: BareTrips, error_ms: float, load: float) -> list[Row]:
    found = []
    for part, histogram in parts.items():
        peer, beside = bare.peer_of(part)
        more = {"edges": histogram.count, "load": round(load, 2)}
        if part in (Part.KERNEL, Part.HOST):
            more["clock_error_ms"] = round(error_ms, 3)
        for p in PERCENTILES:
            value = max(histogram.percentile(p), 0.0)
            aimed = part is Part.WHOLE and p == PERCENTILES[-1]
            found.append(
                Row(
                    f"latency.{keyboard}.{part.value}.p{p}",
                    value,
                    WORDS[part],
                    peer,
                    beside.percentile(p),
                    f"under {SLOWEST_P99_MS:g} ms on an idle machine (load {load:.1f} before)" if aimed else "",
                    value < SLOWEST_P99_MS if aimed else None,
                    more,
                )
            )
    return found
