"""Plain pixels in the formats that SPICE has for them, with palettes where they need one."""

from __future__ import annotations

from array import array
from functools import cache
from sys import byteorder

from ATPLibrary.protocol.spice.display.pixels import Pixels, Unfit, Unhandled, check_size, from_planes
from ATPLibrary.protocol.spice.enums import BitmapFlag, BitmapFormat
from ATPLibrary.protocol.spice.messages import images

_BITS = {
    BitmapFormat.ONE_LE: 1, BitmapFormat.ONE_BE: 1, BitmapFormat.FOUR_LE: 4, BitmapFormat.FOUR_BE: 4, BitmapFormat.EIGHT: 8,
    BitmapFormat.SIXTEEN: 16, BitmapFormat.TWENTY_FOUR: 24, BitmapFormat.THIRTY_TWO: 32, BitmapFormat.RGBA: 32,
}  # fmt: skip
_INDEXED = (BitmapFormat.ONE_LE, BitmapFormat.ONE_BE, BitmapFormat.FOUR_LE, BitmapFormat.FOUR_BE, BitmapFormat.EIGHT)
Palette = tuple[int, ...]


def unpacked(bitmap: images.Bitmap, palette: Palette | None) -> Pixels:
    """The pixels of a bitmap. `palette` is the one that it names, None for a format that has none."""
    check_size("picture.width", bitmap.width, bitmap.height)
    row = row_bytes(bitmap.format, bitmap.width)
    if bitmap.stride < row:
        raise Unfit("picture.stride", f"is {bitmap.stride} where a row takes {row} bytes")
    data = bitmap.data
    is_tight = bitmap.stride == row
    if not (is_tight and bitmap.flags & BitmapFlag.TOP_DOWN):
        begins = range(0, bitmap.stride * bitmap.height, bitmap.stride)
        rows = [data[at : at + row] for at in begins]
        data = b"".join(rows if bitmap.flags & BitmapFlag.TOP_DOWN else reversed(rows))
    return Pixels(bitmap.width, bitmap.height, from_rows(bitmap.format, data, bitmap.width, palette))


def row_bytes(format: int, width: int) -> int:
    """Bytes of a row without a gap behind it. `Unhandled` for a format that has no colours."""
    bits = next((bits for each, bits in _BITS.items() if each == format), None)
    if bits is None:
        raise Unhandled(f"bitmap format {format}")
    return (width * bits + 7) // 8


def from_rows(
    format: int, data: bytes | memoryview, width: int, palette: Palette | None = None
) -> bytes | bytearray | memoryview:
    """Four bytes a pixel, of tight rows in that format."""
    if format in (BitmapFormat.THIRTY_TWO, BitmapFormat.RGBA):
        return data
    if format == BitmapFormat.TWENTY_FOUR:
        return from_planes(bytes(data[0::3]), bytes(data[1::3]), bytes(data[2::3]))
    if format == BitmapFormat.SIXTEEN:
        return _from_16(data)
    if format in _INDEXED:
        if palette is None:
            raise Unfit("picture.palette", "is missing")
        return _from_palette(_indices(format, data, width), palette)
    raise Unhandled(f"bitmap format {format}")


def _from_16(data: bytes | memoryview) -> bytes:
    words = array("H", bytes(data))
    if byteorder == "big":
        words.byteswap()
    table = _of_555()
    return b"".join([table[word & 0x7FFF] for word in words])


@cache
def _of_555() -> list[bytes]:
    """Each of five bits becomes eight by repeating its upper three."""
    wide = [value << 3 | value >> 2 for value in range(32)]
    return [bytes((wide[each & 31], wide[each >> 5 & 31], wide[each >> 10], 0)) for each in range(1 << 15)]


def _indices(format: int, data: bytes | memoryview, width: int) -> bytes:
    """One byte a pixel."""
    if format == BitmapFormat.EIGHT:
        return bytes(data)
    table = _spread(format)
    row = row_bytes(format, width)
    rows = (data[at : at + row] for at in range(0, len(data), row))
    return b"".join(b"".join([table[each] for each in one])[:width] for one in rows)


@cache
def _spread(format: int) -> list[bytes]:
    """What each byte's pixels are, left one first."""
    bits = 1 if format in (BitmapFormat.ONE_LE, BitmapFormat.ONE_BE) else 4
    shifts = list(range(0, 8, bits))
    if format in (BitmapFormat.ONE_BE, BitmapFormat.FOUR_BE):
        shifts.reverse()
    return [bytes(each >> shift & ((1 << bits) - 1) for shift in shifts) for each in range(256)]


def _from_palette(indices: bytes, palette: Palette) -> bytearray:
    """`Unfit` for a pixel that the palette doesn't have."""
    if indices and max(indices) >= len(palette):
        raise Unfit("picture.palette", f"has {len(palette)} colours, and a pixel has number {max(indices)}")
    tables = [bytes(color >> shift & 255 for color in palette[:256]).ljust(256, b"\0") for shift in (0, 8, 16)]
    return from_planes(*(indices.translate(table) for table in tables))
