"""The fault proxy does what it says: a fault matrix is worth no more than the faults."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.faults.direction import Way
from tests.faults.proxy import FaultProxy, in_front_of

pytestmark = pytest.mark.integration


class Echo:
    """Sends back what comes, and remembers it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.heard = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                self.heard += data
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


@pytest_asyncio.fixture
async def echo(tmp_path: Path) -> AsyncIterator[Echo]:
    echo = Echo(tmp_path / "echo")
    server = await asyncio.start_unix_server(echo.serve, echo.path)
    yield echo
    server.close()


@pytest_asyncio.fixture
async def proxy(echo: Echo, tmp_path: Path) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(echo.path, at=tmp_path / "proxy") as proxy:
        yield proxy


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connect(proxy: FaultProxy) -> Streams:
    assert isinstance(proxy.address, Path)
    return await asyncio.open_unix_connection(proxy.address)


async def ask(streams: Streams, data: bytes) -> bytes:
    streams[1].write(data)
    async with asyncio.timeout(10):
        return await streams[0].readexactly(len(data))


async def everything(streams: Streams) -> bytes:
    """What comes until the end, however that comes."""
    got = b""
    try:
        async with asyncio.timeout(10):
            while data := await streams[0].read(65536):
                got += data
    except OSError:
        pass
    return got


async def comes(echo: Echo, heard: bytes) -> None:
    """The echo has heard just that: what the proxy has passed on is read a moment later."""
    async with asyncio.timeout(10):
        while len(echo.heard) < len(heard):  # noqa: ASYNC110 - it has no event for it
            await asyncio.sleep(0)
    assert echo.heard == heard


async def test_without_a_command_everything_passes(proxy: FaultProxy) -> None:
    streams = await connect(proxy)
    assert await ask(streams, b"x" * 300_000) == b"x" * 300_000
    streams[1].write_eof()
    assert await everything(streams) == b"", "the end is passed on"


async def test_a_reset_comes_after_exactly_so_many_bytes_and_once(proxy: FaultProxy, echo: Echo) -> None:
    streams = await connect(proxy)
    proxy.reset_after(7)
    streams[1].write(b"0123456789")
    await everything(streams)
    await comes(echo, b"0123456")
    assert (proxy.resets, proxy.cut.is_set()) == (1, True)
    assert await ask(await connect(proxy), b"0123456789") == b"0123456789"


async def test_a_reset_at_every_so_many_bytes_goes_on_until_it_is_healed(proxy: FaultProxy, echo: Echo) -> None:
    proxy.reset_after(3, every=True)
    for _ in range(3):
        streams = await connect(proxy)
        streams[1].write(b"abcdef")
        await everything(streams)
    await comes(echo, b"abcabcabc")
    assert proxy.resets == 3
    proxy.heal()
    assert await ask(await connect(proxy), b"abcdef") == b"abcdef"


async def test_a_truncated_answer_ends_in_the_middle(proxy: FaultProxy) -> None:
    streams = await connect(proxy)
    proxy.truncate_after(10 + 4)
    streams[1].write(b"0123456789")
    assert await everything(streams) == b"0123"


async def test_silence_accepts_and_swallows_until_it_is_healed(proxy: FaultProxy, echo: Echo) -> None:
    before = await connect(proxy)
    await ask(before, b"before")
    proxy.silence()
    during = await connect(proxy)
    for streams in (before, during):
        streams[1].write(b"lost")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await streams[0].read(1)
    assert echo.heard == b"before"
    proxy.heal()
    assert await everything(before) == b"", "what has lost something is reset"
    assert await ask(await connect(proxy), b"after") == b"after"


async def test_a_half_open_connection_hears_and_is_not_heard(proxy: FaultProxy, echo: Echo) -> None:
    streams = await connect(proxy)
    proxy.half_open(Way.TO_CLIENT)
    streams[1].write(b"heard")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await streams[0].read(1)
    await comes(echo, b"heard")


async def test_a_delay_is_of_the_way_that_was_named(proxy: FaultProxy) -> None:
    streams = await connect(proxy)
    loop = asyncio.get_running_loop()
    proxy.delay(0.1, Way.TO_CLIENT)
    began = loop.time()
    await ask(streams, b"slow")
    assert loop.time() - began >= 0.1


async def test_a_socket_is_given_back_its_place(echo: Echo) -> None:
    async with in_front_of(echo.path) as proxy:
        assert await ask(await connect(proxy), b"through the proxy") == b"through the proxy"
        assert proxy.accepted == 1
    reader, writer = await asyncio.open_unix_connection(echo.path)
    assert await ask((reader, writer), b"directly") == b"directly"
