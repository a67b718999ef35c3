"""QUIC: each pixel is guessed from those left of it and above it, and only by how much that is wrong is packed.

Unpacked by machine code that numba makes (extra `spice-quic`): in plain Python a screen would take many seconds. Its words are of
32 bits, little end first, their bits from the top down; the header is five of them.
"""

from __future__ import annotations

import importlib.util
import struct

from ATPLibrary.protocol.spice.display.pixels import BYTES, Pixels, Unfit, Unhandled, check_own_size, check_size

_HEADER = struct.Struct("<4s4I")
_MAGIC, _VERSION = b"QUIC", 0
_GREY, _RGB_16, _RGB_24, _RGB_32, _RGBA = 1, 2, 3, 4, 5
_WIDE = bytes(value << 3 | value >> 2 for value in range(32)).ljust(256, b"\0")


def can_unpack() -> bool:
    """Whether numba is installed."""
    return importlib.util.find_spec("numba") is not None


def unpacked(data: bytes | memoryview, width: int, height: int) -> Pixels:
    """The pixels of QUIC data that its message says to be `width` x `height`. `Unfit` when it says otherwise, or ends early.

    The first call of a process may take seconds: the machine code is made then, and kept on disk for later ones.
    """
    if not can_unpack():
        raise Unhandled("image of type QUIC", "pip install 'robotframework-atp[spice-quic]'")
    check_size("width", width, height)
    if len(data) < _HEADER.size:
        raise Unfit("picture.data", f"has {len(data)} bytes, fewer than QUIC's header")
    magic, version, kind, own_width, own_height = _HEADER.unpack_from(data)
    if magic != _MAGIC or version != _VERSION:
        raise Unfit("picture.data", f"begins with {bytes(magic)!r} version {version:#x}, which is no QUIC")
    check_own_size((own_width, own_height), width, height)
    if kind == _GREY:
        raise Unhandled("QUIC of type 1")
    if kind not in (_RGB_16, _RGB_24, _RGB_32, _RGBA):
        raise Unfit("picture.data", f"is of type {kind}, which QUIC does not have")
    # A colour takes a bit at least, but within a run, which can't begin in the first row, nor before a row's fourth pixel.
    if (len(data) - _HEADER.size) * 8 < 3 * (width + (height - 1) * min(width, 3)):
        raise Unfit("picture.data", f"has {len(data)} bytes, too few for any picture of {width} x {height} pixels")
    from ATPLibrary.protocol.spice.display.quic_kernel import Ended, Lie, unpack

    out = bytearray(width * height * BYTES)
    try:
        unpack(bytes(data), _HEADER.size, out, width, height, bits=5 if kind == _RGB_16 else 8, has_alpha=kind == _RGBA)
    except Ended:
        raise Unfit("picture.data", f"ends before {width} x {height} pixels") from None
    except Lie:
        raise Unfit("picture.data", "has a run beyond its row, or a code that no pixel has") from None
    return Pixels(width, height, out.translate(_WIDE) if kind == _RGB_16 else out)
