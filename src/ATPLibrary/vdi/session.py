"""One session with a platform: login, token, HTTP, and the envelope `{"status", "msg", "data"}` around every answer."""

from __future__ import annotations

import asyncio
import hashlib
import json
import ssl
from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

from ATPLibrary.errors import PlatformError
from ATPLibrary.events import Event, EventBus, bus
from ATPLibrary.secrets import Secret, redact
from ATPLibrary.vdi import operations
from ATPLibrary.vdi.codes import INVALID_TOKEN
from ATPLibrary.vdi.faults import Faults, first_problem
from ATPLibrary.vdi.models import LoginAnswer, LoginRequest, VendorModel

if TYPE_CHECKING:
    import httpx
    from pydantic import TypeAdapter

    from ATPLibrary.config import PlatformSettings
    from ATPLibrary.vdi.operations import Operation

T = TypeVar("T")

DEFAULT_TIMEOUT_SECONDS = 60.0
CONNECT_TIMEOUT_SECONDS = 10.0
# The longest answer that is read: a thousand VMs are about 2 MB.
MAX_ANSWER_BYTES = 64 * 1024 * 1024


class SessionState(Enum):
    """LOGGED_OUT --login()--> LOGGED_IN --logout()--> LOGGED_OUT.

    A token that the platform no longer knows is renewed inside LOGGED_IN, once, by whichever call notices first.
    """

    LOGGED_OUT = "logged out"
    LOGGED_IN = "logged in"


class PlatformSession:
    """Belongs to the asyncio loop that it is first used on.

    `timeout` (seconds) bounds each call that doesn't say its own. Nothing is opened before the first call.
    """

    def __init__(
        self,
        settings: PlatformSettings,
        *,
        timeout: float = DEFAULT_TIMEOUT_SECONDS,
        event_bus: EventBus | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.settings = settings
        self.name = settings.name or "platform"
        self.faults = Faults(settings, self.name)
        self._timeout = timeout
        self._bus = event_bus or bus()
        self._transport = transport
        self._http: httpx.AsyncClient | None = None
        self._token: Secret | None = None
        self._renewal = asyncio.Lock()

    @property
    def state(self) -> SessionState:
        return SessionState.LOGGED_OUT if self._token is None else SessionState.LOGGED_IN

    async def login(self, timeout: float | None = None) -> None:
        """Open a session. `PlatformError` where the platform refuses; a session that is open already is replaced."""
        async with self._renewal:
            await self._login(timeout)

    async def logout(self, timeout: float | None = None) -> None:
        """End the session and close the connections, also where the platform doesn't answer: then the error is raised after."""
        token, self._token = self._token, None
        try:
            if token is not None:
                await self._send(operations.LOGOUT, token, timeout=timeout)
                self.publish("logout")
        except PlatformError as error:
            if error.status != INVALID_TOKEN:  # a session that has ended by itself needs no logout
                raise
        finally:
            await self.close()

    async def close(self) -> None:
        """Drop the connections and the token without a word to the platform."""
        http, self._http, self._token = self._http, None, None
        if http is not None:
            await http.aclose()

    async def call(
        self,
        operation: Operation,
        shape: TypeAdapter[T],
        *,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, object] | None = None,
        body: VendorModel | None = None,
        about: str = "",
        timeout: float | None = None,
    ) -> T:
        """Carry out `operation` and return its `data` as `shape`. `about` names the thing in a refusal ("'sales'")."""
        data, raw = await self._authorised(operation, path=path, query=query, body=body, about=about, timeout=timeout)
        return self._shaped(operation, shape, data, raw)

    async def command(
        self,
        operation: Operation,
        *,
        path: Mapping[str, str] | None = None,
        body: VendorModel | None = None,
        about: str = "",
        timeout: float | None = None,
    ) -> None:
        """Carry out an operation that answers nothing but success."""
        await self._authorised(operation, path=path, query=None, body=body, about=about, timeout=timeout)

    def publish(self, kind: str, **data: Any) -> None:
        self._bus.publish(Event(f"platform:{self.name}", kind, data))

    async def _authorised(
        self,
        operation: Operation,
        *,
        path: Mapping[str, str] | None,
        query: Mapping[str, object] | None,
        body: VendorModel | None,
        about: str,
        timeout: float | None,
    ) -> tuple[Any, bytes]:
        token = self._token
        if token is None:
            raise self.faults.not_logged_in(operation)
        try:
            return await self._send(operation, token, path=path, query=query, body=body, about=about, timeout=timeout)
        except PlatformError as refusal:
            if refusal.status != INVALID_TOKEN:
                raise
            token = await self._renew(token, timeout)
            if not operation.idempotent:
                raise self.faults.renewed_but_not_repeated(operation, refusal.vendor_message) from refusal
        return await self._send(operation, token, path=path, query=query, body=body, about=about, timeout=timeout)

    async def _renew(self, stale: Secret, timeout: float | None) -> Secret:
        """Log in again unless another call already has."""
        async with self._renewal:
            if self._token is None or self._token is stale:
                return await self._login(timeout)
            return self._token

    async def _login(self, timeout: float | None) -> Secret:
        from pydantic import TypeAdapter

        if not self.settings.username or self.settings.password is None:
            raise self.faults.no_password()
        digest = hashlib.md5(self.settings.password.reveal().encode(), usedforsecurity=False).hexdigest()
        hidden = Secret(digest)  # known to the redactor while the call lasts: it is as good as the password
        body = LoginRequest(username=self.settings.username, password=hidden.reveal())
        try:
            data, raw = await self._send(operations.LOGIN, None, body=body, timeout=timeout)
        except PlatformError as error:
            self.publish("login.refused", username=self.settings.username, reason=str(error))
            raise
        answer = self._shaped(operations.LOGIN, TypeAdapter(LoginAnswer), data, raw)
        self._token = Secret(answer.token)
        self.publish("login", username=self.settings.username)
        return self._token

    async def _send(
        self,
        operation: Operation,
        token: Secret | None,
        *,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, object] | None = None,
        body: VendorModel | None = None,
        about: str = "",
        timeout: float | None = None,
    ) -> tuple[Any, bytes]:
        """One exchange; an idempotent one is sent again where a kept connection turns out dead. Returns `data` and the body."""
        limit = self._timeout if timeout is None else timeout
        url = operation.url(**(path or {}))
        content = None if body is None else body.model_dump_json(by_alias=True, exclude_none=True).encode()
        headers = {"Content-Type": "application/json"} if content else {}
        if token is not None:
            headers["Token"] = token.reveal()
        parameters = {name: str(value) for name, value in (query or {}).items() if value is not None}
        try:
            async with asyncio.timeout(limit) as scope:
                status, raw = await self._exchange(operation, url, parameters, headers, content)
        except TimeoutError:
            if not scope.expired():
                raise
            raise self.faults.too_late(operation, limit) from None
        if status != 200:
            raise self.faults.http_status(operation, status, raw)
        return self._opened(operation, raw, about), raw

    async def _exchange(
        self,
        operation: Operation,
        url: str,
        parameters: dict[str, str],
        headers: dict[str, str],
        content: bytes | None,
    ) -> tuple[int, bytes]:
        import httpx

        http = self._client()
        for attempt in (1, 2):
            raw = bytearray()
            try:
                async with http.stream(
                    operation.method, url, params=parameters, headers=headers, content=content
                ) as answer:
                    async for chunk in answer.aiter_bytes():
                        raw += chunk
                        if len(raw) > MAX_ANSWER_BYTES:
                            raise self.faults.too_big(operation, MAX_ANSWER_BYTES)
                    return answer.status_code, bytes(raw)
            except httpx.ConnectTimeout:
                raise self.faults.too_late(operation, CONNECT_TIMEOUT_SECONDS) from None
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError) as error:
                if raw:
                    raise self.faults.truncated(operation, bytes(raw)) from error
                if attempt == 2 or not operation.idempotent:
                    raise self.faults.cut_off(operation, error) from error
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise self.faults.unreachable(operation, error) from error
        raise AssertionError("unreachable: the second attempt returns or raises")

    def _client(self) -> httpx.AsyncClient:
        import httpx

        if self._http is None:
            self._http = httpx.AsyncClient(
                base_url=self.settings.url,
                verify=self._tls(),
                transport=self._transport,
                # The deadline around each call is the bound; only connecting has its own, to say so.
                timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT_SECONDS),
                # A platform is addressed directly: a proxy of the environment is meant for the Internet.
                trust_env=False,
                headers={"Accept": "application/json"},
            )
        return self._http

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if not self.settings.verify_tls:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif self.settings.ca_file is not None:
            try:
                context.load_verify_locations(cafile=self.settings.ca_file)
            except (OSError, ssl.SSLError) as error:
                raise self.faults.bad_ca_file(error) from error
        return context

    def _opened(self, operation: Operation, raw: bytes, about: str) -> Any:
        """Take the envelope off; a status other than 0 is a refusal."""
        try:
            answer = json.loads(raw)
        except (ValueError, RecursionError):
            raise self.faults.not_json(operation, raw) from None
        if not isinstance(answer, dict):
            raise self.faults.wrong_shape(operation, raw, f"it is a {type(answer).__name__}, not an object")
        status, message = answer.get("status"), answer.get("msg")
        if not isinstance(status, int) or isinstance(status, bool):
            raise self.faults.wrong_shape(operation, raw, "'status' should be a number")
        if status != 0:
            refusal = self.faults.refused(operation, status, message if isinstance(message, str) else "", about)
            self.publish("refused", operation=str(operation), status=status, message=redact(str(message)))
            raise refusal
        return answer.get("data")

    def _shaped(self, operation: Operation, shape: TypeAdapter[T], data: Any, raw: bytes) -> T:
        from pydantic import ValidationError

        try:
            return shape.validate_python(data)
        except ValidationError as error:
            raise self.faults.wrong_shape(operation, raw, first_problem(error)) from None
