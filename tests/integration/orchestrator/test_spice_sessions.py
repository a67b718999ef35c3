"""A workspace's SPICE sessions, with a VM of libvirt's test driver whose display leads to a SPICE server in this process."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image
from tests.integration.orchestrator.test_spice import workspace_with
from tests.spice.golden import NO_CLIP, NO_MASK
from tests.spice.server import PRIMARY, Behaviour, SpiceServer, spice_server

from ATPLibrary.errors import ChannelError
from ATPLibrary.orchestrator import Machine, Workspace
from ATPLibrary.orchestrator.spice_screen import spice_screen
from ATPLibrary.protocol.spice.messages import draw
from ATPLibrary.transport.spice import SpiceChannelType as Type
from ATPLibrary.transport.spice_connection import SpiceChannelState

pytestmark = pytest.mark.integration
RED = draw.Brush(1, draw.SolidBrush(0xFF0000))


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
    everywhere = draw.DrawBase(0, draw.Rect(0, 0, 2, 4), NO_CLIP)
    peer.say(draw.DrawFill(everywhere, RED, 8, NO_MASK))
    peer.send(102)
    with Image.open(io.BytesIO(await spice_screen(workspace, machine, 5))) as image:
        assert image.size == (4, 2)
        assert image.convert("RGB").tobytes() == b"\xff\0\0" * 8
    assert not [event for event in workspace.bus.take_notices() if event.kind == "spice.picture-not-exact"]
    peer.say(draw.DrawTransparent(everywhere, None, draw.Rect(0, 0, 2, 4), 0, 0))
    display = workspace.spice_sessions.speaking(machine, Type.DISPLAY, 0)
    await display.expect("DRAW_TRANSPARENT", 5)
    await spice_screen(workspace, machine, 5)
    (told,) = [event for event in workspace.bus.take_notices() if event.kind == "spice.picture-not-exact"]
    assert "DRAW_TRANSPARENT is not drawn by this client" in told.notice
