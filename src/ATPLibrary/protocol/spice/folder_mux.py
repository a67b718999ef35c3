"""The streams within a WebDAV channel: one for each TCP client of `spice-webdavd` in the guest. No I/O.

A piece is `<qH` (the client's number, a size) and so many bytes; size 0 says that the client's connection is closed.
Source: phodav's `spice-webdavd.c`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

_HEADER = struct.Struct("<qH")
LARGEST_PIECE = 0xFFFF


class FolderMux:
    """Bytes of the channel in, pieces of streams out."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The pieces that are whole by now: (client, bytes); no bytes: that client has gone."""
        self._buffer += data
        while len(self._buffer) >= _HEADER.size:
            client, size = _HEADER.unpack_from(self._buffer)
            if len(self._buffer) < _HEADER.size + size:
                return
            piece = bytes(self._buffer[_HEADER.size : _HEADER.size + size])
            del self._buffer[: _HEADER.size + size]
            yield client, piece


def packed(client: int, data: bytes) -> bytes:
    """Bytes for one client's stream, in pieces. No bytes close it."""
    pieces = [data[at : at + LARGEST_PIECE] for at in range(0, len(data), LARGEST_PIECE)] or [b""]
    return b"".join(_HEADER.pack(client, len(each)) + each for each in pieces)
