"""A host that is gone without a word: no packet gets to its sockets, so not even its kernel acknowledges anything.

No rights are needed for it, and no network of its own: the socket filter of Linux, on the server's side of a connection, drops
what comes before TCP sees it. What the client sees is a peer without power, or behind a cable that was pulled.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from typing import Protocol

# linux/socket.h; Python's `socket` doesn't name it.
_SO_ATTACH_FILTER = 26
# One instruction of classic BPF: return 0 bytes of the packet.
_DROP = struct.pack("HBBI", 0x06, 0, 0, 0)


class _Socket(Protocol):
    def setsockopt(self, level: int, option: int, value: bytes, /) -> None: ...


def cut_off(*sockets: _Socket) -> None:
    """Nothing comes to these any more: to connections that are open, and to listeners, which answer nobody then."""
    program = ctypes.create_string_buffer(_DROP, len(_DROP))
    for each in sockets:
        each.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", 1, ctypes.addressof(program)))
