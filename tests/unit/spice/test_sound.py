"""Sound: what is heard of packets, tones measured and made, a microphone's pace, files."""

from __future__ import annotations

import asyncio
import math
import threading
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.spice.server import Peer, SpiceServer, spice_server

from ATPLibrary.errors import ATPError, ChannelError, ConfigError, DeadlineError, VerificationError, VmStateError
from ATPLibrary.events import Event, EventBus
from ATPLibrary.orchestrator import Machine, spice_sound
from ATPLibrary.orchestrator.spice_microphone import length_of, play_into_guest, samples_of
from ATPLibrary.orchestrator.spice_sound import AudioRecording, hear_silence, hear_silence_of, listening, wait_for_tone
from ATPLibrary.protocol.spice.channels import PlaybackConversation, RecordConversation
from ATPLibrary.protocol.spice.client import SpeakingChannel, speaking
from ATPLibrary.protocol.spice.enums import AudioMode, PlaybackCap, RecordCap
from ATPLibrary.protocol.spice.errors import SpiceProtocolError
from ATPLibrary.protocol.spice.messages import audio, base
from ATPLibrary.protocol.spice.options import SpiceOptions
from ATPLibrary.protocol.spice.schema import Sender
from ATPLibrary.protocol.spice.seam import Fault, Harm
from ATPLibrary.protocol.spice.sound import Listener
from ATPLibrary.protocol.spice.sound.opus import OpusDecoder
from ATPLibrary.protocol.spice.sound.tones import LOOK_SAMPLES, SILENCE_DB, level, made, strongest
from ATPLibrary.protocol.spice.video import codecs
from ATPLibrary.transport.spice import SpiceChannelType as Type

pytestmark = pytest.mark.unit
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
    playback = channel.conversation
    assert isinstance(playback, PlaybackConversation)
    await channel.wait_until(lambda: playback.packets >= packets, 5, f"have brought {packets} packets")


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
        playback = channel.conversation
        assert isinstance(playback, PlaybackConversation)
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
            playback = channel.conversation
            assert isinstance(playback, PlaybackConversation)
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


async def test_a_tone_is_waited_for_and_another_one_is_told() -> None:
    async with channel_of(Type.PLAYBACK) as (channel, peer):
        peer.say(audio.PlaybackStart(2, 1, 48000, 0))

        async def sound(frequency: float) -> None:
            for turn in range(200):
                play(peer, made(frequency, 0.2, 48000, 2), start=turn * 200)
                await asyncio.sleep(0.05)

        playing = asyncio.create_task(sound(440))
        tone = await wait_for_tone(channel, 441, 5, 5)
        assert tone.frequency == pytest.approx(440, abs=3)
        with pytest.raises(
            VerificationError, match=r"be a tone of 900 Hz .* was 4[34]\d\.\d Hz with \d+% of the energy"
        ):
            await wait_for_tone(channel, 900, 5, 1)
        with pytest.raises(VerificationError, match=r"be silent for 2 s but was 4[34]\d\.\d Hz"):
            await hear_silence(channel, 2, -60)
        playing.cancel()
        await asyncio.wait([playing])


async def test_nothing_at_all_is_silence_and_no_tone() -> None:
    async with channel_of(Type.PLAYBACK) as (channel, peer):
        await hear_silence(channel, 0.3, -60)
        with pytest.raises(VerificationError, match="the guest has played nothing"):
            await wait_for_tone(channel, 440, 5, 0.3)
        peer.writer.close()
        with pytest.raises(ChannelError, match="the server closed it"):
            await hear_silence(channel, 5, -60)


@pytest.mark.parametrize("begins", [True, False])
async def test_sound_that_could_not_be_decoded_is_neither_silence_nor_nothing(begins: bool) -> None:
    async with channel_of(Type.PLAYBACK) as (channel, peer):
        peer.say(audio.PlaybackMode(0, 2 if begins else 1, b""))
        if begins:
            peer.say(audio.PlaybackStart(2, 1, 48000, 0))
        playback = channel.conversation
        assert isinstance(playback, PlaybackConversation)

        async def playing() -> None:
            await channel.wait_until(lambda: bool(playback.listeners), 5, "be listened to")
            play(peer, made(440, 0.05, 48000, 2))

        async with asyncio.TaskGroup() as group:
            group.create_task(playing())
            with pytest.raises(
                VerificationError, match=r"be silent .* could not be heard: \d of the \d packets that came"
            ):
                await hear_silence(channel, 3, -60)
        async with asyncio.TaskGroup() as group:
            group.create_task(playing())
            with pytest.raises(VerificationError, match="could not be heard: 5 of the 5 packets that came") as told:
                await wait_for_tone(channel, 440, 5, 0.5)
        assert "played nothing" not in str(told.value)


async def test_silence_tells_how_many_packets_it_was_made_of() -> None:
    async with channel_of(Type.PLAYBACK) as (channel, peer):
        assert await hear_silence(channel, 0, -60) == 0
        playback = channel.conversation
        assert isinstance(playback, PlaybackConversation)
        hearing = asyncio.create_task(hear_silence(channel, 0.5, -60))
        await asyncio.sleep(0)
        assert playback.listeners
        peer.say(audio.PlaybackStart(2, 1, 48000, 0))
        play(peer, bytes(3 * 480 * 4))
        assert await hearing == 3


@pytest.mark.parametrize("too_slow", [False, True])
async def test_sound_that_is_still_being_decoded_is_no_silence(monkeypatch: pytest.MonkeyPatch, too_slow: bool) -> None:
    asked, may, decode = threading.Event(), threading.Event(), OpusDecoder.decode

    def late(self: OpusDecoder, packet: bytes) -> bytes | None:
        asked.set()
        may.wait(10)
        return decode(self, packet)

    monkeypatch.setattr(OpusDecoder, "decode", late)
    monkeypatch.setattr(spice_sound, "_DECODE_SECONDS", 0.1 if too_slow else 5.0)
    wanted = r"could not be heard: [1-9]\d* of the [1-9]\d* packets" if too_slow else r"be silent for 0 s but was .* Hz"
    packets = opus(made(1000, 0.2, 48000, 2))
    async with channel_of(Type.PLAYBACK) as (channel, peer):
        playback = channel.conversation
        assert isinstance(playback, PlaybackConversation)
        try:
            with listening(channel):
                peer.say(audio.PlaybackMode(0, 3, b""))
                peer.say(audio.PlaybackStart(2, 1, 48000, 0))
                await channel.wait_until(lambda: playback.format is not None, 5, "begin to play")
                hearing = asyncio.create_task(hear_silence(channel, 0, -60))
                await asyncio.sleep(0)
                assert len(playback.listeners) == 2
                playback.handle(audio.PlaybackData(0, packets[0]))  # it has come before the time is over, for certain
                for number, packet in enumerate(packets[1:], 1):
                    peer.say(audio.PlaybackData(number * PACKET_MS, packet))
                assert await asyncio.to_thread(asked.wait, 5)
                if not too_slow:
                    may.set()
                with pytest.raises(VerificationError, match=wanted):
                    await hearing
        finally:
            may.set()


@pytest.mark.parametrize("harm", [Harm.DROP, Harm.DELAY])
async def test_where_a_fault_took_sound_or_keeps_it_back_nobody_can_say_that_it_was_silent(harm: Harm) -> None:
    async with channel_of(Type.PLAYBACK) as (channel, peer):
        peer.say(audio.PlaybackStart(2, 1, 48000, 0))
        playback = channel.conversation
        assert isinstance(playback, PlaybackConversation)
        await channel.wait_until(lambda: playback.format is not None, 5, "begin to play")
        playback.wire.seam.faults.append(Fault(harm, Sender.SERVER, "DATA", seconds=5, times=100))
        hearing = asyncio.create_task(hear_silence(channel, 0.5, -60))
        await asyncio.sleep(0)
        play(peer, made(1000, 0.1, 48000, 2))
        with pytest.raises(VerificationError, match=r"could not be heard: faults on purpose have acted on \d+ of the"):
            await hearing
        if harm is Harm.DROP:
            playback.wire.seam.faults.clear()
            assert await hear_silence(channel, 0, -60) == 0


async def test_withheld_acknowledgements_are_no_silence() -> None:
    async with channel_of(Type.PLAYBACK) as (channel, peer):
        peer.say(base.SetAck(1, 1))
        await channel.wait_until(
            lambda: channel.conversation.wire.statistics.by_name["SET_ACK"] == 1, 5, "set a window"
        )
        channel.withhold_acks(True)
        peer.say(audio.PlaybackMute(0))
        await channel.wait_until(lambda: channel.conversation.wire.acks_owed > 0, 5, "owe an ACK")
        with pytest.raises(VerificationError, match="could not be heard: acknowledgements are withheld"):
            await hear_silence(channel, 0, -60)


class Asked:
    """A machine whose QEMU answers so, one behind the other."""

    name, source = "win11", "vm:win11"

    def __init__(self, *answers: str | Exception) -> None:
        self.answers = list(answers)
        self.bus, self.asked = EventBus(), asyncio.Event()

    async def qmp(self, timeout: float) -> Asked:
        return self

    async def query_status(self, timeout: float) -> str:
        self.asked.set()
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        (["paused"], r"VM 'win11' should be running for its silence to be heard but is paused"),
        (["running", "paused"], r"be running for its silence to be heard but is paused"),
        (
            [DeadlineError("QMP did not answer")],
            r"should be silent for 0\.1 s but can't be known: its QEMU did not answer within 5 s \(QMP did not answer\)",
        ),
        (["running", DeadlineError("QMP did not answer")], r"can't be known: its QEMU did not answer within 5 s"),
        (["running", ChannelError("it ended")], r"can't be known: its QEMU did not answer within 5 s \(it ended\)"),
    ],
)
async def test_a_vm_that_stands_still_is_not_silent(answers: list[str | Exception], told: str) -> None:
    async with channel_of(Type.PLAYBACK) as (channel, _):
        machine = Asked(*answers)
        with pytest.raises(ATPError, match=told):
            await hear_silence_of(cast(Machine, machine), channel, 0.1, -60, 5)
        assert machine.answers == []
        assert await hear_silence_of(cast(Machine, Asked("running", "running")), channel, 0.1, -60, 5) == 0


@pytest.mark.parametrize("kind", ["qmp.STOP", "libvirt.lifecycle.suspended"])
async def test_a_vm_that_stood_still_meanwhile_was_not_silent_all_the_time(kind: str) -> None:
    async with channel_of(Type.PLAYBACK) as (channel, _):
        machine = Asked("running", "running")
        machine.bus.publish(Event("vm:win11", kind))  # before that it may have
        hearing = asyncio.create_task(hear_silence_of(cast(Machine, machine), channel, 0.3, -60, 5))
        await machine.asked.wait()
        machine.bus.publish(Event("vm:other", kind))
        machine.bus.publish(Event("vm:win11", kind))
        machine.bus.publish(Event("vm:win11", "qmp.RESUME"))
        with pytest.raises(
            VmStateError, match=r"VM 'win11' should be running for its silence to be heard but stood still meanwhile"
        ):
            await hearing
        hearing = asyncio.create_task(
            hear_silence_of(cast(Machine, other := Asked("running", "running")), channel, 0.1, -60, 5)
        )
        await asyncio.sleep(0)
        other.bus.publish(Event("vm:other", kind))
        assert await hearing == 0


async def test_volume_mute_and_latency_are_known() -> None:
    async with channel_of(Type.PLAYBACK) as (channel, peer):
        playback = channel.conversation
        assert isinstance(playback, PlaybackConversation)
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
