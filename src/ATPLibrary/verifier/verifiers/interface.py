"""What a verifier is: somebody who says whether an event has taken place in a guest. Anything that does this can be registered."""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Protocol

from ATPLibrary.errors import InputError

if TYPE_CHECKING:
    from ATPLibrary.protocol.qga import Qga
    from ATPLibrary.verifier.session import AgentSession

_FIELDS = ("type", "action", "key", "timestamp", "metadata")


class Guest(Protocol):
    """The VM in whose guest the event is looked for; a `Machine` is one. What isn't asked for isn't opened."""

    @property
    def name(self) -> str: ...

    async def agent(self, timeout: float) -> AgentSession: ...

    async def qga(self, timeout: float) -> Qga: ...


@dataclass(frozen=True, slots=True)
class VerifyEvent:
    """What should take place. `timestamp` is in ms since the epoch by the guest's clock: nothing before it counts; 0: now."""

    type: str
    action: str = ""
    key: str | int | None = None
    timestamp: float = 0
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, value: object) -> VerifyEvent:
        """`InputError` for what isn't an event; also for an unknown field: left out, it would prove less than meant."""
        if not isinstance(value, Mapping):
            raise InputError.about("An event", wanted="be an object (a dictionary)", got=f"is {value!r}")
        for name in value:
            if name not in _FIELDS:
                near = get_close_matches(str(name), _FIELDS, n=1)
                raise InputError.about(
                    "An event", wanted=f"have the fields {', '.join(_FIELDS)}", got=f"has {name!r}",
                    next_step=f"Did you mean {near[0]!r}?" if near else "What only one type of events has is its metadata",
                )  # fmt: skip
        kind, action, key = value.get("type"), value.get("action"), value.get("key")
        timestamp, metadata = value.get("timestamp"), value.get("metadata")
        if not isinstance(kind, str) or not kind:
            raise InputError.about("An event's type", wanted="be the name of a verifier", got=f"is {kind!r}")
        if not isinstance(action, str | None):
            raise InputError.about("An event's action", wanted="be a word", got=f"is {action!r}")
        if isinstance(key, bool) or not isinstance(key, str | int | None):
            raise InputError.about("An event's key", wanted="be a name or a number", got=f"is {key!r}")
        if timestamp is not None and (
            isinstance(timestamp, bool) or not isinstance(timestamp, int | float) or not 0 <= timestamp < 1e15
        ):
            raise InputError.about(
                "An event's timestamp", wanted="be milliseconds since the epoch, or 0", got=f"is {timestamp!r}"
            )
        if not isinstance(metadata, Mapping | None):
            raise InputError.about("An event's metadata", wanted="be an object (a dictionary)", got=f"is {metadata!r}")
        return cls(kind, action or "", key, timestamp or 0, dict(metadata or {}))

    def to_json(self) -> dict[str, Any]:
        return {
            "type": self.type, "action": self.action, "key": self.key, "timestamp": self.timestamp,
            "metadata": dict(self.metadata),
        }  # fmt: skip

    def __str__(self) -> str:
        return " ".join(str(each) for each in (self.type, self.action, self.key) if each not in ("", None))


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """What became of an event. `timestamp` is when it was judged, or took place, in milliseconds since the epoch; `latency_ms`
    how long it took, None where that isn't known. `details` is the verifier's own; where it wasn't verified its `reason` says why.
    """

    event_id: str
    verified: bool
    timestamp: float
    latency_ms: float | None
    details: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {
            "event_id": self.event_id, "verified": self.verified, "timestamp": self.timestamp, "latency_ms": self.latency_ms,
            "details": dict(self.details),
        }  # fmt: skip


class Verifier(ABC):
    """Made anew for each event, without arguments."""

    @property
    @abstractmethod
    def verifier_type(self) -> str:
        """The type of the events that it judges, as logs say it."""

    @abstractmethod
    async def verify(self, event: VerifyEvent, guest: Guest, timeout: float) -> VerifyResult:
        """Wait up to `timeout` seconds for `event` in that guest, and say what was seen.

        An event that didn't take place is a result, not an error; an `ATPError` says that nothing can be known of it.
        """


def new_event_id() -> str:
    return str(uuid.uuid4())
