"""Host connections: libvirt's own test driver, and real daemons and peers that are silent, late or dead."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio

from ATPLibrary.errors import DeadlineError, HostError, VmNotFoundError, VmStateError
from ATPLibrary.events import Event, EventBus
from ATPLibrary.lab import processes
from ATPLibrary.lab.hosts import LabHost, short_directory
from ATPLibrary.lab.machine import MachineSpec, domain_xml
from ATPLibrary.transport import Domain, HostConnection, HostState, Transport, VmState

pytestmark = pytest.mark.integration

SIMPLE_VM = (
    "<domain type='qemu'><name>plain</name><memory>65536</memory><os><type arch='x86_64'>hvm</type></os></domain>"
)


@pytest.fixture
def bus() -> EventBus:
    return EventBus()


@pytest_asyncio.fixture
async def test_host(bus: EventBus) -> AsyncIterator[HostConnection]:
    """A connection to libvirt's test driver: one VM, 'test', that is running."""
    host = HostConnection("lab", "test:///default", bus)
    await host.connect(10)
    yield host
    await host.close(5)


@pytest_asyncio.fixture
async def vm(test_host: HostConnection) -> Domain:
    return await test_host.lookup("test", 5)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A TCP port whose owner accepts connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[LabHost]:
    """A libvirt daemon of our own, running, with one VM, 'plain', that is off."""
    short = short_directory(tmp_path)
    host = LabHost("lab-a", str(uuid.uuid4()), "127.0.0.2", short / "a", tmp_path)
    try:
        host.wait_until_ready(host.start())
        yield host
    finally:
        host.stop()
        if short.is_dir():
            short.rmdir()


def kinds(bus: EventBus, source: str) -> list[str]:
    return [event.kind for event in bus.recent(source, limit=100)]


# The test driver: what works without any hypervisor.


async def test_vms_are_listed_and_looked_up_by_name_and_uuid(test_host: HostConnection) -> None:
    (listed,) = await test_host.list_domains(5)
    by_name = await test_host.lookup("test", 5)
    by_uuid = await test_host.lookup(listed.uuid, 5)
    assert listed.name == by_name.name == by_uuid.name == "test"
    assert listed.uuid == by_name.uuid == by_uuid.uuid


async def test_an_unknown_vm_is_told_with_near_names(test_host: HostConnection) -> None:
    with pytest.raises(VmNotFoundError, match=r"VM 'tset' should exist on host 'lab' .*Near names: 'test'"):
        await test_host.lookup("tset", 5)
    with pytest.raises(VmNotFoundError, match="VMs there: 'test'"):
        await test_host.lookup("00000000-0000-0000-0000-000000000000", 5)


async def test_a_vm_s_life_is_told_by_events(vm: Domain, bus: EventBus) -> None:
    with bus.subscribe(lambda event: event.source == "vm:test") as news:
        await vm.suspend(5)
        await vm.resume(5)
        await vm.destroy(5)
        await vm.start(5)
        seen: list[Event] = [await asyncio.wait_for(anext(news), 5) for _ in range(4)]
    assert [event.kind.rpartition(".")[2] for event in seen] == ["suspended", "resumed", "stopped", "started"]
    assert all(event.data["uuid"] == vm.uuid and event.data["host"] == "lab" for event in seen)


async def test_waiting_for_a_state_ends_with_the_event(vm: Domain) -> None:
    waiting = asyncio.create_task(vm.wait_for_state("paused", 10))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await vm.suspend(5)
    assert (await asyncio.wait_for(waiting, 5)).state is VmState.PAUSED
    assert (await vm.wait_for_state(VmState.PAUSED, 5)).reason == "by a user"


async def test_waiting_in_vain_says_what_the_vm_was_in(vm: Domain) -> None:
    await vm.suspend(5)
    pattern = r"VM 'test' should be running within 1 s but was paused \(by a user\)\. Last seen: [0-9:]{8} suspended"
    with pytest.raises(DeadlineError, match=pattern):
        await vm.wait_for_state("running", 1)


async def test_a_change_that_the_state_forbids_says_wanted_and_got(vm: Domain) -> None:
    with pytest.raises(VmStateError, match=r"VM 'test' .*should be shut off so that it can start but was running"):
        await vm.start(5)
    with pytest.raises(VmStateError, match=r"should be paused so that it can go on but was running"):
        await vm.resume(5)
    await vm.shutdown(10)
    assert (await vm.state(5)).state is VmState.SHUTOFF
    with pytest.raises(VmStateError, match=r"should be on so that it can be switched off but was shutoff"):
        await vm.destroy(5)


async def test_a_screenshot_is_a_picture(vm: Domain) -> None:
    assert (await vm.screenshot(5)).startswith(b"\x89PNG")


async def test_a_closed_host_says_so_and_can_be_connected_again(test_host: HostConnection, vm: Domain) -> None:
    await test_host.close(5)
    assert test_host.state is HostState.CLOSED
    with pytest.raises(
        HostError, match=r"Host 'lab' should answer \(tell its state\) but its connection .* is gone \(closed\)"
    ):
        await vm.state(5)
    await test_host.connect(5)
    assert (await vm.state(5)).state is VmState.RUNNING


# Peers that refuse, say nothing, or answer late.


async def test_a_refused_connection_is_one_sentence(bus: EventBus, capfd: pytest.CaptureFixture[str]) -> None:
    host = HostConnection("lab", "qemu+tcp://127.0.0.1:1/system", bus)
    with pytest.raises(
        HostError, match=r"Host 'lab' should accept a connection at qemu\+tcp.*Connection refused.*libvirtd runs"
    ):
        await host.connect(5)
    assert host.state is HostState.FAILED
    assert capfd.readouterr().err == "", "libvirt itself must not write to stderr"


async def test_a_silent_peer_costs_the_deadline_and_no_other_host(silent_port: int, bus: EventBus) -> None:
    transport = Transport(bus)
    transport.add_host("silent", f"qemu+tcp://127.0.0.1:{silent_port}/system")
    transport.add_host("lab", "test:///default")
    connecting = asyncio.create_task(transport.host("silent", 1))
    await transport.host("lab", 20)
    assert (await transport.find("test", timeout=20)).host.name == "lab"
    pattern = r"Host 'silent' \(qemu\+tcp.*\) should accept a connection within 1 s but did not answer\. .*virsh -c"
    with pytest.raises(DeadlineError, match=pattern):
        await connecting
    assert transport.hosts["silent"].state is HostState.FAILED
    await transport.close(1)


async def test_a_silent_unix_socket_costs_the_deadline(tmp_path: Path, bus: EventBus) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        host = HostConnection("silent", f"qemu+unix:///session?socket={tmp_path / 's'}", bus)
        with pytest.raises(DeadlineError, match=r"should accept a connection within 0\.2 s but did not answer"):
            await host.connect(0.2)


async def test_connecting_can_be_cancelled_at_once(silent_port: int, bus: EventBus) -> None:
    host = HostConnection("silent", f"qemu+tcp://127.0.0.1:{silent_port}/system", bus)
    connecting = asyncio.create_task(host.connect(60))
    await asyncio.sleep(0.05)
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(connecting, 20)
    assert host.state is HostState.FAILED


def test_a_process_ends_though_its_host_never_answers(silent_port: int) -> None:
    code = (
        "import asyncio; from ATPLibrary.transport import HostConnection; from ATPLibrary.events import EventBus\n"
        f"asyncio.run(HostConnection('s', 'qemu+tcp://127.0.0.1:{silent_port}/system', EventBus()).connect(0.3))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert "did not answer" in done.stderr.splitlines()[-1]


async def test_a_connection_that_comes_too_late_is_closed(daemon: LabHost, tmp_path: Path, bus: EventBus) -> None:
    """A proxy holds the bytes back until the deadline has passed; then the daemon must see us hang up."""
    release, hung_up = threading.Event(), threading.Event()
    path = tmp_path / "p"

    def pump(source: socket.socket, target: socket.socket, end: threading.Event | None) -> None:
        while data := source.recv(65536):
            target.sendall(data)
        if end is not None:
            end.set()
        target.shutdown(socket.SHUT_WR)

    def proxy(listener: socket.socket) -> None:
        client, _ = listener.accept()
        release.wait(30)
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(str(daemon.socket))
            back = threading.Thread(target=pump, args=(server, client, None), daemon=True)
            back.start()
            pump(client, server, hung_up)
            back.join(10)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=proxy, args=(listener,), daemon=True)
        thread.start()
        host = HostConnection("late", f"qemu+unix:///session?socket={path}", bus)
        with pytest.raises(DeadlineError):
            await host.connect(0.2)
        release.set()
        assert await asyncio.to_thread(hung_up.wait, 15), "the late connection stayed open"
        assert host.state is HostState.FAILED
        thread.join(10)


# A real daemon that dies.


async def test_a_killed_daemon_is_told_at_once_and_the_host_connects_again(daemon: LabHost, bus: EventBus) -> None:
    host = HostConnection("lab-a", daemon.uri, bus)
    await host.connect(20)
    await host.call("define a VM", lambda connection: connection.defineXML(SIMPLE_VM).name(), timeout=20)
    vm = await host.lookup("plain", 10)
    assert (await vm.state(10)).state is VmState.SHUTOFF
    lost = asyncio.create_task(bus.wait_for(lambda event: event.kind == "host.failed", 10, "The loss of the host"))
    await asyncio.sleep(0)
    (victim,) = [process for process in daemon.processes() if process.role == daemon.daemon_role]
    os.kill(victim.pid, signal.SIGKILL)
    assert "daemon went away" in (await lost).data["reason"]
    assert "libvirt.close" in kinds(bus, "host:lab-a")
    with pytest.raises(HostError, match=r"Host 'lab-a' should answer .*is gone .*connect again"):
        await vm.state(5)
    with pytest.raises(HostError, match="refused"):
        await host.connect(5)
    processes.wait([victim], 10)
    daemon.wait_until_ready(daemon.start())
    await host.connect(20)
    assert (await vm.state(10)).state is VmState.SHUTOFF
    await host.close(5)


async def test_a_call_in_flight_fails_when_the_daemon_is_killed(daemon: LabHost, bus: EventBus) -> None:
    host = HostConnection("lab-a", daemon.uri, bus)
    await host.connect(20)
    (victim,) = [process for process in daemon.processes() if process.role == daemon.daemon_role]
    os.kill(victim.pid, signal.SIGSTOP)
    asking = asyncio.create_task(
        host.call("define a VM", lambda connection: connection.defineXML(SIMPLE_VM), timeout=20)
    )
    await asyncio.sleep(0.1)
    with pytest.raises(
        DeadlineError, match=r"Host 'lab-a', asked to list the VMs, should answer within 0.2 s but did not"
    ):
        await host.list_domains(0.2)
    os.kill(victim.pid, signal.SIGKILL)
    with pytest.raises(HostError, match=r"define a VM.*is gone.*Whether it was done isn't known"):
        await asyncio.wait_for(asking, 15)
    assert host.state is HostState.FAILED
    await host.close(5)


async def test_what_a_vm_is_made_of_is_read_from_libvirt_itself(daemon: LabHost, bus: EventBus, tmp_path: Path) -> None:
    image: Any = SimpleNamespace(kernel=tmp_path / "k", initrd=tmp_path / "i", disk=tmp_path / "d", cmdline="quiet")
    tcg: Any = SimpleNamespace(kind="tcg", reason="no guest runs here")
    spec = MachineSpec(
        name="测试",
        uuid=str(uuid.uuid4()),
        image=image,
        accelerator=tcg,
        directory=daemon.directory,
        model="atp-linux-usb",
    )
    host = HostConnection("lab-a", daemon.uri, bus)
    await host.connect(20)
    await host.call("define a VM", lambda connection: connection.defineXML(domain_xml(spec)).name(), timeout=20)
    description = await (await host.lookup("测试", 10)).description(10)
    assert description.qmp_socket == spec.qmp_socket
    assert description.channels["com.vmagent.sock"].path == spec.agent_socket
    assert description.keyboards[0] == "usb"
    assert description.console_log == spec.console_log
    assert (description.serial, description.asset_tag) == (spec.uuid, f"atp-token:{spec.token}")
    await host.close(5)


# Many hosts.


async def test_a_vm_is_found_on_whichever_host_has_it(daemon: LabHost, bus: EventBus) -> None:
    transport = Transport(bus)
    transport.add_host("lab-a", daemon.uri)
    transport.add_host("lab", "test:///default")
    transport.add_host("dead", "qemu+tcp://127.0.0.1:1/system")
    assert (await transport.find("test", timeout=20)).host.name == "lab"
    with pytest.raises(
        VmNotFoundError, match=r"VM 'tset' should exist on host .*Near names: 'test'.*Not asked: Host 'dead'"
    ):
        await transport.find("tset", timeout=20)
    with pytest.raises(
        HostError, match=r"Host 'lba' should be known but the hosts there are: dead, lab, lab-a\. Did you mean 'lab'"
    ):
        await transport.find("test", "lba", timeout=5)
    with pytest.raises(HostError, match="is known as the one at"):
        transport.add_host("lab", "qemu:///system")
    await transport.close(5)


async def test_one_name_on_two_hosts_must_be_told_apart(bus: EventBus) -> None:
    transport = Transport(bus)
    transport.add_host("one", "test:///default")
    transport.add_host("two", "test:///default")
    with pytest.raises(VmNotFoundError, match="there is one on each of one and two"):
        await transport.find("test", timeout=5)
    assert (await transport.find("test", "two", timeout=5)).host.name == "two"
    await transport.close(5)
