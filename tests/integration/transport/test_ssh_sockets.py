"""The sockets of a VM beyond SSH: reached through the same trust as libvirt, and through libvirt where that can't be."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from ATPLibrary.errors import ChannelError, CommandError, DeadlineError, HostError
from ATPLibrary.events import EventBus
from ATPLibrary.lab import processes
from ATPLibrary.lab.sshd import LabSshd, make_key
from ATPLibrary.protocol.qmp import open_qmp
from ATPLibrary.protocol.virtio_serial import open_channel
from ATPLibrary.transport import Domain, HostConnection, HostState, ssh_link

from .conftest import Daemon, settings

pytestmark = pytest.mark.integration

PORT = "org.atp.test"
# No guest: it waits before its first instruction. The screen is for the screenshot.
VM = """\
<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>far</name><uuid>{uuid}</uuid><memory unit='MiB'>32</memory><os><type arch='x86_64'>hvm</type></os>
  <devices>
    <graphics type='vnc' socket='{directory}/vnc'/><video><model type='vga'/></video>
    <channel type='unix'><source mode='bind' path='{directory}/port'/><target type='virtio' name='{port}'/></channel>
  </devices>
  <qemu:commandline>
    <qemu:arg value='-chardev'/><qemu:arg value='socket,id=atp,path={directory}/qmp,server=on,wait=off'/>
    <qemu:arg value='-mon'/><qemu:arg value='chardev=atp,mode=control'/>
  </qemu:commandline>
</domain>
"""
START_PAUSED = 1


@pytest.fixture(autouse=True)
def _no_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent of whoever runs the tests may hold keys that fit."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


Far = Callable[..., Awaitable[Domain]]


@pytest_asyncio.fixture
async def far(a_daemon: Daemon, bus: EventBus) -> AsyncIterator[Far]:
    """Call it with a URI: the VM 'far', which runs on `a_daemon`, through that URI; with a QMP socket of its own, or without."""
    hosts: list[HostConnection] = []
    xml = VM.format(uuid=uuid.uuid4(), directory=a_daemon.host.directory, port=PORT)

    async def seen_through(uri: str, *, monitor: bool = True) -> Domain:
        made_of = xml if monitor else re.sub(r"(?s)<qemu:commandline>.*</qemu:commandline>", "", xml)
        host = HostConnection(f"rack-{len(hosts)}", uri, bus, settings=settings())
        hosts.append(host)
        await host.connect(20)
        if len(hosts) == 1:
            await host.call("start", lambda handle: handle.createXML(made_of, START_PAUSED).name(), timeout=30)
        return await host.lookup("far", 10)

    yield seen_through
    for host in hosts:
        await host.close(5)


def fallbacks(bus: EventBus) -> list[str]:
    return [str(event.data["reason"]) for event in bus.recent(limit=1000) if event.kind == "host.fallback"]


async def test_qmp_goes_over_ssh_to_the_vm_s_own_socket(
    a_daemon: Daemon, sshd: LabSshd, far: Far, bus: EventBus
) -> None:
    vm = await far(sshd.uri(a_daemon.host))
    qmp = await open_qmp(vm, "auto", 10)
    assert qmp.kind == "direct"
    assert await qmp.query_status() == "prelaunch"
    assert await qmp.execute_many([("query-name", None), ("query-status", None)])
    with pytest.raises(CommandError, match="QEMU refused"):
        await qmp.execute("no-such-command")
    assert len(await qmp.execute("query-qmp-schema")) > 500  # 200 KB
    await qmp.close()
    again = await open_qmp(vm, "direct", 10)  # QEMU serves one client at a time: it has heard that the first has gone
    assert await again.query_status() == "prelaunch"
    await again.close()
    assert fallbacks(bus) == []


async def test_a_screenshot_comes_through_libvirt_where_no_memory_is_shared(
    a_daemon: Daemon, sshd: LabSshd, far: Far
) -> None:
    qmp = await open_qmp(await far(sshd.uri(a_daemon.host)), "direct", 10)
    assert (await qmp.screenshot()).startswith(b"\x89PNG")
    await qmp.close()


async def test_all_channels_share_one_ssh_connection(a_daemon: Daemon, sshd: LabSshd, far: Far) -> None:
    vm = await far(sshd.uri(a_daemon.host))
    qmp, port = await asyncio.gather(open_qmp(vm, "direct", 10), open_channel(vm, PORT, "socket", 10))
    assert sshd.log.read_text().count("Accepted publickey") == 2  # libvirt's and ours
    await port.write(b"kept by QEMU until a guest reads it", 5)
    with pytest.raises(DeadlineError, match="sent nothing"):
        await port.read(0.05)
    await port.close()
    await qmp.close()


async def test_a_host_that_forwards_no_sockets_is_spoken_to_through_libvirt_and_that_is_said_once(
    a_daemon: Daemon, start_sshd: Callable[..., LabSshd], far: Far, bus: EventBus
) -> None:
    sshd = start_sshd("AllowStreamLocalForwarding no")
    vm = await far(sshd.uri(a_daemon.host))
    for _ in range(2):
        qmp = await open_qmp(vm, "auto", 10)
        assert qmp.kind == "libvirt"
        assert await qmp.query_status() == "prelaunch"
        await qmp.close()
        await (await open_channel(vm, PORT, timeout=10)).close()
    (reason,) = fallbacks(bus)
    assert "AllowStreamLocalForwarding" in reason
    (event,) = bus.take_notices()
    assert event.is_warning
    assert event.notice.startswith("VMs on host 'rack-0' are spoken to through libvirt")
    with pytest.raises(ChannelError, match=r"should open over SSH but did not.*AllowStreamLocalForwarding"):
        await open_qmp(vm, "direct", 10)
    with pytest.raises(ChannelError, match=r"should open over SSH"):
        await open_channel(vm, PORT, "socket", 10)


async def test_a_vm_without_a_socket_of_its_own_is_nothing_to_warn_of(
    a_daemon: Daemon, sshd: LabSshd, far: Far, bus: EventBus
) -> None:
    vm = await far(sshd.uri(a_daemon.host), monitor=False)
    qmp = await open_qmp(vm, "auto", 10)
    assert qmp.kind == "libvirt"
    await qmp.close()
    assert fallbacks(bus) == []
    assert bus.take_notices() == []
    with pytest.raises(ChannelError, match=r"should be in its domain XML but there is none"):
        await open_qmp(vm, "direct", 10)


async def test_without_asyncssh_libvirt_serves_and_the_next_step_is_said(
    a_daemon: Daemon, sshd: LabSshd, far: Far, bus: EventBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "asyncssh", None)
    monkeypatch.delitem(sys.modules, "ATPLibrary.transport.ssh_link", raising=False)
    qmp = await open_qmp(await far(sshd.uri(a_daemon.host)), "auto", 10)
    assert qmp.kind == "libvirt"
    await qmp.close()
    (reason,) = fallbacks(bus)
    assert "asyncssh is not installed" in reason
    assert "pip install 'robotframework-atp[ssh]'" in reason


async def test_a_key_that_ssh_takes_from_elsewhere_and_we_can_not_costs_one_attempt(
    a_daemon: Daemon, sshd: LabSshd, far: Far, bus: EventBus, tmp_path: Path
) -> None:
    vm = await far(sshd.uri(a_daemon.host))
    other = make_key(tmp_path / "other")  # libvirt is connected already
    shutil.copyfile(other, sshd.key)
    shutil.copyfile(other.with_suffix(".pub"), sshd.key.with_suffix(".pub"))
    qmp = await open_qmp(vm, "auto", 10)
    assert qmp.kind == "libvirt"
    await qmp.close()
    (reason,) = fallbacks(bus)
    assert "SSH to host 'rack-0'" in reason
    assert "refused" in reason
    attempts = sshd.log.read_text().count("Connection from")
    with pytest.raises(HostError, match="should let us in but refused"):
        await open_qmp(vm, "direct", 10)
    assert sshd.log.read_text().count("Connection from") == attempts  # the refusal is remembered


async def test_a_host_key_that_is_not_known_is_refused_by_us_too(
    a_daemon: Daemon, sshd: LabSshd, far: Far, tmp_path: Path
) -> None:
    known = tmp_path / "known"
    shutil.copyfile(sshd.known_hosts, known)
    vm = await far(sshd.uri(a_daemon.host, known_hosts=known))
    known.write_text("")
    with pytest.raises(HostError, match="its host key can't be trusted"):
        await open_qmp(vm, "direct", 10)


async def test_sshd_killed_under_a_command_ends_the_channel_with_one_sentence_and_the_next_use_comes_back(
    a_daemon: Daemon, sshd: LabSshd, far: Far
) -> None:
    vm = await far(sshd.uri(a_daemon.host))
    qmp = await open_qmp(vm, "direct", 10)
    port = await open_channel(vm, PORT, "socket", 10)
    reading = asyncio.ensure_future(port.read(30))
    with a_daemon.stopped_qemu():  # else it would answer too soon
        waiting = asyncio.ensure_future(qmp.query_status(30))
        await asyncio.sleep(0)
        sshd.stop()
        with pytest.raises(ChannelError, match=r"should go on but .*The channel is closed now"):
            await asyncio.wait_for(waiting, 10)
        with pytest.raises(ChannelError, match=r"should stay open but ended: "):
            await asyncio.wait_for(reading, 10)
    assert not qmp.is_open
    await qmp.close()
    await port.close()
    with pytest.raises((HostError, ChannelError)):
        await open_qmp(vm, "direct", 10)
    sshd.start()
    await vm.host.wait_for_state(lambda state: state is HostState.CONNECTED, 20, "be connected again")
    vm.host.forgive()
    qmp = await open_qmp(vm, "direct", 10)
    assert await qmp.query_status() == "prelaunch"
    await qmp.close()


async def test_a_silent_sshd_costs_a_command_its_deadline_and_the_channel_ends_when_keepalive_says_so(
    a_daemon: Daemon, sshd: LabSshd, far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh_link, "KEEPALIVE_INTERVAL_SECONDS", 0.2)
    vm = await far(sshd.uri(a_daemon.host))
    qmp = await open_qmp(vm, "direct", 10)
    port = await open_channel(vm, PORT, "socket", 10)
    reading = asyncio.ensure_future(port.read(30))
    with sshd.silent():
        with pytest.raises(DeadlineError, match=r"should answer 'query-status' within 0\.1 s"):
            await qmp.query_status(0.1)
        with pytest.raises(ChannelError, match=r"should stay open but ended: "):
            await asyncio.wait_for(reading, 10)
        with pytest.raises(ChannelError, match=r"should go on but .*The channel is closed now"):
            await qmp.query_status(5)
        assert not qmp.is_open
        with pytest.raises(DeadlineError, match=r"SSH to host 'rack-0'.* should let us in within 0\.2 s"):
            await vm.host.sockets.open(Path("/x"), 0.2)
        await asyncio.wait_for(qmp.close(), 5)
        await asyncio.wait_for(port.close(), 5)


async def test_closing_the_host_closes_its_ssh_connection(a_daemon: Daemon, sshd: LabSshd, far: Far) -> None:
    vm = await far(sshd.uri(a_daemon.host))
    qmp = await open_qmp(vm, "direct", 10)
    await vm.host.close(5)
    with pytest.raises(ChannelError):
        await qmp.query_status(5)
    await qmp.close()
    _, *sessions = sshd.processes()
    assert await asyncio.to_thread(processes.wait, sessions, 10) == []  # libvirt's has ended too


async def test_a_caller_in_a_hurry_leaves_a_slow_ssh_and_the_next_one_finds_it_connected(
    a_daemon: Daemon, sshd: LabSshd, bus: EventBus
) -> None:
    host = HostConnection("rack", sshd.uri(a_daemon.host), bus)
    with (
        sshd.silent(),
        pytest.raises(DeadlineError, match=r"SSH to host 'rack' \(.*\) should let us in within 0\.1 s but did not"),
    ):
        await host.sockets.connect(0.1)
    await host.sockets.connect(10)
    assert sshd.log.read_text().count("Accepted publickey") == 1
    await host.close(5)


async def test_closing_ends_an_attempt_to_connect_and_tells_who_waits(bus: EventBus) -> None:
    """Somebody listens but says nothing."""
    called, gone = asyncio.Event(), asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        called.set()
        with contextlib.suppress(OSError):
            await reader.read()  # until the caller hangs up
        gone.set()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    host = HostConnection("rack", f"qemu+ssh://127.0.0.1:{port}/system", bus)
    waiting = asyncio.ensure_future(host.sockets.connect(30))
    await asyncio.wait_for(called.wait(), 5)
    await host.close(5)
    with pytest.raises(HostError, match=r"SSH to host 'rack' .*was closed here"):
        await asyncio.wait_for(waiting, 5)
    await asyncio.wait_for(gone.wait(), 5)
    server.close()
