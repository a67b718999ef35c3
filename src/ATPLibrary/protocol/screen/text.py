"""Reads the characters of a text-mode screen off its picture, exactly: each cell is one of the font's glyphs, or it is not read.

The picture and not the video memory, because it is one moment, and because what of that memory is shown is known to the CRTC only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from PIL import Image

from ATPLibrary.protocol.screen.font import GLYPH_BYTES, LINE_DRAWING, Font
from ATPLibrary.protocol.screen.region import Size

# 80 or 40 columns of 9 or 8 pixels, 25 rows of 16.
TEXT_SIZES = frozenset(Size(width, 400) for width in (720, 640, 360, 320))

UNKNOWN = "\N{REPLACEMENT CHARACTER}"
# More of what is not blank than this, unread, and it isn't text in that font.
_MOST_UNKNOWN = 0.1
_FEW_UNKNOWN = 3  # a mouse pointer and such
_GLYPH_COLUMNS = 8
_RGB = 3
_COLOURS = 16


@dataclass(frozen=True)
class TextScreen:
    """What a text-mode screen says: its rows, each as long as the screen is wide. `unknown` cells could not be read."""

    rows: tuple[str, ...]
    unknown: int = 0

    @cached_property
    def text(self) -> str:
        """Its lines without the blanks at their ends, and without empty lines at the end."""
        return "\n".join(row.rstrip() for row in self.rows).rstrip("\n")

    @cached_property
    def unwrapped(self) -> str:
        """The same with lines that reach the right edge joined to the next: long output was wrapped there."""
        return "".join(row if not row.endswith(" ") else row.rstrip() + "\n" for row in self.rows).rstrip("\n")

    def __contains__(self, text: str) -> bool:
        return text in self.text or text in self.unwrapped


class NotTextError(ValueError):
    """The picture is not that of a text-mode screen; the message completes "but"."""


def read_text(picture: Image.Image, font: Font) -> TextScreen:
    """Read a screen's RGB picture. `NotTextError` when it is in graphics mode, or shows another font."""
    size = Size(*picture.size)
    if size not in TEXT_SIZES:
        raise NotTextError(f"is in graphics mode ({size} pixels)")
    if picture.getcolors(_COLOURS) is None:
        raise NotTextError(f"is in graphics mode (more than {_COLOURS} colours)")
    reader = _Reader(picture, font, 9 if size.width % 9 == 0 else 8)
    rows = tuple(reader.row(top) for top in range(0, size.height, GLYPH_BYTES))
    unknown = sum(row.count(UNKNOWN) for row in rows)
    written = sum(len(row) - row.count(" ") for row in rows)
    if unknown > max(_FEW_UNKNOWN, _MOST_UNKNOWN * written):
        raise NotTextError(
            f"is in graphics mode, or its text is in a font of the guest's own ({unknown} of {written} characters are unknown)"
        )
    return TextScreen(rows, unknown)


class _Reader:
    """Cells that look alike are read once."""

    def __init__(self, picture: Image.Image, font: Font, columns: int) -> None:
        self._pixels = picture.tobytes()
        self._stride = picture.width * _RGB
        self._font = font
        self._columns = columns
        self._known: dict[tuple[bytes, ...], str] = {}

    def row(self, top: int) -> str:
        lines = [self._pixels[(top + y) * self._stride :][: self._stride] for y in range(GLYPH_BYTES)]
        width = self._columns * _RGB
        cells = (tuple(line[left : left + width] for line in lines) for left in range(0, self._stride, width))
        return "".join(self._read(cell) for cell in cells)

    def _read(self, cell: tuple[bytes, ...]) -> str:
        known = self._known.get(cell)
        if known is None:
            known = self._known[cell] = self._look_up(cell)
        return known

    def _look_up(self, cell: tuple[bytes, ...]) -> str:
        colours = {line[at : at + _RGB] for line in cell for at in range(0, len(line), _RGB)}
        if len(colours) == 1:
            return " "
        if len(colours) > 2:
            return UNKNOWN
        # Which of the two is the ink isn't known: of the two readings, the usual character is meant.
        found = [character for ink in colours if (character := self._in_ink(cell, ink)) != UNKNOWN]
        return min(found, key=_unusual, default=UNKNOWN)

    def _in_ink(self, cell: tuple[bytes, ...], ink: bytes) -> str:
        rows = [[line[at : at + _RGB] == ink for at in range(0, len(line), _RGB)] for line in cell]
        character = self._font.get(_bits(rows))
        if character is not None and _ninth_fits(rows, character):
            return character
        return self._under_cursor(rows)

    def _under_cursor(self, rows: list[list[bool]]) -> str:
        """The cursor is some full lines in the ink; the character is one whose other lines are these."""
        full = [y for y, row in enumerate(rows) if all(row)]
        if not full or full != list(range(full[0], full[-1] + 1)):
            return UNKNOWN
        shown = _bits(rows)
        others = [y for y in range(GLYPH_BYTES) if y not in full]
        candidates = [
            (sum(glyph[y].bit_count() for y in full), character)
            for glyph, character in self._font.items()
            if all(glyph[y] == shown[y] for y in others)
        ]
        return min(candidates, default=(0, UNKNOWN))[1]


def _bits(rows: list[list[bool]]) -> bytes:
    return bytes(sum(1 << (7 - x) for x in range(_GLYPH_COLUMNS) if row[x]) for row in rows)


def _ninth_fits(rows: list[list[bool]], character: str) -> bool:
    if len(rows[0]) == _GLYPH_COLUMNS:
        return True
    empty = not any(row[8] for row in rows)
    return empty or (character in LINE_DRAWING and all(row[8] == row[7] for row in rows))


def _unusual(character: str) -> tuple[bool, str]:
    return not character.isascii(), character
