"""A channel over a UNIX socket, against peers that stall, leave and flood."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from ATPLibrary.errors import ChannelError, DeadlineError
from ATPLibrary.transport import ByteChannel, socket_channel

pytestmark = pytest.mark.unit


class Peer:
    """The other end of the one connection."""

    def __init__(self) -> None:
        self.arrived: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Future()

    async def ends(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.wait_for(self.arrived, 5)


@pytest_asyncio.fixture
async def pair() -> AsyncIterator[tuple[ByteChannel, Peer]]:
    """A channel and who it is connected to."""
    directory = Path(tempfile.mkdtemp(prefix="atp-channel-"))
    peer = Peer()
    server = await asyncio.start_unix_server(
        lambda *ends: peer.arrived.set_result(ends), directory / "port", limit=1024
    )
    channel = await socket_channel(directory / "port", 5)
    yield channel, peer
    await channel.close()
    (await peer.ends())[1].close()
    server.close()
    shutil.rmtree(directory)


async def test_bytes_travel_both_ways(pair: tuple[ByteChannel, Peer]) -> None:
    channel, peer = pair
    reader, writer = await peer.ends()
    await channel.write(b"to the guest", 5)
    assert await reader.readexactly(12) == b"to the guest"
    writer.write(b"to the host")
    assert await channel.read(5) == b"to the host"


async def test_the_end_is_an_error_each_time(pair: tuple[ByteChannel, Peer]) -> None:
    channel, peer = pair
    (await peer.ends())[1].close()
    for _ in range(2):
        with pytest.raises(ChannelError, match="closed by the other side"):
            await channel.read(5)


async def test_silence_is_said_with_its_time(pair: tuple[ByteChannel, Peer]) -> None:
    channel, _ = pair
    with pytest.raises(DeadlineError, match=r"/port should send something within 0.05 s but sent nothing"):
        await channel.read(0.05)


async def test_a_cancelled_read_loses_nothing(pair: tuple[ByteChannel, Peer]) -> None:
    channel, peer = pair
    _, writer = await peer.ends()
    for number in range(20):
        reading = asyncio.create_task(channel.read(5))
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        writer.write(b"%d" % number)
        assert await channel.read(5) == b"%d" % number


async def test_a_peer_that_does_not_read_holds_the_writer_up_to_its_deadline(pair: tuple[ByteChannel, Peer]) -> None:
    channel, _ = pair
    with pytest.raises(DeadlineError, match="did not read"):
        await channel.write(b"x" * 50_000_000, 0.1)
    async with asyncio.timeout(3):
        await channel.close()


async def test_a_reader_that_does_not_read_holds_the_sender_up(pair: tuple[ByteChannel, Peer]) -> None:
    _, peer = pair
    _, writer = await peer.ends()
    writer.write(b"x" * 50_000_000)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(writer.drain(), 0.2)
    writer.transport.abort()


async def test_a_closed_channel_says_so(pair: tuple[ByteChannel, Peer]) -> None:
    channel, _ = pair
    await channel.close()
    await channel.close()
    with pytest.raises(ChannelError, match="closed"):
        await channel.write(b"x", 5)
    with pytest.raises(ChannelError, match="closed here"):
        await channel.read(5)


async def test_a_socket_that_is_not_there_is_named() -> None:
    with pytest.raises(ChannelError, match=r"The socket /nowhere .*No such file"):
        await socket_channel(Path("/nowhere"), 5)
