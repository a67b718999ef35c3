"""What an idle VM session keeps in memory: a Machine with its QMP channel open and its agent greeted, and nothing going on.

`python -m tests.bench.many.idle_sessions rss|traced DIRECTORY COUNT [PLACES]` connects that many VMs in a process of its own and
prints JSON: KiB a VM for libvirt's own part (its handle of each domain), KiB a session beyond that, and when it has typed once.
"rss" is what the kernel counts; "traced" what Python was asked for, with the PLACES that asked for most on stderr.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import json
import os
import sys
import tracemalloc
from pathlib import Path

from ATPLibrary import runtime

from .caller import TEXT
from .fleet import HOST, SECONDS, Fleet
from .limits import raise_descriptor_limit

WARM_UP = 5  # VMs that are connected first: they import the modules
SETTLE_SECONDS = 2.0  # an agent's session measures the clocks when it begins


def _resident_kib(how: str) -> float:
    gc.collect()
    if how == "traced":
        return tracemalloc.get_traced_memory()[0] / 1024
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024


def _print_places(places: int, vms: int) -> None:
    for each in tracemalloc.take_snapshot().statistics("lineno")[:places]:
        print(f"{each.size / vms / 1024:6.2f} KiB {each.count / vms:5.1f} x {each.traceback}", file=sys.stderr)


async def main(how: str, directory: Path, count: int, places: int = 0) -> None:
    warm = Fleet(directory, range(WARM_UP))
    fleet = Fleet(directory, range(WARM_UP, count))
    try:
        await warm.connect(await warm.look_up())
        host = await fleet.workspace.host(HOST, SECONDS)
        domains = await host.list_domains(SECONDS)
        print(json.dumps("ready"), flush=True)
        if how == "traced":
            tracemalloc.start()
        before = _resident_kib(how)
        await asyncio.gather(*(domain.state(SECONDS) for domain in domains))
        with_handles = _resident_kib(how)
        tasks, descriptors = len(asyncio.all_tasks()), len(os.listdir("/proc/self/fd"))
        await fleet.connect(domains)
        await asyncio.sleep(SETTLE_SECONDS)
        figures = {
            "libvirt_kib": (with_handles - before) / len(domains),
            "idle_kib": round((_resident_kib(how) - with_handles) / len(domains), 2),
            "tasks": round((len(asyncio.all_tasks()) - tasks) / len(domains), 2),
            "descriptors": round((len(os.listdir("/proc/self/fd")) - descriptors) / len(domains), 2),
        }
        if places:
            _print_places(places, len(domains))
        for machine in fleet.machines:
            (await (await machine.typing(SECONDS)).type_text(TEXT, SECONDS)).raise_if_bad(must_be_verified=True)
        figures["typed_kib"] = round((_resident_kib(how) - with_handles) / len(domains), 2)
        print(json.dumps(figures), flush=True)
    finally:
        await fleet.close()
        await warm.close()


if __name__ == "__main__":
    raise_descriptor_limit()
    work = main(sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:]))
    asyncio.run_coroutine_threadsafe(work, runtime.loop()).result()
