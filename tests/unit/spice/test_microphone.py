"""Sound for a guest that records: a microphone's pace, Opus, files."""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path

import pytest
from tests.spice.server import SpiceServer
from tests.spice.sound import channel_of

from ATPLibrary.errors import ChannelError, ConfigError
from ATPLibrary.orchestrator.spice_microphone import length_of, play_into_guest, samples_of
from ATPLibrary.protocol.spice.channels import RecordConversation
from ATPLibrary.protocol.spice.enums import AudioMode, RecordCap
from ATPLibrary.protocol.spice.messages import audio
from ATPLibrary.protocol.spice.sound.opus import OpusDecoder
from ATPLibrary.protocol.spice.sound.tones import made, strongest
from ATPLibrary.transport.spice import SpiceChannelType as Type

pytestmark = pytest.mark.unit


async def test_a_guest_that_records_gets_the_tone_at_the_pace_of_a_microphone() -> None:
    loop = asyncio.get_running_loop()
    async with channel_of(Type.RECORD) as (channel, peer):
        record = channel.conversation
        assert isinstance(record, RecordConversation)

        def samples(rate: int, channels: int) -> bytes:
            return made(700, 0.3, rate, channels)

        with pytest.raises(ChannelError, match="the guest does not record"):
            await play_into_guest(channel, samples, 0.1, "a tone")
        peer.say(audio.RecordStart(2, 1, 48000))
        began = loop.time()
        assert await play_into_guest(channel, samples, 5, "a tone") == pytest.approx(0.3)
        assert loop.time() - began >= 0.3
        await peer.wait_for(lambda each: sum(number == 101 for number, _ in each.got) == 30)
        numbers = [number for number, _ in peer.got]
        assert numbers[:2] == [102, 103]
        got = b"".join(body[4:] for number, body in peer.got if number == 101)
        assert got == made(700, 0.3, 48000, 2)
        playing = asyncio.create_task(
            play_into_guest(channel, lambda rate, channels: made(700, 30, rate, channels), 5, "a long tone")
        )
        await peer.wait_for(lambda each: sum(number == 101 for number, _ in each.got) > 40)
        peer.say(audio.RecordStop())
        with pytest.raises(ChannelError, match=r"take a long tone but the guest ended its recording after \d"):
            await playing


async def test_a_tone_in_opus_is_one_to_who_unpacks_it_and_a_server_that_takes_none_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def samples(rate: int, channels: int) -> bytes:
        return made(700, 0.305, rate, channels)

    async with channel_of(Type.RECORD) as (channel, peer):
        peer.say(audio.RecordStart(2, 1, 44100))
        with pytest.raises(ChannelError, match="in Opus, which has 48000 Hz but the server asks for 44100 Hz"):
            await play_into_guest(channel, samples, 5, "a tone", AudioMode.OPUS)
        peer.say(audio.RecordStart(2, 1, 48000))
        record = channel.conversation
        assert isinstance(record, RecordConversation)
        await channel.wait_until(lambda: record.format == (2, 1, 48000), 5, "record at another rate")
        assert await play_into_guest(channel, samples, 5, "a tone", AudioMode.OPUS) == pytest.approx(0.305)
        await peer.wait_for(lambda each: sum(number == 101 for number, _ in each.got) == 31)
        modes = [int.from_bytes(body[4:6], "little") for number, body in peer.got if number == 102]
        assert modes == [AudioMode.OPUS]
        packets = [body[4:] for number, body in peer.got if number == 101]
        assert all(len(packet) < 480 * 4 for packet in packets)
        decoder = OpusDecoder(2)
        pieces = [decoder.decode(packet) for packet in packets]
        assert {len(piece or b"") for piece in pieces} == {480 * 4}  # spice-server has room for no more
        tone = strongest(b"".join(piece or b"" for piece in pieces), 2, 48000)
        assert tone.frequency == pytest.approx(700, abs=2)
        assert tone.share > 0.9
    monkeypatch.setattr(SpiceServer, "caps_of", lambda server, peer: 1 << RecordCap.VOLUME)
    async with channel_of(Type.RECORD) as (channel, _):
        with pytest.raises(ChannelError, match="take sound in Opus but its server lacks the capability OPUS"):
            await play_into_guest(channel, samples, 5, "a tone", AudioMode.OPUS)


def test_a_file_is_brought_to_the_guest_s_rate_and_channels(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(24000)
        file.writeframes(made(1000, 0.5, 24000, 1))
    assert length_of(path) == pytest.approx(0.5)
    assert samples_of(path, 24000, 1) == made(1000, 0.5, 24000, 1)
    both = samples_of(path, 48000, 2)
    assert len(both) == 48000 // 2 * 4
    assert both[0::4] == both[2::4]
    assert strongest(both, 2, 48000).frequency == pytest.approx(1000, abs=2)


def test_a_file_that_is_no_sound_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "no.wav"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(ConfigError, match=r"no\.wav' should be a WAV file but can't be read"):
        length_of(path)
    with pytest.raises(ConfigError, match="can't be read"):
        length_of(tmp_path / "missing.wav")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(8000)
        file.writeframes(bytes(100))
    with pytest.raises(ConfigError, match="samples of 16 bits but has 8"):
        samples_of(path, 48000, 2)
