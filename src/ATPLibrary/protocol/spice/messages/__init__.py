"""SPICE's messages, a module a topic, each in the words of `schema`. Source: spice-protocol's headers (`enums.h`, `protocol.h`).

Importing this package registers them all: `kind_of` finds a class by channel, direction and number.
"""

from __future__ import annotations

from functools import cache

from ATPLibrary.protocol.spice.messages import (
    audio,
    base,
    brushes,
    cursor,
    devices,
    display,
    draw,
    geometry,
    images,
    inputs,
    main,
    strokes,
)
from ATPLibrary.protocol.spice.schema import Message, Sender
from ATPLibrary.protocol.spice.schema.structure import registered
from ATPLibrary.transport.spice import SpiceChannelType

__all__ = [
    "audio",
    "base",
    "brushes",
    "cursor",
    "devices",
    "display",
    "draw",
    "geometry",
    "images",
    "inputs",
    "kind_of",
    "kinds",
    "main",
    "name_of",
    "named",
    "strokes",
]


@cache
def kinds(channel: SpiceChannelType, sender: Sender) -> dict[int, type[Message]]:
    """The messages that `sender` may send on such a channel, by number."""
    return registered(channel, sender)


def kind_of(channel: SpiceChannelType, sender: Sender, number: int) -> type[Message] | None:
    """The class of a message, None for a number that isn't specified."""
    return kinds(channel, sender).get(number)


def name_of(channel: SpiceChannelType, sender: Sender, number: int) -> str:
    """As errors and logs call it: "DRAW_COPY", or "message 321" for a number that isn't specified."""
    kind = kind_of(channel, sender, number)
    return kind.kind.name if kind is not None else f"message {number}"


def named(channel: SpiceChannelType, name: str) -> list[type[Message]]:
    """Both directions' messages of that name ("draw_copy", "DRAW COPY"); none where it isn't one of the channel's."""
    wanted = name.strip().upper().replace(" ", "_").replace("-", "_")
    return [kind for sender in Sender for kind in kinds(channel, sender).values() if kind.kind.name == wanted]
