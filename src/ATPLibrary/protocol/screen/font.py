"""The VGA's font: 256 characters of 8 x 16 pixels, as the VM's own video BIOS has it in its ROM."""

from __future__ import annotations

from collections.abc import Mapping

GLYPHS = 256
GLYPH_BYTES = 16
FONT_BYTES = GLYPHS * GLYPH_BYTES

# Where the video BIOS lies in the memory of every PC that was not started by UEFI alone.
VIDEO_BIOS = 0xC0000
VIDEO_BIOS_BYTES = 0x10000

# Code page 437 shows symbols where other codes have control characters.
_SYMBOLS = " ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼"
_CHARACTERS = [*_SYMBOLS, *bytes(range(32, 127)).decode("ascii"), "⌂", *bytes(range(128, 255)).decode("cp437"), " "]
# In these the ninth column of a cell may repeat the eighth, so that lines have no gaps: from 0xC0 on a VGA, from 0xB0 on QEMU's.
LINE_DRAWING = frozenset(_CHARACTERS[0xB0:0xE0])

_BLANK = bytes(GLYPH_BYTES)
_FULL = b"\xff" * GLYPH_BYTES

Font = Mapping[bytes, str]  # a glyph's 16 rows, the left pixel in the highest bit -> the character


def find_font(rom: bytes) -> Font | None:
    """The 8 x 16 font in a video BIOS, known by the few glyphs that are the same in every one; None when there is none."""
    for start in range(len(rom) - FONT_BYTES + 1):
        glyphs = rom[start : start + FONT_BYTES]
        if _glyph(glyphs, 0xDB) == _FULL and _is_font(glyphs):
            return _font(glyphs)
    return None


def _is_font(glyphs: bytes) -> bool:
    """Spaces are blank, half blocks are halves, and letters are all there and all different."""
    blank = all(_glyph(glyphs, code) == _BLANK for code in (0x00, 0x20))
    left, right = _glyph(glyphs, 0xDD), _glyph(glyphs, 0xDE)
    halves = left == b"\xf0" * GLYPH_BYTES and right == b"\x0f" * GLYPH_BYTES
    letters = {_glyph(glyphs, code) for code in range(0x21, 0x7F)}
    return blank and halves and len(letters) > 90 and _BLANK not in letters


def _font(glyphs: bytes) -> Font:
    font: dict[bytes, str] = {}
    # ASCII first: where two codes look the same, that is the one meant.
    for code in (*range(0x20, 0x7F), *range(0x20), *range(0x7F, GLYPHS)):
        font.setdefault(_glyph(glyphs, code), _CHARACTERS[code])
    return font


def _glyph(glyphs: bytes, code: int) -> bytes:
    return glyphs[code * GLYPH_BYTES : (code + 1) * GLYPH_BYTES]
