"""What becomes of typing and of commands when somebody else pauses, resets, restarts, reverts or kills under them.

Each row of docs/faults.md about VMs and their agents: one clear error (or a proof), within its time; afterwards no key is down
in the guest, and the next text is proved.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import libvirt
import pytest
import pytest_asyncio

from ATPLibrary.config import Config
from ATPLibrary.errors import AgentError, ATPError, DeadlineError, VerificationError, VmStateError
from ATPLibrary.lab.hosts import LabHost
from ATPLibrary.lab.machine import MachineSpec
from ATPLibrary.orchestrator import Machine, Workspace
from ATPLibrary.protocol.qga import GuestFiles
from ATPLibrary.verifier import InputReport

from .conftest import begun, moved_xml

pytestmark = pytest.mark.e2e

BOOT = 120.0
# What docs/faults.md promises, with room for a busy machine.
AT_ONCE = 10.0
# So many edges are seen in the guest before the fault; the text is so long that its end is far away then.
UNDER_WAY = 40
TEXT = "#" + "the quick brown fox jumps over the lazy dog " * 200
KEYBOARDS = ["ps2", "usb", "virtio"]


@pytest_asyncio.fixture
async def workspace(lab_host: Any) -> AsyncIterator[Workspace]:
    workspace = Workspace(Config.model_validate({"hosts": {"here": {"uri": lab_host.uri}}}))
    yield workspace
    await workspace.close()


@dataclass(frozen=True)
class Desk:
    """A connected VM, and somebody else who reaches it too."""

    machine: Machine
    uri: str

    async def elsewhere(self, func: Callable[[Any], Any]) -> Any:
        """Somebody else does that to the VM, by libvirt."""

        def ask() -> Any:
            connection = libvirt.open(self.uri)
            try:
                return func(connection.lookupByUUIDString(self.machine.uuid))
            finally:
                connection.close()

        return await asyncio.to_thread(ask)

    async def monitor(self, line: str) -> str:
        """Somebody else types that at QEMU's monitor, as `virsh qemu-monitor-command --hmp` does."""
        import libvirt_qemu

        def ask(handle: Any) -> str:
            return str(libvirt_qemu.qemuMonitorCommand(handle, line, libvirt_qemu.VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP))

        return str(await self.elsewhere(ask))

    async def type(self, text: str) -> InputReport:
        return await (await self.machine.typing(BOOT)).type_text(text, timeout=60)

    async def run(self, command: str, timeout: float = 30) -> str:
        return (await (await self.machine.qga(BOOT)).exec(command, timeout=timeout)).stdout.strip()

    async def interrupted(self, fault: Callable[[], Awaitable[Any]], within: float, text: str = TEXT) -> Any:
        """What became of a text under which `fault` happened: its report, or its error, `within` seconds of the fault."""
        engine, session = await self.machine.typing(BOOT), await self.machine.agent(BOOT)
        (await engine.press("ctrl+c")).raise_if_bad(must_be_verified=True)
        with session.observations.subscribe() as stream:
            typing = asyncio.create_task(engine.type_text(text, timeout=60))
            seen = 0
            async with asyncio.timeout(20):
                while seen < UNDER_WAY:
                    seen += len(await stream.next_batch(None))
        assert not typing.done()
        await fault()
        try:
            async with asyncio.timeout(within):
                return await typing
        except ATPError as error:
            return error

    async def is_well(self) -> None:
        """No key is down in the guest, and what is typed next is proved."""
        await self.no_key_is_down()
        engine = await self.machine.typing(BOOT)
        (await engine.press("ctrl+c")).raise_if_bad(must_be_verified=True)
        report = await engine.type_text("#well", timeout=30)
        report.raise_if_bad(must_be_verified=True)
        assert report.latency.count == report.edges
        assert -5 < report.latency.percentile(50) < 5000, "measured on the clock that the guest has now"
        await engine.press("ctrl+c")
        assert await self.machine.held_keys(10) == []
        assert not self.machine.holds_keys

    async def no_key_is_down(self) -> None:
        """Soon, if not at once: what the keyboard had queued when the VM stood still comes first."""
        await self.machine.agent(BOOT)  # a guest that was restarted takes its time
        async with asyncio.timeout(10):
            while await self.machine.held_keys(BOOT):  # noqa: ASYNC110 - the guest tells of edges, not of what is down
                await asyncio.sleep(0.05)


@pytest_asyncio.fixture(params=KEYBOARDS)
async def desk(workspace: Workspace, request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    vm = request.getfixturevalue(f"{request.param}_vm")
    machine = await workspace.machine(vm.uuid, timeout=20)
    await machine.agent(BOOT)
    yield Desk(machine, vm.uri)


@pytest_asyncio.fixture
async def one_desk(workspace: Workspace, ps2_vm: Any) -> AsyncIterator[Desk]:
    """Where the keyboard makes no difference."""
    machine = await workspace.machine(ps2_vm.uuid, timeout=20)
    await machine.agent(BOOT)
    yield Desk(machine, ps2_vm.uri)


async def test_an_agent_that_is_killed_is_back_by_itself_and_what_it_missed_is_not_called_proved(
    one_desk: Desk,
) -> None:
    async def kill_agent() -> None:
        await one_desk.run("kill -9 $(cat /run/atp-agent.pid)")

    report = await one_desk.interrupted(kill_agent, within=40, text=TEXT[:3000])
    assert isinstance(report, InputReport)
    assert not report.verified
    assert 0 < report.observer_overrun < 200
    with pytest.raises(
        VerificationError, match=r"unknown \d+ .*The agent missed something \(the agent's session began"
    ):
        report.raise_if_bad()
    await one_desk.is_well()


async def test_a_pause_ends_typing_at_once_and_keys_go_up_when_it_runs_again(desk: Desk) -> None:
    error = await desk.interrupted(lambda: desk.elsewhere(lambda vm: vm.suspend()), within=AT_ONCE)
    assert isinstance(error, VmStateError)
    assert "was paused meanwhile (QEMU says paused): of 17604 edges" in str(error)
    with pytest.raises(VmStateError, match=r"is paused, and nothing was sent\. Resume it"):
        await desk.type("x")
    await desk.elsewhere(lambda vm: vm.resume())
    await desk.is_well()


async def test_a_reset_ends_typing_at_once_and_the_guest_that_boots_is_typed_into(desk: Desk) -> None:
    error = await desk.interrupted(lambda: desk.elsewhere(lambda vm: vm.reset()), within=AT_ONCE)
    assert isinstance(error, VerificationError)
    assert "the guest was restarted meanwhile" in str(error)
    await desk.is_well()


async def test_a_reboot_from_inside_ends_typing_as_a_reset_does(one_desk: Desk) -> None:
    await one_desk.machine.qga(BOOT)
    reboot = lambda vm: vm.reboot(libvirt.VIR_DOMAIN_REBOOT_GUEST_AGENT)  # noqa: E731
    error = await one_desk.interrupted(lambda: one_desk.elsewhere(reboot), within=10)
    assert isinstance(error, VerificationError)
    assert "the guest was restarted meanwhile" in str(error)
    await one_desk.is_well()


async def test_a_snapshot_that_is_loaded_into_the_running_qemu_is_known_for_another_guest(desk: Desk) -> None:
    await desk.type("#before")
    assert "Error" not in await desk.monitor("savevm before")
    try:
        (await desk.type("#after")).raise_if_bad(must_be_verified=True)
        error = await desk.interrupted(lambda: desk.monitor("loadvm before"), within=AT_ONCE)
        assert isinstance(error, VerificationError)
        assert "was put back to an earlier moment (a snapshot) meanwhile" in str(error)
        await desk.is_well()
        # And where nobody was typing.
        resumed = asyncio.create_task(desk.machine.bus.wait_for(
            lambda event: event.source == desk.machine.source and event.kind == "qmp.RESUME", 20, "The guest's going on"
        ))  # fmt: skip
        assert await desk.monitor("loadvm before") == ""
        await resumed
        await desk.is_well()
    finally:
        await desk.monitor("delvm before")


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_command_goes_on_when_its_paused_vm_does(one_desk: Desk, streamed: bool) -> None:
    heard: list[str] = []
    started = asyncio.Event()

    def on_output(stream: str, text: str) -> None:
        heard.append(text)
        started.set()

    qga = await one_desk.machine.qga(BOOT)
    await qga.ready(BOOT)
    command = "echo one; until [ -e /run/go-on ]; do usleep 50000; done; rm /run/go-on; echo two"
    running = await begun(qga.exec(command, timeout=30, on_output=on_output if streamed else None), command)
    if streamed:
        await started.wait()
    await one_desk.elsewhere(lambda vm: vm.suspend())
    done, _ = await asyncio.wait([running], timeout=2)
    assert not done, "it waits, as its command does"
    await one_desk.elsewhere(lambda vm: vm.resume())
    await GuestFiles(qga).write("/run/go-on", b"", 20)
    assert (await running).stdout == "one\ntwo\n"
    assert not streamed or "".join(heard) == "one\ntwo\n"
    await one_desk.is_well()


async def test_a_command_in_a_vm_that_stays_paused_ends_at_its_deadline(one_desk: Desk) -> None:
    await (await one_desk.machine.qga(BOOT)).ready(BOOT)
    running = await begun(one_desk.run("sleep 300", timeout=3), "sleep 300")
    await one_desk.elsewhere(lambda vm: vm.suspend())
    with pytest.raises(
        DeadlineError, match=r"should end within 3 s but still ran \(process \d+ of the guest\), and was told to"
    ):
        await running
    await one_desk.elsewhere(lambda vm: vm.resume())
    assert await one_desk.run("while pidof sleep >/dev/null; do usleep 50000; done; echo gone") == "gone"
    await one_desk.is_well()


async def test_a_command_under_a_reset_is_one_error_that_says_so(one_desk: Desk) -> None:
    await (await one_desk.machine.qga(BOOT)).ready(BOOT)
    running = await begun(one_desk.run("sleep 60", timeout=60), "sleep 60")
    await one_desk.elsewhere(lambda vm: vm.reset())
    with pytest.raises(
        AgentError, match=r"its guest was restarted or stopped meanwhile, and the process with it.*RESET|reboot"
    ):
        await asyncio.wait_for(running, 15)
    await (await one_desk.machine.qga(BOOT)).ready(BOOT)
    assert await one_desk.run("echo again") == "again"
    await one_desk.is_well()


@pytest.mark.parametrize("two_places", ["atp-linux-usb", "atp-linux-virtio"], indirect=True)
async def test_a_vm_that_somebody_moves_while_it_is_typed_into_is_followed_with_no_key_down(
    two_hosts: tuple[LabHost, LabHost], two_places: tuple[MachineSpec, MachineSpec]
) -> None:
    here, there = two_places
    x, y = two_hosts
    workspace = Workspace(Config.model_validate({"hosts": {host.name: {"uri": host.uri} for host in two_hosts}}))
    try:
        machine = await workspace.machine(here.uuid, timeout=20)
        await machine.agent(BOOT)
        await workspace.host(y.name, 20)
        desk = Desk(machine, x.uri)

        def move(vm: Any) -> None:
            xml = moved_xml(vm.XMLDesc(libvirt.VIR_DOMAIN_XML_MIGRATABLE), here, there, disk_too=False)
            flags = libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_PERSIST_DEST | libvirt.VIR_MIGRATE_UNDEFINE_SOURCE
            flags |= libvirt.VIR_MIGRATE_PEER2PEER | libvirt.VIR_MIGRATE_UNSAFE
            vm.migrateToURI3(y.uri, {"destination_xml": xml, "persistent_xml": xml}, flags)

        has_moved = lambda event: event.kind == "vm.moved" and event.data["to"] == y.name  # noqa: E731
        followed = asyncio.create_task(workspace.bus.wait_for(has_moved, 60, "Our following it"))
        await (await machine.qga(BOOT)).ready(BOOT)
        command = "until [ -e /run/go-on ]; do usleep 50000; done; echo done >/run/done"  # it can't end before the move
        running = await begun(desk.run(command, timeout=60), command)
        error = await desk.interrupted(lambda: desk.elsewhere(move), within=10)
        assert isinstance(error, VmStateError)
        assert "was moved to another host meanwhile" in str(error)
        await followed
        assert machine.host == y.name
        with pytest.raises(AgentError, match="was moved or saved meanwhile; the process goes on with it"):
            await asyncio.wait_for(running, 15)
        await desk.is_well()
        await (await machine.qga(BOOT)).ready(BOOT)
        await desk.run("touch /run/go-on")
        assert await desk.run("while ! test -e /run/done; do usleep 50000; done; cat /run/done") == "done"
    finally:
        await workspace.close()
