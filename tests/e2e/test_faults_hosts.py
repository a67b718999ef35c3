"""The fault matrix's half of hosts and sockets (docs/faults.md), on one real VM whose daemon and sockets the tests may break.

Each test leaves the VM running, its agent reachable and no key down: it asks the guest.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.conftest import LabVm, start_vm, stop_vm
from tests.faults.direction import Way
from tests.faults.proxy import in_front_of

from ATPLibrary.config import Config
from ATPLibrary.errors import (
    ATPError,
    ChannelError,
    DeadlineError,
    HostError,
    VerificationError,
    VmStateError,
)
from ATPLibrary.lab import processes
from ATPLibrary.lab.hosts import LabHost, short_directory
from ATPLibrary.lab.machine import AGENT_CHANNEL
from ATPLibrary.orchestrator import Machine, Workspace, reload
from ATPLibrary.orchestrator.channels import Channels
from ATPLibrary.protocol.qga import Qga
from ATPLibrary.protocol.qmp.schema import schema_of
from ATPLibrary.protocol.virtio_serial import CODECS, Codec, open_channel
from ATPLibrary.transport import HostState, VmState
from ATPLibrary.verifier import AgentSession, InputReport

from .conftest import begun

pytestmark = pytest.mark.e2e

STEP = 1000
# Nothing hangs: the longest that any one thing may take here, whatever it ends in.
BOOT_SECONDS = 120.0
NO_HANG = 30.0
# What docs/faults.md promises, with room for a busy machine: "at once", and 4 s.
AT_ONCE = 10.0
SOON = 12.0
# Keys that a failed input left down are let go of this soon after QEMU can be told again (docs/faults.md).
LET_GO = 10.0
QUICK = {"connect_timeout": 5, "reconnect": {"initial_delay": 0.05, "max_delay": 0.5, "max_attempts": 1000}}
TEXT = "# It goes on, and nothing is lost. "
# What docs/faults.md promises of a QEMU that was killed: one sentence on whichever channel, monitor or agent notices it first.
QEMU_HAS_GONE = r"QMP|monitor|not running|is shutoff|[Aa]gent"
WAYS = pytest.mark.parametrize("qmp", ["direct", "libvirt"])


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabHost]:
    directory = tmp_path_factory.mktemp("faults")
    short = short_directory(directory)
    host = LabHost("own", str(uuid.uuid4()), "127.0.0.2", short / "a", directory)
    try:
        host.wait_until_ready(host.start())
        yield host
    finally:
        host.stop()
        if short.is_dir():
            short.rmdir()


@pytest.fixture(scope="module")
def vm(daemon: LabHost, guest_image: Any, accelerator: Any) -> Iterator[LabVm]:
    vm = start_vm(daemon, guest_image, accelerator, "atp-linux")
    try:
        yield vm
    finally:
        stop_vm(vm)


class Connect:
    """`await connect("direct")` is the VM as keywords have it, with QMP by that way and its agent's session ready."""

    def __init__(self, vm: LabVm) -> None:
        self.vm = vm
        self.workspaces: list[Workspace] = []

    async def __call__(self, qmp: str) -> Machine:
        hosts = {"own": {"uri": self.vm.uri}}
        workspace = Workspace(Config.model_validate({"hosts": hosts, "pool": QUICK, "qmp": qmp}))
        self.workspaces.append(workspace)
        machine = await workspace.machine(self.vm.uuid, timeout=NO_HANG)
        await machine.agent(NO_HANG)
        await (await machine.typing(NO_HANG)).press("ctrl+c")
        return machine


@pytest_asyncio.fixture
async def connect(vm: LabVm) -> AsyncIterator[Connect]:
    connect = Connect(vm)
    yield connect
    for workspace in connect.workspaces:
        await workspace.close()


def victim(daemon: LabHost) -> processes.Process:
    (process,) = [each for each in daemon.processes() if each.role == daemon.daemon_role]
    return process


def kill(daemon: LabHost) -> None:
    process = victim(daemon)
    os.kill(process.pid, signal.SIGKILL)
    processes.wait([process], 10)


def restart(daemon: LabHost) -> None:
    kill(daemon)
    daemon.wait_until_ready(daemon.start())


async def restart_noticed(machine: Machine, daemon: LabHost) -> None:
    """The daemon dies and comes back; the host's loss is known here when this returns."""
    with machine.bus.subscribe(lambda event: event.kind == "host.failed") as news:
        await asyncio.to_thread(restart, daemon)
        async with asyncio.timeout(NO_HANG):
            await anext(news)


async def type_text(machine: Machine, text: str = TEXT) -> InputReport:
    report = await (await machine.typing(NO_HANG)).type_text(text, timeout=60)
    report.raise_if_bad(must_be_verified=True)
    return report


async def typing_has_begun(machine: Machine) -> asyncio.Task[InputReport]:
    """A long text on its way: the guest has seen some of it."""
    session = await machine.agent(NO_HANG)
    with session.observations.subscribe() as stream:
        task = asyncio.create_task(type_text(machine, TEXT * 20))
        async with asyncio.timeout(NO_HANG):
            assert await stream.next_batch(NO_HANG)
    assert not task.done()
    return task


async def nothing_is_down(machine: Machine, within: float = LET_GO) -> None:
    """The guest's kernel says so, at the latest `within` seconds from now."""
    held = ["never asked"]
    session = await machine.agent(within)
    with session.observations.subscribe() as stream:
        try:
            async with asyncio.timeout(within):
                while held := await machine.held_keys(within):
                    await stream.next_batch(0.2)
        except TimeoutError:
            pytest.fail(f"down in the guest after {within:g} s: {held}")


async def guest_agent(machine: Machine) -> Qga:
    """QEMU's, once libvirt has it: a daemon that was started again answers before it does."""
    qga = await machine.qga(NO_HANG)
    await qga.ready(NO_HANG)
    return qga


async def is_connected_again(machine: Machine) -> None:
    await machine.domain.host.wait_for_state(lambda state: state is HostState.CONNECTED, NO_HANG, "be connected again")


# -- the daemon is killed and started again


async def test_typing_goes_on_and_is_proved_while_the_daemon_dies_and_comes_back(
    connect: Connect, daemon: LabHost
) -> None:
    machine = await connect("direct")
    typing = await typing_has_begun(machine)
    await restart_noticed(machine, daemon)
    assert (await asyncio.wait_for(typing, 60)).verified
    await is_connected_again(machine)
    assert (await machine.domain.state(NO_HANG)).state is VmState.RUNNING
    await nothing_is_down(machine)


async def test_typing_through_libvirt_ends_with_one_clear_error_when_the_daemon_dies_and_leaves_no_key_down(
    connect: Connect, daemon: LabHost
) -> None:
    machine = await connect("libvirt")
    typing = await typing_has_begun(machine)
    await asyncio.to_thread(kill, daemon)
    with pytest.raises(HostError, match=r"Host 'own' should answer \(pass a monitor command\).*daemon"):
        await asyncio.wait_for(typing, AT_ONCE)
    await asyncio.to_thread(lambda: daemon.wait_until_ready(daemon.start()))
    await nothing_is_down(machine)
    await is_connected_again(machine)
    assert (await type_text(machine)).verified


async def test_a_command_in_the_guest_is_followed_to_its_end_though_the_daemon_was_killed_meanwhile(
    connect: Connect, daemon: LabHost
) -> None:
    machine = await connect("direct")
    qga = await guest_agent(machine)
    command = "sleep 3; echo it went on; exit 7"
    running = await begun(qga.exec(command, timeout=60), command)
    await restart_noticed(machine, daemon)
    result = await asyncio.wait_for(running, 60)
    assert (result.exit_code, result.stdout) == (7, "it went on\n")


async def test_output_that_is_followed_is_whole_though_the_daemon_was_killed_meanwhile(
    connect: Connect, daemon: LabHost
) -> None:
    machine = await connect("direct")
    qga = await guest_agent(machine)
    begun, told = asyncio.Event(), ""

    def on_output(stream: str, text: str) -> None:
        nonlocal told
        told += text
        begun.set()

    command = "i=0; while [ $i -lt 300 ]; do i=$((i+1)); echo line $i; usleep 10000; done"
    running = asyncio.create_task(qga.exec(command, timeout=60, on_output=on_output))
    async with asyncio.timeout(NO_HANG):
        await begun.wait()
    await asyncio.to_thread(restart, daemon)
    result = await asyncio.wait_for(running, 60)
    assert result.stdout == told == "".join(f"line {number + 1}\n" for number in range(300))


async def test_a_command_whose_start_was_not_answered_says_that_it_may_have_been_done(
    connect: Connect, daemon: LabHost
) -> None:
    machine = await connect("direct")
    qga = await guest_agent(machine)
    assert (await qga.exec("true", timeout=60)).exit_code == 0
    os.kill(victim(daemon).pid, signal.SIGSTOP)
    running = asyncio.create_task(qga.exec("sleep 3", timeout=60))
    async with asyncio.timeout(NO_HANG):
        while not machine.domain.host.in_flight:  # noqa: ASYNC110 - nothing tells that it is asked for
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)  # and is on its way to a daemon that doesn't answer
    await asyncio.to_thread(kill, daemon)
    with pytest.raises(HostError, match=r"\(ask its guest agent\).*Whether it was done isn't known"):
        await asyncio.wait_for(running, NO_HANG)
    await asyncio.to_thread(lambda: daemon.wait_until_ready(daemon.start()))
    await is_connected_again(machine)
    assert (await (await guest_agent(machine)).exec("echo back", timeout=60)).stdout == "back\n"


@WAYS
async def test_a_wait_for_a_qmp_event_survives_the_daemon(connect: Connect, daemon: LabHost, qmp: str) -> None:
    machine = await connect(qmp)
    await schema_of(await machine.qmp(NO_HANG), NO_HANG)  # asked for once, before the first wait
    waiting = asyncio.create_task(machine.qmp_events.next("STOP", 60, recent=False))
    await restart_noticed(machine, daemon)
    await is_connected_again(machine)
    assert not waiting.done()
    await machine.domain.host.call("settle", lambda connection: connection.getLibVersion(), timeout=NO_HANG)
    await machine.domain.suspend(NO_HANG)
    try:
        await asyncio.wait_for(waiting, NO_HANG)
    finally:
        await machine.domain.resume(NO_HANG)
    assert (await type_text(machine)).verified


async def test_an_agent_s_session_on_a_stream_of_libvirt_s_is_opened_again_when_the_daemon_is_back(
    connect: Connect, daemon: LabHost, vm: LabVm
) -> None:
    machine = await connect("direct")
    await machine.close_agent()  # a port has one client
    session = AgentSession(
        lambda: open_channel(machine.domain, AGENT_CHANNEL, "stream", NO_HANG), vm.name, machine.bus, vm.spec.token
    )
    try:
        await session.start(NO_HANG)
        with machine.bus.subscribe(lambda event: event.kind == "agent.lost") as news:
            await asyncio.to_thread(restart, daemon)
            async with asyncio.timeout(NO_HANG):
                await anext(news)
        await session.wait_ready(NO_HANG)
        assert await session.held_keys(NO_HANG) == frozenset()
    finally:
        await session.close()


async def test_a_channel_on_a_stream_of_libvirt_s_is_opened_again_with_its_codec_when_the_daemon_is_back(
    connect: Connect, daemon: LabHost, vm: LabVm
) -> None:
    machine = await connect("direct")
    await machine.close_agent()  # a port has one client
    channels = Channels(vm.name, lambda name, timeout: open_channel(machine.domain, name, "stream", timeout))

    def make() -> Codec:
        return CODECS.create("json", id_field="id", request_field="", response_field="")

    first = await channels.open(AGENT_CHANNEL, "json", make, NO_HANG)
    try:
        assert (await first.request({"type": "ping"}, NO_HANG))["type"] == "pong"
        with machine.bus.subscribe(lambda event: event.kind == "channel.lost") as news:
            await asyncio.to_thread(restart, daemon)
            async with asyncio.timeout(NO_HANG):
                await anext(news)
        await is_connected_again(machine)
        again = await channels.get(AGENT_CHANNEL, NO_HANG)
        assert again is not first
        assert (await again.request({"type": "ping"}, NO_HANG))["type"] == "pong"
    finally:
        for conversation in channels.take_all():
            await conversation.close()


@pytest.mark.parametrize("away", ["the daemon", "the VM"])
async def test_a_frozen_guest_is_thawed_though_nobody_could_be_told_at_first(
    connect: Connect, daemon: LabHost, away: str
) -> None:
    machine = await connect("direct")
    qga = await guest_agent(machine)
    assert await qga.freeze.freeze(NO_HANG, longest=NO_HANG) == 1
    if away == "the daemon":
        await asyncio.to_thread(kill, daemon)
    else:
        await machine.domain.suspend(NO_HANG)
    thawing = qga.freeze.begin_thawing()  # as after `longest` seconds
    done, _ = await asyncio.wait({thawing}, timeout=1.0)
    assert not done
    if away == "the daemon":
        await asyncio.to_thread(lambda: daemon.wait_until_ready(daemon.start()))
    else:
        await machine.domain.resume(NO_HANG)
    await asyncio.wait_for(thawing, NO_HANG)
    assert await qga.freeze.status(NO_HANG) == "thawed"


# -- sockets are silent, half open, and reset


SILENCES = pytest.mark.parametrize("dead", [(), (Way.TO_SERVER,), (Way.TO_CLIENT,)], ids=["silent", "to it", "from it"])


@SILENCES
async def test_a_silent_qmp_socket_costs_one_input_and_the_next_goes_through_libvirt(
    connect: Connect, vm: LabVm, dead: tuple[Way, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A fifth of what they are, to save the time.
    for module in ("sending", "qmp_injector"):
        monkeypatch.setattr(f"ATPLibrary.verifier.{module}.COMMAND_TIMEOUT", 2.0)
    monkeypatch.setattr("ATPLibrary.protocol.qmp.direct.SILENT_SECONDS", 1.0)
    async with in_front_of(vm.spec.qmp_socket) as proxy:
        machine = await connect("auto")
        assert (await machine.qmp(NO_HANG)).kind == "direct"
        typing = await typing_has_begun(machine)
        if dead:
            proxy.half_open(*dead)
        else:
            proxy.silence()
        with pytest.raises((DeadlineError, ChannelError, VerificationError), match=r"QMP \(direct\)|should be seen"):
            await asyncio.wait_for(typing, SOON)
        await nothing_is_down(machine)
        assert (await type_text(machine)).verified
        assert (await machine.qmp(NO_HANG)).kind == "libvirt"


@SILENCES
async def test_a_silent_agent_socket_is_told_by_the_verifier_and_the_session_goes_on_when_that_ends(
    connect: Connect, vm: LabVm, dead: tuple[Way, ...]
) -> None:
    async with in_front_of(vm.spec.agent_socket) as proxy:
        machine = await connect("direct")
        typing = await typing_has_begun(machine)
        if dead:
            proxy.half_open(*dead)
        else:
            proxy.silence()
        if dead == (Way.TO_SERVER,):  # what the guest sees still comes; only that nothing came twice can't be asked
            report = await asyncio.wait_for(asyncio.gather(typing, return_exceptions=True), 60)
            assert isinstance(report[0], VerificationError)
        else:
            with pytest.raises(VerificationError, match=r"stopped answering"):
                await asyncio.wait_for(typing, SOON)
        proxy.heal()
        await nothing_is_down(machine, NO_HANG)
        assert (await type_text(machine)).verified


async def at_every_1000th_byte(machine: Machine, proxy: Any) -> int:
    """Type while the socket is reset after 1,000, 2,000, ... bytes, until the text is shorter than that. How often it was cut."""
    for number in range(1, 200):
        proxy.reset_after(number * STEP)
        try:
            report = await asyncio.wait_for(type_text(machine, TEXT * 3), NO_HANG)
        except ATPError as error:
            if not proxy.cut.is_set() or "should" not in str(error):
                raise
        else:
            assert report.lost == report.duplicated == report.reordered == 0
            if not proxy.cut.is_set():
                proxy.heal()
                return number - 1
        await nothing_is_down(machine)
        await is_connected_again(machine)
    raise AssertionError("typing took more than 200,000 bytes")


async def test_typing_survives_a_reset_of_the_qmp_socket_at_every_1000th_byte(connect: Connect, vm: LabVm) -> None:
    async with in_front_of(vm.spec.qmp_socket) as proxy:
        machine = await connect("direct")
        assert await at_every_1000th_byte(machine, proxy) >= 3
        assert (await type_text(machine)).verified


async def test_typing_survives_a_reset_of_the_agent_s_socket_at_every_1000th_byte(connect: Connect, vm: LabVm) -> None:
    async with in_front_of(vm.spec.agent_socket) as proxy:
        machine = await connect("direct")
        assert await at_every_1000th_byte(machine, proxy) >= 3
        assert (await type_text(machine)).verified


async def test_typing_through_libvirt_survives_a_reset_of_its_socket_at_every_1000th_byte(
    connect: Connect, daemon: LabHost
) -> None:
    async with in_front_of(daemon.socket) as proxy:
        machine = await connect("libvirt")
        assert await at_every_1000th_byte(machine, proxy) >= 3
        await is_connected_again(machine)
        assert (await type_text(machine)).verified


# -- the configuration changes


async def test_a_reload_of_the_configuration_disturbs_neither_typing_nor_calls_in_flight(
    vm: LabVm, connect: Connect
) -> None:
    machine = await connect("libvirt")
    (workspace,) = connect.workspaces
    release = threading.Event()
    typing = await typing_has_begun(machine)
    call = asyncio.create_task(
        machine.domain.call("think", lambda domain: release.wait(NO_HANG) and domain.name(), timeout=NO_HANG)
    )
    await asyncio.sleep(0)
    own = {"uri": vm.uri}
    for hosts in (
        {"own": own, "other": {"uri": "test:///default"}},
        {"own": own | {"drained": True}, "other": {"uri": "test:///default", "tags": ["new"]}},
        {"other": {"uri": "test:///default"}},  # where the VM is has gone from the configuration
        {"own": own},
    ):
        await reload.reload(workspace, Config.model_validate({"hosts": hosts, "pool": QUICK, "qmp": "libvirt"}))
        assert not typing.done()
    assert not call.done()
    release.set()
    assert await asyncio.wait_for(call, NO_HANG) == vm.name
    assert (await asyncio.wait_for(typing, 60)).verified
    await nothing_is_down(machine)


# -- QEMU is killed: the last tests, since each costs a boot


@WAYS
async def test_a_killed_qemu_is_told_at_once_and_the_vm_is_usable_when_it_was_started_again(
    connect: Connect, daemon: LabHost, qmp: str
) -> None:
    machine = await connect(qmp)
    typing = await typing_has_begun(machine)
    (qemu,) = [each for each in daemon.processes() if each.role.startswith("qemu")]
    os.kill(qemu.pid, signal.SIGKILL)
    with pytest.raises(ATPError, match=QEMU_HAS_GONE) as told:
        await asyncio.wait_for(typing, SOON)
    assert not isinstance(told.value, HostError), told.value
    assert machine.domain.host.state is HostState.CONNECTED
    assert "lost" not in machine.domain.host.statistics().counts
    state = await machine.domain.wait_for_state(VmState.SHUTOFF, SOON)
    assert str(state) == "shutoff (crashed)"
    with pytest.raises(VmStateError, match=r"is shutoff \(crashed\).*Start it|not running"):
        await type_text(machine)
    await machine.domain.start(NO_HANG)
    await machine.agent(BOOT_SECONDS)  # its session may have the port again already: QEMU serves one client
    assert (await type_text(machine)).verified
    await nothing_is_down(machine)


def test_the_daemons_directory_is_short_enough_for_a_proxy(vm: LabVm) -> None:
    for path in (vm.spec.qmp_socket, vm.spec.agent_socket, vm.host.socket):
        assert len(bytes(Path(f"{path}~"))) <= 107
