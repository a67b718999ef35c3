"""Why one stuck host doesn't slow another: neither threads, nor the loop, nor libvirt's event thread wait for it.

How fast the other one is meanwhile is measured: `make bench`, row `hosts.stuck`.
"""

from __future__ import annotations

import asyncio
import threading

import pytest

from ATPLibrary.events import EventBus
from ATPLibrary.transport import HostState

from .conftest import Connect, Daemon

pytestmark = pytest.mark.integration

RARELY = {"heartbeat_interval": 1000}


async def test_a_host_whose_every_thread_is_stuck_holds_up_no_call_and_no_event_of_another(
    connect: Connect, a_daemon: Daemon, bus: EventBus
) -> None:
    stuck = await connect(a_daemon.uri, workers=2, max_connections_per_host=3, **RARELY)
    other = await connect(**RARELY)
    vm = await other.lookup("test", 10)
    inside, threads = threading.Semaphore(0), set()

    def ask(connection: object) -> int:
        threads.add(threading.current_thread().name)
        inside.release()
        return int(connection.getLibVersion())  # type: ignore[attr-defined]

    await asyncio.to_thread(a_daemon.freeze)
    # Two have a thread each and wait in libvirt, the others wait for a place; one more connection is being opened, in vain.
    asking = [asyncio.create_task(stuck.call("ask", ask, timeout=60)) for _ in range(10)]
    for _ in range(2):
        assert await asyncio.to_thread(inside.acquire, timeout=10)

    others = set()
    with bus.subscribe(lambda event: event.kind == "libvirt.lifecycle.suspended") as news:
        for _ in range(100):
            others.add(await other.call("name it", lambda _: threading.current_thread().name, timeout=5))
        await vm.suspend(5)
        async with asyncio.timeout(5):
            await anext(news)
    assert len(threads) == 2
    assert not others & threads
    assert not any(task.done() for task in asking)
    assert stuck.state is other.state is HostState.CONNECTED

    await asyncio.to_thread(a_daemon.thaw)
    assert len(set(await asyncio.wait_for(asyncio.gather(*asking), 20))) == 1
    assert not others & threads
