"""Asking a server for a codec, and seeing what it streams then: announced, preferred, observed, decoded."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ATPLibrary.errors import ChannelError, DeadlineError
from ATPLibrary.protocol.spice.channels import DisplayConversation
from ATPLibrary.protocol.spice.enums import DisplayCap, VideoCodec
from ATPLibrary.protocol.spice.messages import display
from ATPLibrary.protocol.spice.video.codecs import is_announced
from ATPLibrary.runtime import deadline
from ATPLibrary.transport.spice import SpiceChannelType

if TYPE_CHECKING:
    from ATPLibrary.protocol.spice.client import SpeakingChannel

# spice-server 0.15.1 crashes, and QEMU with it, where it is asked for a codec sooner after the channel's INIT than this, while
# something is streamed.
GUARD_SECONDS = 1.0
# As many frames show that a codec is streamed and decoded: a first one alone might be the only one that can be.
_ENOUGH_FRAMES = 5
# What no server of that name encodes, so that nobody looks for a missing package.
_NEVER_ENCODED = {"H265": "spice-server, as of 0.15.1, has no encoder for it"}


@dataclass(frozen=True, slots=True)
class CodecRow:
    """What became of one codec. `observed` are the codecs of the streams that there were at the end; `decoded` and `lost` count
    frames of the codec itself."""

    codec: str
    announced: bool
    preferred: bool
    observed: tuple[str, ...]
    decoded: int
    lost: int

    @property
    def is_streamed(self) -> bool:
        return self.decoded >= _ENOUGH_FRAMES

    def sentence(self) -> str:
        """What a tester reads: "VP9 was asked for, and MJPEG came"."""
        if not self.announced:
            return f"{self.codec} was not announced by this client, so no server sends it"
        if not self.preferred:
            return f"{self.codec} could not be asked for: the server lacks the capability PREF_VIDEO_CODEC_TYPE"
        if self.is_streamed:
            return f"{self.codec} was asked for and came: {self.decoded} frames were decoded, {self.lost} lost"
        if not self.observed:
            return f"{self.codec} was asked for, and nothing is streamed at all"
        if self.codec in self.observed:
            return (
                f"{self.codec} was asked for and came, but only {self.decoded} frames were decoded and {self.lost} lost"
            )
        reason = f": {_NEVER_ENCODED[self.codec]}" if self.codec in _NEVER_ENCODED else ""
        return f"{self.codec} was asked for, and {' and '.join(self.observed)} came{reason}"


def can_be_asked(channel: SpeakingChannel) -> bool:
    return bool(channel.conversation.linked.channel_caps >> DisplayCap.PREF_VIDEO_CODEC_TYPE & 1)


async def prefer(channel: SpeakingChannel, codecs: Sequence[VideoCodec], timeout: float) -> None:
    """Ask for these codecs, the most wanted first; not before the server survives it. `ChannelError` where it takes no wishes."""
    conversation = channel.conversation
    assert isinstance(conversation, DisplayConversation)
    subject = channel.channel.subject
    if not can_be_asked(channel):
        raise ChannelError.about(
            subject, wanted="be asked for a codec", got="its server lacks the capability PREF_VIDEO_CODEC_TYPE"
        )
    async with deadline(timeout, subject, wanted="be asked for a codec", got="was not"):
        await asyncio.sleep(max(0.0, conversation.begun_at + GUARD_SECONDS - time.monotonic()))
        await channel.send(display.PreferredVideoCodecType(tuple(codecs)), timeout)


async def ask_for(channel: SpeakingChannel, codec: VideoCodec, within: float) -> CodecRow:
    """Prefer that codec, and wait until frames of it were decoded, or `within` is over; the row tells which."""
    conversation = channel.conversation
    assert isinstance(conversation, DisplayConversation)
    streams, name = conversation.streams, codec.name
    caps = conversation.options.caps_of(SpiceChannelType.DISPLAY)
    announced, preferred = is_announced(codec, caps), can_be_asked(channel)
    drawn, lost = streams.drawn[name], streams.lost[name]
    if announced and preferred:
        await prefer(channel, [codec], within + GUARD_SECONDS)
        with contextlib.suppress(DeadlineError):  # the row says what was there instead
            await channel.wait_until(lambda: streams.drawn[name] - drawn >= _ENOUGH_FRAMES, within, f"stream {name}")
    observed = tuple(dict.fromkeys(each.codec_name for each in streams.streams.values()))
    return CodecRow(name, announced, preferred, observed, streams.drawn[name] - drawn, streams.lost[name] - lost)
