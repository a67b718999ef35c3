"""What it costs to decode and draw video that QEMU's own server streams, of a guest that shows moving pictures."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from tests.spice.qemu import Qemu, disk_arguments, qemu

from ATPLibrary.lab.boot_sector import boot_disk
from ATPLibrary.protocol.spice.channels import DisplayConversation
from ATPLibrary.protocol.spice.client import SpeakingChannel, speaking
from ATPLibrary.protocol.spice.enums import VideoCodec
from ATPLibrary.protocol.spice.video.preference import ask_for
from ATPLibrary.transport.spice import SpiceChannelType as Type

from .rows import Row
from .world import Progress

COLUMNS, RATE = 20, 25
CODECS = (VideoCodec.MJPEG, VideoCodec.VP8, VideoCodec.VP9, VideoCodec.H264)
_STREAMING = "password-secret=ticket,port={port},streaming-video=all"
_FIRST_SECONDS = 60.0


def measure(progress: Progress, *, quick: bool) -> list[Row]:
    """A row a codec. The processor's time is this process's, all its threads; the server encodes in QEMU's."""
    with tempfile.TemporaryDirectory(prefix="atp-bench-") as directory:
        disk = boot_disk("pictures", Path(directory))
        with qemu(*disk_arguments(disk), spice=_STREAMING, paused=False) as running:
            return asyncio.run(_measure(running, 4.0 if quick else 20.0, progress))


async def _measure(running: Qemu, seconds: float, progress: Progress) -> list[Row]:
    connection = running.connection()
    await connection.connect_main_channel(10)
    channel = speaking(await connection.open_channel(Type.DISPLAY, timeout=10))
    display = channel.conversation
    assert isinstance(display, DisplayConversation)
    streams = display.streams.streams
    await channel.wait_until(lambda: len(streams) == COLUMNS, _FIRST_SECONDS, "stream the whole screen")
    rows = []
    for codec in CODECS:
        asked = await ask_for(channel, codec, 20)
        if asked.is_streamed:
            progress(f"spice-video.{codec.name.lower()}: {seconds:g} s")
            rows.append(await _row(channel, display, codec, seconds))
        else:
            progress(f"spice-video.{codec.name.lower()} is left out: {asked.sentence()}")
    await connection.close()
    return rows


async def _row(channel: SpeakingChannel, display: DisplayConversation, codec: VideoCodec, seconds: float) -> Row:
    streams, name = display.streams, codec.name
    drawn, lost, began, used = streams.drawn[name], streams.lost[name], time.monotonic(), time.process_time()
    await asyncio.sleep(seconds)
    used, taken = time.process_time() - used, time.monotonic() - began
    pictures = (streams.drawn[name] - drawn) / COLUMNS
    lost = streams.lost[name] - lost
    cost = 100 * used / pictures * RATE if pictures else float("inf")
    more = {
        "lost": lost,
        "pictures_per_second": round(pictures / taken, 1),
        "cpu_ms_a_picture": round(10 * cost / RATE, 2),
    }
    return Row(
        f"spice-video.{name.lower()}", cost, "% of a core", f"one core: 640x480, {RATE} pictures/s, {COLUMNS} streams", 100.0,
        aim="under one core, none lost", met=cost < 100 and lost == 0, more=more,
    )  # fmt: skip
