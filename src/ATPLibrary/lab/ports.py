"""TCP ports for servers that bind theirs by themselves and can't be given a socket: sshd, QEMU's SPICE server."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
from pathlib import Path

_LOWEST = 10_000
# Where Linux begins with the ports that it gives away (Documentation/networking/ip-sysctl.rst).
_GIVEN_AWAY = Path("/proc/sys/net/ipv4/ip_local_port_range")
_numbers = itertools.count(os.getpid() * 64)  # other processes begin elsewhere


def free_port() -> int:
    """One of 127.0.0.1 that nobody listens on, another one each time.

    It is none of those that the kernel gives to whoever connects somewhere: between the choice and the server's start, and while
    the server is stopped, such a port may become somebody's.
    """
    end = int(_GIVEN_AWAY.read_text().split()[0])
    for _ in range(_LOWEST, end):
        port = _LOWEST + next(_numbers) % (end - _LOWEST)
        with socket.socket() as tried, contextlib.suppress(OSError):
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # an ended connection of before is no hindrance
            tried.bind(("127.0.0.1", port))
            return port
    raise OSError(f"nobody has left a port of 127.0.0.1 between {_LOWEST} and {end}")
