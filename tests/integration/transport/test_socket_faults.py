"""The socket between us and a libvirt daemon goes wrong in every way that sockets do: docs/faults.md, "Sockets"."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable

import pytest
import pytest_asyncio
from tests.faults.direction import Way
from tests.faults.proxy import FaultProxy, in_front_of

from ATPLibrary.errors import ATPError, DeadlineError, HostError, VmNotFoundError
from ATPLibrary.events import EventBus
from ATPLibrary.transport import Domain, HostConnection, HostState, VmState

from .conftest import SIMPLE_VM, Connect, Daemon, settings

pytestmark = pytest.mark.integration

VM_UUID = str(uuid.uuid4())
STEP = 1000
# The longest that anything here may take: nothing hangs.
NO_HANG = 20.0
QUICK_HEART = {"heartbeat_interval": 0.05, "heartbeat_timeout": 1, "connect_timeout": 1}


def define(handle: object, name: str, vm_uuid: str) -> str:
    return str(handle.defineXML(SIMPLE_VM.format(name=name, uuid=vm_uuid)).name())  # type: ignore[attr-defined]


@pytest_asyncio.fixture
async def proxy(a_daemon: Daemon) -> AsyncIterator[FaultProxy]:
    """In the place of the daemon's socket; the daemon has one VM, "one"."""
    host = HostConnection("direct", a_daemon.uri, EventBus())
    await host.connect(NO_HANG)
    await host.call("define a VM", define, "one", VM_UUID, timeout=NO_HANG)
    await host.close(5)
    async with in_front_of(a_daemon.host.socket) as proxy:
        yield proxy


async def until_connected(host: HostConnection) -> None:
    await host.wait_for_state(lambda state: state is HostState.CONNECTED, NO_HANG, "be connected again")


async def refusals(asking: Awaitable[list[Domain]], name: str) -> list[str]:
    """Nothing when the VM is in the answer, the sentence when the host was lost; anything else is wrong."""
    try:
        assert name in [vm.name for vm in await asking]
    except HostError as error:
        return [str(error)]
    return []


async def work(host: HostConnection, name: str) -> list[str]:
    """Everything that a run asks a host, each answer checked. What was refused, in sentences."""

    async def look() -> None:
        vm = await host.lookup("one", NO_HANG)
        assert (await vm.description(NO_HANG, refresh=True)).uuid == VM_UUID
        assert (await vm.state(NO_HANG)).state is VmState.SHUTOFF

    async def change() -> None:
        assert await host.call("define a VM", define, name, str(uuid.uuid4()), timeout=NO_HANG) == name

    refused = []
    for asking in (*[look] * 5, change, *[look] * 5):
        try:
            await asyncio.wait_for(asking(), NO_HANG)
        except HostError as error:
            refused.append(str(error))
            # While the host is away every call is refused at once: whoever asks on waits until it is back.
            await host.wait_for_state(lambda state: state is HostState.CONNECTED, NO_HANG, "be connected again")
    return [*refused, *await refusals(host.list_domains(NO_HANG), "one")]


async def test_reset_at_every_1000th_byte_a_host_answers_rightly_or_says_so_and_comes_back_by_itself(
    proxy: FaultProxy, a_daemon: Daemon, bus: EventBus
) -> None:
    quick = settings(connect_timeout=5, heartbeat_interval=0.05)
    struck, attempts = 0, []
    for number in range(1, 500):
        host = HostConnection(f"host-{number}", a_daemon.uri, bus, settings=quick)
        proxy.reset_after(number * STEP)
        try:
            await asyncio.wait_for(host.connect(NO_HANG), NO_HANG)
        except HostError as error:
            attempts.append(str(error))
            await host.connect(NO_HANG)
        name = f"vm-{number}"
        refused = await work(host, name)
        if not proxy.cut.is_set():
            assert not refused
            await host.close(5)
            break
        struck += 1
        assert len(refused) <= 2, "one call was hit, and at most one more before that was noticed"
        await until_connected(host)
        # The define that was cut may or may not have been done; either is told, and neither is done twice.
        try:
            vm = await host.lookup(name, NO_HANG)
        except VmNotFoundError:
            assert any("define a VM" in sentence for sentence in refused)
        else:
            assert vm.name == name
        assert await work(host, f"{name}-again") == []
        await host.close(5)
    assert struck >= 10, "the work takes so many thousands of bytes at least"
    assert all("should accept a connection" in sentence for sentence in attempts)
    assert not host.is_coming_back


async def test_a_socket_that_is_reset_after_each_1000_bytes_for_ever_costs_calls_and_gives_no_wrong_answer(
    connect: Connect, a_daemon: Daemon, proxy: FaultProxy
) -> None:
    host = await connect(a_daemon.uri)
    proxy.reset_after(STEP, every=True)
    right = 0
    for _ in range(100):
        refused = await asyncio.wait_for(refusals(host.list_domains(NO_HANG), "one"), NO_HANG)
        right += not refused
        if refused:
            await until_connected(host)
    assert right
    assert proxy.resets >= 5
    proxy.heal()
    await until_connected(host)
    assert not await refusals(host.list_domains(NO_HANG), "one")


async def test_a_socket_that_is_reset_before_anything_can_be_asked_breaks_the_circuit_until_that_ends(
    connect: Connect, a_daemon: Daemon, proxy: FaultProxy, bus: EventBus
) -> None:
    host = await connect(a_daemon.uri, reconnect={"initial_delay": 0.01, "max_delay": 0.05, "max_attempts": 3})
    with bus.subscribe(lambda event: event.kind == "host.broken") as news:
        proxy.reset_after(STEP // 10, every=True)
        proxy.reset()
        async with asyncio.timeout(NO_HANG):
            await anext(news)
    with pytest.raises(HostError, match=r"Host 'host-1' should answer \(list the VMs\) but"):
        await host.list_domains(NO_HANG)
    proxy.heal()
    await until_connected(host)
    assert not await refusals(host.list_domains(NO_HANG), "one")


@pytest.mark.parametrize("dead", [(Way.TO_SERVER,), (Way.TO_CLIENT,), tuple(Way)], ids=["to it", "from it", "both"])
async def test_a_silent_or_half_open_socket_is_noticed_by_the_heartbeat(
    connect: Connect, a_daemon: Daemon, proxy: FaultProxy, bus: EventBus, dead: tuple[Way, ...]
) -> None:
    host = await connect(a_daemon.uri, **QUICK_HEART)
    vm = await host.lookup("one", NO_HANG)
    with bus.subscribe(lambda event: event.kind == "host.failed") as news:
        if len(dead) == 1:
            proxy.half_open(*dead)
        else:
            proxy.silence()
        question = asyncio.create_task(vm.state(NO_HANG))
        change = asyncio.create_task(host.call("define a VM", define, "two", str(uuid.uuid4()), timeout=NO_HANG))
        async with asyncio.timeout(NO_HANG):
            assert (await anext(news)).data["reason"] == "no answer to a heartbeat within 1 s"
            with pytest.raises(HostError, match=r"\(define a VM\).*no answer to a heartbeat.*isn't known"):
                await change
        proxy.heal()
    assert (await asyncio.wait_for(question, NO_HANG)).state is VmState.SHUTOFF, "asked again when it was back"
    assert host.state is HostState.CONNECTED


async def test_connecting_through_a_silent_socket_ends_at_its_deadline(
    a_daemon: Daemon, proxy: FaultProxy, bus: EventBus
) -> None:
    proxy.silence()
    host = HostConnection("silent", a_daemon.uri, bus, settings=settings())
    with pytest.raises(
        DeadlineError, match=r"Host 'silent'.*should accept a connection within 0.3 s but did not answer"
    ):
        await host.connect(0.3)
    assert host.state is HostState.FAILED
    proxy.heal()
    await host.connect(NO_HANG)
    assert [vm.name for vm in await host.list_domains(NO_HANG)] == ["one"]
    await host.close(5)


async def test_an_answer_that_ends_in_the_middle_is_asked_for_again_and_never_taken_for_whole(
    connect: Connect, a_daemon: Daemon, proxy: FaultProxy
) -> None:
    host = await connect(a_daemon.uri)
    vm = await host.lookup("one", NO_HANG)
    whole = await vm.description(NO_HANG, refresh=True)
    for count in (40, 200, 500):
        proxy.truncate_after(count)
        assert await asyncio.wait_for(vm.description(NO_HANG, refresh=True), NO_HANG) == whole
        assert proxy.cut.is_set()
        await until_connected(host)
    assert host.statistics().counts["retried"] == 3


async def test_a_slow_network_slows_and_breaks_nothing(connect: Connect, a_daemon: Daemon, proxy: FaultProxy) -> None:
    host = await connect(a_daemon.uri, heartbeat_interval=0.1)
    proxy.delay(0.05)
    assert [vm.name for vm in await host.list_domains(NO_HANG)] == ["one"]
    with pytest.raises(ATPError, match=r"VM 'nobody'"):
        await host.lookup("nobody", NO_HANG)
    assert "lost" not in host.statistics().counts
