"""HTTP to one platform: one client that is kept open, TLS, a bound on time and size, and one more try for a dead connection."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from ATPLibrary.config import PlatformSettings
    from ATPLibrary.vdi.faults import Faults
    from ATPLibrary.vdi.operations import Operation

CONNECT_TIMEOUT_SECONDS = 10.0
# The longest answer that is read: a thousand VMs are about 2 MB.
MAX_ANSWER_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Question:
    """What is sent: a path that is filled in, a query, and a body as it goes over the wire."""

    operation: Operation[Any]
    url: str
    query: Mapping[str, Any] = field(default_factory=dict)
    content: bytes | None = None
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, whatever it is."""

    status: int
    content_type: str
    body: bytes
    was_repeated: bool = False  # the question was sent twice: the first may have been heard


class HttpConnection:
    """Belongs to the asyncio loop that it is first used on. Nothing is opened before the first question."""

    def __init__(self, settings: PlatformSettings, faults: Faults, transport: httpx.AsyncBaseTransport | None) -> None:
        self._settings = settings
        self._faults = faults
        self._transport = transport
        self._http: httpx.AsyncClient | None = None

    async def ask(self, question: Question, headers: Mapping[str, str]) -> Reply:
        """One exchange, without a deadline of its own. An idempotent one is sent again where a kept connection turns out dead."""
        import httpx

        http, operation = self._client(), question.operation
        for attempt in (1, 2):
            body = bytearray()
            try:
                async with http.stream(
                    operation.method, question.url, params=question.query, headers=headers, content=question.content
                ) as answer:
                    async for chunk in answer.aiter_bytes():
                        body += chunk
                        if len(body) > MAX_ANSWER_BYTES:
                            raise self._faults.too_big(operation, MAX_ANSWER_BYTES)
                    content_type = answer.headers.get("Content-Type", "")
                    return Reply(answer.status_code, content_type, bytes(body), was_repeated=attempt > 1)
            except httpx.ConnectTimeout:
                raise self._faults.too_late(operation, CONNECT_TIMEOUT_SECONDS) from None
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError) as error:
                if body:
                    raise self._faults.truncated(operation, bytes(body)) from error
                if attempt == 2 or not operation.idempotent:
                    raise self._faults.cut_off(operation, error) from error
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise self._faults.unreachable(operation, error) from error
        raise AssertionError("unreachable: the second attempt returns or raises")

    async def close(self) -> None:
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    def _client(self) -> httpx.AsyncClient:
        import httpx

        if self._http is None:
            self._http = httpx.AsyncClient(
                base_url=self._settings.url,
                # The system's certificates take 20 ms to read: not for a platform that has none.
                verify=self._tls() if self._settings.url.startswith("https:") else False,
                transport=self._transport,
                # The deadline around each call is the bound; only connecting has its own, to say so.
                timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT_SECONDS),
                # A platform is addressed directly: a proxy of the environment is meant for the Internet.
                trust_env=False,
                headers={"Accept": "application/json, */*"},
            )
        return self._http

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if not self._settings.verify_tls:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif self._settings.ca_file is not None:
            try:
                context.load_verify_locations(cafile=self._settings.ca_file)
            except (OSError, ssl.SSLError) as error:
                raise self._faults.bad_ca_file(error) from error
        return context
