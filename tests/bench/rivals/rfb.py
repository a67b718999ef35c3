"""As much of a VNC client as typing takes (RFC 6143): no password, no pictures, key events."""

from __future__ import annotations

import socket
import struct
from types import TracebackType

VERSION = b"RFB 003.008\n"
NO_AUTHENTICATION = 1
KEY_EVENT = 4
SECONDS = 10.0


class Keys:
    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._shake_hands()
        except BaseException:
            self._socket.close()
            raise

    def send(self, keysym: int, down: bool) -> None:
        self._socket.sendall(struct.pack(">BBxxI", KEY_EVENT, down, keysym))

    def __enter__(self) -> Keys:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._socket.close()

    def _shake_hands(self) -> None:
        self._read(len(VERSION))
        self._socket.sendall(VERSION)
        offered = self._read(self._read(1)[0])
        if NO_AUTHENTICATION not in offered:
            raise ConnectionError(f"this VNC server wants a password (security types {list(offered)})")
        self._socket.sendall(bytes([NO_AUTHENTICATION]))
        (refused,) = struct.unpack(">I", self._read(4))
        if refused:
            raise ConnectionError("this VNC server refused")
        self._socket.sendall(b"\x01")  # shared with others
        *_, name_length = struct.unpack(">HH16xI", self._read(24))
        self._read(name_length)

    def _read(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            part = self._socket.recv(length - len(data))
            if not part:
                raise ConnectionError("the VNC server closed the connection")
            data += part
        return data
