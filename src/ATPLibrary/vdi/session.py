"""One session with a platform: login, token, and the envelope `{"status", "msg", "data"}` around every answer."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from ATPLibrary.errors import PlatformError
from ATPLibrary.events import Event, EventBus, bus
from ATPLibrary.secrets import Secret, redact
from ATPLibrary.vdi import operations
from ATPLibrary.vdi.codes import INVALID_TOKEN
from ATPLibrary.vdi.faults import Faults, first_problem
from ATPLibrary.vdi.findings import Finding, Findings, without_misfits
from ATPLibrary.vdi.http import HttpConnection, Question, Reply
from ATPLibrary.vdi.shapes.base import Outcome
from ATPLibrary.vdi.shapes.sessions import LoginRequest

if TYPE_CHECKING:
    import httpx

    from ATPLibrary.config import PlatformSettings
    from ATPLibrary.vdi.operations import Operation

T = TypeVar("T")

DEFAULT_TIMEOUT_SECONDS = 60.0


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
        self.timeout = timeout
        self.faults = Faults(settings, self.name)
        self.findings = Findings(settings.api_document, self._tell_finding)
        self._bus = event_bus or bus()
        self._http = HttpConnection(settings, self.faults, transport)
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
                await self._ask(question(operations.LOGOUT), token, "", timeout)
                self.publish("logout")
        except PlatformError as error:
            if error.status != INVALID_TOKEN:  # a session that has ended by itself needs no logout
                raise
        finally:
            await self.close()

    async def close(self) -> None:
        """Drop the connections and the token without a word to the platform."""
        self._token = None
        await self._http.close()

    async def call(
        self,
        operation: Operation[T],
        *ids: Any,
        query: BaseModel | Mapping[str, Any] | None = None,
        body: Any = None,
        about: str = "",
        timeout: float | None = None,
    ) -> T:
        """Carry out `operation` and return its `data`. `about` names the thing in a refusal ("'sales'").

        `ids` fill in the path. `body` is a model, something that is JSON, or bytes.
        """
        asked = question(operation, *ids, query=query, body=body)
        if not operation.needs_token:
            answer: T = await self._ask(asked, None, about, timeout)
            return answer
        token = self._token
        if token is None:
            raise self.faults.not_logged_in(operation)
        try:
            answer = await self._ask(asked, token, about, timeout)
        except PlatformError as refusal:
            if refusal.status != INVALID_TOKEN:
                raise
            token = await self._renew(token, timeout)
            if not operation.idempotent:
                raise self.faults.renewed_but_not_repeated(operation, refusal.vendor_message) from refusal
            answer = await self._ask(asked, token, about, timeout)
        return answer

    def publish(self, kind: str, **data: Any) -> None:
        self._bus.publish(Event(f"platform:{self.name}", kind, data))

    def _tell_finding(self, finding: Finding) -> None:
        self.publish("finding", operation=finding.operation, what=finding.what)

    async def _renew(self, stale: Secret, timeout: float | None) -> Secret:
        """Log in again unless another call already has."""
        async with self._renewal:
            if self._token is None or self._token is stale:
                return await self._login(timeout)
            return self._token

    async def _login(self, timeout: float | None) -> Secret:
        if not self.settings.username or self.settings.password is None:
            raise self.faults.no_password()
        body = LoginRequest(username=self.settings.username, password=digest(self.settings.password))
        try:
            answer = await self._ask(question(operations.LOGIN, body=body), None, "", timeout)
        except PlatformError as error:
            self.publish("login.refused", username=self.settings.username, reason=str(error))
            raise
        self._token = Secret(answer.token)
        self.publish("login", username=self.settings.username)
        return self._token

    async def _ask(self, asked: Question, token: Secret | None, about: str, timeout: float | None) -> Any:
        """One exchange under its deadline. Returns `data`."""
        operation = asked.operation
        self.findings.check_question(asked)
        limit = self.timeout if timeout is None else timeout
        headers = {"Content-Type": asked.content_type} if asked.content is not None else {}
        if token is not None:
            headers["Token"] = token.reveal()
        try:
            async with asyncio.timeout(limit) as scope:
                reply = await self._http.ask(asked, headers)
        except TimeoutError:
            if not scope.expired():
                raise
            raise self.faults.too_late(operation, limit) from None
        if reply.status != 200:
            raise self.faults.http_status(operation, reply.status, reply.body)
        if operation.answer is operations.Download or (
            operation.answer is operations.Anything and not _is_text(reply.content_type)
        ):
            return self._file(operation, reply, about)
        self.findings.check_answer(operation, reply.body)
        try:
            return self._opened(operation, reply.body, about)
        except PlatformError as refusal:
            refusal.was_repeated = reply.was_repeated
            raise

    def _opened(self, operation: Operation[Any], body: bytes, about: str) -> Any:
        """Take the envelope off; a status other than 0 is a refusal."""
        try:
            answer = operation.envelope.validate_json(body)
        except ValidationError:
            return self._data_of_another_shape(operation, body, about)
        if answer.status != 0:
            raise self._refused(operation, answer.status, answer.message, about)
        if operation.is_its_own_envelope:
            return answer
        return None if operation.answer is operations.Done else answer.data

    def _data_of_another_shape(self, operation: Operation[Any], body: bytes, about: str) -> Any:
        """A refusal, as a rule. Where it is success in a wrong shape, that is an error, or a finding where findings are wanted."""
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):
            raise self.faults.not_json(operation, body) from None
        if not isinstance(answer, dict):
            raise self.faults.wrong_shape(operation, body, f"it is a {type(answer).__name__}, not an object")
        status = answer.get(operation.status_field)
        if not isinstance(status, int) or isinstance(status, bool):
            raise self.faults.wrong_shape(operation, body, f"'{operation.status_field}' should be a number")
        if status != 0:
            raise self._refused(operation, status, answer.get("msg"), about)
        data = answer if operation.is_its_own_envelope else answer.get("data")
        try:
            return operation.shape.validate_python(data)
        except ValidationError as error:
            problem = error
        if self.findings.is_checking:
            try:
                return operation.shape.validate_python(without_misfits(data, problem))
            except ValidationError as error:
                problem = error
        raise self.faults.wrong_shape(operation, body, first_problem(problem))

    def _file(self, operation: Operation[Any], reply: Reply, about: str) -> bytes:
        """The file, unless the platform answered with a refusal in its place."""
        if reply.body[:1] == b"{" and _is_text(reply.content_type):
            try:
                refusal = Outcome.model_validate_json(reply.body)
            except ValidationError:
                return reply.body
            raise self._refused(operation, refusal.status, refusal.message, about)
        # An export always has a heading at least. A page in its place is a proxy's, or asks for a login.
        if operation.answer is operations.Download and (not reply.body or reply.content_type.startswith("text/html")):
            raise self.faults.no_file(operation, reply.content_type, reply.body)
        return reply.body

    def _refused(self, operation: Operation[Any], status: int, message: object, about: str) -> PlatformError:
        self.publish("refused", operation=str(operation), status=status, message=redact(str(message)))
        return self.faults.refused(operation, status, message if isinstance(message, str) else "", about)


def digest(password: Secret) -> Secret:
    """A password as a login sends it: lower-case hexadecimal MD5. A secret itself, as it is as good as the password."""
    return Secret(hashlib.md5(password.reveal().encode(), usedforsecurity=False).hexdigest())


def question(
    operation: Operation[Any], *ids: Any, query: BaseModel | Mapping[str, Any] | None = None, body: Any = None
) -> Question:
    """What goes over the wire. What isn't set isn't sent."""
    if isinstance(query, BaseModel):
        query = query.model_dump(mode="json", by_alias=True, exclude_none=True)
    parameters = {name: value for name, value in (query or {}).items() if value is not None}
    url = operation.url(*ids)
    if isinstance(body, bytes):
        return Question(operation, url, parameters, body, "application/octet-stream")
    if isinstance(body, BaseModel):
        return Question(operation, url, parameters, body.model_dump_json(by_alias=True, exclude_none=True).encode())
    content = None if body is None else json.dumps(body, ensure_ascii=False).encode()
    return Question(operation, url, parameters, content)


def _is_text(content_type: str) -> bool:
    return not content_type or content_type.startswith(("application/json", "text/"))
