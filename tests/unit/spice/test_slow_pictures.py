"""A picture that takes long: it is unpacked on a thread, its channel waits, and nobody else does."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest
from tests.spice.golden import NO_CLIP, NO_MASK
from tests.spice.server import spice_server

from ATPLibrary.protocol.spice.channels import DisplayConversation
from ATPLibrary.protocol.spice.client import speaking
from ATPLibrary.protocol.spice.display import Painter, effort, painter, surface, unpacking
from ATPLibrary.protocol.spice.display.pixels import Pixels, Unfit, Unhandled
from ATPLibrary.protocol.spice.enums import ImageType, Rop
from ATPLibrary.protocol.spice.messages import brushes, display, draw, geometry, images
from ATPLibrary.protocol.spice.schema import Message
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


@pytest.mark.parametrize(
    ("format", "side", "is_slow"),
    [(6, 127, True), (7, 127, True), (5, 127, True), (6, 64, False), (8, 127, False), (8, 1024, True)],
)
def test_plain_pixels_are_unpacked_on_a_thread_where_that_takes_long(format: int, side: int, is_slow: bool) -> None:
    bytes_each = {5: 1, 6: 2, 7: 3, 8: 4}[format]
    palette = images.Palette(1, tuple(range(256))) if format == 5 else None
    data = bytes(range(256)) * (side * side * bytes_each // 256 + 1)
    picture = images.Bitmap(format, 0, side, side, side * bytes_each, None, palette, data[: side * side * bytes_each])
    image = images.Image(1, ImageType.BITMAP, 0, side, side, picture)
    kept = unpacking.Unpacking(1 << 20, 1 << 20)
    work = kept.work_for(image)
    assert (work is not None) is is_slow
    if work is not None:
        work()
        assert kept._done is not None
    assert bytes(kept.pixels(image).data) == bytes(unpacking.Unpacking(0, 0).pixels(image).data)


@pytest.mark.parametrize(("side", "is_slow"), [(1023, False), (1024, True)])
def test_lz4_is_unpacked_on_a_thread_where_that_takes_long(side: int, is_slow: bool) -> None:
    image = images.Image(1, ImageType.LZ4, 0, side, side, images.Packed(1, b"x"))
    assert (unpacking.Unpacking(0, 0).work_for(image) is not None) is is_slow


def test_a_bitmap_that_says_more_pixels_than_its_image_does_not_keep_the_loop() -> None:
    picture = images.Bitmap(6, 4, 1000, 1000, 2000, None, None, bytes(2_000_000))
    assert unpacking.Unpacking(0, 0).work_for(images.Image(1, ImageType.BITMAP, 0, 1, 1, picture)) is not None


LARGE = 512
OF_LARGE, PART = geometry.Rect(0, 0, LARGE, LARGE), geometry.Rect(0, 0, 300, LARGE)
BASE, GRAY = geometry.DrawBase(0, OF_LARGE, NO_CLIP), brushes.Brush(1, brushes.SolidBrush(0x123456))
PIXELS = bytes(range(256)) * (LARGE * LARGE * 4 // 256)
PLAIN = images.Bitmap(8, 4, LARGE, LARGE, LARGE * 4, None, None, PIXELS)
IMAGE = images.Image(2, ImageType.BITMAP, 0, LARGE, LARGE, PLAIN)
BITS = images.Bitmap(2, 4, LARGE, LARGE, LARGE // 8, None, None, PIXELS[: LARGE * LARGE // 8])
MASK = brushes.Mask(0, geometry.Point(0, 0), images.Image(3, ImageType.BITMAP, 0, LARGE, LARGE, BITS))
SMALL = geometry.DrawBase(0, geometry.Rect(0, 0, 64, 64), NO_CLIP)
LONG_DRAWS = [
    draw.DrawCopy(BASE, IMAGE, PART, Rop.OP_PUT, 1, NO_MASK),
    draw.DrawCopy(BASE, IMAGE, OF_LARGE, Rop.OP_XOR, 0, NO_MASK),
    draw.DrawCopy(BASE, IMAGE, OF_LARGE, Rop.OP_PUT, 0, MASK),
    draw.DrawFill(BASE, GRAY, Rop.OP_XOR, NO_MASK),
    draw.DrawWhiteness(BASE, MASK),
    draw.DrawInvers(BASE, NO_MASK),
    draw.DrawOpaque(BASE, IMAGE, OF_LARGE, GRAY, Rop.OP_OR, 0, NO_MASK),
    draw.DrawTransparent(BASE, IMAGE, OF_LARGE, 0, 0x020100),
    draw.DrawRop3(BASE, IMAGE, OF_LARGE, GRAY, 0x66, 0, NO_MASK),
]
PUT_DRAWS = [
    draw.DrawCopy(BASE, IMAGE, OF_LARGE, Rop.OP_PUT, 0, NO_MASK),
    draw.DrawFill(BASE, GRAY, Rop.OP_PUT, NO_MASK),
    draw.DrawWhiteness(BASE, NO_MASK),
    draw.CopyBits(geometry.DrawBase(0, geometry.Rect(0, 100, LARGE, LARGE), NO_CLIP), geometry.Point(0, 0)),
]
QUICK_DRAWS = [
    draw.DrawCopy(BASE, IMAGE, OF_LARGE, Rop.OP_PUT, 0, NO_MASK),
    draw.DrawFill(BASE, GRAY, Rop.OP_PUT, NO_MASK),
    draw.DrawWhiteness(BASE, NO_MASK),
    draw.DrawInvers(SMALL, NO_MASK),
    draw.DrawTransparent(SMALL, IMAGE, OF_LARGE, 0, 0x020100),
    draw.DrawInvers(geometry.DrawBase(9, OF_LARGE, NO_CLIP), NO_MASK),
]


def large_screen() -> Painter:
    made = Painter(0)
    made.take(display.SurfaceCreate(0, LARGE, LARGE, 32, 1))
    made.take(draw.DrawFill(BASE, brushes.Brush(1, brushes.SolidBrush(0x0F0F0F)), Rop.OP_PUT, NO_MASK))
    made.take(draw.DrawFill(SMALL, brushes.Brush(1, brushes.SolidBrush(0xF0F0F0)), Rop.OP_PUT, NO_MASK))
    return made


def test_a_large_surface_is_made_on_a_thread_and_is_there_when_it_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    made = large_screen()
    monkeypatch.setattr(painter, "MANY_TO_PUT", 2 << 20)
    monkeypatch.setattr(surface, "_LARGE", 8 << 20)
    create = display.SurfaceCreate(0, 2048, 1024, 32, 1)
    work = made.work_for(create)
    assert work is not None
    work()
    assert made.screen is not None
    assert (made.screen.width, made.screen.height) == (LARGE, LARGE)
    made.take(create)
    assert (made.screen.width, made.screen.height) == (2048, 1024)
    assert bytes(made.screen.data) == bytes(2048 * 1024 * 4)
    drawn = made.screen
    made.take(create)
    assert made.screen is not drawn, "what was made is used once"
    assert made.work_for(display.SurfaceCreate(1, 2048, 1023, 32, 0)) is None
    assert made.work_for(display.SurfaceCreate(1, 1 << 31, 1 << 31, 32, 0)) is None
    impossible = display.SurfaceCreate(1, 2048, 1024, 5, 0)
    work = made.work_for(impossible)
    assert work is not None
    work()
    with pytest.raises(Unfit, match="is 5, which surfaces do not have"):
        made.take(impossible)


@pytest.mark.parametrize("message", LONG_DRAWS, ids=lambda each: each.kind.name)
def test_what_takes_long_to_draw_is_drawn_on_a_thread_and_seen_when_it_is_taken(message: draw.DrawMessage) -> None:
    check_that_it_is_drawn_aside(message)


@pytest.mark.parametrize("message", PUT_DRAWS, ids=lambda each: each.kind.name)
def test_very_many_pixels_that_are_only_put_are_put_on_a_thread_as_well(
    message: draw.DrawMessage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(effort, "MANY_TO_PUT", 300 * LARGE)
    monkeypatch.setattr(surface, "_LARGE", LARGE * LARGE)
    monkeypatch.setattr(surface, "_PIECE", 1000)
    check_that_it_is_drawn_aside(message)


def check_that_it_is_drawn_aside(message: draw.DrawMessage) -> None:
    at_once, aside = large_screen(), large_screen()
    assert at_once.screen is not None
    assert aside.screen is not None
    before = bytes(aside.screen.data)
    at_once.take(message)
    work = aside.work_for(message)
    assert work is not None
    work()
    assert bytes(aside.screen.data) == before
    aside.take(message)
    assert bytes(aside.screen.data) == bytes(at_once.screen.data) != before
    aside.take(message)
    at_once.take(message)
    assert bytes(aside.screen.data) == bytes(at_once.screen.data), "what was done is done once"
    assert aside.is_exact


@pytest.mark.parametrize("message", QUICK_DRAWS, ids=lambda each: each.kind.name)
def test_what_is_drawn_quickly_needs_no_thread(message: draw.DrawMessage) -> None:
    assert large_screen().work_for(message) is None


def test_what_is_not_drawn_is_not_drawn_on_a_thread_either() -> None:
    made = large_screen()
    smooth = draw.DrawCopy(BASE, IMAGE, PART, Rop.OP_PUT, 0, NO_MASK)
    work = made.work_for(smooth)
    assert work is not None
    work()
    assert made.is_exact
    with pytest.raises(Unhandled, match="scales"):
        made.take(smooth)
    assert not made.is_exact


async def test_many_messages_that_came_together_leave_turns_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    async with spice_server() as server:
        connection = server.connection()
        await connection.connect_main_channel(5)
        channel = speaking(await connection.open_channel(Type.DISPLAY, timeout=5))
        peer, turns, seen = await server.peer(Type.DISPLAY), 0, []

        def slow(message: Message) -> None:
            time.sleep(0.01)
            seen.append(turns)

        monkeypatch.setattr(channel.conversation, "take", slow)
        for _ in range(8):
            peer.say(display.Mark())
        while len(seen) < 8 and channel.end is None:
            turns += 1
            await asyncio.sleep(0)
        assert len(set(seen)) == 8
        await connection.close()
