"""The client's side of a WebSocket (RFC 6455): the upgrade of an HTTP connection, then frames. No extensions."""

from __future__ import annotations

import binascii
import os

from atp_guest_agent.lines import MAX_LINE
from atp_guest_agent.links.framing import TOO_LARGE, Framing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from atp_guest_agent.links.address import Address
    from atp_guest_agent.links.link import Messages

LONGEST_HEAD = 16 * 1024
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
GOING_AWAY, PROTOCOL_ERROR, NOT_UTF8, TOO_BIG = 1001, 1002, 1007, 1009

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class WebSocket(Framing):
    """States: UPGRADING (the server's HTTP answer hasn't come whole) -> OPEN -> OVER (either side has said close)."""

    UPGRADING, OPEN, OVER = range(3)

    def __init__(self, address: Address) -> None:
        super().__init__()
        self.state = self.UPGRADING
        self._address = address
        self._key = binascii.b2a_base64(os.urandom(16), newline=False)
        self._buffer = bytearray()
        self._parts: list[bytes] = []  # of a message in fragments
        self._kind = 0  # of that message; 0: none has begun
        self._size = 0

    @property
    def is_ready(self) -> bool:  # type: ignore[override]
        return self.state == self.OPEN

    def start(self) -> bytes:
        return (
            f"GET {self._address.target} HTTP/1.1\r\nHost: {self._address.authority}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {self._key.decode()}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        ).encode()

    def feed(self, data: bytes) -> Messages:
        self._buffer += data
        if self.state == self.UPGRADING and not self._upgraded():
            return []
        found: Messages = []
        try:
            while self.state == self.OPEN and self._frame(found):
                pass
        except _Broken as broken:
            self._say_close(broken.code)
            self.end = str(broken)
        return found

    def frame(self, line: bytes) -> bytes:
        return _masked(TEXT, line[:-1])

    def farewell(self) -> bytes:
        if self.state != self.OPEN:
            return b""
        self.state = self.OVER
        return _masked(CLOSE, GOING_AWAY.to_bytes(2, "big"))

    # the upgrade

    def _upgraded(self) -> bool:
        head, end, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        if len(head) > LONGEST_HEAD:
            return self._refused("its answer is too long")
        if not end:
            return False
        status, *lines = head.decode("latin-1").split("\r\n")
        if status.split(" ")[:2] != ["HTTP/1.1", "101"]:
            return self._refused(f"it says {status[:100]!r}")
        fields = {}
        for line in lines:
            name, _, value = line.partition(":")
            fields[name.strip().lower()] = value.strip()
        wanted = fields.get("upgrade", "").lower() == "websocket" and "upgrade" in [
            word.strip() for word in fields.get("connection", "").lower().split(",")
        ]
        if not wanted or fields.get("sec-websocket-accept") != accept_of(self._key):
            return self._refused("it doesn't accept ours")
        if "sec-websocket-extensions" in fields or "sec-websocket-protocol" in fields:
            return self._refused("it chose an extension or protocol that nobody offered")
        self._buffer = bytearray(rest)
        self.state = self.OPEN
        return True

    def _refused(self, why: str) -> bool:
        self.end = f"the server speaks no WebSocket there: {why}"
        return False

    # frames

    def _frame(self, found: Messages) -> bool:
        """Take one frame off the buffer; False when it isn't whole yet."""
        buffer = self._buffer
        if len(buffer) < 2:
            return False
        first, second = buffer[0], buffer[1]
        kind, is_last, length, at = first & 15, bool(first & 128), second & 127, 2
        if length == 126:
            length, at = int.from_bytes(buffer[2:4], "big"), 4
        elif length == 127:
            length, at = int.from_bytes(buffer[2:10], "big"), 10
        if len(buffer) < at:
            return False
        if first & 112 or second & 128:
            raise _Broken(PROTOCOL_ERROR, "a frame came with reserved bits, or masked")
        if kind >= CLOSE:
            if not is_last or length > 125 or kind > PONG:
                raise _Broken(PROTOCOL_ERROR, "a control frame came that is none")
        elif kind > BINARY or (kind == CONTINUATION) != bool(self._kind):
            raise _Broken(PROTOCOL_ERROR, "a frame came out of turn")
        elif self._size + length > MAX_LINE:
            raise _Broken(TOO_BIG, TOO_LARGE)
        if len(buffer) < at + length:
            return False
        payload = bytes(buffer[at : at + length])
        del buffer[: at + length]
        if kind >= CLOSE:
            self._control(kind, payload)
        else:
            self._data(kind, payload, is_last, found)
        return True

    def _data(self, kind: int, payload: bytes, is_last: bool, found: Messages) -> None:
        self._kind = self._kind or kind
        self._size += len(payload)
        self._parts.append(payload)
        if len(self._parts) > 1024:  # fragments of a byte: their parts cost more than their bytes
            self._parts = [b"".join(self._parts)]
        if not is_last:
            return
        message = b"".join(self._parts)
        if self._kind == TEXT:
            try:
                message.decode("utf-8")
            except ValueError:
                raise _Broken(NOT_UTF8, "a text message isn't UTF-8") from None
        self._parts, self._kind, self._size = [], 0, 0
        found.append(message)

    def _control(self, kind: int, payload: bytes) -> None:
        if kind == PING:
            self.answers += _masked(PONG, payload)
        elif kind == CLOSE:
            said = payload[2:102].decode("utf-8", "replace")
            self.end = f"the other side closed it, code {int.from_bytes(payload[:2], 'big')} {said}".rstrip()
            self.answers += _masked(CLOSE, payload[:2])
            self.state = self.OVER

    def _say_close(self, code: int) -> None:
        self.answers += _masked(CLOSE, code.to_bytes(2, "big"))
        self.state = self.OVER


class _Broken(Exception):
    """The other side breaks the rules; `code` tells it which."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def accept_of(key: bytes) -> str:
    """What a server answers to that key (RFC 6455, 4.2.2)."""
    try:
        from _sha1 import sha1  # type: ignore[import-not-found]  # hashlib loads OpenSSL, where there is one
    except ImportError:
        from hashlib import sha1
    return binascii.b2a_base64(sha1(key + _MAGIC).digest(), newline=False).decode()


def _masked(kind: int, payload: bytes) -> bytes:
    """A whole frame from a client: masked, each with a mask of its own."""
    size = len(payload)
    mask = os.urandom(4)
    if size < 126:
        head = bytes((128 | kind, 128 | size))
    elif size < 65536:
        head = bytes((128 | kind, 254)) + size.to_bytes(2, "big")
    else:
        head = bytes((128 | kind, 255)) + size.to_bytes(8, "big")
    # As one number: Python has no quicker way over each byte.
    covered = int.from_bytes(payload, "little") ^ int.from_bytes((mask * (size // 4 + 1))[:size], "little")
    return head + mask + covered.to_bytes(size, "little")
