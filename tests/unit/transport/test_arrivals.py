"""What comes on a VM's socket is given to its taker, and what becomes of the connection to its stream reader."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from ATPLibrary.errors import AgentError, ChannelError
from ATPLibrary.transport import ByteChannel, arrivals, socket_channel

pytestmark = pytest.mark.unit


class Peer:
    """The other end of one connection."""

    def __init__(self) -> None:
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter
        self.is_there = asyncio.Event()

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.is_there.set()


@pytest_asyncio.fixture
async def ends() -> AsyncIterator[tuple[ByteChannel, Peer]]:
    with tempfile.TemporaryDirectory(prefix="atp-a-") as directory:
        peer = Peer()
        server = await asyncio.start_unix_server(peer.connected, str(Path(directory) / "s"))
        channel = await socket_channel(Path(directory) / "s", 5)
        await peer.is_there.wait()
        yield channel, peer
        await channel.close()
        peer.writer.transport.abort()
        server.close()


class Taken:
    """What a channel hands over, and the task in which it does."""

    def __init__(self, channel: ByteChannel) -> None:
        self.data = b""
        self.more = asyncio.Event()
        self.task = asyncio.create_task(channel.hand_over(self.take))
        self.task.add_done_callback(lambda task: task.cancelled() or task.exception())  # not every test looks at it

    def take(self, data: bytes) -> None:
        self.data += data
        self.more.set()

    async def until(self, data: bytes) -> None:
        async with asyncio.timeout(5):
            while self.data != data:
                self.more.clear()
                await self.more.wait()


async def test_everything_that_comes_is_handed_over_in_order(ends: tuple[ByteChannel, Peer]) -> None:
    channel, peer = ends
    taken = Taken(channel)
    sent = b""
    for number in range(300):
        sent += (piece := b"%d," % number * (1 + number))
        peer.writer.write(piece)
        await peer.writer.drain()
    await taken.until(sent)


async def test_the_end_is_told_once_everything_was_handed_over(ends: tuple[ByteChannel, Peer]) -> None:
    channel, peer = ends
    taken = Taken(channel)
    peer.writer.write(b"first")
    await taken.until(b"first")
    peer.writer.write(b", last")
    peer.writer.close()
    async with asyncio.timeout(5):
        with pytest.raises(ChannelError, match="closed by the other side"):
            await taken.task
    assert taken.data == b"first, last"


@pytest.mark.parametrize("size", [0, 1, 64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, 150_000])
async def test_the_end_is_told_of_a_peer_that_had_gone_before_anything_was_read(
    ends: tuple[ByteChannel, Peer], size: int
) -> None:
    channel, peer = ends
    taken = Taken(channel)
    peer.writer.write(b"first")
    await taken.until(b"first")
    rest = os.urandom(size)
    with peer.writer.get_extra_info("socket").dup() as end:  # at once, before the loop looks again
        assert end.send(rest) == size
        end.shutdown(socket.SHUT_WR)
    async with asyncio.timeout(5):
        with pytest.raises(ChannelError, match="closed by the other side"):
            await taken.task
    assert taken.data == b"first" + rest


async def test_what_the_taker_raises_is_the_end(ends: tuple[ByteChannel, Peer]) -> None:
    channel, peer = ends
    has_come = asyncio.Event()

    def refuse(data: bytes) -> None:
        has_come.set()
        if data != b"first":
            raise AgentError("That is too much.")

    task = asyncio.create_task(channel.hand_over(refuse))
    peer.writer.write(b"first")
    async with asyncio.timeout(5):
        await has_come.wait()
        peer.writer.write(b"second")
        with pytest.raises(AgentError, match="too much"):
            await task


async def test_a_handing_over_that_is_cancelled_leaves_the_rest_to_be_read(ends: tuple[ByteChannel, Peer]) -> None:
    channel, peer = ends
    taken = Taken(channel)
    peer.writer.write(b"first")
    await taken.until(b"first")
    taken.task.cancel()
    await asyncio.wait((taken.task,))
    peer.writer.write(b"second")
    assert await channel.read(5) == b"second"
    assert taken.data == b"first"


async def test_writes_keep_their_order_while_the_other_side_does_not_read(ends: tuple[ByteChannel, Peer]) -> None:
    channel, peer = ends
    taken = Taken(channel)
    peer.writer.write(b"first")
    await taken.until(b"first")
    peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
    sent = b""
    while channel.write_now(piece := os.urandom(10_000)):
        sent += piece
    writing = asyncio.create_task(channel.write(piece, 5))
    sent += piece
    await asyncio.sleep(0)
    assert not channel.write_now(b"not before what waits")
    peer.writer.transport.resume_reading()  # type: ignore[attr-defined]
    async with asyncio.timeout(5):
        assert await peer.reader.readexactly(len(sent)) == sent
        await writing
    assert channel.write_now(b"after it")
    assert await peer.reader.readexactly(8) == b"after it"


async def test_what_was_written_before_the_taking_over_and_waits_goes_first(ends: tuple[ByteChannel, Peer]) -> None:
    channel, peer = ends
    peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
    before = os.urandom(4_000_000)
    writing = asyncio.create_task(channel.write(before, 5))
    await asyncio.sleep(0)
    taken = Taken(channel)
    peer.writer.write(b"first")
    await taken.until(b"first")
    read = os.read(
        peer.writer.get_extra_info("socket").fileno(), 200_000
    )  # there is room, and the transport hasn't seen it
    assert not channel.write_now(b"later")
    await asyncio.sleep(0)
    later = asyncio.create_task(channel.write(b"later", 5))
    peer.writer.transport.resume_reading()  # type: ignore[attr-defined]
    async with asyncio.timeout(5):
        assert read + await peer.reader.readexactly(len(before) - len(read)) == before
        assert await peer.reader.readexactly(5) == b"later"
        await asyncio.gather(writing, later)


async def test_nothing_is_left_when_the_last_connection_has_gone(ends: tuple[ByteChannel, Peer]) -> None:
    channel, peer = ends
    taken = Taken(channel)
    peer.writer.write(b"first")
    await taken.until(b"first")
    loop = asyncio.get_running_loop()
    assert loop in arrivals._OF_LOOP
    taken.task.cancel()
    await asyncio.wait((taken.task,))
    await channel.close()
    assert loop not in arrivals._OF_LOOP
    with pytest.raises(ChannelError):
        await channel.write(b"x", 1)


async def test_of_more_sockets_than_are_read_at_once_each_has_its_turn_while_others_never_stop() -> None:
    class Line(arrivals.Taker):
        def __init__(self) -> None:
            super().__init__()
            self.heard = asyncio.Event()

        def data_received(self, data: bytes) -> None:
            self.heard.set()

        def failed(self, error: Exception) -> None:
            raise AssertionError(error)

    talkers, lines, writers = [], [], []
    for _ in range(3 * arrivals._AT_ONCE):
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        _, writer = await asyncio.open_unix_connection(sock=ours)
        line = Line()
        line.take_over(writer.transport)
        writers.append(writer)
        lines.append(line)
        talkers.append(theirs)

    async def never_stop(talker: socket.socket) -> None:
        while True:
            with contextlib.suppress(BlockingIOError):
                talker.send(b"and another thing\n")
            await asyncio.sleep(0)

    busy = [asyncio.create_task(never_stop(each)) for each in talkers[: 2 * arrivals._AT_ONCE]]
    for talker in talkers[2 * arrivals._AT_ONCE :]:
        talker.send(b"once\n")
    async with asyncio.timeout(30):
        for line in lines:
            await line.heard.wait()
    for task in busy:
        task.cancel()
    await asyncio.wait(busy)
    for writer, talker in zip(writers, talkers, strict=True):
        writer.transport.abort()
        talker.close()
    await asyncio.sleep(0)
