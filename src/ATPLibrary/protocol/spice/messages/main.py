"""The main channel: the session, the list of channels, the mouse's mode, the agent's data, migration."""

from __future__ import annotations

from typing import Annotated

from ATPLibrary.protocol.spice.messages.kinds import DATA, ClientMessage, ServerMessage
from ATPLibrary.protocol.spice.schema import Structure
from ATPLibrary.protocol.spice.schema.fields import (
    COUNT_32,
    U8,
    U16,
    U32,
    U64,
    Bytes,
    Counted,
    Pointer,
    Remaining,
    Sized,
)
from ATPLibrary.transport.spice import SpiceChannelType

MAIN = SpiceChannelType.MAIN


class ChannelId(Structure):
    type: U8
    id: U8


class Destination(Structure):
    """Where a migrating VM will be: ports (0 for none), host name and certificate subject, each ended by a zero byte."""

    port: U16
    tls_port: U16
    host_size: U32
    host: Annotated[Bytes | None, Pointer("host_size")]
    subject_size: U32
    subject: Annotated[Bytes | None, Pointer("subject_size")]


class MigrateBegin(ServerMessage, channel=MAIN, number=101):
    """Connect to the new host and say how that went."""

    destination: Destination


class MigrateCancel(ServerMessage, channel=MAIN, number=102):
    pass


class Init(ServerMessage, channel=MAIN, number=103):
    """The session. Mouse modes: 1 server (relative), 2 client (absolute). `agent_connected` 0 or 1; `multi_media_time` in ms."""

    session_id: U32
    display_channels_hint: U32
    supported_mouse_modes: U32
    current_mouse_mode: U32
    agent_connected: U32
    agent_tokens: U32
    multi_media_time: U32
    ram_hint: U32


class ChannelsList(ServerMessage, channel=MAIN, number=104):
    channels: Annotated[tuple[ChannelId, ...], Counted(COUNT_32)]


class MouseMode(ServerMessage, channel=MAIN, number=105):
    supported: U16
    current: U16


class MultiMediaTime(ServerMessage, channel=MAIN, number=106):
    """In ms: the clock that sound and video are played by."""

    time: U32


class AgentConnected(ServerMessage, channel=MAIN, number=107):
    pass


class AgentDisconnected(ServerMessage, channel=MAIN, number=108):
    error: U32


class AgentData(ServerMessage, channel=MAIN, number=109):
    """A part (at most 2048 bytes) of what the guest's agent says."""

    data: Remaining


class AgentToken(ServerMessage, channel=MAIN, number=110):
    """So many more AGENT_DATA may be sent."""

    tokens: U32


class MigrateSwitchHost(ServerMessage, channel=MAIN, number=111):
    """Leave this host, connect to that one."""

    destination: Destination


class MigrateEnd(ServerMessage, channel=MAIN, number=112):
    pass


class Name(ServerMessage, channel=MAIN, number=113):
    """The VM's name, ended by a zero byte."""

    length: U32
    text: Annotated[Bytes, Sized("length")]


class Uuid(ServerMessage, channel=MAIN, number=114):
    uuid: Annotated[Bytes, Sized(16)]


class AgentConnectedTokens(ServerMessage, channel=MAIN, number=115):
    tokens: U32


class MigrateBeginSeamless(ServerMessage, channel=MAIN, number=116):
    destination: Destination
    version: U32


class MigrateDstSeamlessAck(ServerMessage, channel=MAIN, number=117):
    pass


class MigrateDstSeamlessNack(ServerMessage, channel=MAIN, number=118):
    pass


class ClientInfo(ClientMessage, channel=MAIN, number=101):
    cache_size: U64


class MigrateConnected(ClientMessage, channel=MAIN, number=102):
    pass


class MigrateConnectError(ClientMessage, channel=MAIN, number=103):
    pass


class AttachChannels(ClientMessage, channel=MAIN, number=104):
    """Ask for CHANNELS_LIST."""


class MouseModeRequest(ClientMessage, channel=MAIN, number=105):
    mode: U16


class AgentStart(ClientMessage, channel=MAIN, number=106):
    """Speak with the guest's agent, which may send so many AGENT_DATA at first."""

    tokens: U32


class ClientAgentData(ClientMessage, channel=MAIN, number=107, limit=DATA, name="AGENT_DATA"):
    data: Remaining


class ClientAgentToken(ClientMessage, channel=MAIN, number=108, name="AGENT_TOKEN"):
    tokens: U32


class ClientMigrateEnd(ClientMessage, channel=MAIN, number=109, name="MIGRATE_END"):
    pass


class MigrateDstDoSeamless(ClientMessage, channel=MAIN, number=110):
    version: U32


class MigrateConnectedSeamless(ClientMessage, channel=MAIN, number=111):
    pass


class QualityIndicator(ClientMessage, channel=MAIN, number=112):
    """Specified by its number only: no server here reads it."""

    data: Remaining
