"""The classes that SPICE's messages and their parts are written as."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, ClassVar, Self, dataclass_transform, get_type_hints

from ATPLibrary.transport.spice import SpiceChannelType


class Sender(enum.Enum):
    """Who sends a message: the numbers of the two directions are apart."""

    SERVER = "server"
    CLIENT = "client"


@dataclass_transform(frozen_default=True)
class Structure:
    """A part of messages: its subclasses' annotated fields, in their order, are its bytes. Immutable values."""

    def __init_subclass__(cls) -> None:
        dataclass(frozen=True)(cls)

    @classmethod
    @cache
    def layout(cls) -> tuple[tuple[str, Any], ...]:
        """Each field's name and annotation."""
        hints = get_type_hints(cls, include_extras=True)
        return tuple((each.name, hints[each.name]) for each in fields(cls))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Kind:
    """What makes a message that message: its number, who sends it on which channels (None: on all), how long it may be in bytes.

    `name` is the specification's without its prefix: "DRAW_COPY".
    """

    number: int
    sender: Sender
    channels: tuple[SpiceChannelType | None, ...]
    name: str
    limit: int


class Message(Structure):
    """What stands behind a header that has its number."""

    kind: ClassVar[Kind]

    def __init_subclass__(
        cls,
        *,
        number: int,
        sender: Sender,
        channels: Iterable[SpiceChannelType | None],
        limit: int,
        name: str = "",
    ) -> None:
        super().__init_subclass__()
        name = name or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).upper()
        cls.kind = Kind(number, sender, tuple(channels), name, limit)
        for channel in cls.kind.channels:
            known = _MESSAGES.setdefault((channel, sender), {})
            other = known.get(number, cls)
            # A module whose import a time-out or Ctrl-C interrupted is executed again when it is next imported.
            is_again = (other.__module__, other.__qualname__) == (cls.__module__, cls.__qualname__)
            assert is_again, f"{cls.__name__} and {other.__name__} have one number"
            known[number] = cls

    @classmethod
    def decode(cls, body: bytes, channel: str = "") -> Self:
        """The message that `body` holds. `SpiceProtocolError` names `channel`, message and field of what can't be."""
        from ATPLibrary.protocol.spice.schema.decoding import decode

        return decode(cls, body, channel)

    def encode(self) -> bytes:
        """The message's bytes, without a header. `InputError` names the field of a value that doesn't fit."""
        from ATPLibrary.protocol.spice.schema.encoding import encode

        return encode(self)


_MESSAGES: dict[tuple[SpiceChannelType | None, Sender], dict[int, type[Message]]] = {}


def registered(channel: SpiceChannelType, sender: Sender) -> dict[int, type[Message]]:
    """The messages of one direction of a channel, those of all channels among them, by number."""
    return {**_MESSAGES.get((None, sender), {}), **_MESSAGES.get((channel, sender), {})}
