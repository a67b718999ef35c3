"""LZ as SPICE has it: literal pixels, and pixels from further up. Its own header is in big-endian numbers.

Source: the format as spice-common and spice-html5 read it: a length of less than 7 in three bits of the first byte, more in bytes
of 255; a distance of 13 bits, or of 16 more behind 8191.
"""

from __future__ import annotations

import struct

from ATPLibrary.protocol.spice.display.pixels import (
    Pixels,
    Unfit,
    Unhandled,
    check_own_size,
    check_size,
    flipped,
    from_planes,
)

_HEADER = struct.Struct(">4s6I")
_MAGIC, _VERSION = b"  ZL", 0x10001
_PALETTE_8, _RGB_24, _RGB_32, _RGBA = 5, 7, 8, 9
_OTHERS = (1, 2, 3, 4, 6, 10, 11)  # palettes of fewer bits, 16 bits, alpha alone
_NEAR = 8191


def unpacked(data: bytes | memoryview, width: int, height: int, palette: tuple[int, ...] | None = None) -> Pixels:
    """The pixels of LZ data that its message says to be `width` x `height`. `Unfit` when it says otherwise, or ends early."""
    check_size("width", width, height)
    if len(data) < _HEADER.size:
        raise Unfit("picture.data", f"has {len(data)} bytes, fewer than LZ's header")
    magic, version, kind, own_width, own_height, _, top_down = _HEADER.unpack_from(data)
    if magic != _MAGIC or version != _VERSION:
        raise Unfit("picture.data", f"begins with {bytes(magic)!r} version {version:#x}, which is no LZ")
    check_own_size((own_width, own_height), width, height)
    source, count = bytes(data), width * height
    if kind in (_RGB_24, _RGB_32, _RGBA):
        colors, at = _unpack(source, _HEADER.size, count, size=3, bias=1)
        pixels = from_planes(bytes(colors[0::3]), bytes(colors[1::3]), bytes(colors[2::3]))
        if kind == _RGBA:
            pixels[3::4], _ = _unpack(source, at, count, size=1, bias=3)
    elif kind == _PALETTE_8:
        from ATPLibrary.protocol.spice.display.bitmaps import from_rows
        from ATPLibrary.protocol.spice.enums import BitmapFormat

        indices, _ = _unpack(source, _HEADER.size, count, size=1, bias=3)
        pixels = bytearray(from_rows(BitmapFormat.EIGHT, bytes(indices), width, palette))
    elif kind in _OTHERS:
        raise Unhandled(f"LZ of type {kind}")
    else:
        raise Unfit("picture.data", f"is of type {kind}, which LZ does not have")
    return Pixels(width, height, pixels if top_down else flipped(pixels, width * 4))


def _unpack(source: bytes, at: int, count: int, *, size: int, bias: int) -> tuple[bytearray, int]:
    """`count` pixels of `size` bytes from byte `at` on, and where they end. A match is `bias` pixels longer than it says."""
    out = bytearray()
    wanted = count * size
    try:
        while len(out) < wanted:
            control = source[at]
            at += 1
            if control < 32:
                length = (control + 1) * size
                out += source[at : at + length]
                if at + length > len(source):
                    raise IndexError
                at += length
                continue
            length, distance = (control >> 5) - 1, (control & 31) << 8
            if length == 6:
                more = 255
                while more == 255:
                    more = source[at]
                    at += 1
                    length += more
            near = source[at]
            at += 1
            distance += near
            if distance == _NEAR:
                distance = (source[at] << 8 | source[at + 1]) + _NEAR
                at += 2
            length, distance = (length + bias) * size, (distance + 1) * size
            begin = len(out) - distance
            if begin < 0 or len(out) + length > wanted:
                raise Unfit("picture.data", "copies pixels from before its beginning, or beyond its end")
            part = out[begin : begin + length]
            out += part if distance >= length else (part * (length // distance + 1))[:length]
    except IndexError:
        raise Unfit("picture.data", f"ends after {len(out) // size} of {count} pixels") from None
    if len(out) > wanted:
        raise Unfit("picture.data", f"has more than the {count} pixels that it says")
    return out, at
