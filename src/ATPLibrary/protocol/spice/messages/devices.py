"""Channels that carry another protocol's bytes: smartcards, redirected USB devices, named ports, WebDAV."""

from __future__ import annotations

from typing import Annotated

from ATPLibrary.protocol.spice.messages.kinds import DATA, ClientMessage, ServerMessage
from ATPLibrary.protocol.spice.schema.fields import U8, U32, Bytes, Pointer, Remaining, Sized, When
from ATPLibrary.transport.spice import SpiceChannelType

SMARTCARD = SpiceChannelType.SMARTCARD
PORTS = (SpiceChannelType.PORT, SpiceChannelType.WEBDAV)
PIPES = (SpiceChannelType.USBREDIR, *PORTS)


class SmartcardData(ServerMessage, channel=SMARTCARD, number=101, limit=DATA, name="DATA"):
    """`type`: 1 init, 2 error, 3 reader added, 4 reader removed, 5 ATR, 6 card removed, 7 APDU, 8 flush, 9 flush complete."""

    type: U32
    reader_id: U32
    length: U32
    data: Annotated[Bytes, Sized("length")]


class ClientSmartcardData(ClientMessage, channel=SMARTCARD, number=101, limit=DATA, name="DATA"):
    type: U32
    reader_id: U32
    length: U32
    data: Annotated[Bytes, Sized("length")]


class PipeData(ServerMessage, channel=PIPES, number=101, limit=DATA, name="DATA"):
    data: Remaining


class PipeCompressedData(ServerMessage, channel=PIPES, number=102, limit=DATA, name="COMPRESSED_DATA"):
    """`type` 0: as it is; 1: LZ4, with the size that it unpacks to."""

    type: U8
    uncompressed_size: Annotated[U32 | None, When("type", 0xFF)]
    data: Remaining


class ClientPipeData(ClientMessage, channel=PIPES, number=101, limit=DATA, name="DATA"):
    data: Remaining


class ClientPipeCompressedData(ClientMessage, channel=PIPES, number=102, limit=DATA, name="COMPRESSED_DATA"):
    type: U8
    uncompressed_size: Annotated[U32 | None, When("type", 0xFF)]
    data: Remaining


class PortInit(ServerMessage, channel=PORTS, number=201, name="INIT"):
    """The port's name, ended by a zero byte; `opened` says whether a program in the guest has it open."""

    name_size: U32
    port_name: Annotated[Bytes | None, Pointer("name_size")]
    opened: U8


class PortEvent(ServerMessage, channel=PORTS, number=202, name="EVENT"):
    """0 opened, 1 closed, 2 break."""

    event: U8


class ClientPortEvent(ClientMessage, channel=PORTS, number=201, name="EVENT"):
    event: U8
