"""The web verifier: a page that reports a browser's input as an agent does, and who may open a WebSocket from a page.

A plain GET on the WebSocket port answers with the page's files; they are the same for everybody and hold no secret. Browsers say
from which page a WebSocket comes (`Origin`); one of another page than ours is turned away (docs/decisions/0028-web-verifier.md).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from ATPLibrary import __version__
from ATPLibrary.errors import AgentError
from ATPLibrary.secrets import Secret
from ATPLibrary.verifier.hello import PROTOCOL
from ATPLibrary.verifier.service.key_codes import EVDEV_OF_CODE, KEY_UNKNOWN

if TYPE_CHECKING:
    from websockets.http11 import Request, Response

_PAGE = Path(__file__).parent / "page"
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
TABLES = "/tables.js"
# What may stand in a Host header: anything else never gets into an answer.
_HOST = re.compile(r"[A-Za-z0-9._-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")


@cache
def files() -> dict[str, tuple[str, bytes]]:
    """What the page is made of: path -> its type and content."""
    found = {
        f"/{file.name}": (_TYPES[file.suffix], file.read_bytes())
        for file in sorted(_PAGE.iterdir())
        if file.suffix in _TYPES
    }
    tables = {"VERSION": __version__, "PROTOCOL": PROTOCOL, "KEY_UNKNOWN": KEY_UNKNOWN, "EVDEV_OF_CODE": EVDEV_OF_CODE}
    found[TABLES] = (
        _TYPES[".js"],
        "".join(f"export const {name} = {json.dumps(value)};\n" for name, value in tables.items()).encode(),
    )
    found["/"] = found["/page.html"]
    return found


def answer(request: Request) -> Response | None:
    """What the port says to a request that is no WebSocket, or to one that a stranger's page opens; None: let it in."""
    host = request.headers.get("Host") or ""
    if "websocket" in (request.headers.get("Upgrade") or "").lower():
        origins = request.headers.get_all("Origin")
        if not origins or (len(origins) == 1 and is_ours(origins[0], host)):
            return None
        return _response(HTTPStatus.FORBIDDEN, "A page of another server may not speak to this one.\n")
    if getattr(request, "method", "GET") != "GET":
        return _response(HTTPStatus.METHOD_NOT_ALLOWED, "Only GET is answered.\n")
    kind, content = files().get(request.path.partition("?")[0], (None, b""))
    if kind is None:
        return _response(HTTPStatus.NOT_FOUND, "There is nothing here. The web verifier is at /.\n")
    return _response(HTTPStatus.OK, content, kind, host)


def is_ours(origin: str, host: str) -> bool:
    """Whether a page of that `Origin` came from the server that is asked as `host`."""
    try:
        parts = urlsplit(origin)
        return parts.scheme in ("http", "https") and parts.netloc != "" and parts.netloc.lower() == host.lower()
    except ValueError:
        return False


def page_address(addresses: Mapping[str, str], host: str | None = None) -> str:
    """Where the page is, given the service's addresses, for a browser that reaches this machine as `host`; or `AgentError`."""
    websocket = urlsplit(addresses.get("websocket", ""))
    if not websocket.hostname:
        raise AgentError.about(
            "The verification service", wanted="have a WebSocket port, where the page is", got="has none",
            next_step="Give 'service: websocket_port' in the configuration, or websocket_port= to 'Start Verification Service'",
        )  # fmt: skip
    name = host or websocket.hostname
    if name in ("0.0.0.0", "::"):
        raise AgentError.about(
            "The web verifier's address", wanted="be one that a guest's browser can open",
            got=f"the service listens on {name}, which means all of this machine's addresses",
            next_step="Say with host= how the guest reaches this machine",
        )  # fmt: skip
    shown = f"[{name}]" if ":" in name and not name.startswith("[") else name
    return f"{'https' if websocket.scheme == 'wss' else 'http'}://{shown}:{websocket.port}/"


def page_fragment(vm: str, token: Secret) -> str:
    """What tells the page which VM it speaks for. Browsers keep what is behind the # to themselves: no server or proxy sees it."""
    return f"#vm={quote(vm, safe='')}&token={quote(token.reveal(), safe='')}"


def _response(status: HTTPStatus, content: bytes | str, kind: str = "text/plain", host: str = "") -> Response:
    from websockets.datastructures import Headers
    from websockets.http11 import Response

    body = content.encode() if isinstance(content, str) else content
    # 'self' means the page's own WebSocket too, but not in every browser that a guest may have.
    own = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    policy = (
        f"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'{own}; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
    headers = {
        "Content-Type": f"{kind}; charset=utf-8",
        "Content-Length": str(len(body)),
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-cache",
        "Connection": "close",
    }
    return Response(int(status), status.phrase, Headers(headers), body)
