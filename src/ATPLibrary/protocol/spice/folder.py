"""A folder of this machine that a guest sees by WebDAV, through its SPICE session.

WebDAV itself is wsgidav's (extra `webdav`), which is asked as a WSGI application, without a socket: nobody else on this machine can
reach the folder. HTTP's bytes are h11's.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote_to_bytes

import h11

from ATPLibrary.errors import ATPError, ConfigError
from ATPLibrary.protocol.spice.channels.pipes import PortConversation
from ATPLibrary.protocol.spice.client import SpeakingChannel
from ATPLibrary.protocol.spice.folder_mux import FolderMux, packed
from ATPLibrary.runtime import Workers, spawn

# WSGI, as PEP 3333 has it.
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

WORKERS = Workers("spice-folder", 4)
_CALL_SECONDS = 60.0
_SEND_SECONDS = 60.0
_FOREVER = 1e9
# A request's body beyond this is kept in a file; so many bytes of a client may wait to be looked at.
_IN_MEMORY, _MOST_WAITING = 1 << 20, 64 << 20
MOST_CLIENTS = 64


@dataclass
class _Client:
    number: int
    pieces: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)
    waiting: int = 0


class SharedFolder:
    """Served from `start` until `stop` or the channel's end. `requests` are those answered: "GET /a.txt 200"."""

    def __init__(self, speaking: SpeakingChannel, directory: Path, *, read_only: bool) -> None:
        assert isinstance(speaking.conversation, PortConversation)
        self.directory = directory
        self.requests: list[str] = []
        self._speaking = speaking
        self._port = speaking.conversation
        self._application = _webdav(directory, read_only)
        self._mux = FolderMux()
        self._clients: dict[int, tuple[_Client, asyncio.Task[None]]] = {}
        self._stopped = False
        self._watch: asyncio.Task[None] | None = None

    @property
    def is_served(self) -> bool:
        return not self._stopped and self._speaking.channel.state.is_open

    def start(self) -> None:
        self._port.reader = self._received
        if self._port.unread:
            early, self._port.unread = bytes(self._port.unread), bytearray()
            self._received(early)
        self._watch = spawn(self._until_the_end(), f"the folder on {self._speaking.channel.name}")

    async def stop(self) -> None:
        """Answer nobody any more. The channel stays open."""
        self._stopped = True
        self._port.reader = None
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait([self._watch])

    async def _until_the_end(self) -> None:
        """The clients' tasks end with the channel."""
        try:
            with contextlib.suppress(ATPError):
                await self._speaking.wait_until(lambda: self._stopped, _FOREVER, "end")
        finally:
            for _, task in self._clients.values():
                task.cancel()
            self._clients.clear()

    def _received(self, data: bytes) -> None:
        for number, piece in self._mux.feed(data):
            known = self._clients.get(number)
            if not piece:
                if known is not None:
                    known[0].pieces.put_nowait(b"")
                continue
            if known is None:
                if len(self._clients) >= MOST_CLIENTS:
                    self._port.pass_on(packed(number, b""))
                    continue
                client = _Client(number)
                known = client, spawn(self._serve(client), f"client {number} of the folder")
                self._clients[number] = known
            known[0].waiting += len(piece)
            if known[0].waiting > _MOST_WAITING:
                self._clients.pop(number)[1].cancel()
                self._port.pass_on(packed(number, b""))
            else:
                known[0].pieces.put_nowait(piece)

    async def _serve(self, client: _Client) -> None:
        """One connection: requests one after the other, until it is closed."""
        http = h11.Connection(h11.SERVER)
        try:
            while await self._answer(client, http):
                http.start_next_cycle()
        except h11.RemoteProtocolError as error:
            await self._refuse(client, http, error)
        finally:
            self._clients.pop(client.number, None)
            if self._speaking.channel.state.is_open:
                self._port.pass_on(packed(client.number, b""))
                with contextlib.suppress(ATPError):
                    await self._speaking.pass_on("what is queued", _SEND_SECONDS)

    async def _answer(self, client: _Client, http: h11.Connection) -> bool:
        """One request. Returns whether another may follow."""
        request = await self._next(client, http)
        if not isinstance(request, h11.Request):
            return False
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as body:
            if http.they_are_waiting_for_100_continue:
                await self._send(client, http, h11.InformationalResponse(status_code=100, headers=[]))
            while isinstance(event := await self._next(client, http), h11.Data):
                body.write(event.data)
            if not isinstance(event, h11.EndOfMessage):
                return False
            size = body.tell()
            body.seek(0)
            answer = await WORKERS.call(
                _asked,
                self._application,
                _environ(request, body, size),
                timeout=_CALL_SECONDS,
                what="The shared folder",
            )
            try:
                await self._give(client, http, request, answer)
            finally:
                await WORKERS.call(answer.close, timeout=_CALL_SECONDS, what="The shared folder")
        return http.our_state is h11.DONE and http.their_state is h11.DONE

    async def _give(self, client: _Client, http: h11.Connection, request: h11.Request, answer: _Answer) -> None:
        self.requests.append(f"{request.method.decode()} {request.target.decode('latin-1')} {answer.status}")
        del self.requests[:-1000]
        await self._send(client, http, h11.Response(status_code=answer.status, headers=answer.headers))
        while (piece := await WORKERS.call(answer.next, timeout=_CALL_SECONDS, what="The shared folder")) is not None:
            if piece and request.method != b"HEAD":
                await self._send(client, http, h11.Data(data=piece))
        await self._send(client, http, h11.EndOfMessage())

    async def _refuse(self, client: _Client, http: h11.Connection, error: h11.RemoteProtocolError) -> None:
        if http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            status = error.error_status_hint
            self.requests.append(f"no HTTP {status}")
            headers = [("Content-Length", "0"), ("Connection", "close")]
            await self._send(client, http, h11.Response(status_code=status, headers=headers))
            await self._send(client, http, h11.EndOfMessage())

    async def _next(self, client: _Client, http: h11.Connection) -> Any:
        while (event := http.next_event()) is h11.NEED_DATA:
            piece = await client.pieces.get()
            client.waiting -= len(piece)
            http.receive_data(piece)
        return event

    async def _send(self, client: _Client, http: h11.Connection, event: Any) -> None:
        data = http.send(event)
        if data:
            self._port.pass_on(packed(client.number, data))
            await self._speaking.pass_on("what is queued", _SEND_SECONDS)


@dataclass
class _Answer:
    """What a WSGI application answers. `next` and `close` block."""

    status: int
    headers: list[tuple[str, str]]
    pieces: Iterator[bytes]
    whole: Iterable[bytes]

    def next(self) -> bytes | None:
        return next(self.pieces, None)

    def close(self) -> None:
        close = getattr(self.whole, "close", None)
        if close is not None:
            close()


def _asked(application: Application, environ: dict[str, Any]) -> _Answer:
    """Blocks: ask, up to the first bytes of the answer, which the status goes before."""
    told: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], info: Any = None) -> None:
        told[:] = [int(status.split(maxsplit=1)[0]), headers]

    try:
        whole = application(environ, start_response)
        pieces = iter(whole)
        first = next(pieces, None)
    except Exception:  # noqa: BLE001 - nothing is waited for in there, and the guest is to get an answer whatever fails
        return _Answer(500, [("Content-Length", "0")], iter(()), ())
    assert told, "a WSGI application tells its status before its first bytes"
    if (
        first is None and environ["REQUEST_METHOD"] != "HEAD"
    ):  # wsgidav tells the length of a refusal that it then doesn't give
        told[1] = [(name, "0" if name.lower() == "content-length" else value) for name, value in told[1]]

    def all_pieces() -> Iterator[bytes]:
        if first is not None:
            yield first
        yield from pieces

    return _Answer(told[0], told[1], all_pieces(), whole)


def _environ(request: h11.Request, body: IO[bytes], size: int) -> dict[str, Any]:
    path, _, query = request.target.partition(b"?")
    if b"://" in path:  # a whole address, as proxies are given
        path = b"/" + path.partition(b"://")[2].partition(b"/")[2]
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method.decode("ascii"), "SCRIPT_NAME": "", "QUERY_STRING": query.decode("latin-1"),
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"), "SERVER_NAME": "localhost", "SERVER_PORT": "80",
        "SERVER_PROTOCOL": f"HTTP/{request.http_version.decode()}", "REMOTE_ADDR": "guest", "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http", "wsgi.input": body, "wsgi.errors": sys.stderr, "wsgi.multithread": True,
        "wsgi.multiprocess": False, "wsgi.run_once": False,
    }  # fmt: skip
    for name, value in request.headers:
        key = name.decode("ascii").upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value.decode("latin-1")
    # The body is whole by now, however it came.
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    environ.pop("HTTP_EXPECT", None)
    environ["CONTENT_LENGTH"] = str(size)
    return environ


def _webdav(directory: Path, read_only: bool) -> Application:
    if not directory.is_dir():
        raise ConfigError.about(
            f"The folder '{directory}'", wanted="be shared with a VM", got="is no folder", next_step="Check the path"
        )
    try:
        from wsgidav.wsgidav_app import WsgiDAVApp
    except ImportError as error:
        raise ConfigError.about(
            "A folder that is shared with a VM", wanted="be served by the Python package wsgidav", got="it is not installed",
            next_step="pip install 'robotframework-atp[webdav]'",
        ) from error  # fmt: skip
    application: Application = WsgiDAVApp(
        {
            "provider_mapping": {"/": {"root": str(directory.resolve()), "readonly": read_only}},
            "simple_dc": {"user_mapping": {"*": True}},
            "logging": {"enable": False},
            "verbose": 1,
        }
    )
    return application
