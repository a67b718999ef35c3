"""Video and sound of real guests: of one boot sector each, which draw, beep, and echo what they record (lab/boot_sectors)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.spice.qemu import Qemu, disk_arguments, qemu

from ATPLibrary.errors import VerificationError
from ATPLibrary.lab.boot_sector import boot_disk
from ATPLibrary.orchestrator.spice_microphone import play_into_guest
from ATPLibrary.orchestrator.spice_sound import hear_silence, wait_for_tone
from ATPLibrary.protocol.spice.channels import DisplayConversation, PlaybackConversation
from ATPLibrary.protocol.spice.client import SpeakingChannel, speaking
from ATPLibrary.protocol.spice.display.picture import image_of
from ATPLibrary.protocol.spice.enums import AudioMode, PlaybackCap, VideoCodec
from ATPLibrary.protocol.spice.options import SpiceOptions
from ATPLibrary.protocol.spice.sound.tones import made
from ATPLibrary.protocol.spice.video.preference import ask_for, prefer
from ATPLibrary.transport.spice import SpiceChannelType as Type
from ATPLibrary.transport.spice_connection import SpiceVmConnection

pytestmark = pytest.mark.e2e
# What a server can encode with the packages that scripts/setup installs: all but H265.
SERVER_ENCODES = (VideoCodec.MJPEG, VideoCodec.VP8, VideoCodec.VP9, VideoCodec.H264)
COLUMNS = 20  # QEMU streams 640 pixels in columns of 32
STREAMING = "password-secret=ticket,port={port},streaming-video=all"
SPEAKER = ("-machine", "pc,pcspk-audiodev=sound", "-audiodev", "spice,id=sound")
CARD = ("-audiodev", "spice,id=sound", "-device", "AC97,audiodev=sound")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Qemu]:
    """A guest that shows moving pictures of 640 x 480, 25 a second."""
    disk = boot_disk("pictures", tmp_path_factory.mktemp("guest"))
    with qemu(*disk_arguments(disk), *SPEAKER, spice=STREAMING, paused=False) as running:
        yield running


@pytest.fixture
async def session(pictures: Qemu) -> AsyncIterator[SpiceVmConnection]:
    connection = pictures.connection()
    await connection.connect_main_channel(10)
    yield connection
    await connection.close()


async def opened(connection: SpiceVmConnection, type: Type) -> SpeakingChannel:
    return speaking(await connection.open_channel(type, timeout=10))


def conversation_of(channel: SpeakingChannel) -> DisplayConversation:
    assert isinstance(channel.conversation, DisplayConversation)
    return channel.conversation


async def press(running: Qemu, key: str) -> None:
    await asyncio.to_thread(running.execute, "send-key", keys=[{"type": "qcode", "data": key}])


async def all_columns_move(channel: SpeakingChannel, frames: int) -> None:
    streams = conversation_of(channel).streams
    await channel.wait_until(
        lambda: len(streams.streams) == COLUMNS and all(each.statistics.drawn >= frames for each in streams.streams.values()),
        60, f"have drawn {frames} frames of each of {COLUMNS} columns",
    )  # fmt: skip


async def test_moving_pictures_are_streamed_in_columns_and_drawn_without_loss(
    pictures: Qemu, session: SpiceVmConnection, tmp_path: Path
) -> None:
    channel = await opened(session, Type.DISPLAY)
    conversation = conversation_of(channel)
    await all_columns_move(channel, 25)
    rows = conversation.streams.as_dicts()
    assert {(row["codec"], row["width"], row["height"]) for row in rows} == {("MJPEG", 32, 480)}
    assert sorted(row["left"] for row in rows) == list(range(0, 640, 32))
    assert sum(int(row["lost"]) for row in rows) == 0
    assert not conversation.painter.is_exact
    # Stopped, the screen becomes the guest's own again: the server replaces what was video by exact pixels.
    await press(pictures, "p")
    try:
        await channel.wait_until(lambda: not conversation.streams.streams, 30, "end the streams")
        width, height, wanted = await asyncio.to_thread(pictures.screen, tmp_path)
        assert (width, height) == (640, 480)
        assert len(set(wanted)) > 10

        def is_equal() -> bool:
            surface = conversation.painter.screen
            return surface is not None and image_of(surface).tobytes() == wanted

        await channel.wait_until(is_equal, 10, "show what QEMU's screendump shows")
        assert conversation.painter.is_exact
    finally:
        await press(pictures, "p")


async def test_a_codec_that_is_asked_for_at_once_does_not_end_qemu(pictures: Qemu, session: SpiceVmConnection) -> None:
    """Without the second that is waited for, QEMU 7.2 crashes here: something is streamed while the channel is opened anew."""
    channel = await opened(session, Type.DISPLAY)
    await all_columns_move(channel, 1)
    await session.close_channel(Type.DISPLAY)
    again = await opened(session, Type.DISPLAY)
    await prefer(again, [VideoCodec.MJPEG, VideoCodec.VP8], 10)
    await all_columns_move(again, 5)
    assert pictures.process.poll() is None


@pytest.mark.parametrize("codec", list(VideoCodec), ids=lambda each: each.name)
async def test_each_codec_is_asked_for_and_what_came_is_told(session: SpiceVmConnection, codec: VideoCodec) -> None:
    channel = await opened(session, Type.DISPLAY)
    await all_columns_move(channel, 1)
    row = await ask_for(channel, codec, 10)
    print(f"\n{row.sentence()}.")
    if codec in SERVER_ENCODES:
        assert row.is_streamed
        assert row.lost == 0
    else:
        assert row.sentence() == "H265 was asked for, and MJPEG came: spice-server, as of 0.15.1, has no encoder for it"


@pytest.mark.parametrize("mode", [AudioMode.OPUS, AudioMode.RAW], ids=lambda each: each.name)
async def test_the_speaker_s_tone_is_heard_and_its_silence(
    pictures: Qemu, session: SpiceVmConnection, mode: AudioMode
) -> None:
    """1193182 / 1193 Hz, which the guest's timer makes."""
    if mode is AudioMode.RAW:
        await session.close()
        caps = {Type.PLAYBACK: 1 << PlaybackCap.VOLUME}
        session = pictures.connection(options=SpiceOptions(channel_caps=caps))
        await session.connect_main_channel(10)
    channel = await opened(session, Type.PLAYBACK)
    playback = channel.conversation
    assert isinstance(playback, PlaybackConversation)
    await hear_silence(channel, 0.5, -60)
    await press(pictures, "s")
    try:
        tone = await wait_for_tone(channel, 1000.15, 2, 20)
        assert tone.share > 0.7
        assert playback.mode == mode
        assert playback.lost == 0
    finally:
        await press(pictures, "s")
    is_silent = False
    async with asyncio.timeout(20):
        while not is_silent:
            with contextlib.suppress(VerificationError):  # what was on its way comes first
                await hear_silence(channel, 1, -60)
                is_silent = True
    await session.close()


async def test_what_is_played_into_the_microphone_is_heard_by_the_guest(tmp_path: Path) -> None:
    """The guest plays back what it has recorded: its own proof, by a sound card."""
    disk = boot_disk("echo", tmp_path)
    with qemu(*disk_arguments(disk), *CARD, paused=False) as running:
        connection = running.connection()
        await connection.connect_main_channel(10)
        playback, record = await opened(connection, Type.PLAYBACK), await opened(connection, Type.RECORD)
        for frequency, mode in ((700, AudioMode.RAW), (900, AudioMode.OPUS)):

            def samples(rate: int, channels: int, frequency: float = frequency) -> bytes:
                return made(frequency, 4, rate, channels)

            playing = asyncio.create_task(play_into_guest(record, samples, 30, "a tone", mode))
            # It has most of the energy; the end of the tone before may be heard with it.
            await wait_for_tone(playback, frequency, 3, 30)
            await playing
        await connection.close()
