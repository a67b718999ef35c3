"""The sender that stands in for os-autoinst, on the wire (RFC 6143)."""

from __future__ import annotations

import socket
import struct
import threading

import pytest
from tests.bench.rivals import os_autoinst
from tests.bench.rivals.rfb import Keys

pytestmark = pytest.mark.unit
SECONDS = 10


class VncServer:
    """Shakes hands as QEMU's does without a password, and keeps the key events that follow."""

    def __init__(self, security: bytes = b"\x01") -> None:
        self.events: list[tuple[int, int]] = []
        self._security = security
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(SECONDS)
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> VncServer:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._thread.join(SECONDS)
        self._listening.close()

    def _serve(self) -> None:
        client, _ = self._listening.accept()
        with client, client.makefile("rwb", buffering=0) as stream:
            client.settimeout(SECONDS)
            stream.write(b"RFB 003.008\n")
            assert stream.read(12) == b"RFB 003.008\n"
            stream.write(bytes([len(self._security)]) + self._security)
            if not stream.read(1):
                return
            stream.write(struct.pack(">I", 0))
            stream.read(1)
            stream.write(struct.pack(">HH16sI", 640, 480, b"", 4) + b"QEMU")
            while message := stream.read(8):
                kind, down, keysym = struct.unpack(">BBxxI", message)
                assert kind == 4
                self.events.append((keysym, down))


def test_each_character_goes_down_and_up_in_order() -> None:
    with VncServer() as server:
        os_autoinst._type("127.0.0.1", server.port, "a b")
    assert server.events == [(ord(key), down) for key in "a b" for down in (1, 0)]


def test_a_server_that_wants_a_password_is_refused_by_name() -> None:
    with VncServer(security=b"\x02") as server, pytest.raises(ConnectionError, match="password"):
        Keys("127.0.0.1", server.port)
