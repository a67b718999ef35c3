"""The cursor channel: the guest's mouse pointer as a picture, and where it is."""

from __future__ import annotations

from typing import Annotated

from ATPLibrary.protocol.spice.messages.kinds import DATA, ServerMessage
from ATPLibrary.protocol.spice.schema import Structure
from ATPLibrary.protocol.spice.schema.fields import I16, U8, U16, U64, Remaining, When
from ATPLibrary.transport.spice import SpiceChannelType

CURSOR = SpiceChannelType.CURSOR
NO_CURSOR = 1


class Point16(Structure):
    x: I16
    y: I16


class CursorHeader(Structure):
    """`type`: 0 alpha (32 bits), 1 mono, 2 to 6 colours of 4, 8, 16, 24, 32 bits. Sizes in pixels."""

    unique: U64
    type: U8
    width: U16
    height: U16
    hot_spot_x: U16
    hot_spot_y: U16


class CursorPicture(Structure):
    """`flags`: 1 there is none, 2 keep it in the cache, 4 it is in the cache."""

    flags: U16
    header: Annotated[CursorHeader | None, When("flags", NO_CURSOR, unless=True)]
    data: Remaining


class Init(ServerMessage, channel=CURSOR, number=101, limit=DATA):
    position: Point16
    trail_length: U16
    trail_frequency: U16
    visible: U8
    cursor: CursorPicture


class Reset(ServerMessage, channel=CURSOR, number=102):
    pass


class Set(ServerMessage, channel=CURSOR, number=103, limit=DATA):
    position: Point16
    visible: U8
    cursor: CursorPicture


class Move(ServerMessage, channel=CURSOR, number=104):
    position: Point16


class Hide(ServerMessage, channel=CURSOR, number=105):
    pass


class Trail(ServerMessage, channel=CURSOR, number=106):
    length: U16
    frequency: U16


class InvalOne(ServerMessage, channel=CURSOR, number=107):
    """Forget the cursor of that `unique`."""

    id: U64


class InvalAll(ServerMessage, channel=CURSOR, number=108):
    pass
