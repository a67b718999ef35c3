"""What every channel has: acknowledgements, pings, notices, migration, the end."""

from __future__ import annotations

from typing import Annotated

from ATPLibrary.protocol.spice.messages.kinds import DATA, PICTURE, ClientMessage, ServerMessage
from ATPLibrary.protocol.spice.schema import Structure
from ATPLibrary.protocol.spice.schema.fields import COUNT_8, U8, U32, U64, Bytes, Counted, Remaining, Sized


class WaitFor(Structure):
    """Another channel, and the serial up to which its messages must have been handled."""

    channel_type: U8
    channel_id: U8
    serial: U64


class Migrate(ServerMessage, channel=None, number=1):
    """The VM moves to another host. `flags`: 1 the client shall send MIGRATE_FLUSH_MARK, 2 data for the new host will come."""

    flags: U32


class MigrateData(ServerMessage, channel=None, number=2, limit=DATA):
    """What the channel of the new host is to be given."""

    data: Remaining


class SetAck(ServerMessage, channel=None, number=3):
    """From now on ACK is sent for each `window` messages, and ACK_SYNC with this `generation` at once."""

    generation: U32
    window: U32


class Ping(ServerMessage, channel=None, number=4, limit=DATA):
    """To be answered by PONG with the same `id` and `time` (the server's clock); `data` only takes its time to come."""

    id: U32
    time: U64
    data: Remaining


class WaitForChannels(ServerMessage, channel=None, number=5):
    """What follows must not be handled before other channels have come as far."""

    channels: Annotated[tuple[WaitFor, ...], Counted(COUNT_8)]


class Disconnecting(ServerMessage, channel=None, number=6):
    """The server ends the channel. `time` in ns of its clock, `reason` a `LinkCode`."""

    time: U64
    reason: U32


class Notify(ServerMessage, channel=None, number=7):
    """A remark, such as "keyboard channel is insecure". `severity`: 0 information, 1 warning, 2 error; `visibility`: 0 low to 2."""

    time: U64
    severity: U32
    visibility: U32
    what: U32
    length: U32
    text: Annotated[Bytes, Sized("length")]


class List(ServerMessage, channel=None, number=8, limit=PICTURE):
    """Several messages in one: `data` is a list of offsets and the messages themselves (`frames.sub_messages`)."""

    data: Remaining


class AckSync(ClientMessage, channel=None, number=1):
    generation: U32


class Ack(ClientMessage, channel=None, number=2):
    """A window of messages was handled."""


class Pong(ClientMessage, channel=None, number=3):
    id: U32
    time: U64


class MigrateFlushMark(ClientMessage, channel=None, number=4):
    """Nothing more will be sent to the old host."""


class ClientMigrateData(ClientMessage, channel=None, number=5, limit=DATA, name="MIGRATE_DATA"):
    data: Remaining


class ClientDisconnecting(ClientMessage, channel=None, number=6, name="DISCONNECTING"):
    time: U64
    reason: U32
