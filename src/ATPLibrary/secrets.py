"""Secrets that don't print, and the one redactor for everything that is written anywhere."""

from __future__ import annotations

import re
import threading
import weakref
from collections.abc import Callable
from typing import Any

MASK = "**********"

_LOCK = threading.Lock()
_KNOWN: weakref.WeakSet[Secret] = weakref.WeakSet()

# Shorter values than this would redact innocent text ("a" in every word), so they are only hidden where they are typed as secrets.
_SHORTEST_REDACTED = 4

# What gives a secret away by its name, wherever it stands: `"password": "x"`, `token=x`, `Token: x`, `Authorization: Bearer x`.
_NAMED = re.compile(
    r"""(?ix)
    (["']? (?: password | passwd | pwd | token | secret | authorization | ticket ) ["']? \s* [:=] \s* (?:(?:bearer|basic)\s+)? )
    (?: "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' | [^\s,;&"'}\])]+ )"""
)


class Secret:
    """A value that `str()`, `repr()` and format strings show as asterisks. `reveal()` gives it to the code that must send it."""

    __slots__ = ("__weakref__", "_value")

    def __init__(self, value: str) -> None:
        self._value = value
        with _LOCK:
            _KNOWN.add(self)

    def reveal(self) -> str:
        return self._value

    def __str__(self) -> str:
        return MASK

    def __repr__(self) -> str:
        return f"Secret({MASK!r})"

    def __bool__(self) -> bool:
        return bool(self._value)

    # Identity, not value: a secret that can be compared can be guessed, and the set of known ones holds each object.


def as_secret(value: Any) -> Secret:
    """Take a secret however the caller has it: `str`, our `Secret`, Robot Framework's `Secret`, pydantic's `SecretStr`."""
    if isinstance(value, Secret):
        return value
    if isinstance(value, str):
        return Secret(value)
    if hasattr(value, "get_secret_value"):  # pydantic.SecretStr
        return Secret(str(value.get_secret_value()))
    if type(value).__name__ == "Secret" and isinstance(getattr(value, "value", None), str):  # robot.api.types.Secret
        return Secret(value.value)
    raise TypeError(f"a secret is text or a Secret, not {type(value).__name__}")


def redact(text: str) -> str:
    """Return `text` with every known secret's value, and every value that stands behind a tell-tale name, replaced by asterisks."""
    for value in _known():
        text = text.replace(value, MASK)
    return _NAMED.sub(lambda match: match.group(1) + MASK, text)


def mask_bytes(data: bytes) -> bytes:
    """Return `data` with every known secret's value, as UTF-8 or UTF-16, replaced by as many asterisks: nothing else moves."""
    return masking()(data)


def masking() -> Callable[[bytes], bytes]:
    """What does `mask_bytes` with the secrets that are known now, also later and on a thread."""
    found = [value.encode(encoding, "surrogatepass") for value in _known() for encoding in ("utf-8", "utf-16-le")]

    def mask(data: bytes) -> bytes:
        for each in found:
            data = data.replace(each, b"*" * len(each))
        return data

    return mask


def _known() -> list[str]:
    """The values that are redacted, the longest first."""
    with _LOCK:
        values = {secret.reveal() for secret in _KNOWN}
    return sorted((value for value in values if len(value) >= _SHORTEST_REDACTED), key=len, reverse=True)
