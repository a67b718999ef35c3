"""A channel over SSH behaves as one over a socket of this machine does: order, flow control, ends, and being closed."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from ATPLibrary.errors import ChannelError, DeadlineError
from ATPLibrary.events import EventBus
from ATPLibrary.lab.sshd import LabSshd
from ATPLibrary.transport import ByteChannel, HostConnection, socket_channel, ssh_link

pytestmark = pytest.mark.integration

MANY_BYTES = 8 * 1024 * 1024

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Channel = Callable[[Serve], Awaitable[ByteChannel]]


def uri(sshd: LabSshd) -> str:
    """No libvirt is behind it: only sockets are asked for."""
    return f"qemu+ssh://{sshd.user}@127.0.0.1:{sshd.port}/session?keyfile={sshd.key}&known_hosts={sshd.known_hosts}"


@pytest_asyncio.fixture
async def channel(sshd: LabSshd, bus: EventBus, tmp_path: Path) -> AsyncIterator[Channel]:
    """Call it with what serves a UNIX socket: a channel to it over SSH."""
    servers: list[asyncio.Server] = []
    host = HostConnection("rack", uri(sshd), bus)

    async def connected(serve: Serve) -> ByteChannel:
        path = tmp_path / f"s{len(servers)}"
        servers.append(await asyncio.start_unix_server(serve, str(path)))
        return await socket_channel(path, 10, host.sockets)

    yield connected
    await host.close(5)
    for server in servers:
        server.close()


async def test_megabytes_go_both_ways_whole_and_in_order(channel: Channel) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    here = await channel(echo)
    sent, received, count = hashlib.sha256(), hashlib.sha256(), 0

    async def send() -> None:
        for number in range(MANY_BYTES // 65536):
            block = number.to_bytes(4, "big") * 16384
            sent.update(block)
            await here.write(block, 20)

    sending = asyncio.ensure_future(send())
    while count < MANY_BYTES:
        data = await here.read(20)
        received.update(data)
        count += len(data)
    await sending
    assert received.digest() == sent.digest()
    await here.close()


async def test_many_channels_share_one_connection_and_each_gets_its_own_bytes(channel: Channel, sshd: LabSshd) -> None:
    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data[::-1])
        writer.close()

    many = await asyncio.gather(*(channel(count) for _ in range(60)))
    for number, each in enumerate(many):
        await each.write(f"<{number:03}>".encode(), 10)
    for number, each in enumerate(many):
        got = b""
        while len(got) < 5:
            got += await each.read(10)
        assert got == f"<{number:03}>".encode()[::-1]
    await asyncio.gather(*(each.close() for each in many))
    assert sshd.log.read_text().count("Accepted publickey") == 1


async def test_what_the_uri_does_not_say_is_as_in_the_user_s_own_ssh(
    sshd: LabSshd, bus: EventBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only for our own connection: the program `ssh` looks for its configuration in the home that /etc/passwd names."""
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text(
        f"Host rack\n  HostName 127.0.0.1\n  Port {sshd.port}\n  User {sshd.user}\n"
        f"  IdentityFile {sshd.key}\n  UserKnownHostsFile {sshd.known_hosts}\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    server = await asyncio.start_unix_server(lambda reader, writer: writer.write(b"here"), str(tmp_path / "s"))
    host = HostConnection("rack", "qemu+ssh://rack/system", bus)
    reader, writer = await host.sockets.open(tmp_path / "s", 10)
    assert await reader.readexactly(4) == b"here"
    writer.close()
    await host.close(5)
    server.close()


async def test_one_who_does_not_read_holds_the_writer_up_and_no_memory_grows(channel: Channel) -> None:
    stop = asyncio.Event()

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await stop.wait()
        writer.close()

    here = await channel(deaf)
    with pytest.raises(DeadlineError, match="did not read them"):
        await here.write(bytes(64 * 1024 * 1024), 1.0)
    other = await channel(deaf)  # the connection is not stuck: only that channel is
    await other.write(b"x", 5)
    await here.close()
    await other.close()
    stop.set()


async def test_one_who_is_not_read_from_is_held_up(channel: Channel) -> None:
    """What nobody asks for stays with the sender."""
    sent = 0
    blocked, stop = asyncio.Event(), asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        try:
            while True:
                writer.write(bytes(65536))
                async with asyncio.timeout(0.5):
                    await writer.drain()
                sent += 65536
        except TimeoutError:
            blocked.set()
        await stop.wait()
        writer.close()

    here = await channel(talk)
    await asyncio.wait_for(blocked.wait(), 20)
    assert sent < MANY_BYTES
    assert await here.read(5)
    await here.close()
    stop.set()


async def test_what_came_before_the_end_is_read_and_then_the_end_is_said(channel: Channel) -> None:
    async def last_words(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"last words")
        writer.close()

    here = await channel(last_words)
    got = b""
    while len(got) < 10:
        got += await here.read(5)
    assert got == b"last words"
    with pytest.raises(ChannelError, match=r"should stay open but ended: closed by the other side"):
        await here.read(5)
    await here.close()
    with pytest.raises(ChannelError, match="should stay open but ended"):
        await here.write(b"x", 5)


async def test_the_other_side_hears_that_we_closed(channel: Channel) -> None:
    heard = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.read() == b"bye"
        heard.set()
        writer.close()

    here = await channel(listen)
    await here.write(b"bye", 5)
    await here.close()
    await here.close()
    await asyncio.wait_for(heard.wait(), 10)


async def test_a_socket_that_is_not_there_is_named(sshd: LabSshd, channel: Channel, bus: EventBus) -> None:
    host = HostConnection("rack", uri(sshd), bus)
    with pytest.raises(
        ChannelError, match=r"The socket /no/where should open over SSH but did not.*Check that the VM runs"
    ):
        await socket_channel(Path("/no/where"), 10, host.sockets)
    await host.close(5)


async def test_sshd_is_made_to_send_at_once(start_sshd: Callable[..., LabSshd], bus: EventBus) -> None:
    """Else replies that follow each other wait for acknowledgements, 40 ms each."""
    sshd = start_sshd("LogLevel DEBUG2")
    host = HostConnection("rack", uri(sshd), bus)
    await host.sockets.connect(10)
    assert "setting TCP_NODELAY" in sshd.log.read_text()
    await host.close(5)


@pytest.mark.parametrize("made_to_run", ["/bin/false", "/bin/sleep 60"])
async def test_an_account_that_may_run_nothing_still_has_its_sockets(
    made_to_run: str, start_sshd: Callable[..., LabSshd], bus: EventBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh_link, "WAKE_SECONDS", 0.3)
    sshd = start_sshd(f"ForceCommand {made_to_run}")
    host = HostConnection("rack", uri(sshd), bus)
    server = await asyncio.start_unix_server(lambda reader, writer: writer.write(b"here"), str(tmp_path / "s"))
    channel = await socket_channel(tmp_path / "s", 10, host.sockets)
    assert await channel.read(5) == b"here"
    await channel.close()
    await host.close(5)
    server.close()
