"""What the agent answers, as values. Each reader raises one of `MALFORMED` for an answer that isn't one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ATPLibrary.verifier.fields import MOST_DEVICES, fields_of, listed, shown, text, whole

# The answer's type, and the id by which it is known; None where the protocol has none: then all who ask share one answer.
Key = tuple[str, int | str | None]
Message = Mapping[str, Any]

# By the type of a request: the type of its answer, and the field that both carry.
_ANSWER_TO: Mapping[str, tuple[str, str | None]] = {
    "ping": ("pong", "id"),
    "state": ("state", "id"),
    "expect": ("result", "event_id"),
    "watch": ("watching", None),
    "grab": ("grabbing", None),
}
_FIELD_OF: Mapping[str, str | None] = dict(_ANSWER_TO.values())


@dataclass(frozen=True, slots=True)
class Pong:
    received_us: int
    sent_us: int
    realtime_us: int  # 0: it didn't say


@dataclass(frozen=True, slots=True)
class InputState:
    """How a guest's input stands, as its kernel says."""

    held: frozenset[tuple[int, int]]  # (device, code) of the keys and buttons that are down
    absolute: Mapping[int, Mapping[int, int]] | None  # device -> axis -> value of each absolute pointer; None: not said
    leds: Mapping[int, Mapping[int, bool]]  # device -> LED -> whether it is lit


def key_of(message: Message) -> Key:
    """Which question a `pong`, `state`, `result`, `watching` or `grabbing` answers."""
    return message["type"], _name(message, _FIELD_OF[message["type"]])


def key_of_refused(error: Message) -> Key | None:
    """Which question an `error` refuses; None when it is about something that nobody waits for."""
    about = error.get("about")
    if about is None or text(about) not in _ANSWER_TO:
        return None
    kind, field = _ANSWER_TO[about]
    if field is not None and error.get(field) is None:
        return None
    return kind, _name(error, field)


def check(message: Message) -> None:
    """Raise one of `MALFORMED` unless what a `pong`, `state` or `result` says can be read."""
    match message["type"]:
        case "pong":
            read_pong(message)
        case "state":
            read_state(message)
            read_taken(message)
        case "result":
            if not isinstance(message["verified"], bool):
                raise ValueError("'verified' is neither true nor false")
            fields_of(message.get("details") or {})


def read_pong(message: Message) -> Pong:
    return Pong(whole(message["received_us"]), whole(message["sent_us"]), whole(message.get("realtime_us") or 0))


def read_state(message: Message) -> InputState:
    return InputState(read_held(message), read_places(message), read_leds(message))


def read_held(message: Message) -> frozenset[tuple[int, int]]:
    return frozenset((whole(device), whole(code)) for device, code in listed(message["held"]))


def read_places(message: Message) -> dict[int, dict[int, int]] | None:
    """Where each absolute pointer is: device -> axis -> value. None: the agent is too old to say."""
    if "absolute" not in message:
        return None
    places: dict[int, dict[int, int]] = {}
    for device, axis, value in listed(message["absolute"]):
        places.setdefault(whole(device), {})[whole(axis)] = whole(value)
    return places


def read_taken(message: Message) -> dict[int, tuple[str, ...]] | None:
    """The devices that somebody else in the guest has grabbed, each with the programs that have it open ("evtest (process 312)").

    None: the agent can't say.
    """
    if "taken" not in message:
        return None
    taken: dict[int, tuple[str, ...]] = {whole(device): () for device in listed(message["taken"], MOST_DEVICES)}
    for device, process, name in listed(message.get("openers") or [], MOST_DEVICES):
        if whole(device) in taken:
            taken[device] += (f"{shown(text(name))} (process {whole(process)})",)
    return taken


def read_leds(message: Message) -> dict[int, dict[int, bool]]:
    """The lights of each keyboard: device -> LED -> whether it is lit. An agent that is too old says none."""
    leds: dict[int, dict[int, bool]] = {}
    for device, led, is_lit in listed(message.get("leds") or []):
        leds.setdefault(whole(device), {})[whole(led)] = bool(whole(is_lit))
    return leds


def _name(message: Message, field: str | None) -> int | str | None:
    if field is None:
        return None
    return whole(message[field]) if field == "id" else text(message[field])
