"""A SPICE server in this process: real TCP (or TLS), the real link with a real RSA ticket, real headers and acknowledgements.

It plays recorded sessions again, and in tests does what a healthy server doesn't. Its link and headers are written here with
`struct`, apart from the client's, so that one isn't the other's witness.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from ATPLibrary.errors import ConfigError
from ATPLibrary.protocol.spice.schema import Message
from ATPLibrary.transport.spice import SpiceChannelType as Type

SESSION = 0x11223344
# As QEMU 7.2 answers: AUTH_SELECTION, AUTH_SPICE, MINI_HEADER.
COMMON_CAPS = 0xB
DISPLAY_CAPS = 0x1052
# How many messages of a client are kept.
_KEPT = 10_000
_SHORTEST_LINK, _LONGEST_LINK = 18, 4096

# Session, 1 display, mouse modes 3, 1 (server), no agent, 10 tokens, 5000 ms, no hint.
MAIN_INIT = bytes.fromhex("44332211 01000000 03000000 01000000 00000000 0a000000 88130000 00000000")
# What a channel says when it is linked, before anything is asked: (number, body).
GREETINGS: dict[Type, list[tuple[int, bytes]]] = {
    Type.MAIN: [(103, MAIN_INIT), (113, bytes.fromhex("06000000 77696e313100")), (114, bytes(range(16)))],
    Type.DISPLAY: [],
    Type.INPUTS: [(101, b"\2\0")],
    Type.CURSOR: [(101, bytes.fromhex("0300 0400 0000 0000 01 0100"))],
    Type.PLAYBACK: [],
    Type.RECORD: [],
    Type.SMARTCARD: [],
    Type.USBREDIR: [],
    Type.PORT: [(201, bytes.fromhex("04000000 09000000 01 6f726700"))],
    Type.WEBDAV: [(201, bytes.fromhex("04000000 09000000 00 64617600"))],
}


@dataclass
class Behaviour:
    """What the server does otherwise than a healthy one.

    `cut_at`: it sends so many bytes of each link and closes. `errors`: the link reply's error by channel; `absent` ones are closed
    without. `session`: another number in a link is refused, after the ticket (None: any is taken). `silent` channels never greet;
    `channels` is what CHANNELS_LIST says.
    """

    ticket: str = ""
    session: int | None = SESSION
    cut_at: int | None = None
    errors: dict[Type, int] = field(default_factory=dict)
    absent: set[Type] = field(default_factory=set)
    silent: set[Type] = field(default_factory=set)
    common_caps: int = COMMON_CAPS
    reply: bytes | None = None
    greetings: dict[Type, list[tuple[int, bytes]]] = field(default_factory=lambda: {**GREETINGS})
    channels: list[tuple[int, int]] = field(default_factory=lambda: [(int(each), 0) for each in Type])
    window: int = 0  # of SET_ACK, sent first where it isn't 0


class Peer:
    """One client's channel, from the server's side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.type = Type.MAIN
        self.id = 0
        self.session = 0
        self.channel_caps = 0
        self.mini = True
        self.ticket: str | None = None
        self.got: deque[tuple[int, bytes]] = deque(maxlen=_KEPT)  # what it sent
        self.gone = asyncio.Event()
        self._serial = 0
        self._more = asyncio.Event()

    def send(self, number: int, body: bytes = b"", size: int | None = None) -> None:
        """A message; `size` is what its header says where that isn't the truth."""
        size = len(body) if size is None else size
        self._serial += 1
        header = struct.pack("<HI", number, size) if self.mini else struct.pack("<QHII", self._serial, number, size, 0)
        self.writer.write(header + body)

    def say(self, message: Message) -> None:
        self.send(message.kind.number, message.encode())

    async def wait_for(self, holds: Callable[[Peer], bool]) -> None:
        """Until what it sent fits."""
        async with asyncio.timeout(5):
            while not holds(self):
                self._more.clear()
                await self._more.wait()

    async def expect(self, number: int) -> bytes:
        """The body of the oldest message of that number, which is then taken."""
        await self.wait_for(lambda peer: any(each == number for each, _ in peer.got))
        found = next(each for each in self.got if each[0] == number)
        self.got.remove(found)
        return found[1]

    async def listen(self, answer: Callable[[int, bytes], None]) -> None:
        """Read messages until the client goes."""
        header = struct.Struct("<HI" if self.mini else "<QHII")
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                fields = header.unpack(await self.reader.readexactly(header.size))
                number, size = fields[:2] if self.mini else fields[1:3]
                body = await self.reader.readexactly(size)
                self.got.append((number, body))
                answer(number, body)
                self._more.set()


class StandIn:
    """Listens at `port` while it is started; `peers` are the channels linked so far, in order."""

    def __init__(self, behaviour: Behaviour | None = None) -> None:
        self.behaviour = behaviour or Behaviour()
        self.port = 0
        self.peers: list[Peer] = []
        self.sent_in_links: list[int] = []  # bytes
        self._linked = asyncio.Event()
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, tls: ssl.SSLContext | None = None, port: int = 0) -> None:
        """Listen on loopback, at any free port or that one."""
        _key()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)

    async def peer(self, type: Type, id: int = 0) -> Peer:
        """The newest linked channel of that kind."""
        async with asyncio.timeout(5):
            while True:
                found = [each for each in self.peers if (each.type, each.id) == (type, id)]
                if found:
                    return found[-1]
                self._linked.clear()
                await self._linked.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        peer = Peer(reader, writer)
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                if await self._link(peer):
                    self.peers.append(peer)
                    self._linked.set()
                    self.greet(peer)
                    await peer.listen(lambda number, body: self.answer(peer, number))
        finally:
            writer.close()
            peer.gone.set()

    async def _link(self, peer: Peer) -> bool:
        says = self.behaviour
        magic, major, _, size = struct.unpack("<4sIII", await peer.reader.readexactly(16))
        if (magic, major) != (b"REDQ", 2) or not _SHORTEST_LINK <= size <= _LONGEST_LINK:
            return False
        body = await peer.reader.readexactly(size)
        peer.session, type_number, peer.id, commons, channels, offset = struct.unpack_from("<IBBIII", body)
        if offset + 4 * (commons + channels) > size or type_number not in set(Type):
            return False
        words = struct.unpack_from(f"<{commons + channels}I", body, offset)
        peer.type, peer.channel_caps = Type(type_number), words[commons] if channels else 0
        if peer.type in says.absent:
            return False
        sent = _Budget(peer.writer, says.cut_at)
        self.sent_in_links.append(0)
        error = says.errors.get(peer.type, 0)
        common = says.common_caps & words[0] if commons else 0
        peer.mini = bool(common >> 3 & 1)
        reply = says.reply if says.reply is not None else _reply(error, says.common_caps, self.caps_of(peer))
        if not sent.write(reply) or error:
            return False
        if says.common_caps & 1:
            (mechanism,) = struct.unpack("<I", await peer.reader.readexactly(4))
            if mechanism != 1:
                return False
        ticket = _decrypted(await peer.reader.readexactly(128))
        peer.ticket = ticket[:-1].decode()
        result = 0 if peer.ticket == says.ticket else 7
        if result == 0 and peer.type is not Type.MAIN and says.session not in (None, peer.session):
            result = 8
        is_whole = sent.write(struct.pack("<I", result))
        self.sent_in_links[-1] = sent.written
        return is_whole and result == 0

    def greet(self, peer: Peer) -> None:
        """Say what is said first on a channel that has just been linked."""
        if peer.type in self.behaviour.silent:
            return
        if self.behaviour.window:
            peer.send(3, struct.pack("<II", 1, self.behaviour.window))
        for number, body in self.behaviour.greetings[peer.type]:
            peer.send(number, body)

    def caps_of(self, peer: Peer) -> int:
        """What it says that it can on a channel, as bits; as QEMU 7.2 does."""
        return {Type.MAIN: 0xF, Type.DISPLAY: DISPLAY_CAPS, Type.PLAYBACK: 0xA, Type.RECORD: 0x6}.get(peer.type, 0)

    def answer(self, peer: Peer, number: int) -> None:
        """Say what a message of the client asks for."""
        if peer.type is Type.MAIN and number == 104:
            channels = self.behaviour.channels
            peer.send(104, struct.pack("<I", len(channels)) + b"".join(bytes(each) for each in channels))


class _Budget:
    """Writes up to so many bytes in all, then nothing more."""

    def __init__(self, writer: asyncio.StreamWriter, limit: int | None) -> None:
        self._writer, self._limit, self.written = writer, limit, 0

    def write(self, data: bytes) -> bool:
        part = data if self._limit is None else data[: max(0, self._limit - self.written)]
        self._writer.write(part)
        self.written += len(part)
        return len(part) == len(data) and (self._limit is None or self.written < self._limit)


def _reply(error: int, common: int, channel: int) -> bytes:
    from cryptography.hazmat.primitives import serialization

    key = _key().public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert len(key) == 162
    counts = (0, 0) if error else (1, 1)
    body = struct.pack("<I162sIII", error, key, *counts, 178)
    body += b"" if error else struct.pack("<II", common, channel)
    return struct.pack("<4sIII", b"REDQ", 2, 2, len(body)) + body


@cache
def _key() -> Any:
    """The server's RSA key, of 1024 bits as SPICE has it."""
    try:
        from cryptography.hazmat.primitives.asymmetric import rsa
    except ImportError as error:
        raise ConfigError.about(
            "A SPICE server's key", wanted="be made by the Python package cryptography", got="it is not installed",
            next_step="pip install 'robotframework-atp[spice]'",
        ) from error  # fmt: skip
    return rsa.generate_private_key(public_exponent=65537, key_size=1024)


def _decrypted(ticket: bytes) -> bytes:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)
    return bytes(_key().decrypt(ticket, oaep))
