"""Where the service listens: TCP with lengths, WebSocket, a UNIX socket with lines. Each connection becomes a `Peer`.

The WebSocket port answers a browser's GET with the web verifier's page.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import ssl
import stat
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ATPLibrary.config import ServiceSettings
from ATPLibrary.errors import ConfigError
from ATPLibrary.protocol.virtio_serial.codec import Codec
from ATPLibrary.protocol.virtio_serial.codecs import LengthCodec
from ATPLibrary.transport.tcp_keepalive import keep_socket_alive
from ATPLibrary.verifier.service.admission import HELLO_BYTES
from ATPLibrary.verifier.service.handshakes import Handshakes, listening_sockets
from ATPLibrary.verifier.service.peer import CLOSE_SECONDS, LineFraming, Peer, StreamPeer, WebSocketPeer

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request, Response

_BACKLOG = 512
_LONGEST_SOCKET_PATH = 107

Serve = Callable[[Peer], Awaitable[None]]
# Another server's page was turned away: where it connected from, and the page's origin.
TurnAway = Callable[[str, str], None]


class Listeners:
    """`serve` is awaited with each new connection, in a task of its own that is done when the connection is."""

    def __init__(self, settings: ServiceSettings, serve: Serve, turn_away: TurnAway) -> None:
        self._settings = settings
        self._serve = serve
        self._turn_away = turn_away
        self._servers: list[Any] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._unix: tuple[Path, int] | None = None  # the socket's file and its inode
        self._handshakes = Handshakes(settings.strangers)
        self.addresses: dict[str, str] = {}  # by way: "tcp", "websocket", "unix"

    @property
    def handshakes(self) -> int:
        """How many connections haven't ended their TLS or WebSocket handshake."""
        return self._handshakes.count

    async def open(self) -> None:
        """Listen on every way that the settings name. `ConfigError` when one can't be had; then none is kept."""
        settings = self._settings
        try:
            tls = _tls(settings)
            if settings.tcp_port is not None:
                await self._open_tcp(settings.host, settings.tcp_port, tls)
            if settings.websocket_port is not None:
                await self._open_websocket(settings.host, settings.websocket_port, tls)
            if settings.unix_socket is not None:
                await self._open_unix(settings.unix_socket)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Listen no more. Connections are the caller's to end before; their tasks are given a moment."""
        servers, self._servers = self._servers, []
        for server in servers:
            server.close()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_SECONDS)
            for task in self._tasks:
                task.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):  # connections that aren't WebSockets yet
                await asyncio.gather(*(server.wait_closed() for server in servers))
        if self._unix is not None:
            _remove(*self._unix)
            self._unix = None
        self.addresses = {}

    async def _open_tcp(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._handshakes.done(writer)
            _watch_over(writer.get_extra_info("socket"))
            self._begin("tcp", reader, writer, LengthCodec(HELLO_BYTES))

        handshake = None if tls is None else self._settings.hello_timeout
        with _said("TCP port", "tcp_port", f"{host}:{port}"):
            for ours in await listening_sockets(host, port, self._handshakes):
                self._servers.append(
                    await asyncio.start_server(
                        connected, sock=ours, ssl=tls, ssl_handshake_timeout=handshake, backlog=_BACKLOG
                    )
                )
                self.addresses.setdefault("tcp", _address(ours.getsockname()))

    async def _open_websocket(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        from websockets.asyncio.server import serve

        from ATPLibrary.verifier.service import web

        async def connected(connection: ServerConnection) -> None:
            self._handshakes.done(connection.transport)
            _watch_over(connection.transport.get_extra_info("socket"))
            if (task := asyncio.current_task()) is not None:
                self._keep(task)
            await self._serve(WebSocketPeer(_address(connection.remote_address), connection))

        def requested(connection: ServerConnection, request: Request) -> Response | None:
            response = web.answer(request)
            if response is not None and response.status_code == HTTPStatus.FORBIDDEN:
                self._turn_away(_address(connection.remote_address), request.headers.get_all("Origin")[0])
            return response

        handshake: dict[str, Any] = {} if tls is None else {"ssl_handshake_timeout": self._settings.hello_timeout}
        with _said("WebSocket port", "websocket_port", f"{host}:{port}"):
            for ours in await listening_sockets(host, port, self._handshakes):
                # The session asks for signs of life itself. Uncompressed: what is small on the way must not be large here.
                # Strangers aren't told what serves them, and don't fill the log.
                server = await serve(
                    connected, sock=ours, ssl=tls, compression=None, open_timeout=self._settings.hello_timeout,
                    ping_interval=None, close_timeout=CLOSE_SECONDS, max_size=HELLO_BYTES, max_queue=1, backlog=_BACKLOG,
                    process_request=requested, server_header=None, logger=_silent_logger(), **handshake,
                )  # fmt: skip
                self._servers.append(server)
                address = f"{'ws' if tls is None else 'wss'}://{_address(ours.getsockname())}"
                self.addresses.setdefault("websocket", address)

    async def _open_unix(self, path: Path) -> None:
        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._begin("unix", reader, writer, LineFraming(limit=HELLO_BYTES))

        with _said("UNIX socket", "unix_socket", str(path)):
            ours = _unix_socket(path)
            try:
                server = await asyncio.start_unix_server(connected, sock=ours, backlog=_BACKLOG)
            except BaseException:
                ours.close()
                raise
        self._unix = (path, _inode(path))
        self._servers.append(server)
        self.addresses["unix"] = str(path)

    def _begin(self, way: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, codec: Codec) -> None:
        where = "the socket" if way == "unix" else _address(writer.get_extra_info("peername"))
        peer = StreamPeer(way, where, reader, writer, codec)
        task = asyncio.get_running_loop().create_task(self._run(peer), name=f"agent connection from {where}")
        self._keep(task)

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, peer: Peer) -> None:
        await self._serve(peer)


def _unix_socket(path: Path) -> socket.socket:
    """Bound to `path`, for this user only. What a service that is gone has left there is taken away."""
    if len(os.fsencode(path)) > _LONGEST_SOCKET_PATH:
        raise OSError(None, f"its path is longer than {_LONGEST_SOCKET_PATH} bytes")
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.stat().st_mode):
            raise OSError(None, "there is a file of that name, and no socket")
        with socket.socket(socket.AF_UNIX) as asking:
            asking.setblocking(False)
            try:
                asking.connect(str(path))
            except ConnectionRefusedError:
                path.unlink()
            else:
                raise OSError(None, "somebody listens there")
    ours = socket.socket(socket.AF_UNIX)
    try:
        os.fchmod(ours.fileno(), 0o600)  # before the name exists: there is no moment in which others may connect
        ours.bind(str(path))
        ours.setblocking(False)
    except BaseException:
        ours.close()
        raise
    return ours


def _inode(path: Path) -> int:
    return path.stat().st_ino


def _remove(path: Path, inode: int) -> None:
    with contextlib.suppress(OSError):
        if _inode(path) == inode:  # else it is another service's by now
            path.unlink()


def _tls(settings: ServiceSettings) -> ssl.SSLContext | None:
    if settings.certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(settings.certificate, settings.key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError.about(
            f"The verification service's certificate {settings.certificate}",
            wanted="be readable, with its key",
            got=f"is not: {error.strerror or error}",
            next_step="Give PEM files in 'service: certificate' and 'key'; a key with a password can't be used",
        ) from error
    return context


@contextlib.contextmanager
def _said(what: str, setting: str, where: str) -> Any:
    try:
        yield
    except (OSError, OverflowError) as error:
        raise ConfigError.about(
            f"The verification service's {what} {where}",
            wanted="be free to listen on",
            got=f"is not: {getattr(error, 'strerror', None) or error}",
            next_step=f"Say another in 'service: {setting}' or to 'Start Verification Service' (port 0 is any free one)",
        ) from error


def _silent_logger() -> logging.Logger:
    """What goes wrong with a connection is told as an event, bounded; the library's own words would be a log line a stranger."""
    logger = logging.getLogger(f"{__name__}.websocket")
    logger.setLevel(logging.CRITICAL + 1)
    return logger


def _watch_over(connection: Any) -> None:
    if connection is not None:
        keep_socket_alive(connection)


def _address(name: Any) -> str:
    if not isinstance(name, tuple):
        return "an unknown address"
    host, port = name[0], name[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
