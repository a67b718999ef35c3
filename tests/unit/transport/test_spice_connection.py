"""The bookkeeping of SPICE channels over real TCP. The server here accepts and does what a test says: the protocol is another's."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from ATPLibrary.errors import ChannelError, DeadlineError
from ATPLibrary.events import EventBus
from ATPLibrary.secrets import Secret
from ATPLibrary.transport.spice import SpiceChannelType as Type
from ATPLibrary.transport.spice import SpiceEndpoint
from ATPLibrary.transport.spice_connection import Link, SpiceChannel, SpiceChannelState, SpiceSpeaker, SpiceVmConnection

pytestmark = pytest.mark.unit


class Server:
    """Keeps the connections that it has accepted, in order."""

    def __init__(self) -> None:
        self.clients: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        self.port = 0
        self.bus = EventBus()

    def connection(self, link: Link | None = None) -> SpiceVmConnection:
        endpoint = SpiceEndpoint("win11", "127.0.0.1", self.port)
        return SpiceVmConnection("win11", "u-1", endpoint, self.bus, ticket=Secret("a ticket"), link=link)

    async def client(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.wait_for(self.clients.get(), 5)


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Server]:
    """A listening server and, through it, connections to it."""
    server = Server()
    accepted: list[asyncio.StreamWriter] = []

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.append(writer)
        server.clients.put_nowait((reader, writer))

    listener = await asyncio.start_server(accept, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    yield server
    for writer in accepted:
        writer.transport.abort()
    listener.close()


async def test_channels_are_opened_by_type_after_the_main_one_and_closed_by_type(server: Server) -> None:
    connection = server.connection()
    with pytest.raises(
        ChannelError, match=r"display:0 of VM 'win11' should have its session's main channel open before it"
    ):
        await connection.open_channel(Type.DISPLAY, timeout=5)
    main = await connection.connect_main_channel(5)
    await connection.open_channel(Type.DISPLAY, timeout=5)
    second = await connection.open_channel(Type.DISPLAY, 1, timeout=5)
    assert [channel.name for channel in connection.channels.values()] == ["main:0", "display:0", "display:1"]
    assert connection.channel(Type.DISPLAY, 1) is second
    assert connection.channel(Type.INPUTS) is None
    with pytest.raises(
        ChannelError, match=r"be closed, to be opened but is connected\. .*needs no opening.*'Close SPICE"
    ):
        await connection.open_channel(Type.DISPLAY, timeout=5)
    await connection.close_channel(Type.DISPLAY)
    assert second.state is main.state is SpiceChannelState.CONNECTED
    with pytest.raises(ChannelError, match=r"display:0 .* should be open but open are: main:0, display:1"):
        await connection.close_channel(Type.DISPLAY)
    await connection.close_channel(Type.MAIN)
    assert connection.channels == {}
    assert second.state is main.state is SpiceChannelState.CLOSED


@pytest.mark.parametrize(("type", "untaken_ms"), [(Type.DISPLAY, 15_000), (Type.PORT, 0)])
async def test_the_kernel_watches_a_peer_that_may_go_without_a_word(
    server: Server, type: Type, untaken_ms: int
) -> None:
    connection = server.connection()
    await connection.connect_main_channel(5)
    channel = await connection.open_channel(type, timeout=5)
    assert channel.writer is not None
    connected = channel.writer.get_extra_info("socket")
    assert connected.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT)
    assert [connected.getsockopt(socket.IPPROTO_TCP, each) for each in options] == [5, 5, 3, untaken_ms]
    await connection.close()


async def test_a_channel_is_linked_only_when_a_link_was_made(server: Server) -> None:
    async def link(channel: SpiceChannel, timeout: float) -> None:
        assert channel.reader is not None
        assert channel.writer is not None
        channel.writer.write(b"%d %d" % (channel.type, channel.connection.session_id))
        if channel.type is Type.MAIN:
            channel.connection.session_id = int(await channel.reader.readexactly(2))

    connection = server.connection(link)
    opening = asyncio.create_task(connection.connect_main_channel(5))
    reader, writer = await server.client()
    assert await reader.readexactly(3) == b"1 0"
    assert connection.channels[Type.MAIN, 0].state is SpiceChannelState.CONNECTED
    writer.write(b"42")
    assert (await opening).state is SpiceChannelState.LINKED
    inputs = await connection.open_channel(Type.INPUTS, timeout=5)
    assert await (await server.client())[0].readexactly(4) == b"3 42"
    assert inputs.state is SpiceChannelState.LINKED
    await connection.close()


async def test_a_channel_that_the_server_ends_has_failed_and_is_opened_anew_without_the_others(server: Server) -> None:
    connection = server.connection()
    main = await connection.connect_main_channel(5)
    display = await connection.open_channel(Type.DISPLAY, timeout=5)
    await server.client()
    (await server.client())[1].close()
    assert display.reader is not None
    await asyncio.wait_for(display.reader.read(), 5)
    assert display.state is SpiceChannelState.FAILED
    assert display.failure == "the server closed it"
    assert await connection.open_channel(Type.DISPLAY, timeout=5) is display
    assert display.state is main.state is SpiceChannelState.CONNECTED
    kinds = [event.kind for event in server.bus.recent("vm:win11") if event.data["channel"] == "display:0"]
    assert kinds == [
        f"spice.channel.{state}" for state in ("connecting", "connected", "failed", "connecting", "connected")
    ]
    await connection.close()


async def test_a_link_that_fails_or_is_cancelled_leaves_the_channel_failed_and_its_socket_closed(
    server: Server,
) -> None:
    async def refuse(channel: SpiceChannel, timeout: float) -> None:
        raise ChannelError("The ticket is wrong.")

    async def hang(channel: SpiceChannel, timeout: float) -> None:
        assert channel.reader is not None
        await channel.reader.readexactly(1)

    connection = server.connection(refuse)
    with pytest.raises(ChannelError, match="The ticket is wrong"):
        await connection.connect_main_channel(5)
    assert connection.channels[Type.MAIN, 0].failure == "The ticket is wrong."
    assert await asyncio.wait_for((await server.client())[0].read(), 5) == b""
    with pytest.raises(ChannelError, match=r"that one is failed \(The ticket is wrong\.\)"):
        await connection.open_channel(Type.INPUTS, timeout=5)
    connection = server.connection(hang)
    with pytest.raises(DeadlineError, match=r"main:0 of VM 'win11' should open within 0\.05 s .* Last seen: connected"):
        await connection.connect_main_channel(0.05)
    assert connection.channels[Type.MAIN, 0].state is SpiceChannelState.FAILED
    assert await asyncio.wait_for((await server.client())[0].read(), 5) == b""


async def test_a_server_that_is_not_there_is_named(server: Server) -> None:
    endpoint = SpiceEndpoint("win11", "127.0.0.1", 1)
    connection = SpiceVmConnection("win11", "u-1", endpoint, server.bus)
    with pytest.raises(ChannelError, match=r"reach its server at 127\.0\.0\.1 port 1 but did not"):
        await connection.connect_main_channel(5)


async def test_a_server_with_a_tls_port_only_is_not_spoken_to_in_plain(server: Server) -> None:
    endpoint = SpiceEndpoint("win11", "::1", None, 5901)
    connection = SpiceVmConnection("win11", "u-1", endpoint, server.bus)
    with pytest.raises(ChannelError, match=r"have a plain port but its server is at \[::1\]:5901 \(TLS\)"):
        await connection.connect_main_channel(5)


async def test_no_event_and_no_name_shows_the_ticket(server: Server) -> None:
    connection = server.connection()
    await connection.connect_main_channel(5)
    shown = repr(connection.channels) + str([str(event) for event in server.bus.recent()]) + str(vars(connection))
    assert "a ticket" not in shown
    await connection.close()


async def test_a_channel_that_is_closed_while_it_is_linked_does_not_come_to_life_again(server: Server) -> None:
    linking, go_on = asyncio.Event(), asyncio.Event()

    async def link(channel: SpiceChannel, timeout: float) -> None:
        linking.set()
        await go_on.wait()

    connection = server.connection(link)
    opening = asyncio.create_task(connection.connect_main_channel(5))
    await asyncio.wait_for(linking.wait(), 5)
    main = connection.channels[Type.MAIN, 0]
    await connection.close()
    go_on.set()
    with pytest.raises(
        ChannelError, match=r"main:0 of VM 'win11' should open but was closed while it was being opened"
    ):
        await opening
    assert (main.state, main.writer, connection.channels) == (SpiceChannelState.CLOSED, None, {})
    assert await asyncio.wait_for((await server.client())[0].read(), 5) == b""


async def test_a_channel_that_is_closed_while_it_connects_leaves_no_socket(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    really, go_on = asyncio.open_connection, asyncio.Event()
    connected = asyncio.Event()

    async def slowly(*arguments: Any, **named: Any) -> Any:
        ends = await really(*arguments, **named)
        connected.set()
        await go_on.wait()
        return ends

    monkeypatch.setattr(asyncio, "open_connection", slowly)
    connection = server.connection()
    opening = asyncio.create_task(connection.connect_main_channel(5))
    await asyncio.wait_for(connected.wait(), 5)
    main = connection.channels[Type.MAIN, 0]
    await connection.close_channel(Type.MAIN)
    go_on.set()
    with pytest.raises(ChannelError, match="was closed while it was being opened"):
        await opening
    assert (main.state, main.writer, connection.channels) == (SpiceChannelState.CLOSED, None, {})
    reader, _ = await server.client()
    with contextlib.suppress(ConnectionResetError):
        assert await asyncio.wait_for(reader.read(), 5) == b""


class NeverTakenUp(SpiceSpeaker):
    """The server of its channel never says anything."""

    def ended(self, reason: str) -> None:
        pass

    async def taken_up(self) -> None:
        await asyncio.Event().wait()


@pytest.mark.parametrize("whole", [True, False])
async def test_closing_that_is_given_up_while_the_server_takes_the_channel_up_leaves_no_socket(
    server: Server, whole: bool
) -> None:
    async def link(channel: SpiceChannel, timeout: float) -> None:
        channel.speaker = NeverTakenUp()

    connection = server.connection(link)
    channel = await connection.connect_main_channel(5)
    reader, _ = await server.client()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await (connection.close() if whole else channel.close())
    assert channel.state is SpiceChannelState.CLOSED
    assert await asyncio.wait_for(reader.read(), 5) == b""
