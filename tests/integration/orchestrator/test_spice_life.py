"""What a SPICE session has shown is no proof of now: keywords ask QEMU, and fail where it is frozen or the VM stands still.

The VM is of libvirt's test driver, its server in this process, its QEMU's QMP a `Monitor`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio
from tests.integration.orchestrator.spice_keywords import Monitor, Say, monitor_of, sayer
from tests.integration.orchestrator.test_spice import workspace_with
from tests.spice.agent import GuestAgent, init
from tests.spice.server import GREETINGS, PRIMARY, Behaviour, SpiceServer, spice_server

from ATPLibrary.errors import VerificationError, VmStateError
from ATPLibrary.events import Event
from ATPLibrary.keywords.golden_images import GoldenImageKeywords
from ATPLibrary.keywords.monitor import MonitorKeywords
from ATPLibrary.keywords.screen import ScreenKeywords
from ATPLibrary.keywords.spice_agent import SpiceAgentKeywords
from ATPLibrary.keywords.spice_channels import SpiceChannelKeywords
from ATPLibrary.keywords.spice_faults import SpiceFaultKeywords
from ATPLibrary.orchestrator import Machine, Workspace, spice_life
from ATPLibrary.protocol.screen.region import Size
from ATPLibrary.protocol.screen.via import Via
from ATPLibrary.protocol.spice.messages.main import AgentDisconnected
from ATPLibrary.transport.spice import SpiceChannelType as Type

pytestmark = pytest.mark.integration
SPICE = Via(0)


@pytest_asyncio.fixture
async def server() -> AsyncIterator[SpiceServer]:
    greetings = {**GREETINGS, Type.MAIN: [(103, init(connected=True))], Type.DISPLAY: [(314, PRIMARY), (102, b"")]}
    async with spice_server(Behaviour(ticket="let me in", greetings=greetings)) as running:
        yield running


@pytest_asyncio.fixture
async def workspace(server: SpiceServer, tmp_path: Path) -> AsyncIterator[Workspace]:
    made = workspace_with(tmp_path, f"port='{server.port}' listen='127.0.0.1'")
    yield made
    await made.close(5)


@pytest_asyncio.fixture
async def machine(workspace: Workspace) -> Machine:
    return await workspace.machine("win11", timeout=10)


@pytest.fixture
def monitor(monkeypatch: pytest.MonkeyPatch) -> Monitor:
    monkeypatch.setattr(spice_life, "LIFE_SECONDS", 0.2)
    return monitor_of(monkeypatch)


@pytest.fixture
def said(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Say:
    return sayer(workspace, monkeypatch)


@pytest.mark.parametrize(
    ("keyword", "wanted"),
    [
        (partial(ScreenKeywords().take_screenshot, via=SPICE), r"The screen of VM .* \(display:0\) should be shown as it is now"),
        (partial(SpiceChannelKeywords().spice_channel_should_be, "display", "linked"), r"display:0 .* should be linked"),
        (partial(SpiceAgentKeywords().resolution_should_become, Size(4, 2)), r"The screen .* should become 4x2"),
    ],
    ids=["screenshot", "channel", "resolution"],
)  # fmt: skip
async def test_what_was_seen_of_a_qemu_that_is_frozen_by_now_is_not_called_so(
    workspace: Workspace, monitor: Monitor, said: Say, keyword: Callable[..., object], wanted: str
) -> None:
    machine = await workspace.machine("win11", timeout=10)
    await workspace.spice_sessions.connect(machine, 5)
    await workspace.spice_sessions.display(machine, 0, 5)
    monitor.status = "paused"  # which shows what it shows
    await said(keyword)
    monitor.is_frozen = True
    with pytest.raises(
        VerificationError, match=wanted + r" but can't be known: its QEMU did not answer within 0\.2 s \(no word\)"
    ):
        await said(keyword)


async def test_a_golden_image_is_neither_matched_nor_written_by_a_frozen_qemu(
    machine: Machine, monitor: Monitor, said: Say, tmp_path: Path
) -> None:
    golden = tmp_path / "golden.png"
    match = GoldenImageKeywords().screen_should_match
    monitor.is_frozen = True
    with pytest.raises(VerificationError, match=r"should become a golden image but can't be known"):
        await said(match, str(golden), update=True, via=SPICE)
    assert not golden.exists()
    monitor.is_frozen = False
    await said(match, str(golden), update=True, via=SPICE)
    await said(match, str(golden), via=SPICE)
    monitor.is_frozen = True
    with pytest.raises(VerificationError, match=r"should match 'golden\.png' but can't be known"):
        await said(match, str(golden), via=SPICE)


async def test_events_that_a_frozen_qemu_did_not_report_are_no_answer(
    monitor: Monitor, machine: Machine, said: Say
) -> None:
    keyword = MonitorKeywords().get_qmp_events
    machine.bus.publish(Event(machine.source, "qmp.STOP"))
    assert "qmp.STOP" in [each.kind for each in await said(keyword)]
    monitor.is_frozen = True
    with pytest.raises(
        VerificationError,
        match=r"What the QEMU of VM 'win11' has reported should be known but can't be known: its QEMU",
    ):
        await said(keyword, "SHUTDOWN")


async def test_a_channel_that_has_failed_is_seen_to_have_without_its_qemu(
    machine: Machine, workspace: Workspace, monitor: Monitor, said: Say
) -> None:
    await workspace.spice_sessions.connect(machine, 5)
    (await workspace.spice_sessions.display(machine, 0, 5)).drop("a test dropped it")
    monitor.is_frozen = True
    await said(SpiceChannelKeywords().spice_channel_should_be, "display", "failed")


async def test_an_agent_whose_end_a_fault_has_taken_is_not_called_connected(
    machine: Machine, workspace: Workspace, server: SpiceServer, monitor: Monitor, said: Say
) -> None:
    await workspace.spice_sessions.connect(machine, 5)
    peer = await server.peer(Type.MAIN)
    await GuestAgent(peer, 10).begin()
    await said(SpiceAgentKeywords().spice_agent_should_be_connected)
    speaking = workspace.spice_sessions.speaking(machine, Type.MAIN, 0)
    seam = speaking.conversation.wire.seam
    await said(SpiceFaultKeywords().drop_next_message, "main", "AGENT_DISCONNECTED")
    peer.say(AgentDisconnected(0))
    await speaking.wait_until(lambda: seam.is_harmed, 5, "drop it")
    with pytest.raises(
        VerificationError, match=r"connected but can't be known: a fault .* Say 'Disconnect From SPICE' and 'Con"
    ):
        await said(SpiceAgentKeywords().spice_agent_should_be_connected)


async def test_an_agent_of_a_vm_that_stands_still_or_is_frozen_is_not_called_connected(
    machine: Machine, workspace: Workspace, server: SpiceServer, monitor: Monitor, said: Say
) -> None:
    await workspace.spice_sessions.connect(machine, 5)
    await GuestAgent(await server.peer(Type.MAIN), 10).begin()
    keyword = SpiceAgentKeywords().spice_agent_should_be_connected
    assert "MONITORS_CONFIG" in await said(keyword, "MONITORS_CONFIG")
    monitor.is_frozen = True
    with pytest.raises(
        VerificationError, match=r"The SPICE agent of VM 'win11' should be connected but can't be known: its QEMU did"
    ):
        await said(keyword)
    monitor.is_frozen, monitor.status = False, "suspended"  # it sleeps, which libvirt may not have heard yet
    with pytest.raises(VmStateError, match=r"should be running for its SPICE agent to answer but is suspended"):
        await said(keyword)
    await machine.domain.suspend(5)
    with pytest.raises(VmStateError, match=r"should be running for its SPICE agent to answer but is paused"):
        await said(keyword)
