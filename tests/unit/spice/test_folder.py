"""A folder served through the WebDAV channel: real HTTP, several clients at once, and what is none."""

from __future__ import annotations

import asyncio
import errno
import io
import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.spice.server import Peer, SpiceServer

from ATPLibrary.errors import ConfigError
from ATPLibrary.protocol.spice.client import speaking
from ATPLibrary.protocol.spice.folder import MOST_KEPT, SharedFolder
from ATPLibrary.protocol.spice.folder_mux import FolderMux, packed
from ATPLibrary.transport.spice import SpiceChannelType as Type
from ATPLibrary.transport.spice_connection import SpiceVmConnection

pytestmark = pytest.mark.unit

DATA = 101


class Daemon:
    """The guest's half: pieces of its clients' streams, to and fro."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._mux = FolderMux()
        self.got: dict[int, bytes] = {}
        self.closed: set[int] = set()

    def say(self, client: int, data: bytes) -> None:
        self._peer.send(DATA, packed(client, data))

    async def hear(self) -> None:
        for client, data in self._mux.feed(await self._peer.expect(DATA)):
            self.got[client] = self.got.get(client, b"") + data
            if not data:
                self.closed.add(client)

    async def ask(self, client: int, request: bytes, http: h11.Connection) -> tuple[int, bytes]:
        """One request on a client's connection: status and body."""
        self.say(client, request)
        status, body = 0, b""
        while True:
            event = http.next_event()
            if event is h11.NEED_DATA:
                while not self.got.get(client):
                    await self.hear()
                http.receive_data(self.got.pop(client))
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                return status, body


def client_of(method: str) -> h11.Connection:
    """One that expects the answer to such a request; its bytes the test writes itself."""
    http = h11.Connection(h11.CLIENT)
    http.send(h11.Request(method=method, target="/", headers=[("Host", "x")]))
    http.send(h11.EndOfMessage())
    return http


async def served(
    server: SpiceServer,
    connection: SpiceVmConnection,
    directory: Path,
    *,
    read_only: bool = False,
    most_kept: int = MOST_KEPT,
) -> tuple[SharedFolder, Daemon]:
    channel = speaking(await connection.open_channel(Type.WEBDAV, timeout=5))
    folder = SharedFolder(channel, directory, read_only=read_only, most_kept=most_kept)
    folder.start()
    return folder, Daemon(await server.peer(Type.WEBDAV))


async def test_files_are_listed_read_written_and_removed(
    server: SpiceServer, connection: SpiceVmConnection, tmp_path: Path
) -> None:
    (tmp_path / "größe.bin").write_bytes(content := bytes(range(256)) * 1000)
    folder, daemon = await served(server, connection, tmp_path)
    name = b"/gr%C3%B6%C3%9Fe.bin"
    listing = b"PROPFIND / HTTP/1.1\r\nHost: x\r\nDepth: 1\r\nContent-Length: 0\r\n\r\n"
    status, body = await daemon.ask(5, listing, client_of("PROPFIND"))
    assert (status, name in body) == (207, True)
    got = await daemon.ask(5, b"GET " + name + b" HTTP/1.1\r\nHost: x\r\n\r\n", client_of("GET"))
    assert got == (200, content)
    assert await daemon.ask(5, b"HEAD " + name + b" HTTP/1.1\r\nHost: x\r\n\r\n", client_of("HEAD")) == (200, b"")
    chunked = b"PUT /new HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    assert (await daemon.ask(5, chunked, client_of("PUT")))[0] == 201
    assert (tmp_path / "new").read_bytes() == b"abcde"
    assert (await daemon.ask(5, b"DELETE /new HTTP/1.1\r\nHost: x\r\n\r\n", client_of("DELETE")))[0] == 204
    assert not (tmp_path / "new").exists()
    assert (await daemon.ask(5, b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", client_of("GET")))[0] == 400
    assert folder.requests[:2] == ["PROPFIND / 207", "GET /gr%C3%B6%C3%9Fe.bin 200"]
    await folder.stop()
    assert not folder.is_served


async def test_a_read_only_folder_is_not_written(
    server: SpiceServer, connection: SpiceVmConnection, tmp_path: Path
) -> None:
    (tmp_path / "a").write_bytes(b"kept")
    _, daemon = await served(server, connection, tmp_path, read_only=True)
    put = b"PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nnew"
    assert (await daemon.ask(1, put, client_of("PUT")))[0] == 403
    assert (tmp_path / "a").read_bytes() == b"kept"


async def test_clients_are_kept_apart_and_closed(
    server: SpiceServer, connection: SpiceVmConnection, tmp_path: Path
) -> None:
    (tmp_path / "a").write_bytes(b"A")
    (tmp_path / "b").write_bytes(b"B")
    _, daemon = await served(server, connection, tmp_path)
    daemon.say(1, b"GET /a HTTP/1.1\r\nHo")  # waits in the middle of its header
    assert await daemon.ask(2, b"GET /b HTTP/1.1\r\nHost: x\r\n\r\n", client_of("GET")) == (200, b"B")
    assert await daemon.ask(1, b"st: x\r\n\r\n", client_of("GET")) == (200, b"A")
    daemon.say(1, b"")
    daemon.say(3, b"no HTTP at all\r\n\r\n")
    async with asyncio.timeout(5):
        while not {1, 3} <= daemon.closed:
            await daemon.hear()
    assert daemon.got[3].startswith(b"HTTP/1.1 400")


async def test_the_folder_ends_with_its_channel(
    server: SpiceServer, connection: SpiceVmConnection, tmp_path: Path
) -> None:
    folder, daemon = await served(server, connection, tmp_path)
    daemon.say(1, b"GET /")
    (await server.peer(Type.WEBDAV)).writer.transport.abort()
    await folder._watch  # type: ignore[misc]
    assert not folder.is_served


async def test_what_is_no_folder_is_refused(server: SpiceServer, connection: SpiceVmConnection, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no folder"):
        await served(server, connection, tmp_path / "nothing")


@given(
    st.lists(st.tuples(st.integers(-(1 << 63), (1 << 63) - 1), st.binary(max_size=300)), max_size=5), st.integers(1, 9)
)
def test_pieces_come_out_as_they_went_in(pieces: list[tuple[int, bytes]], size: int) -> None:
    stream = b"".join(packed(client, data) for client, data in pieces)
    mux = FolderMux()
    got = [piece for at in range(0, len(stream), size) for piece in mux.feed(stream[at : at + size])]
    assert got == pieces


def test_what_is_longer_than_a_piece_goes_in_several() -> None:
    assert packed(9, bytes(0x10000)) == struct.pack("<qH", 9, 0xFFFF) + bytes(0xFFFF) + struct.pack("<qH", 9, 1) + b"\0"


async def test_a_file_that_is_not_wanted_is_refused_before_its_bytes(
    server: SpiceServer, connection: SpiceVmConnection, tmp_path: Path
) -> None:
    folder, daemon = await served(server, connection, tmp_path, read_only=True)
    head = b" /a HTTP/1.1\r\nHost: x\r\nContent-Length: 400000000000\r\n"
    async with asyncio.timeout(5):
        assert (await daemon.ask(1, b"PUT" + head + b"\r\n", client_of("PUT")))[0] == 403
        daemon.say(1, bytes(100_000))  # which is dropped
        assert (await daemon.ask(2, b"PROPFIND" + head + b"\r\n", client_of("PROPFIND")))[0] == 413
        waiting = b"PUT" + head + b"Expect: 100-continue\r\n\r\n"
        assert (await daemon.ask(3, waiting, client_of("PUT")))[0] == 403
        while 3 not in daemon.closed:
            await daemon.hear()
    assert folder.requests == ["PUT /a 403", "PROPFIND /a 413", "PUT /a 403"]


async def kept(folder: SharedFolder, client: int, size: int) -> None:
    """Until so many bytes of a client's request are kept."""
    while client not in folder._clients or folder._clients[client][0].kept != size:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.005)


async def test_files_on_their_way_have_a_bound_together(
    server: SpiceServer, connection: SpiceVmConnection, tmp_path: Path
) -> None:
    folder, daemon = await served(server, connection, tmp_path, most_kept=3 << 20)
    big, length = bytes(range(256)) * (2 << 12), b"Content-Length: %d\r\n\r\n"
    put = b"PUT /%s HTTP/1.1\r\nHost: x\r\n"
    async with asyncio.timeout(20):
        assert (await daemon.ask(1, put % b"a" + length % len(big) + big, client_of("PUT")))[0] == 201
        assert (tmp_path / "a").read_bytes() == big
        await kept(folder, 1, 0)  # its answer goes out while the body is still there
        daemon.say(2, put % b"b" + length % len(big) + big[:-1])  # waits for its last byte
        await kept(folder, 2, len(big) - 1)
        assert (await daemon.ask(1, put % b"c" + length % (4 << 20), client_of("PUT")))[0] == 413
        chunked = put % b"d" + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(big) + big + b"\r\n"
        assert (await daemon.ask(3, chunked, client_of("PUT")))[0] == 413
        assert (await daemon.ask(2, big[-1:], client_of("PUT")))[0] == 201
        # What follows the rest of a refused body is the next request.
        rest = b"0\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n"
        assert await daemon.ask(3, rest, client_of("GET")) == (200, big)
    assert not (tmp_path / "c").exists()
    assert not (tmp_path / "d").exists()
    assert sorted(folder.requests) == ["GET /b 200", "PUT /a 201", "PUT /b 201", "PUT /c 413", "PUT /d 413"]


async def test_what_waits_to_be_looked_at_has_a_bound_for_all_clients_together(
    server: SpiceServer, connection: SpiceVmConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ATPLibrary.protocol.spice.folder._MOST_WAITING", 100_000)
    (tmp_path / "a").write_bytes(b"A")
    folder, daemon = await served(server, connection, tmp_path)
    head = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
    # At one go: no client's task gets a turn between them.
    folder._received(packed(1, head) + packed(2, head + bytes(60_000)) + packed(3, bytes(60_000)))
    await folder._speaking.pass_on("what is queued", 5)
    async with asyncio.timeout(5):
        while 3 not in daemon.closed:
            await daemon.hear()
    assert await daemon.ask(1, b"", client_of("GET")) == (200, b"A")


async def test_a_body_without_room_on_the_disk_is_refused_and_the_next_request_is_answered(
    server: SpiceServer, connection: SpiceVmConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.BytesIO):
        def seek(self, offset: int, whence: int = 0) -> int:
            if offset == 0 and self.tell() > 1 << 20:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().seek(offset, whence)

    monkeypatch.setattr("ATPLibrary.protocol.spice.folder.tempfile.SpooledTemporaryFile", lambda max_size: Full())
    (tmp_path / "b").write_bytes(b"B")
    _, daemon = await served(server, connection, tmp_path)
    big = bytes((1 << 20) + 1)
    async with asyncio.timeout(10):
        put = b"PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(big)
        assert (await daemon.ask(1, put + big, client_of("PUT")))[0] == 507
        get = b"GET /b HTTP/1.1\r\nHost: x\r\n\r\n"
        assert await daemon.ask(1, get, client_of("GET")) == (200, b"B")
    assert not (tmp_path / "a").exists()


async def test_what_goes_wrong_in_here_is_a_status_to_the_guest_and_told_to_the_tester(
    server: SpiceServer, connection: SpiceVmConnection, tmp_path: Path
) -> None:
    def broken(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        raise OSError(errno.EIO, "Input/output error")

    folder, daemon = await served(server, connection, tmp_path)
    whole, folder._application = folder._application, broken
    get = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
    async with asyncio.timeout(5):
        assert await daemon.ask(1, get, client_of("GET")) == (500, b"")
        folder._application = whole
        assert (await daemon.ask(1, get, client_of("GET")))[0] == 404
    assert folder.requests == ["GET /a 500", "GET /a 404"]
    (told,) = [each for each in connection.bus.take_notices() if each.kind == "spice.folder.failed"]
    assert told.is_warning
    assert told.notice == (
        f"Folder '{tmp_path}' failed to answer 'GET /a' of VM 'win11': OSError: [Errno 5] Input/output error"
    )
