"""WebDAV for a folder as wsgidav (extra `webdav`) answers it, and what HTTP and WSGI need between them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote_to_bytes

import h11

from ATPLibrary.errors import ConfigError

# WSGI, as PEP 3333 has it.
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass
class Answer:
    """What a WSGI application answers. `next` and `close` block. `failure` says what went wrong in the application."""

    status: int
    headers: list[tuple[str, str]]
    pieces: Iterator[bytes]
    whole: Iterable[bytes]
    failure: str = ""

    def next(self) -> bytes | None:
        return next(self.pieces, None)

    def close(self) -> None:
        close = getattr(self.whole, "close", None)
        if close is not None:
            close()


def asked(application: Application, environ: dict[str, Any]) -> Answer:
    """Blocks: ask, up to the first bytes of the answer, which the status goes before."""
    told: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], info: Any = None) -> None:
        told[:] = [int(status.split(maxsplit=1)[0]), headers]

    try:
        whole = application(environ, start_response)
        pieces = iter(whole)
        first = next(pieces, None)
    except Exception as error:  # noqa: BLE001 - nothing is waited for in there, and the guest gets an answer whatever fails
        return Answer(500, [("Content-Length", "0")], iter(()), (), f"{type(error).__name__}: {error}")
    assert told, "a WSGI application tells its status before its first bytes"
    if (
        first is None and environ["REQUEST_METHOD"] != "HEAD"
    ):  # wsgidav tells the length of a refusal that it then doesn't give
        told[1] = [(name, "0" if name.lower() == "content-length" else value) for name, value in told[1]]

    def all_pieces() -> Iterator[bytes]:
        if first is not None:
            yield first
        yield from pieces

    return Answer(told[0], told[1], all_pieces(), whole)


def environ(request: h11.Request, body: IO[bytes], size: int) -> dict[str, Any]:
    """What WSGI has of a request whose body of `size` bytes has come whole."""
    path, _, query = request.target.partition(b"?")
    if b"://" in path:  # a whole address, as proxies are given
        path = b"/" + path.partition(b"://")[2].partition(b"/")[2]
    made: dict[str, Any] = {
        "REQUEST_METHOD": request.method.decode("ascii"), "SCRIPT_NAME": "", "QUERY_STRING": query.decode("latin-1"),
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"), "SERVER_NAME": "localhost", "SERVER_PORT": "80",
        "SERVER_PROTOCOL": f"HTTP/{request.http_version.decode()}", "REMOTE_ADDR": "guest", "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http", "wsgi.input": body, "wsgi.errors": sys.stderr, "wsgi.multithread": True,
        "wsgi.multiprocess": False, "wsgi.run_once": False,
    }  # fmt: skip
    for name, value in request.headers:
        key = name.decode("ascii").upper().replace("-", "_")
        made[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value.decode("latin-1")
    # The body is whole by now, however it came.
    made.pop("HTTP_TRANSFER_ENCODING", None)
    made.pop("HTTP_EXPECT", None)
    made["CONTENT_LENGTH"] = str(size)
    return made


def webdav(directory: Path, read_only: bool) -> Application:
    """`ConfigError` for what is no folder, and without the extra `webdav`."""
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
