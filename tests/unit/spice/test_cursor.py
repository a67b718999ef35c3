"""The guest's mouse pointer: shapes of every type, the cache, and what of it lies."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ATPLibrary.protocol.spice.channels import CursorConversation
from ATPLibrary.protocol.spice.cursor_shapes import CursorShape, CursorType
from ATPLibrary.protocol.spice.display.picture import png_of_shape
from ATPLibrary.protocol.spice.errors import SpiceProtocolError
from ATPLibrary.protocol.spice.link import Linked
from ATPLibrary.protocol.spice.messages import cursor
from ATPLibrary.protocol.spice.options import SpiceOptions
from ATPLibrary.transport.spice import SpiceChannelType as Type

pytestmark = pytest.mark.unit

RED, WHITE, BLACK, CLEAR, INVERTED = (255, 0, 0, 255), (255,) * 4, (0, 0, 0, 255), (0,) * 4, (128,) * 4


def shape(type: int, width: int, height: int, data: bytes, spot: tuple[int, int] = (0, 0)) -> CursorShape:
    return CursorShape.of(cursor.CursorHeader(7, type, width, height, *spot), data)


def pixels(found: CursorShape) -> list[tuple[int, ...]]:
    return [struct.unpack_from("4B", found.pixels, at) for at in range(0, len(found.pixels), 4)]


def colours(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


PALETTE_16 = colours(0xFF0000, 0xFFFFFF, *[0] * 14)
PALETTE_256 = colours(0xFF0000, 0xFFFFFF, *[0] * 254)

# Three pixels and two: a row's bytes end in its middle. The mask leaves the first alone, clears the second and the third.
MASK = bytes((0b01100000, 0b01100000))
TWO_ROWS = [RED, INVERTED, CLEAR] * 2
SHAPES = {
    CursorType.COLOR4: bytes((0x01, 0x20)) * 2 + PALETTE_16 + MASK,
    CursorType.COLOR8: bytes((0, 1, 2)) * 2 + PALETTE_256 + MASK,
    CursorType.COLOR16: struct.pack("<3H", 0x7C00, 0x7FFF, 0) * 2 + MASK,
    CursorType.COLOR24: b"\0\0\xff\xff\xff\xff\0\0\0" * 2 + MASK,
    CursorType.COLOR32: colours(0xFF0000, 0xFFFFFF, 0) * 2 + MASK,
}


@pytest.mark.parametrize("type", SHAPES, ids=lambda type: type.name)
def test_a_coloured_shape_has_its_colours_and_its_mask(type: CursorType) -> None:
    wanted = [(248, 0, 0, 255) if each == RED and type is CursorType.COLOR16 else each for each in TWO_ROWS]
    assert pixels(shape(type, 3, 2, SHAPES[type])) == wanted


def test_an_alpha_shape_has_blue_first() -> None:
    assert pixels(shape(CursorType.ALPHA, 2, 1, bytes((1, 2, 3, 4, 5, 6, 7, 8)))) == [(3, 2, 1, 4), (7, 6, 5, 8)]


def test_a_mono_shape_is_black_white_clear_or_inverts() -> None:
    # AND 0 0 1 1, XOR 0 1 0 1
    assert pixels(shape(CursorType.MONO, 4, 1, bytes((0b00110000, 0b01010000)))) == [BLACK, WHITE, CLEAR, INVERTED]


def test_a_shape_becomes_a_png_with_transparency() -> None:
    import io

    from PIL import Image

    found = Image.open(io.BytesIO(png_of_shape(shape(CursorType.MONO, 4, 1, bytes((0b00110000, 0b01010000))))))
    assert (found.size, found.mode) == ((4, 1), "RGBA")
    assert [found.getpixel((x, 0)) for x in range(4)] == [BLACK, WHITE, CLEAR, INVERTED]


def conversation() -> CursorConversation:
    return CursorConversation(Type.CURSOR, "the pointer", Linked(0xB, 0), SpiceOptions())


def picture(unique: int = 7, flags: int = 0, data: bytes = b"\1\2\3\4", type: int = 0) -> cursor.CursorPicture:
    return cursor.CursorPicture(flags, cursor.CursorHeader(unique, type, 1, 1, 0, 0), data)


def set_to(made: cursor.CursorPicture, x: int = 0, y: int = 0, visible: int = 1) -> cursor.Set:
    return cursor.Set(cursor.Point16(x, y), visible, made)


NONE = cursor.CursorPicture(1, None, b"")
KEEP, KEPT = 2, 4


def test_the_pointer_is_set_moved_hidden_and_set_again() -> None:
    pointer = conversation()
    pointer.take(cursor.Init(cursor.Point16(3, 4), 0, 0, 1, NONE))
    assert (pointer.visible, pointer.position, pointer.shape) == (
        False,
        (3, 4),
        None,
    )  # shown, but there is nothing to see
    pointer.take(set_to(picture(), 5, -6))
    assert (pointer.visible, pointer.position) == (True, (5, -6))
    pointer.take(cursor.Hide())
    assert not pointer.visible
    pointer.take(cursor.Move(cursor.Point16(8, 9)))
    assert (pointer.visible, pointer.position) == (True, (8, 9))
    pointer.take(set_to(NONE))
    assert not pointer.visible
    assert [news.kind for news in pointer.take_news()] == ["cursor"] * 4


def test_a_shape_of_which_nothing_is_to_be_seen_hides_the_pointer() -> None:
    """As programs in X do: the colours are there, the transparency is whole."""
    pointer = conversation()
    pointer.take(set_to(picture(data=b"\1\2\3\0")))
    assert not pointer.visible
    pointer.take(set_to(picture(data=b"\0\0\0\1")))
    assert pointer.visible


# The padding behind a row's last pixel is none of its pixels, whatever it says.
@pytest.mark.parametrize(
    ("type", "data", "is_blank"),
    [
        (CursorType.ALPHA, bytes((9, 9, 9, 0)) * 6, True),
        (CursorType.ALPHA, bytes(23) + b"\1", False),
        (CursorType.MONO, bytes((0b11100000,) * 2 + (0b00011111,) * 2), True),
        (CursorType.MONO, bytes((0b11000000, 0b11111111, 0, 0)), False),
        (CursorType.MONO, bytes((0b11111111, 0b11111111, 0, 0b00100000)), False),
        (CursorType.COLOR32, colours(*[0x123456] * 6) + bytes((0b11100000,) * 2), True),
        (CursorType.COLOR32, colours(*[0] * 6) + bytes((0b11100000, 0b01111111)), False),
        (CursorType.COLOR32, colours(*[0] * 5, 0xFFFFFF) + bytes((0b11100000,) * 2), False),
        (CursorType.COLOR32, colours(*[0xFF0000] * 6) + bytes((0b11100000,) * 2), True),
        (CursorType.COLOR16, struct.pack("<6H", *[0x7FFF] * 6) + bytes((0b11100000,) * 2), False),
        (CursorType.COLOR4, bytes((0x22, 0x20)) * 2 + PALETTE_16 + bytes((0b11100000,) * 2), True),
        (CursorType.COLOR4, bytes((0x21, 0x20)) * 2 + PALETTE_16 + bytes((0b11100000,) * 2), False),
        (CursorType.COLOR8, bytes(6) + PALETTE_256 + bytes((0b11100000,) * 2), True),
    ],
)
def test_a_shape_knows_whether_any_of_it_is_to_be_seen(type: CursorType, data: bytes, is_blank: bool) -> None:
    made = shape(type, 3, 2, data)
    assert made.is_blank is is_blank
    assert any(made.pixels[3::4]) is not is_blank


def test_a_shape_of_no_pixels_is_blank() -> None:
    assert shape(CursorType.MONO, 0, 5, b"").is_blank
    assert shape(CursorType.COLOR8, 5, 0, PALETTE_256).is_blank


def test_a_kept_shape_comes_back_until_it_is_to_be_forgotten() -> None:
    pointer = conversation()
    pointer.take(set_to(picture(1, KEEP, b"\1\1\1\1")))
    pointer.take(set_to(picture(2, KEEP, b"\2\2\2\2")))
    pointer.take(set_to(picture(1, KEPT, b"")))
    assert pointer.shape is not None
    assert pointer.shape.data == b"\1\1\1\1"
    pointer.take(cursor.InvalOne(1))
    with pytest.raises(SpiceProtocolError, match=r"cursor\.header\.unique.*is 0x1, which was not kept"):
        pointer.take(set_to(picture(1, KEPT, b"")))
    pointer.take(cursor.InvalAll())
    assert pointer.cached == 0


@pytest.mark.parametrize("forgets", [cursor.Reset(), cursor.Init(cursor.Point16(0, 0), 0, 0, 1, NONE)])
def test_a_reset_forgets_everything(forgets: cursor.Reset | cursor.Init) -> None:
    pointer = conversation()
    pointer.take(set_to(picture(1, KEEP)))
    pointer.take(forgets)
    assert (pointer.cached, pointer.shape, pointer.visible) == (0, None, False)


@pytest.mark.parametrize(
    ("type", "width", "height", "reason"),
    [
        (0, 65535, 65535, "is 65535 x 65535 pixels: more than a pointer can have"),
        (0, 2, 1, "has 4 bytes where 2 x 1 pixels of ALPHA have 8"),
        (3, 1, 1, "has 4 bytes where 1 x 1 pixels of COLOR8 have 1026"),
        (7, 1, 1, "is 7, which no cursor has"),
    ],
)
def test_a_shape_that_lies_ends_the_channel_with_its_field(type: int, width: int, height: int, reason: str) -> None:
    made = cursor.CursorPicture(0, cursor.CursorHeader(1, type, width, height, 0, 0), bytes(4))
    with pytest.raises(SpiceProtocolError, match=reason) as told:
        conversation().take(set_to(made))
    assert (told.value.channel, told.value.name) == ("the pointer", "SET")


def test_a_hot_spot_outside_of_its_shape_is_cut_to_it() -> None:
    assert shape(0, 1, 1, bytes(4), (9, 0)).hot_spot == (1, 0)


def test_what_is_to_be_kept_has_a_bound() -> None:
    pointer = conversation()
    with pytest.raises(SpiceProtocolError, match="1025 shapes kept"):  # noqa: PT012
        for unique in range(1025):
            pointer.take(set_to(picture(unique, KEEP)))


@settings(max_examples=300, deadline=None)
@given(
    type=st.integers(0, 8), width=st.integers(0, 40), height=st.integers(0, 40), data=st.binary(max_size=4096),
    flags=st.integers(0, 7),
)  # fmt: skip
def test_whatever_comes_is_a_shape_or_the_channel_s_own_error(
    type: int, width: int, height: int, data: bytes, flags: int
) -> None:
    pointer = conversation()
    header = None if flags & 1 else cursor.CursorHeader(1, type, width, height, 50, 50)
    try:
        pointer.take(set_to(cursor.CursorPicture(flags, header, data)))
    except SpiceProtocolError:
        return
    assert pointer.shape is None or len(pointer.shape.pixels) == 4 * width * height
