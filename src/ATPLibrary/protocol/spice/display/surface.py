"""A surface: the screen, or something drawn beforehand. Everything that would reach beyond it is cut."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy

from ATPLibrary.protocol.spice.display.pixels import BYTES, Pixels, Unfit, Unhandled, check_size
from ATPLibrary.protocol.spice.display.raster import Operation, put
from ATPLibrary.protocol.spice.display.sources import Source
from ATPLibrary.protocol.spice.display.stencil import Stencil
from ATPLibrary.protocol.spice.enums import SurfaceFormat
from ATPLibrary.protocol.spice.messages.geometry import Rect

# Of a surface of so many bytes, which threads draw on, so much is copied at one go: a thread keeps Python's lock meanwhile, and so
# the loop. What is smaller is quicker whole.
_LARGE, _PIECE = 48 << 20, 1 << 20


class Surface:
    """`data` has four bytes a pixel (blue, green, red, alpha), rows from the top down."""

    def __init__(self, width: int, height: int, format: int) -> None:
        if format not in (SurfaceFormat.XRGB, SurfaceFormat.ARGB):
            if format not in list(SurfaceFormat):
                raise Unfit("format", f"is {format}, which surfaces do not have")
            raise Unhandled(f"surface format {format}")
        check_size("width", width, height)
        self.width, self.height, self.format = width, height, format
        size = width * height * BYTES
        self.data = bytearray(size) if size < _LARGE else _joined(bytes(_PIECE), size)

    def twin(self) -> Surface:
        """Another one with the same on it."""
        twin = copy(self)
        twin.data = bytearray(self.data) if len(self.data) < _LARGE else _joined(self.data, len(self.data))
        return twin

    def copy(self, pixels: Pixels, x: int, y: int, area: Rect) -> None:
        """Put the part of `pixels` whose upper left corner is at x, y into `area`, which is cut to what both have."""
        left, top = max(area.left, 0, area.left - x), max(area.top, 0, area.top - y)
        right = min(area.right, self.width, area.left - x + pixels.width)
        bottom = min(area.bottom, self.height, area.top - y + pixels.height)
        if left >= right or top >= bottom:
            return
        size, source_row, row = (right - left) * BYTES, pixels.width * BYTES, self.width * BYTES
        source = (top - area.top + y) * source_row + (left - area.left + x) * BYTES
        at = top * row + left * BYTES
        data, given = self.data, memoryview(pixels.data)
        if size == row == source_row:
            for _ in range(at, end := at + row * (bottom - top), _PIECE):
                piece = min(_PIECE, end - at)
                data[at : at + piece] = given[source : source + piece]
                at, source = at + piece, source + piece
            return
        for _ in range(bottom - top):
            data[at : at + size] = given[source : source + size]
            at, source = at + row, source + source_row

    def draw(self, source: Source, area: Rect, combine: Operation = put, stencil: Stencil | None = None) -> None:
        """Make `source` and what is there one, within `area`, which is on the surface; with a mask, only where that says so."""
        row, count, data = self.width * BYTES, area.right - area.left, self.data
        size, ones = count * BYTES, (1 << 32 * count) - 1
        for y in range(area.top, area.bottom):
            at = y * row + area.left * BYTES
            drawn = source.row(area.left, y, count)
            if stencil is None and combine is put:
                data[at : at + size] = drawn
                continue
            there = int.from_bytes(data[at : at + size], "little")
            result = combine(int.from_bytes(drawn, "little"), there, ones)
            if stencil is not None:
                result = there ^ ((there ^ result) & stencil.row(area.left, y, count))
            data[at : at + size] = result.to_bytes(size, "little")

    def part(self, area: Rect) -> Pixels | None:
        """What is there now, cut to the surface; None where nothing is left."""
        cut = self.cut(area)
        if cut is None:
            return None
        row = self.width * BYTES
        begin, size = cut.left * BYTES, (cut.right - cut.left) * BYTES
        rows = (self.data[y * row + begin : y * row + begin + size] for y in range(cut.top, cut.bottom))
        return Pixels(cut.right - cut.left, cut.bottom - cut.top, b"".join(rows))

    def move(self, area: Rect, x: int, y: int) -> None:
        """Put into `area` what is `x` pixels right of it and `y` below; both are on the surface, and may overlap."""
        row, size = self.width * BYTES, (area.right - area.left) * BYTES
        rows = range(area.top, area.bottom) if y >= 0 else range(area.bottom - 1, area.top - 1, -1)
        data, offset = self.data, y * row + x * BYTES
        for at in (line * row + area.left * BYTES for line in rows):
            data[at : at + size] = data[at + offset : at + offset + size]

    def cut(self, area: Rect) -> Rect | None:
        """The part of `area` that is on the surface."""
        return intersection(area, Rect(0, 0, self.height, self.width))

    def parts(self, area: Rect, clips: Iterable[Rect] | None) -> list[Rect]:
        """The parts of `area` on the surface that may be drawn on: all of it without clips. `Unfit` for clips that have more
        pixels than the surface: those of a region never overlap, and each costs time and maybe a copy.
        """
        cut = self.cut(area)
        if cut is None:
            return []
        if clips is None:
            return [cut]
        left, parts = self.width * self.height, []
        for clip in clips:
            part = intersection(cut, clip)
            if part is not None:
                left -= (part.right - part.left) * (part.bottom - part.top)
                if left < 0:
                    raise Unfit("clip", f"has more pixels than the surface, which has {self.width} x {self.height}")
                parts.append(part)
        return parts


def intersection(one: Rect, other: Rect) -> Rect | None:
    """What both have, None for nothing."""
    top, left = max(one.top, other.top), max(one.left, other.left)
    bottom, right = min(one.bottom, other.bottom), min(one.right, other.right)
    return Rect(top, left, bottom, right) if top < bottom and left < right else None


def _joined(piece: bytes | bytearray, size: int) -> bytearray:
    """So many bytes of it, of which it may be a part that repeats."""
    data = bytearray()
    with memoryview(piece) as there:
        while (left := size - len(data)) > 0:
            at = len(data) % len(there)
            data += there[at : at + min(_PIECE, left)]
    return data
