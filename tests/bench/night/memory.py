"""Whether memory stays flat, from samples over a long run."""

from __future__ import annotations

import os
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ..guest import AgentProcess
from ..world import CALL_SECONDS, BenchVm

LEAST_SAMPLES = 8
WARM_UP = 4  # the first of so many parts of a run is left out: caches fill


@dataclass(frozen=True)
class Sample:
    """Resident KiB after so many taps of this process's run: of this process, of QEMU, of the agent in the guest."""

    taps: int
    ours: int
    qemu: int
    agent: int

    def as_json(self) -> dict[str, int]:
        return asdict(self)


async def sample(vm: BenchVm, agent: AgentProcess, taps: int) -> Sample:
    told = await vm.domain.call("tell its memory", lambda domain: domain.memoryStats(), timeout=CALL_SECONDS)
    return Sample(taps, resident_kib(), int(told["rss"]), await agent.resident_kib())


def resident_kib() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def growth(values: Sequence[int]) -> float | None:
    """KiB by which the last third lies over the first, by their medians, when the warm-up is left out; None for too few values."""
    if len(values) < LEAST_SAMPLES:
        return None
    steady = values[len(values) // WARM_UP :]
    third = len(steady) // 3
    return statistics.median(steady[-third:]) - statistics.median(steady[:third])
