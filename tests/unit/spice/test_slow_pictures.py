"""A picture that takes long: it is unpacked on a thread, its channel waits, and nobody else does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
from tests.spice.golden import NO_CLIP, NO_MASK
from tests.spice.server import spice_server

from ATPLibrary.protocol.spice.channels import DisplayConversation
from ATPLibrary.protocol.spice.client import speaking
from ATPLibrary.protocol.spice.display import unpacking
from ATPLibrary.protocol.spice.display.pixels import Pixels
from ATPLibrary.protocol.spice.enums import ImageType
from ATPLibrary.protocol.spice.messages import display, draw, geometry, images
from ATPLibrary.transport.spice import SpiceChannelType as Type
from ATPLibrary.transport.spice_connection import SpiceChannelState

pytestmark = pytest.mark.unit
SIZE = 128
EVERYWHERE = geometry.Rect(0, 0, SIZE, SIZE)
PICTURE = images.Image(1, ImageType.LZ_RGB, 0, SIZE, SIZE, images.Packed(1, b"x"))
DRAW = draw.DrawCopy(geometry.DrawBase(0, EVERYWHERE, NO_CLIP), PICTURE, EVERYWHERE, 8, 0, NO_MASK)


class Slow:
    """Stands in for LZ: unpacks when it is let to."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.may_end = threading.Event()
        self.threads: list[str] = []

    def unpacked(self, data: bytes, width: int, height: int) -> Pixels:
        self.threads.append(threading.current_thread().name)
        self.began.set()
        assert self.may_end.wait(30)
        return Pixels(width, height, b"\1\2\3\0" * (width * height))


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    made = Slow()
    monkeypatch.setattr(unpacking, "lz", made)
    yield made
    made.may_end.set()


async def test_its_channel_waits_for_it_and_the_others_go_on(slow: Slow) -> None:
    async with spice_server() as server:
        connection = server.connection()
        await connection.connect_main_channel(5)
        channel = speaking(await connection.open_channel(Type.DISPLAY, timeout=5))
        screen = channel.conversation
        assert isinstance(screen, DisplayConversation)
        peer = await server.peer(Type.DISPLAY)
        peer.say(display.SurfaceCreate(0, SIZE, SIZE, 32, 1))
        peer.say(DRAW)
        peer.say(display.Mark())
        await channel.wait_until(lambda: screen.wire.statistics.by_name["DRAW_COPY"] == 1, 5, "be drawn on")
        opened = await connection.open_channel(Type.INPUTS, timeout=5)
        assert opened.state is SpiceChannelState.LINKED
        assert not screen.is_marked
        slow.may_end.set()
        await channel.wait_until(lambda: screen.is_marked, 5, "be marked")
        assert screen.painter.screen is not None
        assert bytes(screen.painter.screen.data[:4]) == b"\1\2\3\0"
        assert [name.startswith("atp-spice") for name in slow.threads] == [True]
        await connection.close()


async def test_a_channel_that_is_closed_meanwhile_waits_for_nothing(slow: Slow) -> None:
    async with spice_server() as server:
        connection = server.connection()
        await connection.connect_main_channel(5)
        channel = speaking(await connection.open_channel(Type.DISPLAY, timeout=5))
        peer = await server.peer(Type.DISPLAY)
        peer.say(display.SurfaceCreate(0, SIZE, SIZE, 32, 1))
        peer.say(DRAW)
        assert await asyncio.to_thread(slow.began.wait, 5)
        await connection.close()
        assert channel.channel.state is SpiceChannelState.CLOSED
        assert not slow.may_end.is_set()
