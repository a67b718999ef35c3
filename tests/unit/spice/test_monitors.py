"""Monitors that were asked for, beside those that the displays tell of."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from tests.spice.server import PRIMARY, Peer, SpiceServer

from ATPLibrary.errors import VerificationError
from ATPLibrary.orchestrator.spice_desktop import until_monitors, until_resolution
from ATPLibrary.protocol.screen.monitors import MonitorPlace
from ATPLibrary.protocol.spice.client import SpeakingChannel, speaking
from ATPLibrary.protocol.spice.messages import display
from ATPLibrary.protocol.spice.schema import Sender
from ATPLibrary.protocol.spice.seam import Fault, Harm
from ATPLibrary.transport.spice import SpiceChannelType as Type

pytestmark = pytest.mark.unit
Opener = Callable[[int], Awaitable[tuple[SpeakingChannel, Peer]]]
Told = tuple[int, int, int, int]  # width, height, left, top


@pytest_asyncio.fixture
async def open_display(server: SpiceServer) -> AsyncIterator[Opener]:
    connection = server.connection()
    await connection.connect_main_channel(5)

    async def open_(id: int) -> tuple[SpeakingChannel, Peer]:
        channel = speaking(await connection.open_channel(Type.DISPLAY, id, timeout=5))
        return channel, await server.peer(Type.DISPLAY, id)

    yield open_
    await connection.close()


def tell(peer: Peer, *heads: Told) -> None:
    said = tuple(display.Head(id, 0, *head, 0) for id, head in enumerate(heads))
    peer.say(display.MonitorsConfig(len(said), 4, said))


def wanted(*monitors: str) -> list[MonitorPlace]:
    return [MonitorPlace.parse(each) for each in monitors]


async def until(channels: list[SpeakingChannel], *monitors: str, timeout: float = 5) -> None:
    await until_monitors(channels, wanted(*monitors), timeout, lambda: "the agent replied success")


async def test_monitors_of_one_display_must_stand_as_they_were_asked_for(open_display: Opener) -> None:
    channel, peer = await open_display(0)
    tell(peer, (1024, 768, 800, 0), (800, 600, 0, 0), (0, 0, 0, 0))
    await until([channel], "1024x768+900+50", "800x600+100+50")
    with pytest.raises(
        VerificationError,
        match=r"become 1024x768, 800x600 within 0\.2 s but are 1024x768\+800\+0, 800x600\+0\+0\. .*replied success",
    ):
        await until([channel], "1024x768", "800x600", timeout=0.2)
    tell(peer, (1024, 768, 0, 0), (800, 600, 1024, 0))
    await until([channel], "1024x768", "800x600")
    with pytest.raises(VerificationError, match=r"become 800x600\+1024\+0, 1024x768\+0\+0 within"):
        await until([channel], "800x600+1024+0", "1024x768+0+0", timeout=0.2)
    with pytest.raises(VerificationError, match="become 1024x768, 800x600, 640x480 within"):
        await until([channel], "1024x768", "800x600", "640x480", timeout=0.2)


async def test_of_several_displays_each_is_its_own_surface(open_display: Opener) -> None:
    first, peer = await open_display(0)
    tell(peer, (1024, 768, 0, 0))
    await until([first], "1024x768")
    second, other = await open_display(1)
    with pytest.raises(VerificationError, match=r"become 1024x768, 800x600\+1024\+0 within 0\.2 s but are 1024x768\."):
        await until([first, second], "1024x768", "800x600+1024+0", timeout=0.2)
    tell(other, (800, 600, 0, 0))
    await until([first, second], "1024x768", "800x600+1024+0")


async def test_sizes_are_not_known_where_a_fault_has_dropped_what_tells_them(open_display: Opener) -> None:
    channel, peer = await open_display(0)
    peer.send(314, PRIMARY)
    tell(peer, (1024, 768, 0, 0))
    await until_resolution(channel, "4x2", 5)
    await until([channel], "1024x768")
    seam = channel.conversation.wire.seam
    seam.faults.append(Fault(Harm.DROP, Sender.SERVER, "MONITORS_CONFIG"))
    tell(peer, (800, 600, 0, 0))
    await channel.wait_until(lambda: seam.is_harmed, 5, "drop it")
    sentence = r"should become {} but can't be known: a fault on purpose has harmed .* Say 'Reconnect Channel    display:0' first"
    with pytest.raises(VerificationError, match=sentence.format("4x2")):
        await until_resolution(channel, "4x2", 5)
    with pytest.raises(VerificationError, match=sentence.format("1024x768")):
        await until([channel], "1024x768")
