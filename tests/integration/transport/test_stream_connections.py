"""Streams have connections beside the pool's: opened when needed, shared only when there are many, closed after the last stream."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ATPLibrary.errors import HostError
from ATPLibrary.events import EventBus
from ATPLibrary.runtime import deadline
from ATPLibrary.transport import Domain, HostConnection, HostState, stream_connections
from ATPLibrary.transport.stream_connections import Hold

from .conftest import Connect, Daemon
from .test_pool import events_of, on

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def no_lingering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_connections, "LINGER_SECONDS", 0.05)


async def stream_on(host: HostConnection) -> tuple[int, Hold]:
    """Which connection a stream was opened on, and what ends it."""
    domain = Domain(host, "test", "6695eb01-f6a4-8304-79aa-97f2502e193f")  # the one of test:///default
    return await host.call_domain_and_pin(domain, "open", lambda handle: id(handle.connect()), timeout=5)


async def test_each_stream_has_a_connection_to_itself_and_none_of_the_pool_s(connect: Connect, bus: EventBus) -> None:
    host = await connect(max_connections_per_host=2)
    streams = await asyncio.gather(*(stream_on(host) for _ in range(2)))
    assert len({connection for connection, _ in streams} | {await host.call("where", on, timeout=5)}) == 3
    counted = host.statistics()
    assert (counted.connections, counted.counts["opened"], counted.counts["stream_opened"]) == (3, 3, 2)
    # More than may be opened share what there is.
    more = await asyncio.gather(*(stream_on(host) for _ in range(4)))
    assert {connection for connection, _ in more} == {connection for connection, _ in streams}
    assert host.statistics().connections == 3
    for _, unpin in (*streams, *more):
        unpin(False)
    await events_of(bus, "host.connection.stream-closed", 2)
    assert host.statistics().connections == 1
    assert host.state is HostState.CONNECTED


async def test_many_streams_at_once_open_no_more_connections_than_may_be(connect: Connect) -> None:
    host = await connect(max_connections_per_host=3)
    streams = await asyncio.gather(*(stream_on(host) for _ in range(12)))
    assert host.statistics().connections == 4
    assert len({connection for connection, _ in streams}) == 3


async def test_the_next_stream_takes_over_an_unused_connection_unless_the_last_one_was_stuck(
    connect: Connect, bus: EventBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_connections, "LINGER_SECONDS", 60)
    host = await connect()
    first, unpin = await stream_on(host)
    unpin(False)
    second, unpin = await stream_on(host)
    assert second == first
    unpin(True)
    assert host.statistics().connections == 1
    assert [event.kind for event in bus.recent(limit=1)] == ["host.connection.stream-closed"]


async def test_a_stuck_connection_gets_no_further_stream_while_others_still_live_on_it(connect: Connect) -> None:
    host = await connect(max_connections_per_host=1)
    (shared, unpin_one), (same, unpin_other) = await stream_on(host), await stream_on(host)
    assert shared == same
    unpin_one(True)
    another, unpin_another = await stream_on(host)
    assert another != shared
    assert host.statistics().connections == 3
    unpin_other(False)
    assert host.statistics().connections == 2
    unpin_another(False)


async def test_a_stream_s_connection_that_is_lost_costs_the_pool_nothing(
    a_daemon: Daemon, connect: Connect, bus: EventBus
) -> None:
    host = await connect(a_daemon.uri)
    define = "<domain type='qemu'><name>test</name><memory>1024</memory><os><type>hvm</type></os></domain>"
    await host.call("define it", lambda handle: handle.defineXML(define).name(), timeout=10)
    domain = await host.lookup("test", 5)

    def end_it(handle: Any) -> None:
        """As its peer would: libvirt's client closes this one's socket under a call."""
        import libvirt

        error = libvirt.libvirtError("internal error: client socket is closed")
        error.err = (
            libvirt.VIR_ERR_INTERNAL_ERROR,
            libvirt.VIR_FROM_RPC,
            "client socket is closed",
            2,
            "",
            "",
            "",
            0,
            0,
        )
        raise error

    with pytest.raises(HostError, match="client socket is closed"):
        await host.call_domain_and_pin(domain, "open", end_it, timeout=5)
    assert host.state is HostState.CONNECTED
    assert host.statistics().connections == 1
    assert host.statistics().counts["lost"] == 1
    assert len(await host.list_domains(5)) == 1


async def test_a_host_that_is_closed_closes_its_streams_connections(connect: Connect) -> None:
    host = await connect()
    await stream_on(host)
    await host.close(5)
    assert host.statistics().connections == 0
    with pytest.raises(HostError, match="closed"):
        await host.call("ask", on, timeout=5)


async def test_a_stream_s_connection_is_asked_for_signs_of_life_too_and_given_up_alone(
    connect: Connect, bus: EventBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = await connect(heartbeat_interval=0.02, heartbeat_timeout=0.5)
    _, hold = await stream_on(host)
    (silent,) = host._link.pool.streams.connections
    monkeypatch.setattr(silent, "ping", never_answered)
    told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    hold.when_lost(told.set_result)
    assert await asyncio.wait_for(told, 20) == "no answer to a heartbeat within 2 s"
    assert host.state is HostState.CONNECTED
    assert await host.call("where", on, timeout=5)
    hold(False)


async def never_answered(timeout: float) -> None:
    async with deadline(timeout, "The heartbeat", wanted="answer", got="did not"):
        await asyncio.get_running_loop().create_future()
