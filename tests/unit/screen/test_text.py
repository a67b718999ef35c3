"""Characters off a picture: drawn here with a font of the tests' own, read back exactly."""

from __future__ import annotations

import random
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ATPLibrary.protocol.qmp.screen_text import memory
from ATPLibrary.protocol.screen.font import FONT_BYTES, find_font
from ATPLibrary.protocol.screen.text import UNKNOWN, NotTextError, TextScreen, read_text

pytestmark = pytest.mark.unit

GREY, BLACK, RED = (168, 168, 168), (0, 0, 0), (168, 0, 0)
ASCII = "".join(map(chr, range(0x21, 0x7F)))


def make_glyphs() -> bytes:
    """A font with the shapes that every VGA font shares; all else is noise, blank above and below as letters are."""
    noise = random.Random(437)
    glyphs = [bytes(3) + bytes(noise.randrange(1, 255) & 0xFE for _ in range(10)) + bytes(3) for _ in range(256)]
    for blank in (0x00, 0x20, 0xFF):
        glyphs[blank] = bytes(16)
    glyphs[0xDB], glyphs[0xDD], glyphs[0xDE] = b"\xff" * 16, b"\xf0" * 16, b"\x0f" * 16
    glyphs[0xC4] = bytes(7) + b"\xff" + bytes(8)
    glyphs[ord("_")] = bytes(13) + b"\xff" + bytes(2)
    return b"".join(glyphs)


GLYPHS = make_glyphs()
FONT = find_font(b"\x55\xaa" + bytes(100) + GLYPHS + bytes(50)) or {}


def draw(
    lines: list[str], *, width: int = 720, ink: tuple[int, int, int] = GREY, paper: tuple[int, int, int] = BLACK
) -> Image.Image:
    """The picture of a text screen as QEMU draws it: the ninth column is paper but for lines."""
    image = Image.new("RGB", (width, 400), BLACK)
    columns = 9 if width % 9 == 0 else 8
    for row, line in enumerate(lines):
        for column, character in enumerate(line):
            image.paste(cell(character, columns, ink, paper), (column * columns, row * 16))
    return image


@cache
def cell(character: str, columns: int, ink: tuple[int, int, int], paper: tuple[int, int, int]) -> Image.Image:
    code = character.encode("cp437")[0]
    image = Image.new("RGB", (columns, 16), paper)
    for y, bits in enumerate(GLYPHS[code * 16 : code * 16 + 16]):
        for x in range(columns):
            if bits & 1 if x == 8 and 0xB0 <= code < 0xE0 else x < 8 and bits >> (7 - x) & 1:
                image.putpixel((x, y), ink)
    return image


def with_cursor(image: Image.Image, row: int, column: int) -> Image.Image:
    image.paste(GREY, (column * 9, row * 16 + 13, column * 9 + 9, row * 16 + 15))
    return image


def test_the_font_is_found_wherever_it_lies_and_nothing_is_found_in_noise() -> None:
    assert len(FONT) >= 250
    assert find_font(GLYPHS) == FONT
    noise = random.Random(1)
    assert find_font(noise.randbytes(0x10000)) is None
    assert find_font(bytes(FONT_BYTES)) is None
    assert find_font(b"\xff" * FONT_BYTES) is None
    assert find_font(b"") is None


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text(ASCII + " ", max_size=80), max_size=25))
def test_every_text_is_read_as_it_was_drawn(lines: list[str]) -> None:
    screen = read_text(draw(lines), FONT)
    assert screen.unknown == 0
    assert screen.text == "\n".join(line.rstrip() for line in lines).rstrip("\n")


@pytest.mark.parametrize("width", [720, 640, 360, 320])
def test_columns_of_eight_and_nine_pixels_are_read(width: int) -> None:
    assert read_text(draw(["Hello", "─ä─"], width=width), FONT).text == "Hello\n─ä─"


def test_inverse_and_coloured_text_is_read() -> None:
    assert read_text(draw(["inverse"], ink=BLACK, paper=GREY), FONT).text == "inverse"
    assert read_text(draw(["red on grey"], ink=RED, paper=GREY), FONT).text == "red on grey"


def test_the_character_under_the_cursor_is_read() -> None:
    text = ASCII[:80]
    image = draw([text])
    for column in range(len(text)):
        with_cursor(image, 0, column)
    # The cursor covers all of an underline: what is left is a blank.
    assert read_text(image, FONT).rows[0] == text.replace("_", " ")


def test_a_cell_that_is_no_glyph_is_told_from_one_that_is() -> None:
    image = draw(["Hello world, this is text"])
    image.putpixel((2, 8), (0, 255, 0))
    screen = read_text(image, FONT)
    assert (screen.rows[0][:5], screen.unknown) == (f"{UNKNOWN}ello", 1)


def test_a_picture_of_another_size_or_of_many_colours_is_graphics() -> None:
    with pytest.raises(NotTextError, match=r"is in graphics mode \(1024x768 pixels\)"):
        read_text(Image.new("RGB", (1024, 768)), FONT)
    many = Image.new("RGB", (720, 400))
    many.putdata([(x % 256, x // 256 % 256, 0) for x in range(720 * 400)])
    with pytest.raises(NotTextError, match="more than 16 colours"):
        read_text(many, FONT)


def test_text_in_another_font_is_not_guessed_at() -> None:
    other = draw([ASCII] * 10).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    with pytest.raises(NotTextError, match="font of the guest's own"):
        read_text(other, FONT)


def test_a_text_that_went_over_the_edge_is_found_whole() -> None:
    screen = TextScreen(("a" * 79 + "H", "ello" + " " * 76, " " * 80, "end" + " " * 77))
    assert "Hello" in screen
    assert "ello\n\nend" in screen
    assert "Hello end" not in screen
    assert screen.unwrapped == "a" * 79 + "Hello\n\nend"


def test_memory_as_the_monitor_prints_it_becomes_bytes() -> None:
    text = "00000000000c0000: 0xe94eaa55 0x00000001\r\n00000000000c0008: 0xff000000 0x00000000\r\n"
    assert memory(text) == bytes.fromhex("55aa4ee9 01000000 000000ff 00000000")
    assert memory("") == b""


def test_no_two_printable_characters_of_the_font_look_alike() -> None:
    shapes = sorted(glyph for glyph, character in FONT.items() if character in ASCII)
    assert len(shapes) == len(ASCII)
    assert all(one != other for one, other in pairwise(shapes))
