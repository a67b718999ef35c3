"""The agent's messages in AGENT_DATA: a header of 20 bytes and the body, cut into chunks of at most 2048 bytes. No I/O.

A message that is sent begins a chunk of its own, as spice-server wants it; of what comes the chunks' borders mean nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from ATPLibrary.protocol.spice.agent.messages import AgentMessage, name_of
from ATPLibrary.protocol.spice.errors import SpiceProtocolError
from ATPLibrary.protocol.spice.messages.kinds import SMALL
from ATPLibrary.protocol.spice.schema.fields import Bytes

CHUNK = 2048
PROTOCOL = 1
_HEADER = struct.Struct("<IIQI")  # protocol, type, opaque, size


@dataclass(frozen=True, slots=True)
class Whole:
    """A message that has come whole, not decoded yet."""

    number: int
    body: bytes


def chunks(message: AgentMessage) -> Iterator[bytes]:
    """The message as AGENT_DATA carries it."""
    body = message.encode()
    data = _HEADER.pack(PROTOCOL, message.kind.number, 0, len(body)) + body
    return (data[at : at + CHUNK] for at in range(0, len(data), CHUNK))


class Stream:
    """Chunks in, messages out. It holds no more than one message may have, and only what has come."""

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self._buffer = bytearray()

    def feed(self, data: Bytes) -> Iterator[Whole]:
        """The messages that are whole now. `SpiceProtocolError` for one that says it is longer than it may be, or isn't one."""
        self._buffer += data
        while len(self._buffer) >= _HEADER.size:
            protocol, number, _, size = _HEADER.unpack_from(self._buffer)
            if protocol != PROTOCOL:
                raise SpiceProtocolError.at(
                    self.subject, name_of(number), "protocol", f"is {protocol}, and {PROTOCOL} is the only one"
                )
            limit = AgentMessage.kinds[number].kind.limit if number in AgentMessage.kinds else SMALL
            if size > limit:
                reason = f"says {size} bytes, at most {limit} are allowed"
                raise SpiceProtocolError.at(self.subject, name_of(number), "size", reason)
            end = _HEADER.size + size
            if len(self._buffer) < end:
                return
            body = bytes(memoryview(self._buffer)[_HEADER.size : end])
            del self._buffer[:end]
            yield Whole(number, body)

    def clear(self) -> None:
        """Another agent begins."""
        self._buffer.clear()
