"""The host of a SPICE session loses its power: no FIN, no RST, nothing is answered. Every channel and every keyword ends by itself.

The kernel's own timers are waited for, as they are set: some twenty seconds.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.faults.packets import cut_off
from tests.integration.orchestrator.spice_keywords import Monitor, Say, monitor_of, sayer
from tests.integration.orchestrator.test_spice import workspace_with
from tests.spice.agent import GuestAgent, init
from tests.spice.server import GREETINGS, PRIMARY, Behaviour, SpiceServer, spice_server

from ATPLibrary.errors import ATPError
from ATPLibrary.keywords.screen import ScreenKeywords
from ATPLibrary.keywords.spice_agent import SpiceAgentKeywords
from ATPLibrary.keywords.spice_channels import SpiceChannelKeywords
from ATPLibrary.keywords.spice_clipboard import SpiceClipboardKeywords
from ATPLibrary.keywords.spice_messages import SpiceMessageKeywords
from ATPLibrary.keywords.spice_ports import SpicePortKeywords
from ATPLibrary.keywords.spice_sound import SpiceSoundKeywords
from ATPLibrary.keywords.spice_usb import SpiceUsbKeywords
from ATPLibrary.orchestrator import Machine, Workspace
from ATPLibrary.protocol.screen.region import Size
from ATPLibrary.protocol.screen.via import Via
from ATPLibrary.transport.spice import SpiceChannelType as Type
from ATPLibrary.transport.spice_connection import SpiceChannelState

pytestmark = pytest.mark.integration
SPICE, SHORT = Via(0), timedelta(seconds=1)
# docs/spice.md says 20; a machine that is busy may be late for its own timers.
NOTICED_SECONDS, BUSY_SECONDS = 20.0, 10.0


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


@pytest.fixture
def monitor(monkeypatch: pytest.MonkeyPatch) -> Monitor:
    return monitor_of(monkeypatch)


@pytest.fixture
def said(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Say:
    return sayer(workspace, monkeypatch)


def pull_the_plug(server: SpiceServer) -> None:
    assert server._server is not None
    cut_off(*server._server.sockets, *(each.writer.get_extra_info("socket") for each in server.peers))


def all_keywords(said: Say) -> dict[str, Coroutine[Any, Any, Any]]:
    """What is asked of a host that is gone, while its channels still look as if they were open."""
    ports = SpicePortKeywords()
    calls: list[tuple[Callable[..., object], tuple[object, ...], dict[str, object]]] = [
        (ScreenKeywords().take_screenshot, (), {"via": SPICE}),
        (ScreenKeywords().wait_until_screen_changes, (), {"via": SPICE}),
        (ScreenKeywords().wait_until_screen_is_still, (timedelta(seconds=0.5),), {"via": SPICE}),
        (SpiceChannelKeywords().spice_channel_should_be, ("display", "linked"), {}),
        (SpiceChannelKeywords().reconnect_channel, ("inputs",), {}),
        (SpiceMessageKeywords().expect_spice_message, ("display", "MARK", SHORT), {"since": "now"}),
        (SpiceAgentKeywords().spice_agent_should_be_connected, (), {}),
        (SpiceAgentKeywords().set_resolution, (Size(800, 600),), {}),
        (SpiceAgentKeywords().resolution_should_become, (Size(4, 2),), {}),
        (SpiceClipboardKeywords().get_clipboard, (), {}),
        (ports.write_to_spice_port, ("x" * (24 << 20),), {}),
        (ports.expect_on_spice_port, ("ready",), {}),
        (ports.spice_port_should_be, ("closed",), {}),
        (SpiceSoundKeywords().tone_should_be_heard, (440.0, SHORT), {}),
        (SpiceSoundKeywords().silence_should_be_heard, (SHORT,), {}),
        (SpiceUsbKeywords().attach_usb_device, ("keyboard",), {}),
    ]
    return {each.__name__: said(each, *args, timeout=SHORT, **named) for each, args, named in calls}


async def test_every_keyword_and_every_channel_ends_when_the_host_is_gone_without_a_word(
    workspace: Workspace, server: SpiceServer, monitor: Monitor, said: Say
) -> None:
    machine: Machine = await workspace.machine("win11", timeout=10)
    connection = await workspace.spice_sessions.connect(machine, 5)
    await GuestAgent(await server.peer(Type.MAIN), 10).begin()
    for type in Type:
        if type is not Type.MAIN:
            await connection.open_channel(type, timeout=5)
    (await server.peer(Type.DISPLAY)).send(3, struct.pack("<II", 1, 20))
    channels = {each.name: each for each in connection.channels.values()}
    assert len(channels) == len(Type)
    loop, before = asyncio.get_running_loop(), set(asyncio.all_tasks())
    pull_the_plug(server)
    monitor.is_frozen, gone_at = True, loop.time()

    asked = {name: asyncio.create_task(waiting) for name, waiting in all_keywords(said).items()}
    _, hangs = await asyncio.wait(asked.values(), timeout=NOTICED_SECONDS + BUSY_SECONDS)
    assert not hangs, [name for name, task in asked.items() if task in hangs]
    ends = {name: task.exception() for name, task in asked.items()}
    assert {name: end for name, end in ends.items() if not isinstance(end, ATPError)} == {}

    with workspace.bus.subscribe(lambda event: event.kind.startswith("spice.channel."), machine.source) as news:
        async with asyncio.timeout(gone_at + NOTICED_SECONDS + BUSY_SECONDS - loop.time()):
            while any(each.state.is_open for each in channels.values()):
                await anext(news)
    for name in ("inputs:0", "usbredir:0"):  # which keywords have closed, to open them again, or for good
        del channels[name]
    assert {each.state for each in channels.values()} == {SpiceChannelState.FAILED}
    reasons = {name: each.failure for name, each in channels.items()}
    assert {name: reason for name, reason in reasons.items() if "the connection broke: " not in reason} == {}

    for keyword in (SpiceChannelKeywords().connect_to_spice, SpiceChannelKeywords().get_spice_channels):
        with pytest.raises(ATPError, match="win11"):
            await said(keyword, timeout=SHORT)
    await workspace.close(5)
    left = {each for each in asyncio.all_tasks() - before if "SPICE" in each.get_name()}
    if left:  # cancelled, and not yet gone
        _, left = await asyncio.wait(left, timeout=5)
    assert left == set()
