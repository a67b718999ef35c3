"""A libvirtd that is killed and started again under running VMs: what was being waited for, asked and streamed."""

from __future__ import annotations

import asyncio
import os
import signal
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from ATPLibrary.config import PoolSettings
from ATPLibrary.errors import HostError
from ATPLibrary.events import EventBus
from ATPLibrary.lab import processes
from ATPLibrary.lab.hosts import LabHost, short_directory
from ATPLibrary.transport import Domain, HostConnection, HostState, VmState

pytestmark = pytest.mark.e2e

# No disk and no system: the firmware alone is enough to be running, paused and stopped.
BARE_VM = (
    "<domain type='qemu'><name>bare</name><memory>65536</memory>"
    "<os><type arch='x86_64'>hvm</type></os><devices><controller type='usb' model='none'/></devices></domain>"
)
SETTINGS = PoolSettings.model_validate(
    {"min_connections_per_host": 2, "reconnect": {"initial_delay": 0.05, "max_delay": 0.5, "max_attempts": 1000}}
)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[LabHost]:
    short = short_directory(tmp_path)
    host = LabHost("own", str(uuid.uuid4()), "127.0.0.2", short / "a", tmp_path)
    try:
        host.wait_until_ready(host.start())
        yield host
    finally:
        host.stop()
        if short.is_dir():
            short.rmdir()


@pytest_asyncio.fixture
async def vm(daemon: LabHost) -> AsyncIterator[Domain]:
    """A running VM on a daemon of the test's own."""
    host = HostConnection("own", daemon.uri, EventBus(), settings=SETTINGS)
    await host.connect(20)
    await host.call("define a VM", lambda connection: connection.defineXML(BARE_VM).name(), timeout=20)
    vm = await host.lookup("bare", 10)
    await vm.start(60)
    yield vm
    await host.close(5)


def restart(daemon: LabHost) -> None:
    (victim,) = [process for process in daemon.processes() if process.role == daemon.daemon_role]
    os.kill(victim.pid, signal.SIGKILL)
    processes.wait([victim], 10)
    daemon.wait_until_ready(daemon.start())


async def test_a_wait_for_a_state_survives_the_daemon(vm: Domain, daemon: LabHost) -> None:
    waiting = asyncio.create_task(vm.wait_for_state("paused", 60))
    with vm.host.bus.subscribe(lambda event: event.kind == "host.connected") as news:
        await asyncio.to_thread(restart, daemon)
        async with asyncio.timeout(30):
            await anext(news)
    assert (await vm.state(20)).state is VmState.RUNNING, "QEMU outlived libvirtd"
    assert not waiting.done()
    await vm.suspend(20)
    assert (await asyncio.wait_for(waiting, 20)).state is VmState.PAUSED


async def test_a_stop_that_happened_while_the_daemon_was_away_is_noticed(vm: Domain, daemon: LabHost) -> None:
    waiting = asyncio.create_task(vm.wait_for_state("shutoff", 60))
    await asyncio.sleep(0)
    (victim,) = [process for process in daemon.processes() if process.role == daemon.daemon_role]
    (qemu,) = [process for process in daemon.processes() if process.role.startswith("qemu")]
    # The daemon stands still while QEMU ends and is buried by the daemon's parent, and so notices nothing. Killed first, it would
    # leave the burial to process 1, which may take its time, and a new libvirtd waits for it before it tells the state.
    os.kill(victim.pid, signal.SIGSTOP)
    os.kill(qemu.pid, signal.SIGKILL)
    await asyncio.to_thread(processes.wait, [qemu], 10)
    os.kill(victim.pid, signal.SIGKILL)
    await asyncio.to_thread(processes.wait, [victim], 10)
    await asyncio.to_thread(daemon.wait_until_ready, daemon.start())
    assert (await asyncio.wait_for(waiting, 30)).state is VmState.SHUTOFF


async def test_a_question_in_flight_is_answered_by_the_new_daemon_and_a_change_is_not_repeated(
    vm: Domain, daemon: LabHost
) -> None:
    (victim,) = [process for process in daemon.processes() if process.role == daemon.daemon_role]
    os.kill(victim.pid, signal.SIGSTOP)
    question = asyncio.create_task(vm.description(60, refresh=True))
    change = asyncio.create_task(vm.call("pause", lambda domain: domain.suspend(), timeout=60))
    async with asyncio.timeout(30):
        while vm.host.in_flight < 2:  # noqa: ASYNC110 - nothing tells that it is asked for
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)  # and both are on their way to a daemon that doesn't answer
    await asyncio.to_thread(restart, daemon)
    assert (await asyncio.wait_for(question, 30)).name == "bare"
    with pytest.raises(HostError, match=r"\(pause\).*is gone.*Whether it was done isn't known"):
        await asyncio.wait_for(change, 20)
    assert (await vm.state(20)).state is VmState.RUNNING
    assert vm.host.state is HostState.CONNECTED
