"""What a VM's SPICE session looked like: each channel's state, the stage that broke, its last messages and counts; the frame."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ATPLibrary.keywords.evidence.model import Missing, SpiceChannelEvidence, SpiceEvidence

if TYPE_CHECKING:
    from ATPLibrary.keywords.evidence.gathering import Machine
    from ATPLibrary.protocol.spice.client import SpeakingChannel
    from ATPLibrary.transport.spice_connection import SpiceChannel

MESSAGES = 12
FRAME_SECONDS = 2.0
# What is counted and worth a word when it isn't 0.
_COUNTS = (
    "messages_received", "bytes_received", "messages_sent", "bytes_sent", "pings", "acks_sent", "acks_withheld", "ack_stalls",
    "faults", "round_trip_ms",
)  # fmt: skip


def session(machine: Machine) -> Any:
    """The VM's session, also one that failed to begin; None where there was none. Makes nothing, and loads no module."""
    module = sys.modules.get("ATPLibrary.orchestrator.workspace")
    workspace = module.Workspace.existing() if module is not None else None
    if workspace is None or not hasattr(machine, "uuid"):
        return None
    return workspace.spice_sessions.known(machine)


async def look(machine: Machine) -> SpiceEvidence | None:
    """On the loop, where nothing changes meanwhile but while the frame is packed."""
    connection = session(machine)
    if connection is None or not connection.channels:
        return None
    channels: list[SpiceChannel] = list(connection.channels.values())
    return SpiceEvidence(tuple(_channel(each) for each in channels), *await _frame(channels))


def _channel(channel: SpiceChannel) -> SpiceChannelEvidence:
    state = channel.state.value + (f": {channel.failure}" if channel.failure else "")
    if (speaker := _speaker(channel)) is None:
        return SpiceChannelEvidence(channel.name, state)
    seam, counted = speaker.conversation.wire.seam, speaker.conversation.wire.statistics.as_dict()
    words = [f"{name.replace('_', ' ')} {counted[name]}" for name in _COUNTS if counted[name]]
    for name in ("unknown", "unhandled"):
        several: Any = counted[name]
        words += [f"{name}: {what} ({count} times)" for what, count in several.items()]
    return SpiceChannelEvidence(channel.name, state, tuple(map(str, list(seam.records)[-MESSAGES:])), ", ".join(words))


async def _frame(channels: list[SpiceChannel]) -> tuple[bytes | Missing | None, float | None]:
    """The newest picture of the first display, as a PNG, and when it was drawn; None where there is no display."""
    from ATPLibrary.errors import ATPError
    from ATPLibrary.protocol.screen.picture import WORKERS, as_png
    from ATPLibrary.protocol.spice.channels import DisplayConversation
    from ATPLibrary.protocol.spice.display.picture import image_of

    for channel in channels:
        speaker = _speaker(channel)
        if speaker is not None and isinstance(speaker.conversation, DisplayConversation):
            painter = speaker.conversation.painter
            if painter.screen is None:
                return Missing(f"{channel.name} has none yet"), None
            image, drawn = image_of(painter.screen), painter.drawn_at
            try:
                png = await WORKERS.call(as_png, image, timeout=FRAME_SECONDS, what=f"The frame of {channel.name}")
            except ATPError as error:
                return Missing(str(error)), None
            return png, drawn
    return None, None


def _speaker(channel: SpiceChannel) -> SpeakingChannel | None:
    from ATPLibrary.protocol.spice.client import SpeakingChannel

    speaker = channel.speaker or channel.last_speaker
    return speaker if isinstance(speaker, SpeakingChannel) else None
