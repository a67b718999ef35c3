"""Taps at a pace that is kept whatever they take, and the arithmetic of which pace a machine can take."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass, field

from ATPLibrary.metrics import Histogram
from ATPLibrary.verifier import TypingEngine

from ..taps import Tally

SHARE = 0.5  # of the processors that idle guests, and whatever else runs, leave
LEAST_LEFT = 0.1  # of a processor: a machine on which nothing is left is measured all the same, slowly


def interval(vms: int, cpu_a_tap: float, left: float) -> float:
    """Seconds between two taps of the same VM: all of them together take `SHARE` of what is left.

    `cpu_a_tap` is seconds of all processes for one tap, `left` the processors that nothing takes when nobody types.
    """
    return vms * cpu_a_tap / (SHARE * max(left, LEAST_LEFT))


def idle_seconds(stat: str) -> float:
    """Processor seconds since the start in which nothing was to be done, from /proc/stat (proc(5): idle and iowait)."""
    fields = stat.splitlines()[0].split()
    return (int(fields[4]) + int(fields[5])) / os.sysconf("SC_CLK_TCK")


def most_characters(processors: int, cpu_a_character: float) -> float:
    """Characters a second that the processors could do if nothing but that was done."""
    return processors / cpu_a_character


@dataclass
class Paced:
    """What became of paced taps, how long each took from its injection (in the tally), and from when it was due."""

    tally: Tally = field(default_factory=Tally)
    from_due: Histogram = field(default_factory=Histogram)


async def tap(engine: TypingEngine, begin: float, every: float, end: float, into: Paced) -> None:
    """A tap at `begin` and then each `every` seconds, until `end`, by `time.monotonic()`. One that comes too late comes at once."""
    due = begin
    while due < end:
        await asyncio.sleep(max(due - time.monotonic(), 0))
        started, cpu = time.perf_counter(), time.process_time()
        report = await engine.type_text("a")
        into.tally.add(report, time.perf_counter() - started, time.process_time() - cpu)
        # The last edge's verdict is what the tap was for; the ping behind it isn't part of that.
        arrived = [row.host for row in report.timeline if row.host is not None]
        if arrived:
            into.from_due.record((max(arrived) - time.time() + time.monotonic() - due) * 1000)
        due += every
