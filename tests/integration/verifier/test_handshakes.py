"""Connections to the service that never end their TLS or WebSocket handshake: few at a time, and they keep no agent out."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ..transport.certificates import Authority
from .served_world import PATIENCE, World

pytestmark = pytest.mark.integration

LIMIT = 4


@contextlib.asynccontextmanager
async def dawdlers(address: str, count: int, says: bytes) -> AsyncIterator[list[asyncio.StreamReader]]:
    """Connections that begin a handshake and never go on."""
    host, _, port = address.rpartition("/")[2].rpartition(":")
    lines = []
    try:
        for _ in range(count):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(says)
            lines.append((reader, writer))
        yield [reader for reader, _ in lines]
    finally:
        for _, writer in lines:
            writer.transport.abort()


# A plain TCP connection has no handshake: whoever makes one is a stranger from the start (test_service.py).
@pytest.mark.parametrize(("way", "secured"), [("tcp", True), ("websocket", True), ("websocket", False)])
async def test_those_who_never_end_their_handshake_go_oldest_first_and_an_agent_gets_in(
    tmp_path: Path, way: str, secured: bool
) -> None:
    tls: ssl.SSLContext | None = None
    more: dict[str, Path] = {}
    if secured:
        authority = Authority(tmp_path, "ca")
        certificate, key = authority.server("server", "127.0.0.1")
        tls = ssl.create_default_context(cafile=authority.file)
        more = {"certificate": certificate, "key": key}
    world = World(tmp_path, strangers=LIMIT, hello_timeout=60, **more)
    await world.service.start()
    try:
        says = b"\x16\x03\x01" if secured else b"GET / HTTP/1.1\r\n"
        async with dawdlers(world.service.addresses[way], LIMIT + 3, says) as lines:
            async with asyncio.timeout(PATIENCE):
                for line in lines[:3]:
                    with contextlib.suppress(OSError):
                        await line.read()  # until the service has ended it
            assert world.service.handshakes == LIMIT
            async with world.agent(way, tls=tls):
                await world.until(lambda: len(world.service.agents) == 1)
                # It came fifth, so the oldest of those who were left has gone; its own handshake is over.
                assert world.service.handshakes == LIMIT - 1
            assert world.service.refusals == 0
    finally:
        await world.service.close()
    assert world.service.handshakes == 0


async def test_a_handshake_that_ends_by_itself_makes_room(tmp_path: Path) -> None:
    world = World(tmp_path, strangers=LIMIT, hello_timeout=60)
    await world.service.start()
    try:
        for _ in range(3):
            async with dawdlers(world.service.addresses["websocket"], LIMIT, b"GET / HTTP/1.1\r\n"):
                pass
        async with dawdlers(world.service.addresses["websocket"], 1, b"GET / HTTP/1.1\r\n") as (line,):
            async with world.agent("websocket"):
                await world.until(lambda: len(world.service.agents) == 1)
            assert not line.at_eof()
    finally:
        await world.service.close()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
async def test_it_listens_at_each_address_of_its_host_on_one_port(tmp_path: Path, host: str) -> None:
    world = World(tmp_path, host=host)
    await world.service.start()
    try:
        for way in ("tcp", "websocket"):
            async with world.agent(way):
                await world.until(lambda: len(world.service.agents) == 1)
            await world.until(lambda: not world.service.agents)
    finally:
        await world.service.close()
