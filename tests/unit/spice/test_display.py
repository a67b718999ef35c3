"""Drawing, from messages to pixels: each format and operation, and pictures that lie."""

from __future__ import annotations

import struct
from types import SimpleNamespace

import lz4.block
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.spice.golden import NO_CLIP, NO_MASK
from tests.spice.server import PRIMARY, spice_server

from ATPLibrary.protocol.spice.channels import DisplayConversation
from ATPLibrary.protocol.spice.client import speaking
from ATPLibrary.protocol.spice.display import Painter, Surface
from ATPLibrary.protocol.spice.display import painter as painter_module
from ATPLibrary.protocol.spice.display.lz import unpacked as lz
from ATPLibrary.protocol.spice.display.lz4_images import unpacked as lz4_image
from ATPLibrary.protocol.spice.display.picture import image_of
from ATPLibrary.protocol.spice.display.pixels import MOST_PIXELS, Unfit, Unhandled
from ATPLibrary.protocol.spice.enums import ImageType, Rop
from ATPLibrary.protocol.spice.errors import SpiceProtocolError
from ATPLibrary.protocol.spice.messages import brushes, display, draw, geometry, images
from ATPLibrary.transport.spice import SpiceChannelType as Type

pytestmark = pytest.mark.unit
RED_BRUSH = brushes.Brush(1, brushes.SolidBrush(0xFF0000))
RED, GREEN, BLUE, BLACK, WHITE = "ff0000", "00ff00", "0000ff", "000000", "ffffff"


def painter(width: int = 4, height: int = 2) -> Painter:
    """One with a black screen."""
    made = Painter(1000)
    made.take(display.SurfaceCreate(0, width, height, 32, 1))
    return made


def shown(painter: Painter) -> list[list[str]]:
    """The screen's rows of colours."""
    assert painter.screen is not None
    image = image_of(painter.screen)
    pixels = [image.tobytes()[at : at + 3].hex() for at in range(0, image.width * image.height * 3, 3)]
    return [pixels[row * image.width : (row + 1) * image.width] for row in range(image.height)]


def rect(left: int, top: int, right: int, bottom: int) -> geometry.Rect:
    return geometry.Rect(top, left, bottom, right)


def base(box: geometry.Rect, *clips: geometry.Rect) -> geometry.DrawBase:
    return geometry.DrawBase(0, box, geometry.Clip(1, geometry.ClipRects(clips)) if clips else NO_CLIP)


def fill(box: geometry.Rect, color: int, *clips: geometry.Rect) -> draw.DrawFill:
    return draw.DrawFill(base(box, *clips), brushes.Brush(1, brushes.SolidBrush(color)), Rop.OP_PUT, NO_MASK)


def image(
    picture: images.Picture, width: int, height: int, type: int = 0, *, flags: int = 0, id: int = 7
) -> images.Image:
    return images.Image(id, type, flags, width, height, picture)


def copy(
    picture: images.Image | None, box: geometry.Rect, area: geometry.Rect, *clips: geometry.Rect, rop: int = 8
) -> draw.DrawCopy:
    return draw.DrawCopy(base(box, *clips), picture, area, rop, 0, NO_MASK)


def bitmap(
    format: int, width: int, height: int, stride: int, data: str, *, flags: int = 4, **more: object
) -> images.Bitmap:
    return images.Bitmap(
        format, flags, width, height, stride, more.get("palette_id"), more.get("palette"), bytes.fromhex(data)
    )  # type: ignore[arg-type]


TWO = rect(0, 0, 2, 2)
PALETTE = images.Palette(9, (0xFF0000, 0x00FF00, 0x0000FF))


@pytest.mark.parametrize(
    "made",
    [
        bitmap(8, 2, 2, 8, "0000ff00 00ff0000 ff000000 ffffff00"),
        bitmap(8, 2, 2, 12, "0000ff00 00ff0000 eeeeeeee ff000000 ffffff00 eeeeeeee"),
        bitmap(8, 2, 2, 8, "ff000000 ffffff00 0000ff00 00ff0000", flags=0),
        bitmap(9, 2, 2, 8, "0000ff80 00ff0080 ff000080 ffffff80"),
        bitmap(7, 2, 2, 8, "0000ff 00ff00 eeee ff0000 ffffff eeee"),
        bitmap(6, 2, 2, 4, "007c e003 1f00 ff7f"),
    ],
    ids=["32 bits", "gaps behind rows", "from the bottom up", "with alpha", "24 bits", "16 bits"],
)
def test_a_bitmap_is_shown_in_its_colours(made: images.Bitmap) -> None:
    screen = painter()
    screen.take(copy(image(made, 2, 2), rect(1, 0, 3, 2), TWO))
    assert shown(screen) == [[BLACK, RED, GREEN, BLACK], [BLACK, BLUE, WHITE, BLACK]]


@pytest.mark.parametrize(
    ("format", "stride", "data"),
    [(5, 4, "00 01 02 ee"), (3, 2, "10 02"), (4, 2, "01 20")],
    ids=["8 bits", "4 bits, right end first", "4 bits, left end first"],
)
def test_an_indexed_bitmap_takes_its_palette_s_colours(format: int, stride: int, data: str) -> None:
    screen = painter(3, 1)
    screen.take(
        copy(image(bitmap(format, 3, 1, stride, data, palette=PALETTE), 3, 1), rect(0, 0, 3, 1), rect(0, 0, 3, 1))
    )
    assert shown(screen) == [[RED, GREEN, BLUE]]


@pytest.mark.parametrize(("format", "data"), [(2, "40"), (1, "02")])
def test_one_bit_a_pixel_is_read_from_the_end_that_its_format_says(format: int, data: str) -> None:
    screen = painter(3, 1)
    made = bitmap(format, 3, 1, 1, data, palette=images.Palette(9, (0xFF0000, 0x00FF00)))
    screen.take(copy(image(made, 3, 1), rect(0, 0, 3, 1), rect(0, 0, 3, 1)))
    assert shown(screen) == [[RED, GREEN, RED]]


def test_palettes_are_kept_and_forgotten_as_told() -> None:
    screen = painter(1, 1)
    one = rect(0, 0, 1, 1)
    screen.take(copy(image(bitmap(5, 1, 1, 1, "02", flags=4 | 1, palette=PALETTE), 1, 1), one, one))
    screen.take(copy(image(bitmap(5, 1, 1, 1, "01", flags=4 | 2, palette_id=9), 1, 1), one, one))
    assert shown(screen) == [[GREEN]]
    screen.take(display.InvalPalette(9))
    with pytest.raises(Unfit, match=r"palette_id: is 0x9, which is not in the cache"):
        screen.take(copy(image(bitmap(5, 1, 1, 1, "01", flags=4 | 2, palette_id=9), 1, 1), one, one))


def test_images_are_kept_and_forgotten_as_told() -> None:
    screen = painter(2, 1)
    one, other = rect(0, 0, 1, 1), rect(1, 0, 2, 1)
    screen.take(copy(image(bitmap(8, 1, 1, 4, "0000ff00"), 1, 1, flags=1), one, one))
    cached = images.Image(7, ImageType.FROM_CACHE, 0, 1, 1, None)
    screen.take(copy(cached, other, one))
    assert shown(screen) == [[RED, RED]]
    screen.take(display.InvalList((display.Resource(1, 7),)))
    with pytest.raises(Unfit, match=r"image\.id: is 0x7, which is not in the cache"):
        screen.take(copy(cached, other, one))


def test_a_cache_takes_no_more_than_the_client_has_said() -> None:
    screen = Painter(cache_pixels=3)
    screen.take(display.SurfaceCreate(0, 2, 1, 32, 1))
    both = rect(0, 0, 2, 1)
    for _ in range(3):  # the same again takes the place of the first
        screen.take(copy(image(bitmap(8, 2, 1, 8, "00" * 8), 2, 1, flags=1), both, both))
    with pytest.raises(Unfit, match="would keep more than the 3 pixels"):
        screen.take(copy(image(bitmap(8, 2, 1, 8, "00" * 8), 2, 1, flags=1, id=8), both, both))


def test_a_fill_is_cut_to_its_clips_and_to_the_screen() -> None:
    screen = painter()
    screen.take(fill(rect(-5, -5, 50, 50), 0x00FF00, rect(1, 0, 2, 9), rect(3, 1, 9, 2)))
    assert shown(screen) == [[BLACK, GREEN, BLACK, BLACK], [BLACK, GREEN, BLACK, GREEN]]


def test_when_the_screen_was_drawn_last_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(time=lambda: clock.now, now=1.0)
    monkeypatch.setattr(painter_module, "time", clock)
    made = Painter(1000)
    assert made.drawn_at is None
    made.take(display.SurfaceCreate(0, 4, 2, 32, 1))
    assert made.drawn_at == 1
    clock.now = 2.0
    made.take(display.SurfaceCreate(1, 4, 2, 32, 0))
    made.take(draw.DrawFill(geometry.DrawBase(1, rect(0, 0, 4, 2), NO_CLIP), RED_BRUSH, Rop.OP_PUT, NO_MASK))
    made.take(display.Mark())
    assert made.drawn_at == 1, "nothing of that is to be seen"
    made.take(fill(rect(0, 0, 1, 1), 0xFF0000))
    assert made.drawn_at == 2
    clock.now = 3.0
    made.note_video()
    assert made.drawn_at == 3


def test_a_copy_is_cut_where_it_reaches_beyond_the_screen_and_its_clips() -> None:
    screen = painter()
    made = image(bitmap(8, 2, 2, 8, "0000ff00 00ff0000 ff000000 ffffff00"), 2, 2)
    screen.take(copy(made, rect(-1, -1, 1, 1), TWO))
    screen.take(copy(made, rect(3, 0, 5, 2), TWO, rect(3, 1, 4, 2)))
    assert shown(screen) == [[WHITE, BLACK, BLACK, BLACK], [BLACK, BLACK, BLACK, BLUE]]


def test_bits_are_copied_also_onto_themselves() -> None:
    screen = painter()
    screen.take(fill(rect(0, 0, 1, 2), 0xFF0000))
    screen.take(fill(rect(1, 0, 2, 2), 0x00FF00))
    screen.take(draw.CopyBits(base(rect(1, 0, 4, 2)), geometry.Point(0, 0)))
    assert shown(screen) == [[RED, RED, GREEN, BLACK]] * 2


@given(st.data())
@settings(deadline=None)
def test_bits_come_from_where_they_were_whatever_overlaps(data: st.DataObject) -> None:
    width, height = 5, 4
    where = st.integers(-2, 6)
    box = rect(*data.draw(st.tuples(where, where, where, where).filter(lambda it: it[0] < it[2] and it[1] < it[3])))
    source = geometry.Point(data.draw(where), data.draw(where))
    clips = data.draw(st.sampled_from([(), (rect(1, 0, 4, 3),), (rect(0, 0, 5, 2), rect(0, 2, 3, 4))]))
    made = painter(width, height)
    screen = made.screen
    assert screen is not None
    screen.data[:] = bytes(range(width * height * 4))
    before = bytes(screen.data)
    made.take(draw.CopyBits(base(box, *clips), source))
    for y in range(height):
        for x in range(width):
            is_drawn = box.left <= x < box.right and box.top <= y < box.bottom
            is_drawn &= not clips or any(each.left <= x < each.right and each.top <= y < each.bottom for each in clips)
            from_x, from_y = x - box.left + source.x, y - box.top + source.y
            is_drawn &= 0 <= from_x < width and 0 <= from_y < height
            at = ((from_y * width + from_x) if is_drawn else (y * width + x)) * 4
            assert screen.data[(y * width + x) * 4 :][:4] == before[at : at + 4], (x, y)


def test_black_white_and_the_other_way_round() -> None:
    screen = painter(3, 1)
    screen.take(draw.DrawWhiteness(base(rect(0, 0, 3, 1)), NO_MASK))
    screen.take(draw.DrawBlackness(base(rect(0, 0, 1, 1)), NO_MASK))
    screen.take(draw.DrawInvers(base(rect(0, 0, 2, 1)), NO_MASK))
    assert shown(screen) == [[WHITE, BLACK, WHITE]]


def test_a_picture_may_come_from_another_surface() -> None:
    screen = painter(2, 1)
    screen.take(display.SurfaceCreate(5, 2, 1, 96, 0))
    screen.take(
        draw.DrawFill(
            geometry.DrawBase(5, rect(0, 0, 1, 1), NO_CLIP), brushes.Brush(1, brushes.SolidBrush(0xFF)), 8, NO_MASK
        )
    )
    screen.take(
        copy(images.Image(1, ImageType.SURFACE, 0, 2, 1, images.OtherSurface(5)), rect(0, 0, 2, 1), rect(0, 0, 2, 1))
    )
    assert shown(screen) == [[BLUE, BLACK]]
    screen.take(display.SurfaceDestroy(5))
    with pytest.raises(Unfit, match="there is no such surface"):
        screen.take(
            copy(
                images.Image(1, ImageType.SURFACE, 0, 2, 1, images.OtherSurface(5)), rect(0, 0, 2, 1), rect(0, 0, 2, 1)
            )
        )


def _lz(width: int, height: int, data: str, *, kind: int = 8, top_down: int = 1) -> bytes:
    header = bytes.fromhex("20205a4c 00010001") + struct.pack(">5I", kind, width, height, width * 4, top_down)
    return header + bytes.fromhex(data)


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        # two literal pixels, then one back of 1: a run of 6 (match 5 and 1)
        (_lz(4, 2, "01 0000ff 00ff00 c0 00"), [[RED, GREEN, GREEN, GREEN], [GREEN] * 4]),
        # the same pair again and again: distance 2, match of 6
        (_lz(4, 2, "01 0000ff 00ff00 c0 01"), [[RED, GREEN] * 2] * 2),
        # a length of 7 and more in a byte of its own: 1 literal, 7 = 6 + 0 + 1
        (_lz(4, 2, "00 0000ff e0 00 00"), [[RED] * 4] * 2),
        # rows from the bottom up
        (_lz(4, 2, "00 0000ff 60 00 00 00ff00 60 00", top_down=0), [[GREEN] * 4, [RED] * 4]),
    ],
)  # fmt: skip
def test_lz_is_unpacked_as_by_hand(data: bytes, wanted: list[list[str]]) -> None:
    screen = painter()
    screen.take(copy(image(images.Packed(len(data), data), 4, 2, ImageType.LZ_RGB), rect(0, 0, 4, 2), rect(0, 0, 4, 2)))
    assert shown(screen) == wanted


def test_lz_with_alpha_has_it_in_a_second_part() -> None:
    # colours: 1 literal, match of 3; alpha: 1 literal 80, match of 3 (which says 0 and is biased by 3)
    pixels = lz(_lz(4, 1, "00 010203 60 00 00 80 20 00", kind=9), 4, 1)
    assert bytes(pixels.data).hex(" ", 4) == "01020380 01020380 01020380 01020380"


def test_lz_reaches_further_back_than_8191_pixels() -> None:
    width = 8300
    literals = b"".join(bytes([31]) + bytes([each % 251, 0, 0] * 1) * 32 for each in range(width // 32 - 1))
    count = (width // 32 - 1) * 32
    rest = width - count
    # distance 8200 = 8191 + 8 + 1
    match = bytes([0xE0 | 31]) + bytes([rest - 1 - 6]) + b"\xff" + struct.pack(">H", 8)
    header = bytes.fromhex("20205a4c 00010001") + struct.pack(">5I", 8, width, 1, width * 4, 1)
    pixels = lz(header + literals + match, width, 1)
    assert pixels.data[count * 4 :] == pixels.data[(count - 8200) * 4 : (count - 8200 + rest) * 4]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (_lz(4, 3, "00 0000ff"), "says 4 x 3 pixels where the image says 4 x 2"),
        (_lz(4, 2, "00 0000ff"), "ends after 1 of 8 pixels"),
        (_lz(4, 2, "c0 00"), "copies pixels from before its beginning"),
        (_lz(4, 2, "00 0000ff e0 ff ff ff ff ff 00 00"), "or beyond its end"),
        (_lz(4, 2, "1f" + "00" * 96), "has more than the 8 pixels"),
        (b"JFIF" + bytes(40), "which is no LZ"),
        (b"  ZL", "fewer than LZ's header"),
    ],
)
def test_lz_that_lies_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(Unfit, match=reason):
        lz(data, 4, 2)


def _lz4(rows: list[bytes], *, top_down: int = 1, format: int = 8) -> bytes:
    """As spice-server packs them: each block may refer to those before it."""
    data, before = bytes([top_down, format]), b""
    for row in rows:
        packed = lz4.block.compress(row, store_size=False, dict=before[-65536:])
        data += struct.pack(">I", len(packed)) + packed
        before += row
    return data


def test_lz4_blocks_refer_to_those_before_them() -> None:
    row = bytes(range(256)) * 4
    data = _lz4([row] * 4)
    assert len(data) < 2 * len(row)
    assert bytes(lz4_image(data, 256, 4).data) == row * 4
    assert bytes(lz4_image(_lz4([row, row[::-1]], top_down=0), 256, 2).data) == row[::-1] + row


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (_lz4([bytes(16)]), "unpacks to 16 bytes where the image's size takes 32"),
        (_lz4([bytes(64)]), "can't be unpacked to the 32 bytes"),
        (_lz4([bytes(16)] * 3), "where the image's size takes 32|can't be unpacked"),
        (b"\1\x08\xff\xff\xff\xff", "says 4294967295 bytes where 0 are left"),
        (b"\1\x08\0\0", "ends within the size of a block"),
        (b"\1\x08\0\0\0\2\xff\xff", "can't be unpacked"),
        (b"\1", "too short"),
    ],
)
def test_lz4_that_lies_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(Unfit, match=reason):
        lz4_image(data, 4, 2)


def test_a_decompression_bomb_stops_at_the_size_that_its_image_says() -> None:
    bomb = lz4.block.compress(bytes(64 << 20), store_size=False)
    with pytest.raises(Unfit, match="can't be unpacked to the 32 bytes"):
        lz4_image(b"\1\x08" + struct.pack(">I", len(bomb)) + bomb, 4, 2)


@pytest.mark.parametrize(("width", "height"), [(0, 1), (1, 0), (1 << 16, 1 << 16), (MOST_PIXELS + 1, 1)])
def test_a_size_without_sense_is_refused_before_anything_is_made_of_it(width: int, height: int) -> None:
    for unpack in (lz, lz4_image):
        with pytest.raises(Unfit, match=f"says {width} x {height} pixels"):
            unpack(b"\1\x08", width, height)
    with pytest.raises(Unfit):
        Painter(0).take(display.SurfaceCreate(0, width, height, 32, 1))


def test_surfaces_have_a_bound_together() -> None:
    screen = Painter(0)
    with pytest.raises(Unfit, match="the other surfaces take more than"):  # noqa: PT012
        for id in range(10):
            screen.take(display.SurfaceCreate(id, 8192, 4096, 32, 0))
    assert len(screen.surfaces) == 4


def test_a_bitmap_of_another_size_than_its_image_is_refused() -> None:
    with pytest.raises(Unfit, match=r"is 3 x 2 where its picture has 2 x 2"):
        painter().take(copy(image(bitmap(8, 2, 2, 8, "00" * 16), 3, 2), TWO, TWO))


def test_an_area_beyond_the_image_and_a_stride_that_is_too_short_are_refused() -> None:
    with pytest.raises(Unfit, match="reaches beyond the image, which has 2 x 2 pixels"):
        painter().take(copy(image(bitmap(8, 2, 2, 8, "00" * 16), 2, 2), TWO, rect(1, 1, 3, 3)))
    with pytest.raises(Unfit, match="is 4 where a row takes 8 bytes"):
        painter().take(copy(image(bitmap(8, 2, 2, 4, "00" * 8), 2, 2), TWO, TWO))


@pytest.mark.parametrize(
    "message",
    [
        copy(image(images.JpegAlpha(0, 0, 0, b""), 2, 2, ImageType.JPEG_ALPHA), TWO, TWO),
        copy(image(bitmap(8, 2, 2, 8, "00" * 16), 2, 2), rect(0, 0, 4, 2), TWO),
        draw.DrawAlphaBlend(base(TWO), 0, 128, image(bitmap(8, 2, 2, 8, "00" * 16), 2, 2), TWO),
    ],
    ids=["JPEG with alpha", "scaling", "translucent"],
)
def test_what_is_not_drawn_is_said_and_the_picture_is_not_called_exact(message: draw.DrawMessage) -> None:
    screen = painter()
    with pytest.raises(Unhandled):
        screen.take(message)
    assert not screen.is_exact


def test_a_surface_whose_format_is_not_drawn_is_unhandled_and_one_that_is_none_is_refused() -> None:
    with pytest.raises(Unhandled, match="surface format 16"):
        Surface(1, 1, 16)
    with pytest.raises(Unfit, match="is 17, which surfaces do not have"):
        Surface(1, 1, 17)


def test_what_is_counted_by_its_name_has_only_so_many_names() -> None:
    """A server can't have a client count, and warn of, each of 4 billion types."""
    for kind in (0, 12, 1 << 31):
        with pytest.raises(Unfit, match=f"is of type {kind}, which LZ does not have"):
            lz(_lz(4, 2, "00", kind=kind), 4, 2)
    with pytest.raises(Unhandled, match="LZ of type 6"):
        lz(_lz(4, 2, "00", kind=6), 4, 2)


def test_a_palette_that_is_kept_has_as_many_colours_as_can_be_told_apart() -> None:
    made = bitmap(5, 1, 1, 1, "02", flags=4 | 1, palette=images.Palette(9, (0,) * 257))
    with pytest.raises(Unfit, match="has 257 colours, where 256 can be told apart"):
        painter().take(copy(image(made, 1, 1), rect(0, 0, 1, 1), rect(0, 0, 1, 1)))


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=200), width=st.integers(1, 40), height=st.integers(1, 40), how=st.integers(0, 3))
def test_whatever_is_packed_unpacks_to_its_size_or_is_refused(data: bytes, width: int, height: int, how: int) -> None:
    try:
        if how == 0:
            pixels = lz4_image(data, width, height)
        else:
            header = bytes.fromhex("20205a4c 00010001")
            kind = (8, 9, 5)[how - 1]
            pixels = lz(
                header + struct.pack(">5I", kind, width, height, width, how % 2) + data, width, height, (0,) * 256
            )
    except (Unfit, Unhandled):
        return
    assert len(pixels.data) == width * height * 4


async def test_a_display_that_is_drawn_on_shows_it_and_one_that_lies_ends() -> None:
    async with spice_server() as server:
        connection = server.connection()
        await connection.connect_main_channel(5)
        channel = speaking(await connection.open_channel(Type.DISPLAY, timeout=5))
        screen = channel.conversation
        assert isinstance(screen, DisplayConversation)
        peer = await server.peer(Type.DISPLAY)
        peer.send(314, PRIMARY)
        peer.say(fill(rect(0, 0, 2, 2), 0xFF0000))
        for _ in range(2):
            peer.say(draw.DrawAlphaBlend(base(TWO), 0, 128, image(bitmap(8, 2, 2, 8, "00" * 16), 2, 2), TWO))
        peer.send(102)
        await channel.wait_until(lambda: screen.is_marked, 5, "be marked")
        assert shown(screen.painter) == [[RED, RED, BLACK, BLACK]] * 2
        assert screen.wire.statistics.as_dict()["unhandled"] == {"DRAW_ALPHA_BLEND": 2}
        assert len([event for event in server.bus.take_notices() if event.kind == "spice.unhandled"]) == 1
        peer.say(copy(image(images.Packed(2, b"\1\x08"), 2, 2, ImageType.LZ4), TWO, TWO))
        with pytest.raises(
            SpiceProtocolError, match=r"Field 'picture\.data' of the SPICE message DRAW_COPY .* unpacks to 0 bytes"
        ):
            await channel.wait_until(lambda: False, 5, "end")
        await connection.close()
