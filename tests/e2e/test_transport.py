"""A real VM through libvirt: its life, its description, its screen, and a stream that nobody reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from ATPLibrary.errors import ChannelError, HostError, VmStateError
from ATPLibrary.events import Event, EventBus
from ATPLibrary.protocol.qga import open_qga
from ATPLibrary.transport import ByteChannel, Domain, HostConnection, VmState

pytestmark = pytest.mark.e2e

AGENT = "com.vmagent.sock"


@pytest_asyncio.fixture
async def host(lab_host: Any) -> AsyncIterator[HostConnection]:
    """A connection to the lab's host."""
    host = HostConnection(lab_host.name, lab_host.uri, EventBus())
    await host.connect(20)
    yield host
    await host.close(5)


@pytest_asyncio.fixture
async def shared(host: HostConnection, ps2_vm: Any) -> Domain:
    """A running VM that must be left as it is."""
    return await host.lookup(ps2_vm.name, 10)


@pytest_asyncio.fixture
async def own(host: HostConnection, running_vm: Callable[..., Any]) -> Domain:
    """A running VM that the test may break."""
    return await host.lookup((await asyncio.to_thread(running_vm)).uuid, 10)


async def test_a_vm_is_described_as_it_was_made(shared: Domain, ps2_vm: Any) -> None:
    description = await shared.description(10)
    assert description.qmp_socket == ps2_vm.spec.qmp_socket
    assert description.channels[AGENT].path == ps2_vm.spec.agent_socket
    assert "ps2" in description.keyboards
    assert {graphics.type for graphics in description.graphics} == {"spice", "vnc"}
    assert all(graphics.host == ps2_vm.host.ip and graphics.port for graphics in description.graphics)
    assert description.serial == ps2_vm.uuid


async def test_the_screen_comes_through_libvirt(shared: Domain) -> None:
    assert (await shared.screenshot(20))[:2] in (b"P6", b"\x89P")


async def test_a_monitor_command_passes(shared: Domain) -> None:
    assert '"running"' in await shared.monitor_command('{"execute":"query-status"}', 10)


async def test_a_vm_lives_as_it_is_told(own: Domain) -> None:
    def tail(event: Event) -> str:
        return event.kind.removeprefix("libvirt.")

    with own.host.bus.subscribe(lambda event: event.data.get("uuid") == own.uuid) as news:
        await own.suspend(10)
        assert str(await own.wait_for_state("paused", 10)) == "paused (by a user)"
        with pytest.raises(VmStateError, match="should be running so that it can shut down but was paused"):
            await own.shutdown(10)
        await own.resume(10)
        await own.wait_for_state(VmState.RUNNING, 10)
        await own.reboot(30)
        seen: list[str] = []
        async with asyncio.timeout(60):
            while "reboot" not in seen:
                seen.append(tail(await anext(news)))
        assert {"lifecycle.suspended", "lifecycle.resumed"} <= set(seen)
    await open_qga(own, timeout=90)  # it has started again
    await own.shutdown(60)
    assert (await own.state(10)).state is VmState.SHUTOFF
    await own.start(30)
    await own.wait_for_state("running", 10)
    await own.destroy(10)
    assert str(await own.state(10)) == "shutoff (destroyed)"


async def test_a_stream_that_nobody_reads_ends_with_a_sentence_and_no_more_memory(own: Domain) -> None:
    qga = await open_qga(own, timeout=90)
    # The stopped supervisor doesn't reap it: a zombie has no executable any more.
    stop_agent = "kill -STOP $(cat /run/atp-agent.supervisor); PID=$(cat /run/atp-agent.pid); kill $PID"
    await qga.exec(f"{stop_agent}; while readlink /proc/$PID/exe; do usleep 10000; done", timeout=20)
    channel = await own.open_stream_channel(AGENT, 10)
    await qga.exec(f"cat /dev/zero >/dev/virtio-ports/{AGENT} 2>/dev/null </dev/null & true", timeout=20)
    with own.host.bus.subscribe(lambda event: event.kind == "channel.lost") as losses:
        async with asyncio.timeout(120):
            event = await anext(losses)
    assert "bytes came that nobody read" in event.data["reason"]
    total, said = await _read_to_the_end(channel)
    assert "bytes came that nobody read" in said
    assert 16 * 2**20 < total < 17 * 2**20
    await channel.close()
    assert (await own.state(10)).state is VmState.RUNNING  # the shared connection still works


async def test_a_stream_ends_with_its_vm(own: Domain) -> None:
    channel = await own.open_stream_channel(AGENT, 10)
    await own.destroy(10)
    _, said = await _read_to_the_end(channel)
    assert "should stay open but ended" in said
    await channel.close()


async def _read_to_the_end(channel: ByteChannel) -> tuple[int, str]:
    """How many bytes came before the error, and what it says."""
    total = 0
    try:
        while True:
            total += len(await channel.read(10))
    except ChannelError as error:
        return total, str(error)


async def test_a_host_that_was_closed_answers_no_vm_of_it(shared: Domain) -> None:
    await shared.host.close(5)
    with pytest.raises(HostError, match="closed"):
        await shared.state(5)
