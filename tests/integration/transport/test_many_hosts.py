"""Many hosts of which some are dead, silent or drained: finding VMs, following them, placing work."""

from __future__ import annotations

import asyncio
import socket
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import pytest_asyncio

from ATPLibrary.errors import DeadlineError, HostError, VmNotFoundError
from ATPLibrary.events import EventBus
from ATPLibrary.transport import HostState, Strategy, Transport
from ATPLibrary.transport.search import SECOND_OPINION_SECONDS

from .conftest import SIMPLE_VM, Connect, Daemon, settings

pytestmark = pytest.mark.integration

DEAD = "qemu+tcp://127.0.0.1:1/system"


@pytest_asyncio.fixture
async def transport(bus: EventBus) -> AsyncIterator[Transport]:
    transport = Transport(bus, settings())
    yield transport
    await transport.close(5)


@pytest.fixture
def silent() -> Iterator[str]:
    """The URI of a host that accepts connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"qemu+tcp://127.0.0.1:{listener.getsockname()[1]}/system"


async def define(transport: Transport, host: str, name: str, vm_uuid: str) -> None:
    xml = SIMPLE_VM.format(name=name, uuid=vm_uuid)
    connection = await transport.host(host, 20)
    await connection.call("define a VM", lambda handle: handle.defineXML(xml).name(), timeout=20)


async def test_a_vm_is_found_though_one_of_three_hosts_was_dead_and_one_silent_from_the_start(
    transport: Transport, silent: str
) -> None:
    transport.add_host("dead", DEAD)
    transport.add_host("silent", silent)
    transport.add_host("good", "test:///default")
    started = time.monotonic()
    found = await transport.find("test", timeout=60)
    assert found.host.name == "good"
    assert time.monotonic() - started < 30 * SECOND_OPINION_SECONDS, "the silent host's 60 s are not waited for"
    assert transport.hosts["dead"].state is HostState.FAILED


async def test_a_vm_that_is_nowhere_is_told_with_the_hosts_that_could_not_be_asked(
    transport: Transport, silent: str
) -> None:
    transport.add_host("dead", DEAD)
    transport.add_host("silent", silent)
    transport.add_host("good", "test:///default")
    with pytest.raises(VmNotFoundError, match=r"VM 'tset'.*Near names: 'test'.*Not asked: ") as caught:
        await transport.find("tset", timeout=3)
    assert "Host 'dead'" in str(caught.value)
    assert "Host 'silent'" in str(caught.value)


async def test_a_vm_whose_host_died_is_found_where_it_is_now(
    transport: Transport, start_daemon: Callable[[str], Daemon], bus: EventBus
) -> None:
    a, b = await asyncio.to_thread(start_daemon, "a"), await asyncio.to_thread(start_daemon, "b")
    transport.add_host("a", a.uri)
    transport.add_host("b", b.uri)
    moving = str(uuid.uuid4())
    await define(transport, "a", "wanderer", moving)
    vm = await transport.find("wanderer", timeout=20)
    assert (await transport.relocate(vm, 20)).host.name == "a"
    await define(transport, "b", "wanderer", moving)
    failed = asyncio.create_task(bus.wait_for(lambda event: event.kind == "host.failed", 10, "The loss of host a"))
    await asyncio.sleep(0)
    await asyncio.to_thread(a.kill)
    await failed
    assert (await transport.find("wanderer", timeout=20)).host.name == "b"
    moved = await transport.relocate(vm, 20)
    assert (moved.host.name, moved.uuid) == ("b", moving)
    event = bus.recent("vm:wanderer")[-1]
    assert (event.kind, event.data["from"], event.data["to"]) == ("vm.moved", "a", "b")


async def test_a_vm_that_left_a_host_that_lives_is_followed(transport: Transport) -> None:
    transport.add_host("a", "test:///default")
    vm = await transport.find("test", timeout=20)
    assert (await transport.relocate(vm, 10)).host.name == "a"
    await vm.destroy(10)
    await vm.call("undefine", lambda domain: domain.undefine(), timeout=10)
    with pytest.raises(VmNotFoundError, match=rf"VM 'test' \({vm.uuid}\) should be on host 'a' but is not any more"):
        await transport.relocate(vm, 10)


async def test_one_uuid_on_two_hosts_is_the_vm_that_is_on(
    transport: Transport, start_daemon: Callable[[str], Daemon]
) -> None:
    daemon = await asyncio.to_thread(start_daemon, "a")
    transport.add_host("a", daemon.uri)
    transport.add_host("test", "test:///default")
    running = await transport.find("test", timeout=20)
    await define(transport, "a", "test", running.uuid)
    for name in ("test", running.uuid):
        assert (await transport.find(name, timeout=20)).host.name == "test"
    await running.destroy(10)
    with pytest.raises(VmNotFoundError, match="there is one on each of a and test"):
        await transport.find("test", timeout=20)


async def test_work_is_placed_on_healthy_hosts_with_the_tags_in_turn(transport: Transport, silent: str) -> None:
    transport.add_host("dead", DEAD, tags=["gpu"])
    transport.add_host("silent", silent, tags=["gpu"])
    transport.add_host("one", "test:///default", tags=["gpu", "fast"])
    transport.add_host("two", "test:///default", tags=["gpu"])
    transport.add_host("three", "test:///default")
    placed = [(await transport.place(tags=["gpu"], timeout=2)).name for _ in range(8)]
    assert set(placed) == {"one", "two"}
    assert (await transport.place(tags=["gpu", "fast"], timeout=2)).name == "one"


async def test_a_connected_host_that_does_not_answer_is_neither_healthy_nor_called_connected(
    transport: Transport, a_daemon: Daemon
) -> None:
    frozen = transport.add_host("frozen", a_daemon.uri, tags=["x"])
    transport.add_host("one", "test:///default")
    assert (await transport.place(tags=["x"], timeout=10)).name == "frozen"
    await asyncio.to_thread(a_daemon.freeze)
    with pytest.raises(DeadlineError, match=r"^Host 'frozen' \(.*\) should answer within 0\.2 s but did not"):
        await frozen.reach(0.2)
    assert frozen.state is HostState.CONNECTED  # less patience than the heartbeat's is no proof that it has gone
    assert {(await transport.place(timeout=2)).name for _ in range(2)} == {"one"}
    with pytest.raises(HostError, match=r"A host should take new work .* 'frozen' .* should answer .* but did not"):
        await transport.place(tags=["x"], timeout=0.2)
    await asyncio.to_thread(a_daemon.thaw)
    await frozen.reach(10)


async def test_a_connection_that_a_host_answers_nothing_on_is_lost_and_made_anew(
    connect: Connect, a_daemon: Daemon, bus: EventBus
) -> None:
    host = await connect(a_daemon.uri, heartbeat_interval=1000, heartbeat_timeout=0.2)
    await host.reach(10)
    assert host.state is HostState.CONNECTED
    await asyncio.to_thread(a_daemon.freeze)
    with bus.subscribe(lambda event: event.kind == "host.failed") as news:
        reaching = asyncio.create_task(host.reach(20))
        async with asyncio.timeout(10):
            assert "no answer to a heartbeat within 0.2 s" in str((await anext(news)).data)
    await asyncio.to_thread(a_daemon.thaw)
    await reaching
    assert host.state is HostState.CONNECTED


async def test_a_drained_host_takes_no_new_work_and_keeps_its_vms(transport: Transport, bus: EventBus) -> None:
    one = transport.add_host("one", "test:///default")
    transport.add_host("two", "test:///default", drained=True)
    assert {(await transport.place(timeout=5)).name for _ in range(4)} == {"one"}
    one.drained = True
    with pytest.raises(
        HostError, match=r"A host should take new work but none can: 'one' is drained; 'two' is drained"
    ):
        await transport.place(timeout=5)
    assert (await transport.find("test", "one", timeout=5)).host is one
    one.drained = False
    assert (await transport.place(timeout=5)).name == "one"
    assert [event.kind for event in bus.recent("host:one") if "connect" not in event.kind] == [
        "host.drained",
        "host.in-service",
    ]


async def test_the_host_with_the_fewest_calls_under_way_is_chosen(transport: Transport) -> None:
    import threading

    for name in ("one", "two"):
        transport.add_host(name, "test:///default")
        await transport.host(name, 5)
    release = threading.Event()
    busy = asyncio.create_task(transport.hosts["one"].call("wait", lambda _: release.wait(20), timeout=20))
    await asyncio.sleep(0)
    chosen = {(await transport.place(strategy=Strategy.LEAST_CONNECTIONS, timeout=5)).name for _ in range(4)}
    assert chosen == {"two"}
    release.set()
    await busy


async def test_no_host_for_work_says_of_each_why(transport: Transport) -> None:
    with pytest.raises(HostError, match=r"A host should take new work but no host is known"):
        await transport.place(timeout=1)
    transport.add_host("dead", DEAD, tags=["gpu"])
    transport.add_host("plain", "test:///default")
    pattern = r"take new work \(tags: gpu\) but none can: 'plain' lacks the tag gpu; Host 'dead'.*refused"
    with pytest.raises(HostError, match=pattern):
        await transport.place(tags=["gpu"], timeout=5)
