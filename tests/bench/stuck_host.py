"""One stuck host does not slow another: the p99 of a healthy host's calls while another one hangs, is lost and is tried again.

Two libvirt daemons; callers on both. In turns, so that this machine's noise hits all: nobody calls the other host ("alone"), its
callers are answered ("answering"), its daemon stands still (SIGSTOP: "stuck").
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from ATPLibrary.config import PoolSettings
from ATPLibrary.errors import ATPError
from ATPLibrary.events import EventBus
from ATPLibrary.lab.hosts import LabHost, short_directory
from ATPLibrary.metrics import Histogram
from ATPLibrary.transport import HostConnection, HostState, Transport

from .rows import Row
from .world import Progress

AIM = 1.5
CALLERS_THERE = 8
CALLERS_HERE = 2
CALL_SECONDS = 20.0
# So that within a turn the stuck host is lost by its heartbeat and tried again.
SETTINGS = PoolSettings.model_validate(
    {
        "heartbeat_interval": 0.1,
        "heartbeat_timeout": 0.3,
        "connect_timeout": 0.3,
        "reconnect": {"initial_delay": 0.05, "max_delay": 0.2, "max_attempts": 1000},
    }
)


def measure(progress: Progress, *, quick: bool) -> list[Row]:
    """The row `hosts.stuck`: p99 in ms of `list_domains` on the healthy host while the other one is stuck, and without that."""
    rounds, seconds = (4, 1.0) if quick else (10, 2.0)
    progress(f"a stuck host beside a healthy one: {rounds} rounds of 3 turns of {seconds:g} s")
    with _daemon("stuck") as stuck, _daemon("healthy") as healthy:
        alone, answering, hung, lost = asyncio.run(_measure(stuck, healthy, rounds, seconds))
    value, peer = hung.percentile(99), answering.percentile(99)
    worst = value / min(peer, alone.percentile(99))
    progress(
        f"stuck {value:.2f} ms, answering {peer:.2f} ms, alone {alone.percentile(99):.2f} ms (p99); lost {lost} times"
    )
    return [
        Row(
            "hosts.stuck",
            value,
            "ms a call on the healthy host (p99)",
            "while both answer",
            peer,
            f"at most {AIM} times, and {AIM} times that of the host alone",
            worst <= AIM and lost >= rounds,
            {
                "calls": hung.count,
                "p50": round(hung.percentile(50), 3),
                "peer_p50": round(answering.percentile(50), 3),
                "alone_p50": round(alone.percentile(50), 3),
                "alone_p99": round(alone.percentile(99), 3),
                "times_lost": lost,
            },
        )
    ]


async def _measure(
    stuck: LabHost, healthy: LabHost, rounds: int, seconds: float
) -> tuple[Histogram, Histogram, Histogram, int]:
    transport = Transport(EventBus(), SETTINGS)
    for host in (stuck, healthy):
        transport.add_host(host.name, host.uri)
    here = await transport.host(healthy.name, CALL_SECONDS)
    there = await transport.host(stuck.name, CALL_SECONDS)
    (daemon,) = [each for each in stuck.processes() if each.role == stuck.daemon_role]
    turns = {"alone": Histogram(), "answering": Histogram(), "stuck": Histogram()}
    try:
        await _call(here, seconds, Histogram(), CALLERS_HERE)  # opens what the pool needs
        for _ in range(rounds):
            await _call(here, seconds, turns["alone"], CALLERS_HERE)
            async with _busy(there):
                await _call(here, seconds, turns["answering"], CALLERS_HERE)
                os.kill(daemon.pid, signal.SIGSTOP)
                try:
                    await _call(here, seconds, turns["stuck"], CALLERS_HERE)
                finally:
                    os.kill(daemon.pid, signal.SIGCONT)
                await there.wait_for_state(lambda state: state is HostState.CONNECTED, CALL_SECONDS, "be back")
    finally:
        await transport.close(5)
    return turns["alone"], turns["answering"], turns["stuck"], there.statistics().counts.get("lost", 0)


async def _call(host: HostConnection, seconds: float, into: Histogram, callers: int) -> None:
    """So many callers ask the host without a pause for `seconds`."""
    end = time.perf_counter() + seconds

    async def one() -> None:
        while (started := time.perf_counter()) < end:
            await host.list_domains(CALL_SECONDS)
            into.record((time.perf_counter() - started) * 1000)

    await asyncio.gather(*(one() for _ in range(callers)))


@contextlib.asynccontextmanager
async def _busy(host: HostConnection) -> AsyncIterator[None]:
    """Callers that ask the host without a pause, whatever becomes of it."""

    async def one() -> None:
        while True:
            try:
                await host.list_domains(CALL_SECONDS)
            except ATPError:
                await host.wait_for_state(lambda state: state is HostState.CONNECTED, CALL_SECONDS, "be back")

    tasks = [asyncio.create_task(one()) for _ in range(CALLERS_THERE)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.contextmanager
def _daemon(name: str) -> Iterator[LabHost]:
    with tempfile.TemporaryDirectory(prefix="atp-bench-") as temporary:
        directory = Path(temporary)
        short = short_directory(directory)
        host = LabHost(name, str(uuid.uuid4()), "127.0.0.2", short / "b", directory)
        try:
            host.wait_until_ready(host.start())
            yield host
        finally:
            host.stop()
            with contextlib.suppress(OSError):
                short.rmdir()
