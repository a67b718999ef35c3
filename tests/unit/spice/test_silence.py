"""What the guest is heard to play, and when that nothing was heard means that it was silent."""

from __future__ import annotations

import asyncio
import threading
from typing import cast

import pytest
from tests.spice.sound import PACKET_MS, channel_of, opus, play, playback_of

from ATPLibrary.errors import ATPError, ChannelError, DeadlineError, VerificationError, VmStateError
from ATPLibrary.events import Event, EventBus
from ATPLibrary.orchestrator import Machine, spice_sound
from ATPLibrary.orchestrator.spice_sound import hear_silence, hear_silence_of, listening, wait_for_tone
from ATPLibrary.protocol.spice.messages import audio, base
from ATPLibrary.protocol.spice.schema import Sender
from ATPLibrary.protocol.spice.seam import Fault, Harm
from ATPLibrary.protocol.spice.sound.opus import OpusDecoder
from ATPLibrary.protocol.spice.sound.tones import made
from ATPLibrary.transport.spice import SpiceChannelType as Type

pytestmark = pytest.mark.unit


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
        playback = playback_of(channel)

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
        playback = playback_of(channel)
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
        playback = playback_of(channel)
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
        playback = playback_of(channel)
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
