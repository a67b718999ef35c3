"""What is drawn with: a colour, a pattern that repeats, a picture, also one that is stretched. Row by row, where it is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from ATPLibrary.protocol.spice.display.pixels import BYTES, Pixels, Unfit
from ATPLibrary.protocol.spice.messages.geometry import Point, Rect

if TYPE_CHECKING:
    from PIL import Image


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
        self._pixels, self._area, self._box = pixels, area, box
        self._step_x = ((area.right - area.left) << 16) // (box.right - box.left)
        self._step_y = ((area.bottom - area.top) << 16) // (box.bottom - box.top)
        self._image: Image.Image | None = None
        self._last: tuple[tuple[int, int, int], bytes] | None = (
            None  # rows that come of one row of the picture are alike
        )

    def row(self, x: int, y: int, count: int) -> bytes:
        key = x, self._area.top + (_place(self._step_y, y - self._box.top) >> 16), count
        if self._last is None or self._last[0] != key:
            self._last = key, self._made(*key)
        return self._last[1]

    def _made(self, x: int, row: int, count: int) -> bytes:
        from PIL import Image

        if self._image is None:
            size = self._pixels.width, self._pixels.height
            self._image = Image.frombuffer("RGBA", size, cast("bytes", self._pixels.data), "raw", "RGBA", 0, 1)
        # Pillow begins half a step in, goes on by steps, and cuts what is behind the point: all of these are whole numbers of
        # 131072ths, which floats add exactly.
        step = self._step_x / 65536
        first = self._area.left + _place(self._step_x, x - self._box.left) / 65536 - step / 2
        data = step, 0.0, first, 0.0, 0.0, float(row)
        return self._image.transform((count, 1), Image.Transform.AFFINE, data, Image.Resampling.NEAREST).tobytes()


def _place(step: int, number: int) -> int:
    """In 65536ths of a pixel."""
    return max(0, (step + 1) // 2 + number * step - 1)


def _check(pixels: Pixels, area: Rect) -> None:
    if area.left < 0 or area.top < 0 or area.right > pixels.width or area.bottom > pixels.height:
        raise Unfit("area", f"reaches beyond the image, which has {pixels.width} x {pixels.height} pixels")
