"""The pool of a host: it grows under load, spreads calls, closes what is idle, keeps the minimum."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
import threading
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ATPLibrary.errors import DeadlineError, HostError
from ATPLibrary.events import EventBus
from ATPLibrary.transport import HostConnection, HostState

from .conftest import Connect, Daemon

pytestmark = pytest.mark.integration


@contextlib.asynccontextmanager
async def busy(host: HostConnection, calls: int) -> AsyncIterator[list[asyncio.Task[Any]]]:
    """So many calls wait inside libvirt's threads, or for a place, until the block ends."""
    release = threading.Event()
    tasks = [
        asyncio.create_task(host.call("hold on", lambda handle: (release.wait(20), id(handle))[1], timeout=20))
        for _ in range(calls)
    ]
    await asyncio.sleep(0)  # each has asked for its place
    try:
        yield tasks
    finally:
        release.set()
        await asyncio.gather(*tasks, return_exceptions=True)


async def events_of(bus: EventBus, kind: str, count: int) -> None:
    """Until `count` events of that kind have been published since the test began."""
    with bus.subscribe(lambda event: event.kind == kind) as news:
        async with asyncio.timeout(15):
            while sum(event.kind == kind for event in bus.recent(limit=1000)) < count:
                await anext(news)


def on(handle: Any) -> int:
    """Which connection a call was made on."""
    return id(handle)


async def test_a_connection_more_is_opened_when_all_are_busy_up_to_the_maximum(connect: Connect, bus: EventBus) -> None:
    host = await connect(workers=1, max_connections_per_host=3)
    assert host.statistics().connections == 1
    async with busy(host, 5) as tasks:
        await events_of(bus, "host.connection.opened", 2)
        assert (host.statistics().connections, host.statistics().in_flight) == (3, 3)
        with pytest.raises(DeadlineError, match=r"asked to list the VMs, should answer within 0.05 s but did not"):
            await host.list_domains(0.05)
    assert len({task.result() for task in tasks}) == 3
    counted = host.statistics()
    assert (counted.in_flight, counted.requests, counted.errors) == (0, 6, 1)
    assert counted.counts["opened"] == 3
    assert counted.operations["hold on"].count == 5
    assert len(await host.list_domains(5)) == 1, "every place was given back"


async def test_one_connection_serves_several_calls_before_another_is_opened(connect: Connect) -> None:
    host = await connect(workers=4)
    async with busy(host, 3):
        assert len(await host.list_domains(5)) == 1
    assert host.statistics().connections == 1


async def test_idle_connections_are_closed_down_to_the_minimum(connect: Connect, bus: EventBus) -> None:
    host = await connect(workers=1, max_connections_per_host=3, min_connections_per_host=2, idle_timeout=0.05)
    await events_of(bus, "host.connection.opened", 1)
    for cycle in (1, 2):
        async with busy(host, 3):
            await events_of(bus, "host.connection.opened", 1 + cycle)
            assert host.statistics().connections == 3
        await events_of(bus, "host.connection.idle-closed", cycle)
        assert host.statistics().connections == 2
    assert host.statistics().counts["idle_closed"] == 2
    assert host.state is HostState.CONNECTED


async def test_the_minimum_is_warm_without_a_call(connect: Connect, bus: EventBus) -> None:
    host = await connect(min_connections_per_host=3)
    await events_of(bus, "host.connection.opened", 2)
    assert host.statistics().connections == 3


async def test_round_robin_takes_turns(connect: Connect, bus: EventBus) -> None:
    host = await connect(min_connections_per_host=2, selection_strategy="round_robin")
    await events_of(bus, "host.connection.opened", 1)
    used = [await host.call("ask", on, timeout=5) for _ in range(6)]
    assert len(set(used)) == 2
    assert used[::2] == [used[0]] * 3
    assert used[1::2] == [used[1]] * 3


async def test_least_connections_avoids_the_busy_one(connect: Connect, bus: EventBus) -> None:
    host = await connect(min_connections_per_host=2, selection_strategy="least_connections")
    await events_of(bus, "host.connection.opened", 1)
    async with busy(host, 1) as tasks:
        used = {await host.call("ask", on, timeout=5) for _ in range(6)}
    assert len(used) == 1
    assert used != {tasks[0].result()}


async def test_random_uses_all(connect: Connect, bus: EventBus) -> None:
    host = await connect(min_connections_per_host=2, selection_strategy="random")
    await events_of(bus, "host.connection.opened", 1)
    used = Counter([await host.call("ask", on, timeout=5) for _ in range(64)])
    assert len(used) == 2


async def test_giving_up_the_wait_for_a_place_loses_none(connect: Connect) -> None:
    host = await connect(workers=1, max_connections_per_host=1)
    async with busy(host, 1):
        for _ in range(20):
            waiting = asyncio.create_task(host.list_domains(10))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
    assert len(await host.list_domains(5)) == 1
    assert host.in_flight == 0


async def test_a_call_given_up_keeps_its_place_until_libvirt_answers(connect: Connect) -> None:
    host = await connect(workers=1, max_connections_per_host=1)
    release, left = threading.Event(), threading.Event()
    with pytest.raises(DeadlineError):
        await host.call("hold on", lambda _: (release.wait(20), left.set()), timeout=0.05)
    assert host.in_flight == 1
    release.set()
    assert await asyncio.to_thread(left.wait, 5)
    assert len(await host.list_domains(5)) == 1
    assert host.in_flight == 0


async def test_closing_tells_whoever_waits_for_a_place(connect: Connect) -> None:
    host = await connect(workers=1, max_connections_per_host=1)
    async with busy(host, 1):
        waiting = asyncio.create_task(host.call("wait", on, timeout=20))
        await asyncio.sleep(0)
        await host.close(0.05)
        with pytest.raises(HostError, match="is gone"):
            await asyncio.wait_for(waiting, 5)


async def test_a_reset_of_a_connection_for_calls_is_made_good(
    connect: Connect, a_daemon: Daemon, bus: EventBus
) -> None:
    host = await connect(a_daemon.uri, min_connections_per_host=1, max_connections_per_host=2, workers=1)
    before = sockets()
    async with busy(host, 2):
        await events_of(bus, "host.connection.opened", 1)
    (second,) = sockets() - before
    with socket.socket(fileno=os.dup(second)) as ours:
        ours.shutdown(socket.SHUT_RDWR)
    await events_of(bus, "host.connection.lost", 1)
    assert host.state is HostState.CONNECTED
    assert [await host.list_domains(5) for _ in range(3)] == [[], [], []]
    assert host.statistics().counts["lost"] == 1


def sockets() -> set[int]:
    """Our open sockets that are connected to a path."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(os.stat(f"/proc/self/fd/{name}").st_mode):
                with socket.socket(fileno=os.dup(int(name))) as copy:
                    if copy.family == socket.AF_UNIX and copy.getpeername():
                        found.add(int(name))
    return found
