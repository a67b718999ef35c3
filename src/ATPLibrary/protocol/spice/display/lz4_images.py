"""LZ4 images: rows in blocks, which may refer to the 64 KiB before them. Unpacked by the Python package lz4 (extra `spice`)."""

from __future__ import annotations

import struct

from ATPLibrary.errors import ConfigError
from ATPLibrary.protocol.spice.display.bitmaps import from_rows, row_bytes
from ATPLibrary.protocol.spice.display.pixels import Pixels, Unfit, check_size, flipped

_BLOCK = struct.Struct(">I")
_HISTORY = 64 << 10


def unpacked(data: bytes | memoryview, width: int, height: int) -> Pixels:
    """The pixels of LZ4 data: a byte whether rows go from the top down, one for the format, then blocks behind their sizes."""
    check_size("width", width, height)
    if len(data) < 2:
        raise Unfit("picture.data", "is too short for LZ4")
    top_down, format = data[0], data[1]
    row = row_bytes(format, width)
    rows = _rows(data[2:], row * height, most_blocks=height)
    return Pixels(width, height, from_rows(format, rows if top_down else flipped(rows, row), width))


def _rows(data: bytes | memoryview, size: int, most_blocks: int) -> bytes:
    try:
        from lz4 import block
    except ImportError as error:
        raise ConfigError.about(
            "An LZ4 image of a SPICE server", wanted="be unpacked by the Python package lz4", got="it is not installed",
            next_step="pip install 'robotframework-atp[spice]'",
        ) from error  # fmt: skip
    out = bytearray()
    at = 0
    for _ in range(most_blocks):  # each has a row at least: more can't be, and would only cost time
        if at == len(data):
            break
        if at + _BLOCK.size > len(data):
            raise Unfit("picture.data", "ends within the size of a block")
        (length,) = _BLOCK.unpack_from(data, at)
        at += _BLOCK.size
        if length > len(data) - at:
            raise Unfit("picture.data", f"has a block that says {length} bytes where {len(data) - at} are left")
        try:
            out += block.decompress(
                data[at : at + length], uncompressed_size=size - len(out), dict=bytes(out[-_HISTORY:])
            )
        except (block.LZ4BlockError, ValueError) as error:
            raise Unfit(
                "picture.data", f"can't be unpacked to the {size} bytes that the image's size takes: {error}"
            ) from None
        at += length
    if len(out) != size or at != len(data):
        raise Unfit("picture.data", f"unpacks to {len(out)} bytes where the image's size takes {size}")
    return bytes(out)
