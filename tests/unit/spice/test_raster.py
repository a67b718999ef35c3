"""Operations, masks, patterns, stretched pictures. `tests/e2e/test_spice_drawing.py` holds them against a real server."""

from __future__ import annotations

import os
import random

import pytest
from tests.spice.golden import NO_CLIP, NO_MASK

from ATPLibrary.protocol.spice.display import Painter
from ATPLibrary.protocol.spice.display.picture import image_of
from ATPLibrary.protocol.spice.display.pixels import Pixels, Unfit, Unhandled
from ATPLibrary.protocol.spice.display.raster import operation, operation_of_three, put
from ATPLibrary.protocol.spice.display.sources import Stretched
from ATPLibrary.protocol.spice.enums import Rop
from ATPLibrary.protocol.spice.messages import brushes, display, draw, geometry, images

pytestmark = pytest.mark.unit
BITS = 0b1111
DRAWN, THERE = 0b0011, 0b0101
BLACK, WHITE, RED, GREEN, BLUE = 0x000000, 0xFFFFFF, 0xFF0000, 0x00FF00, 0x0000FF


@pytest.mark.parametrize(
    ("descriptor", "wanted"),
    [
        (Rop.OP_PUT, 0b0011),
        (Rop.OP_PUT | Rop.INVERS_SRC, 0b1100),
        (Rop.OP_PUT | Rop.INVERS_RES, 0b1100),
        (Rop.OP_PUT | Rop.INVERS_SRC | Rop.INVERS_RES, 0b0011),
        (Rop.OP_PUT | Rop.INVERS_DEST | Rop.INVERS_BRUSH, 0b0011),
        (Rop.OP_OR, 0b0111),
        (Rop.OP_OR | Rop.INVERS_SRC, 0b1101),
        (Rop.OP_OR | Rop.INVERS_DEST, 0b1011),
        (Rop.OP_OR | Rop.INVERS_RES, 0b1000),
        (Rop.OP_AND, 0b0001),
        (Rop.OP_AND | Rop.INVERS_SRC, 0b0100),
        (Rop.OP_AND | Rop.INVERS_DEST, 0b0010),
        (Rop.OP_AND | Rop.INVERS_RES, 0b1110),
        (Rop.OP_XOR, 0b0110),
        (Rop.OP_XOR | Rop.INVERS_SRC, 0b1001),
        (Rop.OP_XOR | Rop.INVERS_SRC | Rop.INVERS_DEST, 0b0110),
        (Rop.OP_BLACKNESS, 0b0000),
        (Rop.OP_WHITENESS, 0b1111),
        (Rop.OP_INVERS, 0b1010),
        (0, 0b0011),
    ],
)
def test_an_operation_of_two_is_what_its_flags_say(descriptor: int, wanted: int) -> None:
    assert operation(descriptor, Rop.INVERS_SRC)(DRAWN, THERE, BITS) == wanted


def test_each_input_is_turned_by_its_own_flag() -> None:
    """Of an opaque picture, the flag of the source means what is there."""
    turned = operation(Rop.OP_OR | Rop.INVERS_SRC, Rop.INVERS_BRUSH, Rop.INVERS_SRC)
    assert turned(DRAWN, THERE, BITS) == 0b1011
    assert operation(Rop.OP_PUT, Rop.INVERS_SRC) is put, "which is copied row by row without counting"


@pytest.mark.parametrize("rop3", range(256))
def test_an_operation_of_three_is_its_own_table(rop3: int) -> None:
    """Of these three, which have all eight cases, it makes its own number."""
    assert operation_of_three(rop3, 0xF0, 0xCC, 0xAA, 0xFF) == rop3


def rect(left: int, top: int, right: int, bottom: int) -> geometry.Rect:
    return geometry.Rect(top, left, bottom, right)


def screen(*colors: int, height: int = 1) -> Painter:
    """One row of these colours, or several rows of the same."""
    made = Painter(1000)
    made.take(display.SurfaceCreate(0, len(colors), height, 32, 1))
    for number, color in enumerate(colors):
        made.take(draw.DrawFill(base(rect(number, 0, number + 1, height)), solid(color), Rop.OP_PUT, NO_MASK))
    return made


def base(box: geometry.Rect) -> geometry.DrawBase:
    return geometry.DrawBase(0, box, NO_CLIP)


def solid(color: int) -> brushes.Brush:
    return brushes.Brush(1, brushes.SolidBrush(color))


def picture(width: int, *colors: int) -> images.Image:
    height = len(colors) // width
    data = b"".join(color.to_bytes(4, "little") for color in colors)
    return images.Image(7, 0, 0, width, height, images.Bitmap(8, 4, width, height, width * 4, None, None, data))


def mask(width: int, *rows: int, x: int = 0, y: int = 0, format: int = 2, inverse: bool = False) -> brushes.Mask:
    """Rows of a byte each, without a palette, as drivers send them."""
    plain = images.Bitmap(format, 4, width, len(rows), 1, None, None, bytes(rows))
    return brushes.Mask(int(inverse), geometry.Point(x, y), images.Image(8, 0, 0, width, len(rows), plain))


def shown(made: Painter) -> list[list[int]]:
    assert made.screen is not None
    image = image_of(made.screen)
    row = image.width * 3
    data = image.tobytes()
    rows = [data[at : at + row] for at in range(0, len(data), row)]
    return [[int.from_bytes(each[at : at + 3]) for at in range(0, row, 3)] for each in rows]


@pytest.mark.parametrize(
    ("made", "wanted"),
    [
        (mask(4, 0b10100000), [RED, BLACK, RED, BLACK]),
        (mask(4, 0b10100000, inverse=True), [BLACK, RED, BLACK, RED]),
        (mask(4, 0b00000101, format=1), [RED, BLACK, RED, BLACK]),
        (mask(4, 0b10110000, x=2), [RED, RED, BLACK, BLACK]),
        (mask(4, 0b11110000, x=-1), [BLACK, RED, RED, RED]),
        (mask(2, 0b00000000, inverse=True), [RED, RED, BLACK, BLACK]),
        (mask(4, 0, 0b01000000, y=1), [BLACK, RED, BLACK, BLACK]),
        (mask(4, 0b11110000, y=1), [BLACK] * 4),
    ],
    ids=[
        "bits",
        "the other way round",
        "right end first",
        "further right in it",
        "begins later",
        "narrower",
        "a row down",
        "ends",
    ],
)
def test_a_mask_says_what_is_drawn_on(made: brushes.Mask, wanted: list[int]) -> None:
    whole = rect(0, 0, 4, 1)
    filled, copied, turned = screen(*[BLACK] * 4), screen(*[BLACK] * 4), screen(*[BLACK] * 4)
    filled.take(draw.DrawFill(base(whole), solid(RED), Rop.OP_PUT, made))
    copied.take(draw.DrawCopy(base(whole), picture(4, *[RED] * 4), whole, Rop.OP_PUT, 0, made))
    turned.take(draw.DrawInvers(base(whole), made))
    assert shown(filled) == shown(copied) == [wanted]
    assert shown(turned) == [[WHITE if color == RED else BLACK for color in wanted]]
    assert filled.is_exact


def test_a_mask_is_kept_in_the_cache_as_images_are() -> None:
    whole = rect(0, 0, 2, 1)
    plain = images.Bitmap(2, 4, 2, 1, 1, None, None, b"\x40")
    first = brushes.Mask(0, geometry.Point(0, 0), images.Image(8, 0, 1, 2, 1, plain))
    again = brushes.Mask(0, geometry.Point(0, 0), images.Image(8, 103, 0, 2, 1, None))
    made = screen(BLACK, BLACK)
    made.take(draw.DrawWhiteness(base(whole), first))
    made.take(draw.DrawFill(base(whole), solid(GREEN), Rop.OP_PUT, again))
    assert shown(made) == [[BLACK, GREEN]]


def test_a_pattern_repeats_from_its_origin() -> None:
    made = screen(*[BLACK] * 5, height=2)
    tile = brushes.Brush(2, brushes.Pattern(picture(2, RED, GREEN, BLUE, WHITE), geometry.Point(-3, 1)))
    made.take(draw.DrawFill(base(rect(0, 0, 4, 2)), tile, Rop.OP_PUT, NO_MASK))
    assert shown(made) == [[WHITE, BLUE, WHITE, BLUE, BLACK], [GREEN, RED, GREEN, RED, BLACK]]


def test_no_brush_is_black_and_can_turn_what_is_there() -> None:
    made = screen(RED, GREEN, BLUE)
    nothing = brushes.Brush(0, None)
    made.take(draw.DrawFill(base(rect(0, 0, 1, 1)), nothing, Rop.OP_INVERS, NO_MASK))
    made.take(draw.DrawFill(base(rect(1, 0, 2, 1)), nothing, Rop.OP_PUT, NO_MASK))
    assert shown(made) == [[0x00FFFF, BLACK, BLUE]]


def test_a_picture_is_made_one_with_what_is_there() -> None:
    made = screen(RED, GREEN, BLUE)
    whole = rect(0, 0, 3, 1)
    made.take(draw.DrawCopy(base(whole), picture(3, BLUE, BLUE, BLUE), whole, Rop.OP_OR, 0, NO_MASK))
    assert shown(made) == [[0xFF00FF, 0x00FFFF, BLUE]]
    made.take(draw.DrawBlend(base(whole), picture(3, BLUE, GREEN, RED), whole, Rop.OP_AND, 0, NO_MASK))
    assert shown(made) == [[BLUE, GREEN, BLACK]]


def test_a_picture_under_a_brush_that_lets_some_through() -> None:
    made = screen(BLACK, BLACK)
    whole = rect(0, 0, 2, 1)
    opaque = draw.DrawOpaque(base(whole), picture(2, WHITE, GREEN), whole, solid(RED), Rop.OP_AND, 0, NO_MASK)
    made.take(opaque)
    assert shown(made) == [[RED, BLACK]]


def test_what_has_the_key_colour_is_left_away() -> None:
    made = screen(RED, RED, RED)
    whole = rect(0, 0, 3, 1)
    made.take(draw.DrawTransparent(base(whole), picture(3, GREEN, 0xAA0000FF, BLACK), whole, 0, BLUE))
    assert shown(made) == [[GREEN, RED, BLACK]]


def test_three_are_made_one() -> None:
    """0xCA: the picture where the brush is, else what is there."""
    made = screen(RED, RED)
    whole = rect(0, 0, 2, 1)
    tile = brushes.Brush(2, brushes.Pattern(picture(2, WHITE, BLACK), geometry.Point(0, 0)))
    made.take(draw.DrawRop3(base(whole), picture(2, GREEN, GREEN), whole, tile, 0xCA, 0, NO_MASK))
    assert shown(made) == [[GREEN, RED]]


def test_a_picture_is_stretched_to_the_nearest_pixels() -> None:
    made = screen(*[BLACK] * 6, height=2)
    wide = draw.DrawCopy(
        base(rect(0, 0, 5, 2)), picture(3, BLACK, RED, GREEN), rect(1, 0, 3, 1), Rop.OP_PUT, 1, NO_MASK
    )
    made.take(wide)
    assert shown(made) == [[RED, RED, RED, GREEN, GREEN, BLACK]] * 2
    narrow = draw.DrawCopy(
        base(rect(0, 0, 2, 1)), picture(4, BLUE, RED, GREEN, BLUE), rect(0, 0, 4, 1), Rop.OP_PUT, 1, NO_MASK
    )
    made.take(narrow)
    assert shown(made)[0] == [BLUE, GREEN, RED, GREEN, GREEN, BLACK]
    assert made.is_exact
    with pytest.raises(Unhandled, match="DRAW_COPY that scales other than to the nearest pixel"):
        made.take(draw.DrawCopy(wide.base, wide.image, wide.area, Rop.OP_PUT, 0, NO_MASK))
    assert not made.is_exact


@pytest.mark.parametrize("width", [1, 2, 7, 1000, 40_000, 2**31 - 60])
def test_which_pixel_is_the_nearest_is_counted_in_65536ths(width: int) -> None:
    chance = random.Random(width)
    for _ in range(200):
        pixels = Pixels(300, 2, memoryview(bytearray(os.urandom(300 * 2 * 4))))
        left = chance.randrange(300)
        right = chance.randint(left + 1, 300)
        at = chance.randint(-50, 50)
        made = Stretched(pixels, rect(left, 0, right, 2), rect(at, 0, at + width, 5))
        begin = chance.choice([0, chance.randrange(width), max(0, width - 50)])
        count = min(50, width - begin)
        step = (right - left << 16) // width
        columns = [left + (max(0, (step + 1) // 2 + n * step - 1) >> 16) for n in range(begin, begin + count)]
        rows = [made.row(at + begin, y, count) for y in range(5)]
        for y, row in enumerate([0, 0, 0, 1, 1]):
            wanted = [pixels.data[(row * 300 + each) * 4 : (row * 300 + each) * 4 + 4] for each in columns]
            assert rows[y] == b"".join(map(bytes, wanted))
        assert rows[0] is rows[2], "one is made for all rows that are alike"
        assert rows[3] is rows[4]


@pytest.mark.parametrize("area", [rect(0, 0, 0, 1), rect(3, 0, 3, 1), rect(-1, 0, 1, 1), rect(2, 0, 9, 1)])
def test_an_area_that_a_stretched_picture_does_not_have_is_refused(area: geometry.Rect) -> None:
    made = screen(BLACK, BLACK)
    with pytest.raises(Unfit, match="area"):
        made.take(draw.DrawCopy(base(rect(0, 0, 5, 1)), picture(3, RED, RED, RED), area, Rop.OP_PUT, 1, NO_MASK))


def test_a_surface_is_drawn_onto_itself_as_it_was() -> None:
    made = screen(RED, GREEN, BLUE)
    itself = images.Image(1, 104, 0, 0, 0, images.OtherSurface(0))
    made.take(draw.DrawCopy(base(rect(1, 0, 3, 1)), itself, rect(0, 0, 2, 1), Rop.OP_OR, 0, NO_MASK))
    assert shown(made) == [[RED, 0xFFFF00, 0x00FFFF]]


def test_a_brush_of_a_kind_that_there_is_not_is_refused() -> None:
    with pytest.raises(Unfit, match=r"brush\.type: is 9"):
        screen(BLACK).take(draw.DrawFill(base(rect(0, 0, 1, 1)), brushes.Brush(9, None), Rop.OP_PUT, NO_MASK))
