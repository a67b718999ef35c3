"""Sound of a stand-in for a guest: packets, raw and in Opus, on a channel of the library's client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import av
from tests.spice.server import Peer, spice_server

from ATPLibrary.protocol.spice.channels import PlaybackConversation
from ATPLibrary.protocol.spice.client import SpeakingChannel, speaking
from ATPLibrary.protocol.spice.messages import audio
from ATPLibrary.protocol.spice.options import SpiceOptions
from ATPLibrary.transport.spice import SpiceChannelType as Type

PACKET_MS = 10


def opus(samples: bytes, channels: int = 2) -> list[bytes]:
    """Packets of 10 ms, as spice-server makes them."""
    context = av.CodecContext.create("libopus", "w")
    context.sample_rate, context.format, context.layout = 48000, "s16", "stereo" if channels == 2 else "mono"
    context.options = {"frame_duration": "10", "application": "lowdelay"}
    size = 480 * 2 * channels
    packets = []
    for at in range(0, len(samples) - size + 1, size):
        frame = av.AudioFrame("s16", "stereo" if channels == 2 else "mono", 480)
        frame.sample_rate = 48000
        frame.planes[0].update(samples[at : at + size])
        frame.pts = at // (2 * channels)
        packets += [bytes(each) for each in context.encode(frame)]
    return packets


@asynccontextmanager
async def channel_of(type: Type, options: SpiceOptions | None = None) -> AsyncIterator[tuple[SpeakingChannel, Peer]]:
    async with spice_server() as server:
        connection = server.connection(options=options)
        await connection.connect_main_channel(5)
        channel = speaking(await connection.open_channel(type, timeout=5))
        yield channel, await server.peer(type)
        await connection.close()


def play(peer: Peer, samples: bytes, start: int = 1000, channels: int = 2, rate: int = 48000) -> None:
    """Raw packets, with their times."""
    size = rate * PACKET_MS // 1000 * 2 * channels
    for number, at in enumerate(range(0, len(samples), size)):
        peer.say(audio.PlaybackData(start + number * PACKET_MS, samples[at : at + size]))


async def heard(channel: SpeakingChannel, packets: int) -> None:
    playback = playback_of(channel)
    await channel.wait_until(lambda: playback.packets >= packets, 5, f"have brought {packets} packets")


def playback_of(channel: SpeakingChannel) -> PlaybackConversation:
    """What is known of a channel `playback`."""
    playback = channel.conversation
    assert isinstance(playback, PlaybackConversation)
    return playback
