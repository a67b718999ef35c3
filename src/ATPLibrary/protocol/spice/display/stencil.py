"""A mask: what may be drawn on, one bit a pixel."""

from __future__ import annotations

from ATPLibrary.protocol.spice.display.pixels import BYTES, Pixels
from ATPLibrary.protocol.spice.messages.geometry import Point, Rect

# A bit as a pixel, so that masks are unpacked, and kept in the cache, as every image is.
PALETTE = (0x000000, 0xFFFFFF)


class Stencil:
    """`position` is what of the mask belongs at the upper left corner of `box`; `pixels` are its bits as white and black."""

    def __init__(self, pixels: Pixels, box: Rect, position: Point, *, is_inverse: bool) -> None:
        self._data, self._width, self._height = memoryview(pixels.data), pixels.width, pixels.height
        self._x, self._y = position.x - box.left, position.y - box.top
        self._is_inverse = is_inverse

    def row(self, x: int, y: int, count: int) -> int:
        """Ones where the row's pixels may be drawn on: nowhere beyond the mask."""
        left, top = x + self._x, y + self._y
        begin, end = max(left, 0), min(left + count, self._width)
        if not 0 <= top < self._height or begin >= end:
            return 0
        at = (top * self._width + begin) * BYTES
        pixels = end - begin
        row = int.from_bytes(self._data[at : at + pixels * BYTES], "little")
        marks = row & int.from_bytes(b"\1\0\0\0" * pixels, "little")
        ones = (marks << 32) - marks
        if self._is_inverse:
            ones ^= (1 << 32 * pixels) - 1
        return ones << 32 * (begin - left)
