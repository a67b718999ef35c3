"""GLZ: LZ whose copies may also come from images that were sent before, which both sides keep in a window.

Source: the format as spice-gtk reads it. Its header has big-endian numbers: magic, version, a byte with the type and whether rows
go from the top down, width, height, stride, the image's number and how far back the oldest image lies that is still needed. Then
runs: a byte below 32 is that many literal pixels and one; another one begins a copy, with the length in its upper three bits, then
whether the offset is long, and four bits of the offset.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from ATPLibrary.protocol.spice.display.pixels import (
    BYTES,
    Pixels,
    Unfit,
    Unhandled,
    check_own_size,
    check_size,
    flipped,
    from_planes,
)

_HEADER = struct.Struct(">4sIB3IQI")
_MAGIC, _VERSION = b"  ZL", 0x10001
_TYPE, _TOP_DOWN = 0x0F, 0x10
_RGB_24, _RGB_32, _RGBA = 7, 8, 9


@dataclass(frozen=True, slots=True)
class _Kept:
    """An image of the window: three bytes a pixel and one of alpha, rows in the order in which they came. Empty: not unpacked."""

    pixels: int
    colors: bytearray
    alpha: bytearray


class GlzWindow:
    """The images that later ones may copy from. Together they have no more than `most_pixels`, which the server was told."""

    def __init__(self, most_pixels: int) -> None:
        self.pixels = 0
        self._most_pixels = most_pixels
        self._images: dict[int, _Kept] = {}  # the oldest first
        self._newest = -1

    def unpacked(self, data: bytes | memoryview, width: int, height: int) -> Pixels:
        """The pixels of GLZ data that its message says to be `width` x `height`. `Unfit` when it says otherwise, or ends early."""
        check_size("width", width, height)
        if len(data) < _HEADER.size:
            raise Unfit("picture.data", f"has {len(data)} bytes, fewer than GLZ's header")
        magic, version, kind, own_width, own_height, _, id, back = _HEADER.unpack_from(data)
        if magic != _MAGIC or version != _VERSION:
            raise Unfit("picture.data", f"begins with {bytes(magic)!r} version {version:#x}, which is no GLZ")
        check_own_size((own_width, own_height), width, height)
        if id <= self._newest:
            raise Unfit("picture.data", f"is image {id} of its window, behind image {self._newest}")
        count, source = width * height, bytes(data)
        colors = alpha = bytearray()
        try:
            if kind & _TYPE not in (_RGB_24, _RGB_32, _RGBA):
                raise Unhandled(f"GLZ of type {kind & _TYPE}")
            colors, at = self._unpack(source, _HEADER.size, id, count, size=3)
            alpha = self._unpack(source, at, id, count, size=1)[0] if kind & _TYPE == _RGBA else bytearray(count)
        finally:  # also one that isn't drawn is in the server's window
            self._keep(id, _Kept(count, colors, alpha), oldest=id - back)
        pixels = from_planes(bytes(colors[0::3]), bytes(colors[1::3]), bytes(colors[2::3]))
        pixels[3::4] = alpha
        return Pixels(width, height, pixels if kind & _TOP_DOWN else flipped(pixels, width * BYTES))

    def _keep(self, id: int, image: _Kept, oldest: int) -> None:
        while self._images and (first := next(iter(self._images))) < oldest:
            self.pixels -= self._images.pop(first).pixels
        if self.pixels + image.pixels > self._most_pixels:
            raise Unfit(
                "picture.data", f"would keep more than the {self._most_pixels} pixels that the window was said to take"
            )
        self._images[id], self._newest = image, id
        self.pixels += image.pixels

    def _unpack(self, source: bytes, at: int, id: int, count: int, *, size: int) -> tuple[bytearray, int]:
        """`count` pixels of `size` bytes (3 colours, 1 alpha) from byte `at` on, and where they end."""
        out = bytearray()
        wanted = count * size
        try:
            while len(out) < wanted:
                control = source[at]
                at += 1
                if control < 32:
                    end = at + (control + 1) * size
                    if end > len(source):
                        raise IndexError
                    out += source[at:end]
                    at = end
                    continue
                length, offset, distance, at = _copy(source, at, control)
                length = (length + (2 if size == 1 else 0)) * size
                if len(out) + length > wanted:
                    break
                if not distance:
                    _repeat(out, (offset + 1) * size, length)
                else:
                    out += self._part(id - distance, offset * size, length, size)
        except IndexError:
            raise Unfit("picture.data", f"ends after {len(out) // size} of {count} pixels") from None
        if len(out) != wanted:
            raise Unfit("picture.data", f"has more than the {count} pixels that it says")
        return out, at

    def _part(self, id: int, begin: int, length: int, size: int) -> bytearray:
        kept = self._images.get(id)
        if kept is None:
            raise Unfit("picture.data", f"copies from image {id}, which is not in the window")
        plane = kept.colors if size == 3 else kept.alpha
        if not plane:
            raise Unhandled("GLZ that copies from an image which was not unpacked")
        if begin + length > len(plane):
            raise Unfit("picture.data", f"copies pixels from behind the end of image {id}")
        return plane[begin : begin + length]


def _copy(source: bytes, at: int, control: int) -> tuple[int, int, int, int]:
    """What a copy says: its length, the offset in pixels, how many images back (0: this one), and where the next run begins.

    An offset of 4 + 8 bits is followed by two bits that count further bytes of the distance, and 6 bits of it; a long one by those
    two bits, one that says whether a byte of the offset stands at the end, and 5 bits of the offset.
    """
    length, is_long, offset = control >> 5, control & 16, control & 15
    if length == 7:
        more = 255
        while more == 255:
            more = source[at]
            at += 1
            length += more
    offset |= source[at] << 4
    code = source[at + 1]
    at += 2
    bits = 0
    distance = 0
    if is_long:
        offset |= (code & 31) << 12
    else:
        distance, bits = code & 63, 6
    for _ in range(code >> 6):
        distance |= source[at] << bits
        at, bits = at + 1, bits + 8
    if is_long and code & 32:
        offset |= source[at] << 17
        at += 1
    return length, offset, distance, at


def _repeat(out: bytearray, distance: int, length: int) -> None:
    """Append `length` bytes from `distance` bytes before the end; what is appended may be part of what is copied."""
    begin = len(out) - distance
    if begin < 0:
        raise Unfit("picture.data", "copies pixels from before its beginning")
    part = out[begin : begin + length]
    out += part if distance >= length else (part * (length // distance + 1))[:length]


def without_zlib(data: bytes | memoryview, glz_size: int, width: int, height: int) -> bytes:
    """The GLZ data within zlib's. `Unfit` where it isn't `glz_size` bytes, or these are more than such a picture may take."""
    check_size("width", width, height)
    # Literal pixels with alpha, a byte before each 32 of them: what takes more than that isn't packed.
    most = _HEADER.size + width * height * (BYTES + 1)
    if glz_size > most:
        raise Unfit(
            "picture.glz_size", f"says {glz_size} bytes for {width} x {height} pixels, which take {most} at most"
        )
    unpacker = zlib.decompressobj()
    try:
        found = unpacker.decompress(data, glz_size + 1)
    except zlib.error as error:
        raise Unfit("picture.data", f"is not zlib's: {error}") from None
    if len(found) != glz_size:
        size = f"more than {glz_size}" if len(found) > glz_size else str(len(found))
        raise Unfit("picture.data", f"unpacks to {size} bytes where {glz_size} are told")
    return found
