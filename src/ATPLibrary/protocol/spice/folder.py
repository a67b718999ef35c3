"""A folder of this machine that a guest sees by WebDAV, through its SPICE session.

WebDAV itself is wsgidav's (extra `webdav`), which is asked as a WSGI application, without a socket: nobody else on this machine can
reach the folder. HTTP's bytes are h11's.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import h11

from ATPLibrary.errors import ATPError
from ATPLibrary.events import Event
from ATPLibrary.protocol.spice.channels.pipes import PortConversation
from ATPLibrary.protocol.spice.client import SpeakingChannel
from ATPLibrary.protocol.spice.folder_mux import FolderMux, packed
from ATPLibrary.protocol.spice.folder_webdav import Answer, asked, environ, webdav
from ATPLibrary.runtime import Workers, spawn

WORKERS = Workers("spice-folder", 4)
_CALL_SECONDS = 60.0
_SEND_SECONDS = 60.0
_FOREVER = 1e9
# A request's body beyond this is kept in a file; so many bytes of all clients may wait to be looked at.
_IN_MEMORY, _MOST_WAITING = 1 << 20, 64 << 20
MOST_CLIENTS = 64
# Requests that bring a file's bytes, and how many of these are kept at once, of all clients. Others bring a little XML.
_BRINGING = (b"PUT", b"PATCH", b"POST")
MOST_KEPT = 2 << 30


@dataclass
class _Client:
    number: int
    pieces: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)
    waiting: int = 0
    kept: int = 0  # bytes of its request's body


class _Refused(Exception):
    """A request whose body isn't taken."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class SharedFolder:
    """Served from `start` until `stop` or the channel's end. `requests` are those answered: "GET /a.txt 200"."""

    def __init__(
        self, speaking: SpeakingChannel, directory: Path, *, read_only: bool, most_kept: int = MOST_KEPT
    ) -> None:
        assert isinstance(speaking.conversation, PortConversation)
        self.directory = directory
        self.requests: list[str] = []
        self._speaking = speaking
        self._port = speaking.conversation
        self._application = webdav(directory, read_only)
        self._read_only = read_only
        self._most_kept = most_kept
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
            if sum(each.waiting for each, _ in self._clients.values()) > _MOST_WAITING:
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
        try:
            with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as body:
                return await self._answer_with(client, http, request, body)
        finally:
            client.kept = 0

    async def _answer_with(self, client: _Client, http: h11.Connection, request: h11.Request, body: IO[bytes]) -> bool:
        try:
            if not await self._fetch_body(client, http, request, body):
                return False
        except _Refused as refused:
            return await self._turn_down(client, http, request, refused.status)
        answer = await WORKERS.call(
            asked,
            self._application,
            environ(request, body, client.kept),
            timeout=_CALL_SECONDS,
            what="The shared folder",
        )
        if answer.failure:
            self._tell(request, answer.failure)
        try:
            await self._give(client, http, request, answer)
        finally:
            await WORKERS.call(answer.close, timeout=_CALL_SECONDS, what="The shared folder")
        return http.our_state is h11.DONE and http.their_state is h11.DONE

    async def _fetch_body(self, client: _Client, http: h11.Connection, request: h11.Request, body: IO[bytes]) -> bool:
        """Whether all of it has come. `_Refused` as soon as it is known that it isn't wanted, or too much."""
        brings = request.method in _BRINGING
        if brings and self._read_only:
            raise _Refused(403)

        def check_room(size: int) -> None:
            kept = sum(each.kept for each, _ in self._clients.values()) if brings else client.kept
            if kept + size > (self._most_kept if brings else _IN_MEMORY):
                raise _Refused(413)

        check_room(sum(int(value) for name, value in request.headers if name == b"content-length"))
        if http.they_are_waiting_for_100_continue:
            await self._send(client, http, h11.InformationalResponse(status_code=100, headers=[]))
        while isinstance(event := await self._next(client, http), h11.Data):
            check_room(len(event.data))
            client.kept += len(event.data)
            await self._in_body(client, body.write, bytes(event.data))
        await self._in_body(client, body.seek, 0)  # which writes the rest
        return isinstance(event, h11.EndOfMessage)

    async def _in_body(self, client: _Client, act: Callable[[Any], object], argument: object) -> None:
        """On a thread where the body is in a file. `_Refused` where that has no room."""
        if client.kept <= _IN_MEMORY:
            act(argument)
            return
        try:
            await WORKERS.call(act, argument, timeout=_CALL_SECONDS, what="The shared folder")
        except ATPError:
            raise  # a deadline's is an OSError as well
        except OSError as error:
            raise _Refused(507) from error

    async def _turn_down(self, client: _Client, http: h11.Connection, request: h11.Request, status: int) -> bool:
        """Answer before the body is there. What still comes of it is dropped: it isn't the next request."""
        client.kept = 0  # of what comes none is
        waits = http.they_are_waiting_for_100_continue
        await self._give_status(client, http, _words(request), status, close=waits)
        while not waits and http.their_state is h11.SEND_BODY:
            if not isinstance(await self._next(client, http), h11.Data | h11.EndOfMessage):
                return False
        return http.our_state is h11.DONE and http.their_state is h11.DONE

    async def _give(self, client: _Client, http: h11.Connection, request: h11.Request, answer: Answer) -> None:
        self._note(f"{_words(request)} {answer.status}")
        await self._send(client, http, h11.Response(status_code=answer.status, headers=answer.headers))
        while (piece := await WORKERS.call(answer.next, timeout=_CALL_SECONDS, what="The shared folder")) is not None:
            if piece and request.method != b"HEAD":
                await self._send(client, http, h11.Data(data=piece))
        await self._send(client, http, h11.EndOfMessage())

    async def _refuse(self, client: _Client, http: h11.Connection, error: h11.RemoteProtocolError) -> None:
        if http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            await self._give_status(client, http, "no HTTP", error.error_status_hint, close=True)

    async def _give_status(self, client: _Client, http: h11.Connection, what: str, status: int, *, close: bool) -> None:
        self._note(f"{what} {status}")
        headers = [("Content-Length", "0"), *([("Connection", "close")] if close else [])]
        await self._send(client, http, h11.Response(status_code=status, headers=headers))
        await self._send(client, http, h11.EndOfMessage())

    def _tell(self, request: h11.Request, failure: str) -> None:
        """The guest hears of a status only."""
        connection, what = self._speaking.channel.connection, _words(request)
        notice = f"Folder '{self.directory}' failed to answer '{what}' of VM '{connection.vm}': {failure}"
        data = {"uuid": connection.uuid, "request": what, "failure": failure}
        connection.bus.publish(
            Event(f"vm:{connection.vm}", "spice.folder.failed", data, notice=notice, is_warning=True)
        )

    def _note(self, request: str) -> None:
        self.requests.append(request)
        del self.requests[:-1000]

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


def _words(request: h11.Request) -> str:
    return f"{request.method.decode()} {request.target.decode('latin-1')}"
