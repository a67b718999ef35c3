"""A workspace's SPICE sessions, with a VM of libvirt's test driver whose display leads to a SPICE server in this process."""

from __future__ import annotations

import asyncio
import io
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image
from tests.integration.orchestrator.test_spice import workspace_with
from tests.spice.golden import NO_CLIP, NO_MASK
from tests.spice.server import PRIMARY, Behaviour, SpiceServer, spice_server

from ATPLibrary.errors import ChannelError, VerificationError, VmStateError
from ATPLibrary.orchestrator import Machine, Workspace, spice_desktop, spice_life
from ATPLibrary.orchestrator.spice_probe import refusal_of
from ATPLibrary.orchestrator.spice_screen import SpiceScreen
from ATPLibrary.protocol.spice.channels import DisplayConversation
from ATPLibrary.protocol.spice.errors import LinkCode, LinkStage
from ATPLibrary.protocol.spice.messages import brushes, draw, geometry, images
from ATPLibrary.protocol.spice.schema import Sender
from ATPLibrary.protocol.spice.seam import Fault, Harm
from ATPLibrary.secrets import Secret
from ATPLibrary.transport.spice import SpiceChannelType as Type
from ATPLibrary.transport.spice_connection import SpiceChannelState

pytestmark = pytest.mark.integration
RED = brushes.Brush(1, brushes.SolidBrush(0xFF0000))


@pytest_asyncio.fixture
async def server() -> AsyncIterator[SpiceServer]:
    """It wants the ticket of the workspace's configuration."""
    async with spice_server(Behaviour(ticket="let me in")) as running:
        yield running


@pytest_asyncio.fixture
async def workspace(server: SpiceServer, tmp_path: Path) -> AsyncIterator[Workspace]:
    made = workspace_with(tmp_path, f"port='{server.port}' listen='127.0.0.1'")
    yield made
    await made.close(5)


@pytest_asyncio.fixture
async def machine(workspace: Workspace) -> Machine:
    return await workspace.machine("win11", timeout=10)


async def test_a_session_begins_once_and_anew_when_it_has_failed(
    workspace: Workspace, machine: Machine, server: SpiceServer
) -> None:
    sessions = workspace.spice_sessions
    first = await sessions.connect(machine, 5)
    assert await sessions.connect(machine, 5) is first
    sessions.speaking(machine, Type.MAIN, 0).drop("a test dropped it")
    second = await sessions.connect(machine, 5)
    assert second is not first
    assert second.channels[Type.MAIN, 0].state is SpiceChannelState.LINKED
    assert len(server.peers) == 2


async def test_a_wrong_ticket_is_shown_to_the_server_and_the_session_that_lives_is_not_disturbed(
    workspace: Workspace, machine: Machine
) -> None:
    error = await refusal_of(workspace, machine, None, 5)
    assert error is not None
    assert (error.stage, error.code) == (LinkStage.RESULT, LinkCode.PERMISSION_DENIED)
    connection = await workspace.spice_sessions.connect(machine, 5)
    await connection.open_channel(Type.INPUTS, timeout=5)
    assert await refusal_of(workspace, machine, Secret("let me out"), 5) is not None
    assert await refusal_of(workspace, machine, Secret("let me in"), 5) is None
    assert {each.state for each in connection.channels.values()} == {SpiceChannelState.LINKED}


async def test_a_channel_is_reconnected_and_the_main_channel_is_not(workspace: Workspace, machine: Machine) -> None:
    connection = await workspace.spice_sessions.connect(machine, 5)
    first = await connection.open_channel(Type.INPUTS, timeout=5)
    main = connection.channels[Type.MAIN, 0].speaker
    again = await connection.reconnect_channel(Type.INPUTS, timeout=5)
    assert (first.state, again.state) == (SpiceChannelState.CLOSED, SpiceChannelState.LINKED)
    assert connection.channels[Type.MAIN, 0].speaker is main
    with pytest.raises(ChannelError, match=r"main:0 .* reconnected without the others but is the session itself"):
        await connection.reconnect_channel(Type.MAIN, timeout=5)
    with pytest.raises(ChannelError, match=r"cursor:0 .* should be open but open are: main:0, inputs:0"):
        await connection.reconnect_channel(Type.CURSOR, timeout=5)


async def test_what_was_not_connected_or_opened_is_said_with_the_keyword_that_does_it(
    workspace: Workspace, machine: Machine
) -> None:
    sessions = workspace.spice_sessions
    with pytest.raises(ChannelError, match=r"should have a SPICE session but has none\. Say 'Connect To SPICE' first"):
        sessions.of(machine)
    await sessions.connect(machine, 5)
    with pytest.raises(
        ChannelError, match=r"display:0 of VM 'win11' should have been opened but .* opened are: main:0"
    ):
        sessions.speaking(machine, Type.DISPLAY, 0)


async def test_a_vm_that_is_forgotten_takes_its_session_with_it(workspace: Workspace, machine: Machine) -> None:
    connection = await workspace.spice_sessions.connect(machine, 5)
    main = connection.channels[Type.MAIN, 0]
    await workspace.forget(machine)
    assert main.state is SpiceChannelState.CLOSED
    assert workspace.spice_sessions.known(machine) is None


async def test_the_screen_is_what_was_drawn_and_a_warning_says_where_it_is_not_all(
    workspace: Workspace, machine: Machine, server: SpiceServer
) -> None:
    connection = await workspace.spice_sessions.connect(machine, 5)
    await connection.open_channel(Type.DISPLAY, timeout=5)
    peer = await server.peer(Type.DISPLAY)
    peer.send(314, PRIMARY)
    everywhere = geometry.DrawBase(0, geometry.Rect(0, 0, 2, 4), NO_CLIP)
    peer.say(draw.DrawFill(everywhere, RED, 8, NO_MASK))
    peer.send(102)
    screen = SpiceScreen(workspace, machine, 0, 5)
    with Image.open(io.BytesIO(await screen.look())) as image:
        assert image.size == (4, 2)
        assert image.convert("RGB").tobytes() == b"\xff\0\0" * 8
    assert not [event for event in workspace.bus.take_notices() if event.kind == "spice.picture-not-exact"]
    dot = images.Image(7, 0, 0, 1, 1, images.Bitmap(8, 4, 1, 1, 4, None, None, bytes(4)))
    peer.say(draw.DrawAlphaBlend(everywhere, 0, 128, dot, geometry.Rect(0, 0, 1, 1)))
    display = workspace.spice_sessions.speaking(machine, Type.DISPLAY, 0)
    await display.expect("DRAW_ALPHA_BLEND", 5)
    for _ in range(2):
        await screen.look()
    (told,) = [event for event in workspace.bus.take_notices() if event.kind == "spice.picture-not-exact"]
    assert "DRAW_ALPHA_BLEND is not drawn by this client" in told.notice


async def test_a_picture_of_a_channel_that_a_test_disturbs_is_not_called_exact(
    workspace: Workspace, machine: Machine, server: SpiceServer
) -> None:
    async def told() -> list[str]:
        await screen.look()
        return [event.notice for event in workspace.bus.take_notices() if event.kind == "spice.picture-not-exact"]

    connection = await workspace.spice_sessions.connect(machine, 5)
    await connection.open_channel(Type.DISPLAY, timeout=5)
    peer = await server.peer(Type.DISPLAY)
    peer.send(3, struct.pack("<II", 1, 2))
    peer.send(314, PRIMARY)
    peer.send(102)
    display = workspace.spice_sessions.speaking(machine, Type.DISPLAY, 0)
    conversation = display.conversation
    assert isinstance(conversation, DisplayConversation)
    screen = SpiceScreen(workspace, machine, 0, 5)
    assert not await told()
    display.withhold_acks(True)
    for _ in range(2):
        peer.send(102)
    await display.wait_until(lambda: conversation.wire.acks_owed > 0, 5, "owe an acknowledgement")
    (notice,) = await told()
    assert "acknowledgements are withheld, so its server stops sending" in notice
    display.withhold_acks(False)
    faults = conversation.wire.seam.faults
    faults.append(Fault(Harm.DELAY, Sender.SERVER, "DRAW_FILL", seconds=0.01))
    everywhere = geometry.DrawBase(0, geometry.Rect(0, 0, 2, 4), NO_CLIP)
    peer.say(draw.DrawFill(everywhere, RED, 8, NO_MASK))
    await display.wait_until(lambda: not faults, 5, "be delayed")
    assert not await told()
    faults.append(Fault(Harm.DROP, Sender.SERVER, "DRAW_FILL"))
    peer.say(draw.DrawFill(everywhere, RED, 8, NO_MASK))
    await display.wait_until(lambda: not faults, 5, "be dropped")
    (notice,) = await told()
    assert "not what the guest drew: a fault on purpose has harmed the channel's messages" in notice
    peer.send(314, PRIMARY)  # a new screen begins black, but which images its server has in the cache nobody knows
    await display.expect("SURFACE_CREATE", 5, from_now_on=True)
    assert not conversation.painter.is_exact


async def test_a_look_opens_session_and_channel_once_and_neither_anew(
    workspace: Workspace, machine: Machine, server: SpiceServer
) -> None:
    screen = SpiceScreen(workspace, machine, 0, 5)
    looking = asyncio.create_task(screen.look())
    peer = await server.peer(Type.DISPLAY)
    peer.send(314, PRIMARY)
    peer.send(102)
    assert (await looking).startswith(b"P6")
    await screen.look()
    assert [each.type for each in server.peers] == [Type.MAIN, Type.DISPLAY]
    workspace.spice_sessions.speaking(machine, Type.DISPLAY, 0).drop("a test dropped it")
    with pytest.raises(ChannelError, match=r"should be linked but is failed \(a test dropped it\)"):
        await screen.look()


async def test_a_wait_for_the_screen_is_woken_by_what_is_drawn_on_it(
    workspace: Workspace, machine: Machine, server: SpiceServer
) -> None:
    connection = await workspace.spice_sessions.connect(machine, 5)
    await connection.open_channel(Type.DISPLAY, 1, timeout=5)
    peer = await server.peer(Type.DISPLAY, 1)
    peer.send(314, PRIMARY)
    peer.send(102)
    screen = SpiceScreen(workspace, machine, 1, 5)
    before = await screen.look()
    began = asyncio.get_running_loop().time()
    await screen.drawn(0.05)  # nothing is: it is left at its time
    assert asyncio.get_running_loop().time() - began >= 0.05
    waiting = asyncio.create_task(screen.drawn(60))
    peer.say(draw.DrawFill(geometry.DrawBase(0, geometry.Rect(0, 0, 2, 4), NO_CLIP), RED, 8, NO_MASK))
    async with asyncio.timeout(5):
        await waiting
    assert await screen.look() != before
    waiting = asyncio.create_task(screen.drawn(60))
    await asyncio.sleep(0)
    workspace.spice_sessions.speaking(machine, Type.DISPLAY, 1).drop("a test dropped it")
    with pytest.raises(ChannelError, match="a test dropped it"):
        await waiting


async def test_a_display_whose_size_is_asked_for_is_opened_once_and_one_that_failed_is_not_opened_anew(
    workspace: Workspace, machine: Machine
) -> None:
    with pytest.raises(ChannelError, match="Say 'Connect To SPICE' first"):
        await spice_desktop.display(workspace, machine, 0, 5)
    connection = await workspace.spice_sessions.connect(machine, 5)
    first = await spice_desktop.display(workspace, machine, 0, 5)
    assert await spice_desktop.display(workspace, machine, 0, 5) is first
    await connection.close_channel(Type.DISPLAY, 0)
    second = await spice_desktop.display(workspace, machine, 0, 5)
    assert second is not first
    second.drop("a test dropped it")
    with pytest.raises(ChannelError, match=r"should be linked but is failed \(a test dropped it\)\. Open it again"):
        await spice_desktop.display(workspace, machine, 0, 5)


async def test_a_screen_that_a_test_disturbs_is_not_known(
    workspace: Workspace, machine: Machine, server: SpiceServer
) -> None:
    connection = await workspace.spice_sessions.connect(machine, 5)
    await connection.open_channel(Type.DISPLAY, timeout=5)
    peer = await server.peer(Type.DISPLAY)
    peer.send(3, struct.pack("<II", 1, 2))
    display = workspace.spice_sessions.speaking(machine, Type.DISPLAY, 0)
    await display.expect("SET_ACK", 5)
    wire = display.conversation.wire
    screen = SpiceScreen(workspace, machine, 0, 5)
    await screen.require_known("be still")
    display.withhold_acks(True)
    for _ in range(2):
        peer.send(102)
    await display.wait_until(lambda: wire.acks_owed > 0, 5, "owe an acknowledgement")
    with pytest.raises(
        VerificationError,
        match=r"should be still but can't be known: acknowledgements are withheld, .* display:0    False' first",
    ):
        await screen.require_known("be still")
    display.withhold_acks(False)
    await screen.require_known("be still")
    wire.seam.faults.append(Fault(Harm.DROP, Sender.SERVER, "MARK"))
    peer.send(102)
    await display.wait_until(lambda: wire.seam.is_harmed, 5, "drop it")
    with pytest.raises(
        VerificationError, match=r"can't be known: a fault on purpose .* 'Reconnect Channel    display:0' first"
    ):
        await screen.require_known("be still")


async def test_a_server_whose_qemu_is_frozen_proves_nothing_by_its_silence(
    workspace: Workspace, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Monitor:
        async def query_status(self, timeout: float) -> str:
            if is_frozen:
                await asyncio.Event().wait()
            return "paused"

    async def monitor(self: Machine, timeout: float) -> Monitor:
        return Monitor()

    monkeypatch.setattr(Machine, "qmp", monitor)
    monkeypatch.setattr(spice_life, "LIFE_SECONDS", 0.1)
    screen, is_frozen = SpiceScreen(workspace, machine, 0, 5), False
    await screen.require_alive("be still")  # a VM that is suspended shows what it shows
    is_frozen = True
    with pytest.raises(VerificationError, match=r"can't be known: its QEMU did not answer within 0\.1 s"):
        await screen.require_alive("be still")


async def test_what_a_paused_guest_can_not_answer_is_refused_with_that(machine: Machine) -> None:
    await machine.require_not_paused("be running for its SPICE agent to answer", 5)
    await machine.domain.suspend(5)
    with pytest.raises(
        VmStateError,
        match=r"VM 'win11' should be running for its SPICE agent to answer but is paused.* 'Resume VM'",
    ):
        await machine.require_not_paused("be running for its SPICE agent to answer", 5)
