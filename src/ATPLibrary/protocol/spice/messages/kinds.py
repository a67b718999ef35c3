"""The two directions, and how long a message of a kind may be."""

from __future__ import annotations

from ATPLibrary.protocol.spice.schema.structure import Message, Sender
from ATPLibrary.transport.spice import SpiceChannelType

# Bytes. A message of fields only; one that carries data (agent, audio, USB); one that carries pictures (16384 x 2048 at 32 bits).
SMALL, DATA, PICTURE = 64 << 10, 16 << 20, 128 << 20


class ServerMessage(Message, number=-1, sender=Sender.SERVER, channels=(), limit=0):
    """One that the server sends; `channel` None is every channel."""

    def __init_subclass__(
        cls,
        *,
        number: int,
        channel: SpiceChannelType | tuple[SpiceChannelType, ...] | None,
        limit: int = SMALL,
        name: str = "",
    ) -> None:
        channels = channel if isinstance(channel, tuple) else (channel,)
        super().__init_subclass__(number=number, sender=Sender.SERVER, channels=channels, limit=limit, name=name)


class ClientMessage(Message, number=-1, sender=Sender.CLIENT, channels=(), limit=0):
    """One that the client sends."""

    def __init_subclass__(
        cls,
        *,
        number: int,
        channel: SpiceChannelType | tuple[SpiceChannelType, ...] | None,
        limit: int = SMALL,
        name: str = "",
    ) -> None:
        channels = channel if isinstance(channel, tuple) else (channel,)
        super().__init_subclass__(number=number, sender=Sender.CLIENT, channels=channels, limit=limit, name=name)
