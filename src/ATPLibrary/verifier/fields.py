"""Fields of the agent's messages, read strictly: whatever the guest sends, it is a value of ours or one of `MALFORMED`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ATPLibrary.errors import AgentError

# What reading a message that isn't one may raise.
MALFORMED = (AgentError, AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError)
LONGEST_NUMBER = 2**63
LONGEST_TEXT = 500
# A guest has some ten input devices, and an agent's batch some 64 events.
MOST_DEVICES = 1000
MOST_EVENTS = 10_000


def whole(value: object) -> int:
    """A whole number of at most 64 bits: a longer one would overflow in the arithmetic behind."""
    if not isinstance(value, int) or abs(value) >= LONGEST_NUMBER:
        raise ValueError(f"{shown(value)} is no whole number")
    return int(value)


def text(value: object) -> str:
    """Text of any content that can be written to a log; no value is no text."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"{shown(value)} is no text")
    return _writable(value)[:LONGEST_TEXT]


def listed(value: object, most: int | None = None) -> Sequence[Any]:
    """A list, of at most so many: a text or an object can be walked through as well, but means something else."""
    if not isinstance(value, list):
        raise ValueError(f"{shown(value)} is no list")
    if most is not None and len(value) > most:
        raise ValueError(f"a list of {len(value):,} where at most {most:,} make sense")
    return value


def fields_of(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{shown(value)} is no object")
    return value


def shown(value: object) -> str:
    """Anything of the agent's, briefly, as a sentence can carry it."""
    words = _writable(value if isinstance(value, str) else repr(value))
    return words if len(words) <= 80 else f"{words[:80]}..."


def _writable(value: str) -> str:
    """JSON may spell half of a surrogate pair, which no file takes."""
    return value.encode("utf-8", "replace").decode()
