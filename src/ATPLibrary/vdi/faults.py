"""The sentences for what can go wrong between us and a platform, each with the platform, the operation and the way out."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from ATPLibrary.errors import ConfigError, DeadlineError, PlatformError
from ATPLibrary.secrets import redact
from ATPLibrary.vdi.codes import INVALID_TOKEN
from ATPLibrary.vdi.operations import LOGIN, Operation

if TYPE_CHECKING:
    from pydantic import ValidationError

    from ATPLibrary.config import PlatformSettings

EXCERPT_CHARACTERS = 80
# How much of an answer is searched for secrets before the excerpt is cut from it.
_REDACTED_CHARACTERS = 4096


def excerpt(body: bytes) -> str:
    """The first characters of an answer, without secrets and line breaks, in quotes."""
    text = " ".join(redact(body[:_REDACTED_CHARACTERS].decode("utf-8", errors="replace")).split())
    return repr(text if len(text) <= EXCERPT_CHARACTERS else text[:EXCERPT_CHARACTERS] + "...")


class Faults:
    """Builds the errors of one platform. Every sentence starts with the platform's name."""

    def __init__(self, settings: PlatformSettings, name: str) -> None:
        self._settings = settings
        self._name = name
        self._subject = f"Platform '{name}' ({settings.url})"

    def refused(self, operation: Operation[Any], status: int, message: str, subject: str) -> PlatformError:
        """A `status` other than 0: the platform understood and said no."""
        words = redact(message).strip() or "no message"
        if operation is LOGIN:
            sentence = f"Platform '{self._name}' refused login of '{self._settings.username}'"
            next_step = (
                f"Check username and password: those that were given, or of platform '{self._name}' in the configuration. "
                "An administrator's are wanted"
            )
        else:
            what = f"{operation.title} {subject}".strip()
            sentence = f"Platform '{self._name}' refused to {what} ({operation})"
            next_step = ""
        return PlatformError.about(
            f"{sentence}: {words} (status {status})", next_step=next_step, status=status, vendor_message=words
        )

    def renewed_but_not_repeated(self, operation: Operation[Any], message: str) -> PlatformError:
        return PlatformError.about(
            f"Platform '{self._name}' refused to {operation.title}: the session had ended ({message}, status {INVALID_TOKEN})",
            next_step="a new session has been opened; ask again. What changes the platform is never sent twice by itself",
            status=INVALID_TOKEN,
            vendor_message=message,
        )

    def not_logged_in(self, operation: Operation[Any]) -> PlatformError:
        return PlatformError.about(
            f"Platform '{self._name}'", wanted=operation.title, got="nobody is logged in", next_step="log in first"
        )

    def no_password(self) -> ConfigError:
        return ConfigError.about(
            f"Platform '{self._name}'",
            wanted="have a username and a password",
            got="one of them is missing in the configuration",
            next_step=f"set platforms.{self._name}.username and .password, or ATP__PLATFORMS__{self._name.upper()}__PASSWORD",
        )

    def http_status(self, operation: Operation[Any], status: int, body: bytes) -> PlatformError:
        if status in (404, 405):
            return PlatformError.about(
                self._subject,
                wanted=f"have the operation {operation}",
                got=f"it answered HTTP {status}{_mishap(operation, body, ' ')}",
                next_step="check that the url is the platform's own address, and its version (9.0 is known to work); of an "
                "operation that you name yourself, method and path",
                http_status=status,
            )
        return self._answer(
            operation,
            f"it answered HTTP {status}{_mishap(operation, body, ' ')}",
            "look at the platform's own log: it failed inside"
            if status >= 500
            else "check that the url is the platform's own address, and its version (9.0 is known to work)",
            http_status=status,
        )

    def not_json(self, operation: Operation[Any], body: bytes) -> PlatformError:
        text = body.strip()
        if text[:1] in (b"{", b"[") and text[-1:] not in (b"}", b"]"):
            return self.truncated(operation, body)
        return self._answer(
            operation,
            f"the answer isn't JSON{_mishap(operation, body, ': ')}",
            "check that the url is the platform's own address and not that of a proxy or a web page",
        )

    def no_file(self, operation: Operation[Any], content_type: str, body: bytes) -> PlatformError:
        return PlatformError.about(
            self._subject,
            wanted=f"answer '{operation.title}' ({operation}) with a file",
            got=f"it answered a web page ({content_type}): {excerpt(body)}" if body else "it answered nothing",
            next_step="check that the url is the platform's own address, and look at the platform's own log",
        )

    def truncated(self, operation: Operation[Any], body: bytes) -> PlatformError:
        return self._answer(
            operation,
            f"the answer ends in the middle after {len(body)} bytes{_quoted(operation, body, ': ')}",
            "try again; if it stays so, look at the platform's own log or the proxy before it",
        )

    def too_big(self, operation: Operation[Any], limit: int) -> PlatformError:
        return self._answer(
            operation, f"the answer is longer than {limit} bytes", "ask for less: filter by name, or take smaller pages"
        )

    def wrong_shape(self, operation: Operation[Any], body: bytes, where: str) -> PlatformError:
        return self._answer(
            operation,
            f"the answer has another shape than the vendor's document says: {where}{_quoted(operation, body, ' in ')}",
            "check the platform's version: 9.0 is known to work",
        )

    def too_late(self, operation: Operation[Any], timeout: float) -> DeadlineError:
        return DeadlineError.about(
            self._subject,
            wanted=f"answer '{operation.title}' ({operation})",
            got="did not",
            waited=timeout,
            next_step=f"check that the platform is up and reachable: curl -i {self._settings.url}",
        )

    def unreachable(self, operation: Operation[Any], error: Exception) -> PlatformError:
        """Whatever httpx says when no answer came at all."""
        reason = redact(str(error)).strip() or type(error).__name__
        tls = next((cause for cause in _chain(error) if isinstance(cause, ssl.SSLError)), None)
        if tls is not None:
            detail = getattr(tls, "verify_message", "") or tls.reason or str(tls)
            return self._answer(
                operation,
                f"TLS failed: {detail}",
                f"give the platform's CA as platforms.{self._name}.ca_file (PEM), check that the url has the name in its "
                "certificate, and http:// against https://; verify_tls: false turns the check off",
            )
        if any(isinstance(cause, ConnectionRefusedError) for cause in _chain(error)):
            reason = "the connection was refused"
        return self._answer(
            operation,
            f"it can't be reached: {reason}",
            "check the url in the configuration and that the platform is up",
        )

    def cut_off(self, operation: Operation[Any], error: Exception) -> PlatformError:
        return self._answer(
            operation,
            f"the connection ended before the whole answer was there ({redact(str(error)) or type(error).__name__})",
            "try again; if it stays so, look at the platform's own log",
        )

    def bad_ca_file(self, error: Exception) -> ConfigError:
        return ConfigError.about(
            f"CA file '{self._settings.ca_file}' of platform '{self._name}'",
            wanted="hold certificates in PEM",
            got=f"can't be used: {error}",
            next_step=f"correct platforms.{self._name}.ca_file",
        )

    def _answer(
        self, operation: Operation[Any], got: str, next_step: str, http_status: int | None = None
    ) -> PlatformError:
        wanted = f"answer '{operation.title}' ({operation}) with JSON"
        return PlatformError.about(self._subject, wanted=wanted, got=got, next_step=next_step, http_status=http_status)


def _quoted(operation: Operation[Any], body: bytes, before: str) -> str:
    """The answer's first characters after `before`; nothing of one that may hold secrets: cut off, they can't be told from text."""
    return "" if operation.holds_secrets else before + excerpt(body)


def _mishap(operation: Operation[Any], body: bytes, before: str) -> str:
    """The same of what is no answer of the operation's. At the login it is: the first that somebody sees who has a wrong url."""
    return before + excerpt(body) if operation is LOGIN else _quoted(operation, body, before)


def first_problem(error: ValidationError) -> str:
    """Where a model didn't fit, without the value: "data.list.3.id: Input should be a valid string"."""
    problem = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(part) for part in ("data", *problem["loc"]))
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{where}: {problem['msg']}{more}"


def _chain(error: BaseException | None) -> list[BaseException]:
    causes: list[BaseException] = []
    while error is not None and error not in causes:
        causes.append(error)
        error = error.__cause__ or error.__context__
    return causes
