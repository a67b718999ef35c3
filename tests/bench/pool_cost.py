"""What a call through the pool costs beside libvirt's own time: a call that does nothing, beside asyncio's own way to a thread."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from ATPLibrary.events import EventBus
from ATPLibrary.transport import HostConnection
from ATPLibrary.transport.connection import CALLS_AT_A_TIME

from .rows import Row
from .world import Progress

ROUNDS = 7
CALLERS = 32
CALL_SECONDS = 20.0

Ask = Callable[[], Awaitable[object]]


def measure(progress: Progress, *, quick: bool) -> list[Row]:
    """Rows `hosts.call.alone` and `hosts.call.among`: us a call of one caller, and of 32 together (time / calls)."""
    calls = 500 if quick else 3000
    progress(f"a call through the pool: {ROUNDS} rounds of {calls} calls, alone and among {CALLERS}")
    return asyncio.run(_measure(calls))


async def _measure(calls: int) -> list[Row]:
    host = HostConnection("bench", "test:///default", EventBus())
    await host.connect(CALL_SECONDS)
    loop = asyncio.get_running_loop()
    us: dict[tuple[str, int], list[float]] = {}
    with ThreadPoolExecutor(CALLS_AT_A_TIME) as threads:

        async def ours() -> None:
            await host.call("do nothing", _nothing, timeout=CALL_SECONDS)

        async def bare() -> None:
            await loop.run_in_executor(threads, _nothing, None)

        for _ in range(ROUNDS):
            for callers in (1, CALLERS):
                for name, ask in (("ours", ours), ("bare", bare)):
                    us.setdefault((name, callers), []).append(await _us_a_call(ask, calls, callers))
    await host.close(5)
    return [
        Row(
            f"hosts.call.{word}",
            statistics.median(us["ours", callers]),
            "us a call that does nothing",
            f"run_in_executor of {CALLS_AT_A_TIME} threads",
            statistics.median(us["bare", callers]),
            more={"callers": callers, "calls": calls * ROUNDS},
        )
        for word, callers in (("alone", 1), ("among", CALLERS))
    ]


async def _us_a_call(ask: Ask, calls: int, callers: int) -> float:
    async def one() -> None:
        for _ in range(calls // callers):
            await ask()

    started = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(callers)))
    return (time.perf_counter() - started) * 1e6 / (calls // callers * callers)


def _nothing(_: object) -> None:
    return None
