"""One process that speaks to some of the VMs, ours or bare, and measures itself: the CPU it takes, and how long each answer did.

`python -m tests.bench.many.caller ours|bare DIRECTORY FIRST COUNT` connects, prints a line of JSON, and then does what each line of
its input says ("qmp 20000", "type 1000": so many, from all VMs at once), answering each with a line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

from ATPLibrary import runtime
from ATPLibrary.metrics import Histogram
from ATPLibrary.protocol.qmp.edges import Edge
from ATPLibrary.verifier.layout import Layout

from .bare import BareVm
from .fleet import SECONDS, Fleet
from .limits import raise_descriptor_limit
from .names import name_of
from .operations import Operation, measure

TEXT = "hello, many VMs"  # 15 characters, 34 edges


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
