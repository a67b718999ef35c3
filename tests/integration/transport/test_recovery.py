"""A host that dies, hangs, comes back, or never was there: the states on the bus, and what becomes of calls."""

from __future__ import annotations

import asyncio
import socket
import threading
import uuid

import pytest

from ATPLibrary.errors import HostError
from ATPLibrary.events import Event, EventBus, Subscription
from ATPLibrary.transport import HostConnection, HostState, VmState

from .conftest import SIMPLE_VM, Connect, Daemon, settings

pytestmark = pytest.mark.integration


def define(handle: object, name: str) -> str:
    return str(handle.defineXML(SIMPLE_VM.format(name=name, uuid=uuid.uuid4())).name())  # type: ignore[attr-defined]


async def until(news: Subscription, kind: str) -> Event:
    """The next event of that kind."""
    async with asyncio.timeout(20):
        async for event in news:
            if event.kind == kind:
                return event
    raise AssertionError("the subscription was closed")


async def test_a_daemon_that_was_killed_is_connected_again_by_itself(
    connect: Connect, a_daemon: Daemon, bus: EventBus
) -> None:
    host = await connect(a_daemon.uri)
    await host.call("define a VM", define, "one", timeout=10)
    vm = await host.lookup("one", 10)
    with bus.subscribe() as news:
        await asyncio.to_thread(a_daemon.kill)
        assert "daemon went away" in (await until(news, "host.failed")).data["reason"]
        # An attempt while it is down; the first may come so soon that its socket still lets it in, and then goes.
        while "refused" not in (await until(news, "host.failed")).data["reason"]:
            pass
        await asyncio.to_thread(a_daemon.start)
        await until(news, "host.connected")
        await host.call("define a VM", define, "two", timeout=10)
        told = await until(news, "libvirt.lifecycle.defined")
        assert told.source == "vm:two", "events are registered again"
    assert (await vm.state(10)).state is VmState.SHUTOFF, "a Domain survives"
    counts = host.statistics().counts
    assert (counts["lost"], counts["reconnected"]) == (1, 1)


async def test_a_question_in_flight_is_asked_again_when_the_daemon_is_back(
    connect: Connect, a_daemon: Daemon, bus: EventBus
) -> None:
    host = await connect(a_daemon.uri)
    await host.call("define a VM", define, "one", timeout=10)
    await asyncio.to_thread(a_daemon.freeze)
    asking = asyncio.create_task(host.list_domains(30))
    await asyncio.sleep(0)
    with bus.subscribe() as news:
        await asyncio.to_thread(a_daemon.kill)
        await until(news, "host.failed")
    assert not asking.done()
    await asyncio.to_thread(a_daemon.start)
    assert [vm.name for vm in await asking] == ["one"]
    assert host.statistics().counts["retried"] == 1


async def test_a_question_in_flight_ends_with_its_deadline_when_the_daemon_stays_away(
    connect: Connect, a_daemon: Daemon
) -> None:
    host = await connect(a_daemon.uri)
    await asyncio.to_thread(a_daemon.freeze)
    asking = asyncio.create_task(host.list_domains(4))
    await asyncio.sleep(0)
    await asyncio.to_thread(a_daemon.kill)
    with pytest.raises(HostError, match=r"list the VMs.*is gone.*It was not connected again in time: .*refused"):
        await asking


async def test_a_change_in_flight_fails_at_once_and_says_that_its_outcome_is_unknown(
    connect: Connect, a_daemon: Daemon
) -> None:
    host = await connect(a_daemon.uri)
    await asyncio.to_thread(a_daemon.freeze)
    asking = asyncio.create_task(host.call("define a VM", define, "one", timeout=60))
    await asyncio.sleep(0)
    await asyncio.to_thread(a_daemon.kill)
    with pytest.raises(HostError, match=r"define a VM.*is gone.*Whether it was done isn't known: look before"):
        await asyncio.wait_for(asking, 10)


async def test_waiting_for_a_state_goes_on_over_a_restart_of_the_daemon(
    connect: Connect, a_daemon: Daemon, bus: EventBus
) -> None:
    host = await connect(a_daemon.uri)
    await host.call("define a VM", define, "one", timeout=10)
    vm = await host.lookup("one", 10)
    waiting = asyncio.create_task(vm.wait_for_state("running", 60))
    with bus.subscribe() as news:
        await asyncio.to_thread(a_daemon.kill)
        await until(news, "host.failed")
        await asyncio.to_thread(a_daemon.start)
        await until(news, "host.connected")
    assert not waiting.done()
    await vm.start(30)
    assert (await waiting).state is VmState.RUNNING


async def test_a_host_that_hangs_is_lost_by_its_heartbeat_and_costs_no_other(
    connect: Connect, a_daemon: Daemon, bus: EventBus
) -> None:
    heart = {"heartbeat_interval": 0.05, "heartbeat_timeout": 1, "connect_timeout": 1}
    host = await connect(a_daemon.uri, **heart)
    other = await connect(**heart)
    with bus.subscribe(lambda event: event.source == "host:host-1") as news:
        await asyncio.to_thread(a_daemon.freeze)
        asking = asyncio.create_task(host.call("define a VM", define, "one", timeout=60))
        failed = await until(news, "host.failed")
        assert failed.data["reason"] == "no answer to a heartbeat within 1 s"
        with pytest.raises(HostError, match=r"is gone \(no answer to a heartbeat"):
            await asyncio.wait_for(asking, 20)
        again = await until(news, "host.failed")
        assert again.data["reason"] == "no answer within 1 s", "an attempt while it hangs"
        assert other.state is HostState.CONNECTED
        assert [vm.name for vm in await other.list_domains(5)] == ["test"]
        await asyncio.to_thread(a_daemon.thaw)
        await until(news, "host.connected")
    assert other.statistics().errors == 0
    assert other.statistics().counts["heartbeats"] > 0
    assert "lost" not in other.statistics().counts


async def test_slow_calls_are_no_reason_to_doubt_a_host(connect: Connect) -> None:
    host = await connect(workers=1, max_connections_per_host=1, heartbeat_interval=0.02, heartbeat_timeout=1)
    assert await host.call("think", lambda _: threading.Event().wait(2) or "thought", timeout=20) == "thought"
    assert host.state is HostState.CONNECTED
    assert host.statistics().counts["heartbeats"] > 1


async def test_the_breaker_opens_after_so_many_failures_and_says_so_at_once(bus: EventBus) -> None:
    rare = {"max_attempts": 2, "max_delay": 1000}
    host = HostConnection("dead", "qemu+tcp://127.0.0.1:1/system", bus, settings=settings(reconnect=rare))
    for _ in range(2):
        with pytest.raises(HostError, match="refused"):
            await host.connect(5)
    assert host.state is HostState.BROKEN
    assert bus.recent("host:dead")[-1].data["retry_in"] == 1000
    with pytest.raises(HostError, match=r"its last 2 attempts failed, so it isn't tried for 1000 s.*Connect To Host"):
        await host.connect(5)
    host.forgive()
    with pytest.raises(HostError, match="refused"):
        await host.connect(5)


async def test_a_lost_host_that_was_given_up_is_still_tried_once_in_a_while(
    connect: Connect, a_daemon: Daemon, bus: EventBus
) -> None:
    few = {"max_attempts": 2, "initial_delay": 0.01, "max_delay": 0.1}
    host = await connect(a_daemon.uri, reconnect=few)
    with bus.subscribe() as news:
        await asyncio.to_thread(a_daemon.kill)
        await until(news, "host.broken")
        await until(news, "host.connecting")
        await until(news, "host.broken")
        await asyncio.to_thread(a_daemon.start)
        await until(news, "host.connected")
    assert await host.list_domains(10) == []


async def test_one_attempt_is_made_at_a_time(bus: EventBus) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        port = listener.getsockname()[1]
        host = HostConnection("silent", f"qemu+tcp://127.0.0.1:{port}/system", bus, settings=settings())
        attempts = [asyncio.create_task(host.connect(60)) for _ in range(5)]
        async with asyncio.timeout(20):
            peer, _ = await asyncio.get_running_loop().sock_accept(listener)
        with peer:
            await asyncio.sleep(0.3)  # the others', if they made any, would have come by now
            with pytest.raises(BlockingIOError):
                listener.accept()
            assert sum(event.kind == "host.connecting" for event in bus.recent("host:silent")) == 1
            for attempt in attempts:
                attempt.cancel()
            results = await asyncio.gather(*attempts, return_exceptions=True)
        assert all(isinstance(result, asyncio.CancelledError) for result in results)


async def test_a_closed_host_is_not_tried_again(connect: Connect, a_daemon: Daemon, bus: EventBus) -> None:
    host = await connect(a_daemon.uri)
    with bus.subscribe() as news:
        await asyncio.to_thread(a_daemon.kill)
        await until(news, "host.failed")
        await host.close(5)
    assert host.state is HostState.CLOSED
    assert not host.is_coming_back
    assert not [task for task in asyncio.all_tasks() if "reconnect" in task.get_name() and not task.cancelling()]


async def test_a_change_that_no_event_told_is_noticed_all_the_same(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ATPLibrary.transport.domain.ASK_AGAIN_SECONDS", 0.05)
    host = await connect()
    vm = await host.lookup("test", 10)
    host.bus = EventBus()  # where nobody tells anything
    waiting = asyncio.create_task(vm.wait_for_state("paused", 20))
    await asyncio.sleep(0)
    await vm.state(10)  # which was asked for after the one that waits has asked
    await vm.suspend(10)
    assert (await waiting).state is VmState.PAUSED


async def test_a_host_that_was_never_reached_has_its_failed_attempts_counted(bus: EventBus) -> None:
    host = HostConnection("dead", "qemu+tcp://127.0.0.1:1/system", bus, settings=settings())
    for _ in range(3):
        with pytest.raises(HostError, match="refused"):
            await host.connect(5)
    found = host.statistics()
    assert (found.errors, found.requests, found.counts["not_opened"]) == (3, 0, 3)
    assert (found.operations["connect"].count, found.operations["connect"].errors) == (3, 3)


async def test_an_error_that_nobody_expected_ends_no_reconnecting(
    connect: Connect, a_daemon: Daemon, bus: EventBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = await connect(a_daemon.uri)

    async def fail(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as broken, bus.subscribe() as news:
        broken.setattr("ATPLibrary.transport.opening.Opening.open", fail)
        await asyncio.to_thread(a_daemon.kill)
        await until(news, "host.failed")
        for _ in range(2):
            assert (await until(news, "host.failed")).data["reason"] == "RuntimeError: can't start new thread"
            assert host.is_coming_back
        await asyncio.to_thread(a_daemon.start)
        broken.undo()
        await until(news, "host.connected")
    assert await host.list_domains(10) == []
    assert host.statistics().counts["not_opened"] >= 2
