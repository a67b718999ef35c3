"""Operations a second, CPU time an operation, and p99, with 1 to 1,000 VMs spoken to at once: ours and bare sockets in turns.

Each number of VMs has a caller process of its own, which only it loads; the peers' process serves all of them. Rounds go
round-robin over the callers, so that the machine's noise hits all; a figure is the median of its rounds.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..rows import Row
from ..world import Progress

FEW, MOST = 10, 1000
SIZES = (1, FEW, 50, 100, MOST)
KINDS = ("ours", "bare")
FLAT = 1.2  # the CPU time of an operation with MOST may be so many times that with FEW
ROUNDS = 5
QUICK_ROUNDS = 2
OPERATIONS = {"qmp": 20_000, "type": 2000}
QUICK_PART = 3  # a quick round does one in so many operations
WORDS = {"qmp": "QMP commands/s", "type": "verified texts/s"}
# What issue and design ask for with 50 VMs: the limit in ms, and the figure that it is for.
P99_AT_50 = {"qmp": (10.0, "p99", "an operation"), "type": (20.0, "verified_p99", "verification")}


@dataclass
class Caller:
    kind: str
    vms: int
    process: subprocess.Popen[str]
    rounds: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def do(self, what: str, operations: int) -> dict[str, Any]:
        return ask(self.process, f"{what} {operations}")

    def median(self, what: str, figure: str) -> float:
        return statistics.median(one[figure] for one in self.rounds[what])


def measure(directory: Path, progress: Progress, *, quick: bool) -> list[Row]:
    rounds = QUICK_ROUNDS if quick else ROUNDS
    with contextlib.ExitStack() as stack:
        progress(f"many: emulated VMs for callers that speak to {', '.join(map(str, SIZES))} at once")
        stack.enter_context(peers(directory, len(KINDS) * sum(SIZES)))
        callers: list[Caller] = []
        first = 0
        for kind in KINDS:
            for vms in SIZES:
                module = ("tests.bench.many.caller", kind, str(directory), str(first), str(vms))
                callers.append(Caller(kind, vms, stack.enter_context(child(*module))))
                first += vms
        for what, operations in OPERATIONS.items():
            for number in range(rounds + 1):
                progress(f"many: {what}, round {number} of {rounds}")
                for caller in callers:
                    figures = caller.do(what, operations // QUICK_PART if quick else operations)
                    if number:  # the first opens engines and fills caches
                        caller.rounds.setdefault(what, []).append(figures)
    return [row for what in OPERATIONS for row in _rows(what, callers)]


def _rows(what: str, callers: list[Caller]) -> list[Row]:
    by = {(caller.kind, caller.vms): caller for caller in callers}
    rows = []
    for vms in SIZES:
        ours, bare = by["ours", vms], by["bare", vms]
        aim, met = "", None
        if vms == 50:
            limit, figure, words = P99_AT_50[what]
            p99 = ours.median(what, figure)
            aim, met = f"{words}'s p99 {p99:.3g} ms, under {limit:g} ms", p99 < limit
        rates = [
            statistics.median(one["operations"] / one["seconds"] for one in caller.rounds[what])
            for caller in (ours, bare)
        ]
        figures = {
            f"{prefix}{figure}": round(caller.median(what, figure), 3)
            for prefix, caller in (("", ours), ("peer_", bare))
            for figure in ("cpu_us", "gc_us", "p50", "p99")
        }
        if what == "type":
            figures["verified_p99"] = round(ours.median(what, "verified_p99"), 3)
        rows.append(Row(f"many.{what}.{vms}", rates[0], WORDS[what], "bare asyncio", rates[1], aim, met, figures))
    return [*rows, flat_row(what, {key: caller.rounds[what] for key, caller in by.items()})]


def flat_row(what: str, rounds: Mapping[tuple[str, int], Sequence[Mapping[str, Any]]]) -> Row:
    """How an operation's cost grows with the number of VMs, beside bare sockets' growth.

    Who waits between two answers pays for each waking up, and the fewer the VMs the more: growth may be compared between callers
    that are equally busy, so what part of the time each was at work stands in the row.
    """

    def median(kind: str, vms: int, figure: str) -> float:
        return statistics.median(one[figure] for one in rounds[kind, vms])

    cost, bare_cost = (median(kind, MOST, "cpu_us") / median(kind, FEW, "cpu_us") for kind in KINDS)
    busy = {
        f"{prefix}busy_{vms}": round(median(kind, vms, "busy"), 3)
        for prefix, kind in (("", "ours"), ("peer_", "bare"))
        for vms in (FEW, MOST)
    }
    shares = " and ".join(f"{busy[f'peer_busy_{vms}']:.0%}" for vms in (FEW, MOST))
    own_shares = " and ".join(f"{busy[f'busy_{vms}']:.0%}" for vms in (FEW, MOST))
    return Row(
        f"many.{what}.flat",
        cost,
        f"CPU an operation, {MOST:,} VMs / {FEW}",
        f"bare asyncio, busy {shares} of the time (ours {own_shares})",
        bare_cost,
        f"at most {FLAT} times",
        cost <= FLAT,
        busy,
    )


def ask(process: subprocess.Popen[str], line: str = "") -> Any:
    """Write a line to a child, if there is one to write, and read its answer's line of JSON."""
    assert process.stdin is not None
    assert process.stdout is not None
    if line:
        process.stdin.write(f"{line}\n")
        process.stdin.flush()
    answer = process.stdout.readline()
    if not answer:
        sys.exit(f"{process.args!r} ended with {process.wait()}")
    return json.loads(answer)


@contextlib.contextmanager
def child(*module: str) -> Iterator[subprocess.Popen[str]]:
    """A process of ours that is ready, which its first line said; it ends when its input does."""
    command = [sys.executable, "-m", *module]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            ask(process)
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


@contextlib.contextmanager
def peers(directory: Path, count: int) -> Iterator[None]:
    with child("tests.bench.many.peers", str(directory), str(count)):
        yield
