"""A daemon that says nothing any more while calls are in flight: the process lives, and each call ends with one error."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ATPLibrary.errors import DeadlineError
from ATPLibrary.transport import HostState

from .conftest import Connect, Daemon

pytestmark = pytest.mark.integration

NO_HANG = 30

# A process of its own, since what went wrong here once was a SIGSEGV. Its threads are still in libvirt when it ends.
ASKS = """
import asyncio, sys
from ATPLibrary.config import PoolSettings
from ATPLibrary.errors import HostError
from ATPLibrary.events import EventBus
from ATPLibrary.transport import HostConnection

async def main():
    pool = PoolSettings(heartbeat_interval=0.2, heartbeat_timeout=1, connect_timeout=1)
    host = HostConnection("silent", sys.argv[1], EventBus(), settings=pool)
    await host.connect(20)
    print("connected", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    calls = [host.call("ask", lambda handle: handle.listAllDomains(), timeout=60) for _ in range(4)]
    for outcome in await asyncio.gather(*calls, return_exceptions=True):
        assert isinstance(outcome, HostError), repr(outcome)
        print(outcome, flush=True)
    await host.close(0.5)

asyncio.run(main())
"""


@contextlib.asynccontextmanager
async def frozen(daemon: Daemon) -> AsyncIterator[None]:
    await asyncio.to_thread(daemon.freeze)
    try:
        yield
    finally:
        await asyncio.to_thread(daemon.thaw)


async def test_calls_in_flight_of_a_silent_daemon_end_in_an_error_and_the_process_ends_well(a_daemon: Daemon) -> None:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-X", "faulthandler", "-c", ASKS, a_daemon.uri, stdin=pipe, stdout=pipe, stderr=pipe
    )
    try:
        async with asyncio.timeout(NO_HANG):
            assert process.stdout is not None
            assert await process.stdout.readline() == b"connected\n"
            async with frozen(a_daemon):
                said, errors = await process.communicate(b"\n")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, errors.decode()
    told = said.decode().splitlines()
    assert len(told) == 4
    for line in told:
        assert "no answer to a heartbeat within 1 s" in line


async def test_no_connection_has_libvirt_s_own_keepalive(
    connect: Connect, a_daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    import libvirt

    asked: list[Any] = []
    monkeypatch.setattr(libvirt.virConnect, "setKeepAlive", lambda *arguments: asked.append(arguments) or 0)
    host = await connect(a_daemon.uri, min_connections_per_host=2)
    assert await host.call("ask", lambda handle: handle.isAlive(), timeout=NO_HANG)
    assert host.state is HostState.CONNECTED
    assert not asked


async def test_attempts_at_a_silent_host_pile_up_neither_threads_nor_memory(connect: Connect, a_daemon: Daemon) -> None:
    host = await connect(a_daemon.uri, reconnect={"initial_delay": 1000, "max_delay": 1000, "max_attempts": 1000})
    await host.close(5)

    async def attempts(count: int) -> int:
        for _ in range(count):
            with pytest.raises(DeadlineError, match="did not answer"):
                await host.connect(0.05)
        return threading.active_count()

    async with frozen(a_daemon):
        threads = await attempts(3)
        files = len(os.listdir("/proc/self/fd"))
        assert await attempts(20) <= threads
        assert len(os.listdir("/proc/self/fd")) <= files
    host.forgive()
    await host.connect(NO_HANG)
    assert await host.list_domains(NO_HANG) == []
