"""What is drawn with: a colour, a pattern that repeats, a picture, also one that is stretched. Row by row, where it is drawn."""

from __future__ import annotations

from typing import Protocol

from ATPLibrary.protocol.spice.display.pixels import BYTES, Pixels, Unfit
from ATPLibrary.protocol.spice.messages.geometry import Point, Rect


class Source(Protocol):
    def row(self, x: int, y: int, count: int) -> bytes | memoryview:
        """The `count` pixels that belong at `x`, `y` of the surface and right of it."""


class Color:
    """0xAARRGGBB everywhere."""

    def __init__(self, color: int) -> None:
        self._one = (color & 0xFFFFFFFF).to_bytes(BYTES, "little")

    def row(self, x: int, y: int, count: int) -> bytes:
        return self._one * count


class Tiles:
    """A pattern, one of whose upper left corners is at `origin`."""

    def __init__(self, pixels: Pixels, origin: Point) -> None:
        self._pixels, self._origin = pixels, origin
        self._data = bytes(pixels.data)

    def row(self, x: int, y: int, count: int) -> bytes:
        size = self._pixels.width * BYTES
        begin = (y - self._origin.y) % self._pixels.height * size
        one = self._data[begin : begin + size]
        shift = (x - self._origin.x) % self._pixels.width * BYTES
        length = count * BYTES
        return (one * ((shift + length) // size + 1))[shift : shift + length]


class Part:
    """The part `area` of a picture, in `box` of the surface, of the same size."""

    def __init__(self, pixels: Pixels, area: Rect, box: Rect) -> None:
        _check(pixels, area)
        self._data, self._row = memoryview(pixels.data), pixels.width * BYTES
        self._x, self._y = area.left - box.left, area.top - box.top

    def row(self, x: int, y: int, count: int) -> memoryview:
        begin = (y + self._y) * self._row + (x + self._x) * BYTES
        return self._data[begin : begin + count * BYTES]


class Stretched:
    """The part `area` of a picture, made as big as `box`: each pixel is the nearest one.

    The places are counted in 65536ths, as the server's library counts them: half a step in, and one part less.
    """

    def __init__(self, pixels: Pixels, area: Rect, box: Rect) -> None:
        _check(pixels, area)
        if area.left >= area.right or area.top >= area.bottom or box.left >= box.right or box.top >= box.bottom:
            raise Unfit("area", "has no pixels, or nowhere to go")
        self._data, self._row = memoryview(pixels.data), pixels.width * BYTES
        self._area, self._box = area, box
        self._step_x = ((area.right - area.left) << 16) // (box.right - box.left)
        self._step_y = ((area.bottom - area.top) << 16) // (box.bottom - box.top)
        self._columns: tuple[int, int, list[int]] = 0, -1, []

    def row(self, x: int, y: int, count: int) -> bytes:
        if self._columns[:2] != (x, count):
            first = x - self._box.left
            columns = [(self._area.left + _nearest(self._step_x, first + each)) * BYTES for each in range(count)]
            self._columns = x, count, columns
        begin = (self._area.top + _nearest(self._step_y, y - self._box.top)) * self._row
        row = bytes(self._data[begin : begin + self._row])
        return b"".join([row[each : each + BYTES] for each in self._columns[2]])


def _nearest(step: int, number: int) -> int:
    return max(0, ((step + 1) // 2 + number * step - 1) >> 16)


def _check(pixels: Pixels, area: Rect) -> None:
    if area.left < 0 or area.top < 0 or area.right > pixels.width or area.bottom > pixels.height:
        raise Unfit("area", f"reaches beyond the image, which has {pixels.width} x {pixels.height} pixels")
