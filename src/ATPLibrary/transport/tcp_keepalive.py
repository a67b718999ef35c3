"""Let the kernel notice that a TCP peer has vanished, where libvirt's own keepalive can't be used (decision 10).

libvirt doesn't tell its socket and sets nothing on it. A machine that lost its power says no word: a thread of ours that waits for
its answer, in a call or in `libvirt.open`, would wait for ever. So the process's sockets to that port are looked up and told.
"""

from __future__ import annotations

import contextlib
import os
import socket
from urllib.parse import urlsplit

IDLE_SECONDS = 10
INTERVAL_SECONDS = 5
COUNT = 4
# libvirt's ports where the URI names none.
_PORTS = {"tcp": 16509, "tls": 16514, "": 16514, "libssh": 22, "libssh2": 22}


def port_of(uri: str) -> int | None:
    """The port that libvirt's own socket goes to; None on this machine, and where `ssh` is the one that connects."""
    parts = urlsplit(uri)
    if not parts.hostname:
        return None
    usual = _PORTS.get(parts.scheme.partition("+")[2])
    return (parts.port or usual) if usual else None


def keep_alive(port: int) -> int:
    """Have the kernel probe each of this process's TCP sockets to `port` that it doesn't yet. Returns how many those were."""
    told = 0
    with contextlib.suppress(OSError):  # no descriptor is left to look with
        for name in os.listdir("/proc/self/fd"):
            with contextlib.suppress(OSError):  # closed meanwhile, or not connected
                if os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                    told += _tell(int(name), port)
    return told


def _tell(number: int, port: int) -> bool:
    copy = os.dup(number)  # of the number only: options belong to the socket itself
    try:
        ours = socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        raise
    with ours:
        return _tell_socket(ours, port)


def _tell_socket(ours: socket.socket, port: int) -> bool:
    if ours.family not in (socket.AF_INET, socket.AF_INET6) or ours.type != socket.SOCK_STREAM:
        return False
    if ours.getpeername()[1] != port or ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE):
        return False
    keep_socket_alive(ours)
    return True


def keep_socket_alive(ours: socket.socket) -> None:
    """Have the kernel probe one TCP socket: a peer that is gone without a word is noticed within half a minute."""
    ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, IDLE_SECONDS)
    ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, INTERVAL_SECONDS)
    ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, COUNT)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
