"""The shapes of the guest's mouse pointer, as the cursor channel's data has them, and as pixels.

Source: spice-protocol's `enums.h` for the types; the layouts are those that guests' drivers write: rows from the top down, after
them a palette where there is one, then a mask of a bit a pixel whose rows begin at a byte.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from ATPLibrary.protocol.spice.display.pixels import Unfit
from ATPLibrary.protocol.spice.messages.cursor import CursorHeader

# No guest's pointer is larger, and none of these costs more than 4 MiB.
MOST_PIXELS = 1 << 20

_WHITE = 0xFFFFFF
# What XOR would make of whatever is below can't be a pixel of its own: half grey stands for it.
_INVERTED = bytes((128, 128, 128, 128))
_NOTHING = bytes(4)


class CursorType(enum.IntEnum):
    """ALPHA: 32 bits, blue first, with transparency. MONO: an AND mask, then an XOR mask. The others: colours and a mask."""

    ALPHA = 0
    MONO = 1
    COLOR4 = 2
    COLOR8 = 3
    COLOR16 = 4
    COLOR24 = 5
    COLOR32 = 6


# Bits a pixel, and entries of the palette.
_BITS = {
    CursorType.COLOR4: 4,
    CursorType.COLOR8: 8,
    CursorType.COLOR16: 16,
    CursorType.COLOR24: 24,
    CursorType.COLOR32: 32,
}
_ENTRIES = {CursorType.COLOR4: 16, CursorType.COLOR8: 256}


@dataclass(frozen=True, slots=True)
class CursorShape:
    """`data` as it came, at least as long as type and size want. The hot spot is where the pointer points, in pixels of it
    (guests say others as well, which are cut to it). `is_blank`: none of its pixels is to be seen, as guests hide their pointer."""

    type: CursorType
    width: int
    height: int
    hot_spot: tuple[int, int]
    data: bytes
    is_blank: bool

    @classmethod
    def of(cls, header: CursorHeader, data: bytes) -> CursorShape:
        """`Unfit` where header and data can't be a shape."""
        try:
            kind = CursorType(header.type)
        except ValueError:
            raise Unfit("cursor.header.type", f"is {header.type}, which no cursor has") from None
        width, height = header.width, header.height
        if width * height > MOST_PIXELS:
            raise Unfit("cursor.header.width", f"is {width} x {height} pixels: more than a pointer can have")
        wanted = _size(kind, width, height)
        if len(data) < wanted:
            raise Unfit(
                "cursor.data", f"has {len(data)} bytes where {width} x {height} pixels of {kind.name} have {wanted}"
            )
        data = bytes(data[:wanted])
        spot = min(header.hot_spot_x, width), min(header.hot_spot_y, height)
        return cls(kind, width, height, spot, data, _is_blank(kind, width, height, data))

    @property
    def inverts(self) -> bool:
        """Whether some of its pixels invert what is below: they are half grey in `pixels`."""
        return _INVERTED in {self.pixels[at : at + 4] for at in range(0, len(self.pixels), 4)}

    @property
    def pixels(self) -> bytes:
        """Red, green, blue and alpha of each pixel."""
        if self.type is CursorType.ALPHA:
            return _swapped(self.data)
        if self.type is CursorType.MONO:
            return self._mono()
        return self._coloured()

    def _mono(self) -> bytes:
        row = -(-self.width // 8)
        xor_at = row * self.height
        found = bytearray()
        for y in range(self.height):
            for x in range(self.width):
                at, bit = y * row + x // 8, 0x80 >> x % 8
                is_clear, is_set = self.data[at] & bit, self.data[xor_at + at] & bit
                if is_clear:
                    found += _INVERTED if is_set else _NOTHING
                else:
                    found += b"\xff\xff\xff\xff" if is_set else b"\0\0\0\xff"
        return bytes(found)

    def _coloured(self) -> bytes:
        bits, entries = _BITS[self.type], _ENTRIES.get(self.type, 0)
        row, mask_row = -(-self.width * bits // 8), -(-self.width // 8)
        palette_at = row * self.height
        mask_at = palette_at + 4 * entries
        palette = [int.from_bytes(self.data[at : at + 3], "little") for at in range(palette_at, mask_at, 4)]
        found = bytearray()
        for y in range(self.height):
            line = self.data[y * row : (y + 1) * row]
            for x in range(self.width):
                colour, white = _colour(line, x, bits, palette)
                if not self.data[mask_at + y * mask_row + x // 8] & 0x80 >> x % 8:
                    found += colour.to_bytes(3, "big") + b"\xff"
                else:
                    found += _INVERTED if white else _NOTHING
        return bytes(found)


def _is_blank(kind: CursorType, width: int, height: int, data: bytes) -> bool:
    """Whether all of such a shape is clear. Mostly without a loop over its pixels: it is asked of each that comes."""
    if not width * height:
        return True
    if kind is CursorType.ALPHA:
        return not data[3::4].strip(b"\0")
    row = -(-width // 8)
    padding = 8 * row - width
    mask_at = 0 if kind is CursorType.MONO else len(data) - row * height
    for at in range(mask_at, mask_at + row * height, row):
        if int.from_bytes(data[at : at + row], "big") >> padding != (1 << width) - 1:
            return False  # a pixel with a colour
    if kind is CursorType.MONO:
        rows = (data[at : at + row] for at in range(row * height, 2 * row * height, row))
        return not any(int.from_bytes(each, "big") >> padding for each in rows)
    # What is white where the mask is clear inverts what is below.
    bits, entries = _BITS[kind], _ENTRIES.get(kind, 0)
    palette_at = mask_at - 4 * entries
    if not entries and b"\xff" not in data[:palette_at]:
        return True
    palette = [int.from_bytes(data[at : at + 3], "little") for at in range(palette_at, mask_at, 4)]
    row = palette_at // height
    lines = (data[at : at + row] for at in range(0, palette_at, row))
    return not any(_colour(line, x, bits, palette)[1] for line in lines for x in range(width))


def _size(kind: CursorType, width: int, height: int) -> int:
    """How many bytes such a shape has."""
    mask = -(-width // 8) * height
    if kind is CursorType.ALPHA:
        return width * height * 4
    if kind is CursorType.MONO:
        return 2 * mask
    return -(-width * _BITS[kind] // 8) * height + 4 * _ENTRIES.get(kind, 0) + mask


def _colour(line: bytes, x: int, bits: int, palette: list[int]) -> tuple[int, bool]:
    """0xRRGGBB of a pixel, and whether it is white in its own format."""
    if bits == 4:
        colour = palette[line[x // 2] >> (0 if x % 2 else 4) & 0xF]
    elif bits == 8:
        colour = palette[line[x]]
    elif bits == 16:
        value = int.from_bytes(line[2 * x : 2 * x + 2], "little")
        red, green, blue = ((value >> shift & 0x1F) << 3 for shift in (10, 5, 0))
        return red << 16 | green << 8 | blue, value & 0x7FFF == 0x7FFF
    else:
        size = bits // 8
        colour = int.from_bytes(line[size * x : size * x + 3], "little")
    return colour, colour == _WHITE


def _swapped(data: bytes) -> bytes:
    """Blue, green, red, alpha as red, green, blue, alpha."""
    found = bytearray(data)
    found[0::4], found[2::4] = data[2::4], data[0::4]
    return bytes(found)
