"""The platform client beside bare httpx, and the reading of a thousand VMs beside `json.loads`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx

from ATPLibrary.config import PlatformSettings
from ATPLibrary.events import EventBus
from ATPLibrary.metrics import Histogram
from ATPLibrary.secrets import Secret
from ATPLibrary.vdi import VdiClient
from ATPLibrary.vdi.groups.domains import LIST

from .rows import Row
from .vms import vm
from .world import Progress

REPOSITORY = Path(__file__).parents[2]
VMS = 1000
MOST_OVERHEAD = 1.2
MOST_PARSING_MS = 50.0

Call = Callable[[], Awaitable[Any]]


def measure(progress: Progress, *, quick: bool) -> list[Row]:
    """Rows `client.call` and `client.list` (medians of a call in ms) and `client.parse` (CPU ms)."""
    return [*asyncio.run(_calls(progress, 500 if quick else 3000)), _parsing(progress)]


async def _calls(progress: Progress, count: int) -> list[Row]:
    """One of ours, one bare, in turns: noise hits both. `cpu` and `peer_cpu` are what of it is the client's own work."""
    progress(f"platform client beside bare httpx: {count} calls each")
    async with _server() as url:
        settings = PlatformSettings(name="bench", url=url, username="admin", password=Secret("bench-password"))
        # As our client: no proxy, no time-out of its own.
        async with (
            VdiClient(settings, event_bus=EventBus()) as client,
            httpx.AsyncClient(base_url=url, trust_env=False, timeout=None, headers={"Token": "t"}) as bare,
        ):

            async def bare_one() -> None:
                answer = (await bare.get("/ocloud/v1/domain/7")).json()
                assert answer["status"] == 0

            async def bare_list() -> None:
                found = []
                for number in range(1, VMS // 100 + 1):
                    query = {"pageNum": number, "pageSize": 100}
                    found += (await bare.get("/ocloud/v1/domain", params=query)).json()["data"]["list"]
                assert len(found) == VMS

            async def our_list() -> None:
                assert len(await client.domains.list().collect()) == VMS

            return [
                await _row("client.call", lambda: client.domains.detail("7"), bare_one, count),
                await _row("client.list", our_list, bare_list, max(count // 25, 20)),
            ]


async def _row(name: str, ours: Call, bare: Call, count: int) -> Row:
    taken, cpu = (Histogram(), Histogram()), (Histogram(), Histogram())
    for call in (ours, bare):  # open the connections, build the readers
        await call()
    for _ in range(count):
        for number, call in enumerate((ours, bare)):
            started, cpu_started = time.perf_counter(), time.process_time()
            await call()
            cpu[number].record((time.process_time() - cpu_started) * 1000)
            taken[number].record((time.perf_counter() - started) * 1000)
    value, peer = (each.percentile(50) for each in taken)
    cpu_value, cpu_peer = (round(each.percentile(50), 3) for each in cpu)
    more = {"cpu": cpu_value, "peer_cpu": cpu_peer, "calls": count}
    aim, met = f"at most {MOST_OVERHEAD} times", value <= MOST_OVERHEAD * peer
    return Row(name, value, "ms (p50)", "bare httpx and json", peer, aim, met, more)


def _parsing(progress: Progress) -> Row:
    progress(f"reading {VMS} VMs")
    page = {"list": [vm(number) for number in range(VMS)], "pageNum": 1, "pageSize": VMS, "pages": 1, "total": VMS}
    body = json.dumps({"status": 0, "msg": "操作成功", "data": page}, ensure_ascii=False).encode()
    assert len(LIST.envelope.validate_json(body).data.items) == VMS
    value, peer = _cpu_ms(lambda: LIST.envelope.validate_json(body)), _cpu_ms(lambda: json.loads(body))
    more = {"vms": VMS, "bytes": len(body), "fields": len(vm(0))}
    aim = f"under {MOST_PARSING_MS:g} ms"
    return Row("client.parse", value, f"CPU ms, {VMS} VMs", "json.loads", peer, aim, value < MOST_PARSING_MS, more)


def _cpu_ms(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(15):
        started = time.process_time()
        work()
        taken.append((time.process_time() - started) * 1000)
    return statistics.median(taken)


@contextlib.asynccontextmanager
async def _server() -> AsyncIterator[str]:
    """In a process of its own, so that it doesn't share our interpreter."""
    command = [sys.executable, "-m", "tests.bench.platform_server"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, cwd=REPOSITORY)
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            port = await process.stdout.readline()
        yield f"http://127.0.0.1:{int(port)}"
    finally:
        process.terminate()
        async with asyncio.timeout(10):
            await process.wait()
