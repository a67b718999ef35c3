"""The agent of a guest, at the fake server: its messages are written and read here with `struct`, apart from the library.

It counts what the client sends: a chunk without a token, one that is too long,
or a message that begins within a chunk fails the test.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.spice.server import GREETINGS, MAIN_INIT, Behaviour, Peer, SpiceServer, spice_server

from ATPLibrary.protocol.spice.agent.agent import Agent, AgentState
from ATPLibrary.protocol.spice.agent.talk import AgentTalk
from ATPLibrary.protocol.spice.channels import MainConversation
from ATPLibrary.protocol.spice.client import speaking
from ATPLibrary.transport.spice import SpiceChannelType as Type
from ATPLibrary.transport.spice_connection import SpiceVmConnection

HEADER = struct.Struct("<IIQI")
TOKENS = 10
# As spice-vdagent 0.22 of Debian 12: all but DISPLAY_CONFIG, the old CLIPBOARD, CRLF and FILE_XFER_DISABLED.
CAPS = 0x3FFFF & ~(1 << 3 | 1 << 4 | 1 << 9 | 1 << 13)
START, DATA, TOKEN = 106, 107, 108


class GuestAgent:
    """`given` and `spent` are the client's tokens."""

    def __init__(self, peer: Peer, tokens: int) -> None:
        self.peer = peer
        self.given = tokens
        self.spent = 0
        self._buffer = b""

    async def hear(self, number: int) -> bytes:
        """The body of the client's next message, which must be of that number."""
        while len(self._buffer) < HEADER.size or len(self._buffer) < HEADER.size + self._size():
            chunk = await self.peer.expect(DATA)
            self.spent += 1
            assert self.spent <= self.given, "the client sent a chunk without a token"
            assert len(chunk) <= 2048
            self._buffer += chunk
        protocol, type, opaque, size = HEADER.unpack_from(self._buffer)
        body, rest = self._buffer[HEADER.size : HEADER.size + size], self._buffer[HEADER.size + size :]
        assert rest == b"", "a message begins within a chunk"
        assert (protocol, type, opaque) == (1, number, 0)
        self._buffer = b""
        return body

    def say(self, number: int, body: bytes = b"", *, size: int | None = None, protocol: int = 1) -> None:
        """A message; `size` is what its header says where that isn't the truth."""
        size = len(body) if size is None else size
        data = HEADER.pack(protocol, number, 0, size) + body
        for at in range(0, len(data), 2048):
            self.peer.send(109, data[at : at + 2048])

    def give(self, tokens: int) -> None:
        self.given += tokens
        self.peer.send(110, struct.pack("<I", tokens))

    def announce(self, caps: int = CAPS, *, request: bool = False) -> None:
        self.say(6, struct.pack("<II", request, caps))

    async def begin(self, caps: int = CAPS) -> None:
        """What a healthy one does first: it answers the client's capabilities with its own."""
        assert await self.peer.expect(START) == struct.pack("<I", 10)
        assert struct.unpack("<II", await self.hear(6))[0] == 1
        self.announce(caps)
        if caps >> 10 & 1:
            assert await self.hear(14) == struct.pack("<i", (16 << 20) - 64)

    def _size(self) -> int:
        return int(HEADER.unpack_from(self._buffer)[3])


def init(*, connected: bool, tokens: int = TOKENS) -> bytes:
    """MAIN's INIT with an agent or without."""
    return MAIN_INIT[:16] + struct.pack("<II", connected, tokens) + MAIN_INIT[24:]


def with_agent(tokens: int = TOKENS) -> Behaviour:
    greeting = [(103, init(connected=True, tokens=tokens)), *GREETINGS[Type.MAIN][1:]]
    return Behaviour(greetings={**GREETINGS, Type.MAIN: greeting})


class Session:
    """A linked main channel with an agent behind it, from both sides."""

    def __init__(self, server: SpiceServer, connection: SpiceVmConnection, guest: GuestAgent) -> None:
        self.server = server
        self.connection = connection
        self.guest = guest
        self.channel = speaking(connection.channels[Type.MAIN, 0])
        self.talk = AgentTalk(self.channel)

    @property
    def agent(self) -> Agent:
        assert isinstance(self.channel.conversation, MainConversation)
        return self.channel.conversation.agent

    async def pause(self) -> None:
        """Until the client has handled all that was sent to it so far."""
        self.guest.peer.send(4, bytes(12))
        await self.guest.peer.expect(3)

    async def until(self, state: AgentState) -> None:
        await self.channel.wait_until(lambda: self.agent.state is state, 5, f"have an agent that is {state.value}")


@asynccontextmanager
async def session(caps: int | None = CAPS, tokens: int = TOKENS) -> AsyncIterator[Session]:
    """One whose agent is ready; with `caps` None it is connected and says nothing."""
    async with spice_server(with_agent(tokens)) as server:
        connection = server.connection()
        await connection.connect_main_channel(5)
        guest = GuestAgent(await server.peer(Type.MAIN), tokens)
        both = Session(server, connection, guest)
        if caps is not None:
            await guest.begin(caps)
            await both.talk.ready(5)
        try:
            yield both
        finally:
            await connection.close()
