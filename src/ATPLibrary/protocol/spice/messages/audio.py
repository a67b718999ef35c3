"""Playback (the guest's sound) and record (its microphone). Times in ms of the multi-media clock.

Modes: 1 raw samples, 3 Opus. Format: 1 signed 16-bit samples.
"""

from __future__ import annotations

from typing import Annotated

from ATPLibrary.protocol.spice.messages.kinds import DATA, ClientMessage, ServerMessage
from ATPLibrary.protocol.spice.schema.fields import COUNT_8, U8, U16, U32, Counted, Remaining
from ATPLibrary.transport.spice import SpiceChannelType

PLAYBACK, RECORD = SpiceChannelType.PLAYBACK, SpiceChannelType.RECORD


class PlaybackData(ServerMessage, channel=PLAYBACK, number=101, limit=DATA, name="DATA"):
    time: U32
    data: Remaining


class PlaybackMode(ServerMessage, channel=PLAYBACK, number=102, name="MODE"):
    time: U32
    mode: U16
    data: Remaining


class PlaybackStart(ServerMessage, channel=PLAYBACK, number=103, name="START"):
    """`frequency` in Hz."""

    channels: U32
    format: U16
    frequency: U32
    time: U32


class PlaybackStop(ServerMessage, channel=PLAYBACK, number=104, name="STOP"):
    pass


class PlaybackVolume(ServerMessage, channel=PLAYBACK, number=105, name="VOLUME"):
    """Of each channel, 0 to 65535."""

    volumes: Annotated[tuple[U16, ...], Counted(COUNT_8)]


class PlaybackMute(ServerMessage, channel=PLAYBACK, number=106, name="MUTE"):
    mute: U8


class PlaybackLatency(ServerMessage, channel=PLAYBACK, number=107, name="LATENCY"):
    latency_ms: U32


class RecordStart(ServerMessage, channel=RECORD, number=101, name="START"):
    channels: U32
    format: U16
    frequency: U32


class RecordStop(ServerMessage, channel=RECORD, number=102, name="STOP"):
    pass


class RecordVolume(ServerMessage, channel=RECORD, number=103, name="VOLUME"):
    volumes: Annotated[tuple[U16, ...], Counted(COUNT_8)]


class RecordMute(ServerMessage, channel=RECORD, number=104, name="MUTE"):
    mute: U8


class RecordData(ClientMessage, channel=RECORD, number=101, limit=DATA, name="DATA"):
    time: U32
    data: Remaining


class RecordMode(ClientMessage, channel=RECORD, number=102, name="MODE"):
    time: U32
    mode: U16
    data: Remaining


class RecordStartMark(ClientMessage, channel=RECORD, number=103, name="START_MARK"):
    time: U32
