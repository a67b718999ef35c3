"""One process that speaks to some of the VMs, ours or bare, and measures itself: the CPU it takes, and how long each answer did.

`python -m tests.bench.many.caller ours|bare DIRECTORY FIRST COUNT` connects, prints a line of JSON, and then does what each line of
its input says ("qmp 20000", "type 1000": so many, from all VMs at once), answering each with a line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import math
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from ATPLibrary import runtime
from ATPLibrary.metrics import Histogram
from ATPLibrary.protocol.qmp.edges import Edge
from ATPLibrary.verifier.layout import Layout

from .bare import BareVm
from .fleet import SECONDS, Fleet
from .limits import raise_descriptor_limit
from .names import name_of

TEXT = "hello, many VMs"  # 15 characters, 34 edges

# One operation on the VM of that index; what it returns is merged into the histogram of verifications.
Operation = Callable[[int], Awaitable[Histogram | None]]


def edges_of(text: str) -> list[Edge]:
    return Layout("us").edges(text)


class Ours:
    """As a keyword does it: find the VM, its channel or engine, and use that."""

    def __init__(self, directory: Path, numbers: range) -> None:
        self._numbers = numbers
        self._fleet = Fleet(directory, numbers)
        self._names = [name_of(number) for number in numbers]

    async def connect(self) -> None:
        await self._fleet.connect(await self._fleet.look_up())

    async def qmp(self, index: int) -> None:
        machine = await self._fleet.workspace.machine(self._names[index], timeout=SECONDS)
        await (await machine.qmp(SECONDS)).query_status(SECONDS)

    async def type(self, index: int) -> Histogram:
        machine = await self._fleet.workspace.machine(self._names[index], timeout=SECONDS)
        report = await (await machine.typing(SECONDS)).type_text(TEXT, SECONDS)
        report.raise_if_bad(must_be_verified=True)
        return report.verification

    async def close(self) -> None:
        await self._fleet.close()


class Bare:
    def __init__(self, directory: Path, numbers: range) -> None:
        self._vms = [BareVm(directory, number) for number in numbers]
        self._edges = edges_of(TEXT)

    async def connect(self) -> None:
        await asyncio.gather(*(vm.connect() for vm in self._vms))

    async def qmp(self, index: int) -> None:
        await self._vms[index].query_status()

    async def type(self, index: int) -> None:
        await self._vms[index].type_edges(self._edges)

    async def close(self) -> None:
        for vm in self._vms:
            vm.close()


async def measure(operation: Operation, vms: int, operations: int) -> dict[str, Any]:
    """So many operations, from all VMs at once, each VM's one after the other."""
    each = max(1, math.ceil(operations / vms))
    latency, verification = Histogram(), Histogram()

    async def one(index: int) -> None:
        for _ in range(each):
            started = time.perf_counter()
            seen = await operation(index)
            latency.record((time.perf_counter() - started) * 1000)
            if seen is not None:
                verification.merge(seen)

    started, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(one(index) for index in range(vms)))
    cpu, seconds = time.process_time() - cpu, time.perf_counter() - started
    return {
        "operations": each * vms,
        "seconds": seconds,
        "cpu_us": cpu / (each * vms) * 1e6,
        "p50": latency.percentile(50),
        "p99": latency.percentile(99),
        "verified_p99": verification.percentile(99) if verification.count else None,
    }


async def main(kind: str, directory: Path, first: int, count: int) -> None:
    numbers = range(first, first + count)
    caller: Ours | Bare = Ours(directory, numbers) if kind == "ours" else Bare(directory, numbers)
    started = time.perf_counter()
    await caller.connect()
    print(json.dumps({"connected": time.perf_counter() - started}), flush=True)
    try:
        while line := await asyncio.to_thread(sys.stdin.readline):
            what, operations = line.split()
            operation: Operation = caller.qmp if what == "qmp" else caller.type
            print(json.dumps(await measure(operation, count, int(operations))), flush=True)
    finally:
        await caller.close()


if __name__ == "__main__":
    raise_descriptor_limit()
    work = main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
    if sys.argv[1] == "ours":
        asyncio.run_coroutine_threadsafe(work, runtime.loop()).result()
    else:
        asyncio.run(work)
