"""How messages travel in a stream of bytes: as lines, or each with its length before it. `websocket` has the third way."""

from __future__ import annotations

from atp_guest_agent.lines import MAX_LINE, LineReader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from atp_guest_agent.links.link import Messages

TOO_LARGE = "a message is longer than 10 MiB"


class Framing:
    """`is_ready`: messages may be sent. `answers` has bytes to be sent as they are; the caller takes them. `end` says why nothing
    more can come; what came before it was returned."""

    is_ready = True

    def __init__(self) -> None:
        self.answers = b""
        self.end = ""

    def start(self) -> bytes:
        """What is said first."""
        return b""

    def feed(self, data: bytes) -> Messages:
        """The messages that `data` completes."""
        raise NotImplementedError

    def frame(self, line: bytes) -> bytes:
        """The bytes of a message; `line` ends with a newline."""
        raise NotImplementedError

    def farewell(self) -> bytes:
        """What is said last."""
        return b""


class Lines(Framing):
    """Each message a line."""

    def __init__(self) -> None:
        super().__init__()
        self._lines = LineReader()

    def feed(self, data: bytes) -> Messages:
        found = self._lines.feed(data)
        if None in found:
            self.end = TOO_LARGE
            return found[: found.index(None)]
        return found

    def frame(self, line: bytes) -> bytes:
        return line


class Lengths(Framing):
    """Each message after its length: 4 bytes, big-endian."""

    def __init__(self) -> None:
        super().__init__()
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Messages:
        buffer = self._buffer
        buffer += data
        found: Messages = []
        at = 0
        while len(buffer) - at >= 4:
            length = int.from_bytes(buffer[at : at + 4], "big")
            if length > MAX_LINE:
                self.end = TOO_LARGE
                break
            if len(buffer) - at < 4 + length:
                break
            found.append(bytes(buffer[at + 4 : at + 4 + length]))
            at += 4 + length
        del buffer[:at]
        return found

    def frame(self, line: bytes) -> bytes:
        return (len(line) - 1).to_bytes(4, "big") + line[:-1]
