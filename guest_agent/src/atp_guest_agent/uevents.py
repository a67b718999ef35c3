"""The kernel's announcements of devices that come and go, straight from its netlink socket: no udev is needed."""

from __future__ import annotations

import _socket  # `socket` itself costs a guest without KVM 0.5 s of imports (selectors, enum) that aren't needed here

_NETLINK_KOBJECT_UEVENT = 15
_KERNEL_GROUP = 1


class Uevents:
    """An open announcement socket. Raises OSError where the kernel doesn't allow it (some containers)."""

    def __init__(self) -> None:
        kind = _socket.SOCK_DGRAM | _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC
        self._socket = _socket.socket(_socket.AF_NETLINK, kind, _NETLINK_KOBJECT_UEVENT)
        self._socket.bind((0, _KERNEL_GROUP))
        self.fd = self._socket.fileno()

    def subsystems(self) -> set[bytes]:
        """The subsystems (b"input", b"virtio-ports", ...) that something happened in; b"?" when announcements were lost."""
        seen = set()
        for _ in range(256):
            try:
                message = self._socket.recv(16384)
            except BlockingIOError:
                break
            except OSError:  # ENOBUFS: there were more than the socket holds
                seen.add(b"?")
                break
            for field in message.split(b"\0"):
                if field.startswith(b"SUBSYSTEM="):
                    seen.add(field[10:])
        return seen

    def close(self) -> None:
        self._socket.close()
