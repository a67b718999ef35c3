"""Sound: what is heard of packets, tones measured, recordings."""

from __future__ import annotations

import asyncio
import math
import wave
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.spice.sound import PACKET_MS, channel_of, heard, opus, play, playback_of

from ATPLibrary.errors import ChannelError
from ATPLibrary.orchestrator.spice_sound import AudioRecording, listening
from ATPLibrary.protocol.spice.enums import PlaybackCap, RecordCap
from ATPLibrary.protocol.spice.errors import SpiceProtocolError
from ATPLibrary.protocol.spice.messages import audio
from ATPLibrary.protocol.spice.options import SpiceOptions
from ATPLibrary.protocol.spice.sound import Listener
from ATPLibrary.protocol.spice.sound.opus import OpusDecoder
from ATPLibrary.protocol.spice.sound.tones import LOOK_SAMPLES, SILENCE_DB, level, made, strongest
from ATPLibrary.protocol.spice.video import codecs
from ATPLibrary.transport.spice import SpiceChannelType as Type

pytestmark = pytest.mark.unit


async def test_raw_sound_is_heard_as_it_was_played_and_pauses_are_as_long_as_they_were() -> None:
    tone = made(440, 0.1, 48000, 2)
    async with channel_of(Type.PLAYBACK) as (channel, peer):
        with listening(channel) as listener:
            peer.say(audio.PlaybackMode(0, 1, b""))
            peer.say(audio.PlaybackStart(2, 1, 48000, 1000))
            play(peer, tone)
            peer.say(audio.PlaybackStop())
            peer.say(audio.PlaybackStart(2, 1, 48000, 1600))
            play(peer, tone, start=1600)
            await heard(channel, 20)
            samples = listener.take()
            assert samples == tone + bytes(48000 * 500 // 1000 * 4) + tone
            assert listener.take() == b""
        before = listener.heard
        play(peer, tone, start=1700)
        await heard(channel, 30)
        assert listener.heard == before
        playback = playback_of(channel)
        assert playback.listeners == []


async def test_opus_is_heard_with_the_tone_that_was_packed() -> None:
    async with channel_of(Type.PLAYBACK) as (channel, peer):
        with listening(channel) as listener:
            peer.say(audio.PlaybackMode(0, 3, b""))
            peer.say(audio.PlaybackStart(2, 1, 48000, 0))
            packets = opus(made(1000, 0.5, 48000, 2))
            for number, packet in enumerate([*packets, b"\xff" * 3000]):
                peer.say(audio.PlaybackData(number * PACKET_MS, packet))
            await heard(channel, len(packets) + 1)
            playback = playback_of(channel)
            await channel.wait_until(lambda: playback.lost == 1, 5, "lose the packet that is none")
            samples = listener.take()
            assert len(samples) == len(packets) * 480 * 4
            tone = strongest(samples, 2, 48000)
            assert tone.frequency == pytest.approx(1000, abs=2)
            assert tone.share > 0.9


@pytest.mark.parametrize("frequency", [60.0, 440.0, 997.3, 1000.15, 8000.0, 15000.0])
@pytest.mark.parametrize(("rate", "channels"), [(48000, 2), (44100, 1)])
def test_a_tone_s_frequency_is_measured_to_a_hertz(frequency: float, rate: int, channels: int) -> None:
    tone = strongest(made(frequency, 0.4, rate, channels), channels, rate)
    assert tone.frequency == pytest.approx(frequency, abs=1)
    assert tone.share > 0.9
    assert tone.level == pytest.approx(20 * math.log10(0.5 / math.sqrt(2)), abs=0.5)


def test_noise_and_two_tones_alike_are_no_tone_and_silence_has_none() -> None:
    import random

    noise = b"".join(random.Random(7).randrange(-9000, 9000).to_bytes(2, "little", signed=True) for _ in range(9000))
    assert strongest(noise, 1, 48000).share < 0.1
    silence = strongest(bytes(2 * LOOK_SAMPLES), 1, 48000)
    assert (silence.level, silence.share) == (SILENCE_DB, 0)
    assert level(b"") == SILENCE_DB
    with pytest.raises(ValueError, match="too short"):
        strongest(bytes(100), 1, 48000)


async def test_volume_mute_and_latency_are_known() -> None:
    async with channel_of(Type.PLAYBACK) as (channel, peer):
        playback = playback_of(channel)
        peer.say(audio.PlaybackVolume((65535, 100)))
        peer.say(audio.PlaybackMute(1))
        peer.say(audio.PlaybackLatency(80))
        await channel.wait_until(lambda: playback.latency_ms == 80, 5, "tell its latency")
        assert (playback.volumes, playback.is_muted) == ((65535, 100), True)


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        (audio.PlaybackStart(0, 1, 48000, 0), "channels"),
        (audio.PlaybackStart(4_000_000_000, 1, 48000, 0), "channels"),
        (audio.PlaybackStart(2, 1, 0, 0), "frequency"),
        (audio.PlaybackStart(2, 1, 4_000_000_000, 0), "frequency"),
    ],
)
async def test_a_format_that_can_not_be_ends_the_channel(start: audio.PlaybackStart, reason: str) -> None:
    async with channel_of(Type.PLAYBACK) as (channel, peer):
        peer.say(start)
        with pytest.raises(SpiceProtocolError, match=f"Field '{reason}' of the SPICE message START"):
            await channel.wait_until(lambda: False, 5, "end")


async def test_sound_that_is_not_decoded_is_said_once() -> None:
    async with channel_of(Type.PLAYBACK) as (channel, peer):
        with listening(channel):
            peer.say(audio.PlaybackMode(0, 2, b""))
            peer.say(audio.PlaybackStart(2, 1, 48000, 0))
            play(peer, bytes(4 * 4800))
            await heard(channel, 10)
        assert channel.conversation.wire.statistics.unhandled == {"sound in mode 2, format 1": 10}
        told = [each for each in channel.channel.connection.bus.take_notices() if each.kind == "spice.unhandled"]
        assert len(told) == 1


async def test_modes_and_formats_without_end_are_counted_in_bounds() -> None:
    async with channel_of(Type.PLAYBACK) as (channel, peer):
        with listening(channel):
            for number in range(50, 250):
                peer.say(audio.PlaybackMode(0, number, b""))
                peer.say(audio.PlaybackStart(2, number, 48000, 0))
                peer.say(audio.PlaybackData(0, b"x"))
            await heard(channel, 200)
        unhandled = channel.conversation.wire.statistics.unhandled
        assert (len(unhandled), unhandled.total()) == (65, 200)
        assert (unhandled["sound in mode 50, format 50"], unhandled["more of other kinds"]) == (1, 136)
        told = [each for each in channel.channel.connection.bus.take_notices() if each.kind == "spice.unhandled"]
        assert len(told) == 65


def test_what_nobody_fetches_does_not_grow_without_bound() -> None:
    listener = Listener()
    listener.begins(2, 48000)
    for number in range(200):
        listener.hear(number * 1000, bytes(48000 * 4))
    listener.hear(200 * 1000 + 500_000, bytes(4))
    assert len(listener.take()) == 16 << 20
    assert listener.dropped == listener.heard - (16 << 20)


@settings(max_examples=100, deadline=None)
@given(packets=st.lists(st.binary(max_size=400), max_size=8), channels=st.sampled_from([1, 2]))
def test_whatever_comes_as_opus_is_samples_or_nothing(packets: list[bytes], channels: int) -> None:
    decoder = OpusDecoder(channels)
    for packet in packets:
        samples = decoder.decode(packet)
        assert samples is None or len(samples) % (2 * channels) == 0
        assert samples is None or len(samples) <= 48000 * 2 * channels


def test_without_pyav_opus_is_not_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    assert SpiceOptions().caps_of(Type.PLAYBACK) >> PlaybackCap.OPUS & 1
    assert SpiceOptions().caps_of(Type.RECORD) >> RecordCap.OPUS & 1
    monkeypatch.setattr(codecs, "has_pyav", lambda: False)
    assert not SpiceOptions().caps_of(Type.PLAYBACK) >> PlaybackCap.OPUS & 1
    assert not SpiceOptions().caps_of(Type.RECORD) >> RecordCap.OPUS & 1


async def test_a_recording_holds_what_was_played_and_one_of_nothing_is_a_file_without_sound(tmp_path: Path) -> None:
    tone = made(440, 0.3, 44100, 1)
    async with channel_of(Type.PLAYBACK) as (channel, peer):
        recording = AudioRecording(channel, tmp_path / "tone.wav")
        await asyncio.sleep(0)
        peer.say(audio.PlaybackStart(1, 1, 44100, 0))
        play(peer, tone, channels=1, rate=44100)
        await heard(channel, 30)
        await recording.stop(5)
        with wave.open(str(recording.path), "rb") as file:
            assert (file.getnchannels(), file.getframerate()) == (1, 44100)
            assert file.readframes(1 << 20) == tone
        nothing = AudioRecording(channel, tmp_path / "nothing.wav")
        await nothing.stop(5)
        with wave.open(str(nothing.path), "rb") as file:
            assert file.getnframes() == 0


async def test_a_recording_whose_channel_ends_has_what_came_and_fails(tmp_path: Path) -> None:
    tone = made(440, 0.1, 44100, 1)
    async with channel_of(Type.PLAYBACK) as (channel, peer):
        recording = AudioRecording(channel, tmp_path / "tone.wav")
        await asyncio.sleep(0)
        peer.say(audio.PlaybackStart(1, 1, 44100, 0))
        play(peer, tone, channels=1, rate=44100)
        await heard(channel, 10)
        channel.drop("the test dropped it")
        with pytest.raises(ChannelError, match="should stay open but the test dropped it"):
            await recording.stop(5)
        with wave.open(str(recording.path), "rb") as file:
            assert file.readframes(1 << 20) == tone


async def test_a_recording_of_what_could_not_be_decoded_fails_and_one_of_a_part_says_so(tmp_path: Path) -> None:
    async with channel_of(Type.PLAYBACK) as (channel, peer):
        nothing = AudioRecording(channel, tmp_path / "nothing.wav")
        await asyncio.sleep(0)
        play(peer, bytes(480 * 4))
        await heard(channel, 1)
        with pytest.raises(ChannelError, match="has none: 1 of the 1 packets that came could not be decoded"):
            await nothing.stop(5)
        part = AudioRecording(channel, tmp_path / "part.wav")
        await asyncio.sleep(0)
        play(peer, bytes(480 * 4))
        peer.say(audio.PlaybackStart(2, 1, 48000, 0))
        play(peer, bytes(480 * 4))
        await heard(channel, 3)
        await part.stop(5)
        assert part.seconds == pytest.approx(0.01)
        assert "part.wav' is not whole: 1 of the 2 packets that came could not be decoded" in part.problem
        whole = AudioRecording(channel, tmp_path / "whole.wav")
        await whole.stop(5)
        assert whole.problem == ""
