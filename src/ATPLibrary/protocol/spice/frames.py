"""Headers: where one message ends and the next begins. No I/O.

The mini header is `<HI>` (number, size); the full one, for a peer without the capability, `<QHII>` (serial, number, size, offset of
a list of messages within this one). A size beyond its message's limit is refused before its bytes are taken.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ATPLibrary.protocol.spice import messages
from ATPLibrary.protocol.spice.errors import SpiceProtocolError
from ATPLibrary.protocol.spice.messages.kinds import DATA
from ATPLibrary.protocol.spice.schema import Sender
from ATPLibrary.transport.spice import SpiceChannelType

MINI = struct.Struct("<HI")
FULL = struct.Struct("<QHII")
_SUB_COUNT, _SUB_OFFSET, _SUB_HEADER = struct.Struct("<H"), struct.Struct("<I"), struct.Struct("<HI")
_LIST = 8


@dataclass(frozen=True, slots=True)
class Frame:
    """A message as it stands on the wire. `sub_list` is the offset of the messages within it, 0 for none."""

    number: int
    body: bytes
    sub_list: int = 0

    def packed(self, serial: int, mini: bool) -> bytes:
        """With its header."""
        if mini:
            return MINI.pack(self.number, len(self.body)) + self.body
        return FULL.pack(serial, self.number, len(self.body), self.sub_list) + self.body


class FrameReader:
    """Bytes in, frames out. `channel` names it in errors."""

    def __init__(self, type: SpiceChannelType, sender: Sender, channel: str, mini: bool) -> None:
        self._type = type
        self._sender = sender
        self._channel = channel
        self._mini = mini
        self._buffer = bytearray()
        self._kinds = messages.kinds(type, sender)

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def take(self) -> Frame | None:
        """The next whole message. `SpiceProtocolError` for one that says it is longer than it may be."""
        header = MINI if self._mini else FULL
        if len(self._buffer) < header.size:
            return None
        number, size, sub_list = self._header()
        kind = self._kinds.get(number)
        limit = kind.kind.limit if kind is not None else DATA
        if size > limit:
            name = messages.name_of(self._type, self._sender, number)
            raise SpiceProtocolError.at(
                self._channel, name, "size", f"in its header says {size} bytes, at most {limit} are allowed"
            )
        end = header.size + size
        if len(self._buffer) < end:
            return None
        body = bytes(memoryview(self._buffer)[header.size : end])
        del self._buffer[:end]
        return Frame(number, body, sub_list)

    def unread(self, tells: Callable[[int], bool]) -> bytes:
        """What has come of a message that isn't whole, or can't be; only its header on a channel that has messages which
        `tells` says no of by their number: others may stand within it, or behind it.
        """
        header = MINI if self._mini else FULL
        is_told = all(tells(number) for number in self._kinds)
        return bytes(self._buffer if is_told else self._buffer[: header.size])

    @property
    def unfinished(self) -> str:
        """Where the stream stands inside a message, in words; empty between two."""
        header = MINI if self._mini else FULL
        if not self._buffer:
            return ""
        if len(self._buffer) < header.size:
            return f"within a header, after {len(self._buffer)} of its {header.size} bytes"
        number, size, _ = self._header()
        name = messages.name_of(self._type, self._sender, number)
        return f"within {name}, after {len(self._buffer) - header.size} of its {size} bytes"

    def _header(self) -> tuple[int, int, int]:
        if self._mini:
            number, size = MINI.unpack_from(self._buffer)
            return number, size, 0
        _, number, size, sub_list = FULL.unpack_from(self._buffer)
        return number, size, sub_list


def unpacked(frame: Frame, channel: str) -> Iterator[Frame]:
    """The messages within a frame, in the order in which they are to be handled: those of its list first, then itself.

    All of them together may not be longer than the frame: two offsets that lead to one place are refused.
    """
    offset = 0 if frame.number == _LIST else frame.sub_list
    if offset or frame.number == _LIST:
        allowance = len(frame.body)
        for at in _offsets(frame.body, offset, channel):
            if at + _SUB_HEADER.size > len(frame.body):
                raise SpiceProtocolError.at(channel, "LIST", "sub_messages", f"point to byte {at} of {len(frame.body)}")
            number, size = _SUB_HEADER.unpack_from(frame.body, at)
            allowance -= _SUB_HEADER.size + size
            begin = at + _SUB_HEADER.size
            if begin + size > len(frame.body) or allowance < 0:
                reason = f"say {size} bytes where {max(0, min(allowance, len(frame.body) - begin))} are left"
                raise SpiceProtocolError.at(channel, "LIST", "sub_messages", reason)
            yield Frame(number, frame.body[begin : begin + size])
    if frame.number != _LIST:
        yield frame


def _offsets(body: bytes, at: int, channel: str) -> tuple[int, ...]:
    if at + _SUB_COUNT.size > len(body):
        raise SpiceProtocolError.at(channel, "LIST", "sub_list", f"points to byte {at} of {len(body)}")
    (count,) = _SUB_COUNT.unpack_from(body, at)
    begin, size = at + _SUB_COUNT.size, count * _SUB_OFFSET.size
    if begin + size > len(body):
        raise SpiceProtocolError.at(
            channel, "LIST", "sub_list", f"says {count} messages and {len(body) - begin} bytes are left"
        )
    return struct.unpack_from(f"<{count}I", body, begin)
