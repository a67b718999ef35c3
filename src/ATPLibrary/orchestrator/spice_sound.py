"""A VM's sound: heard and judged, and recorded into a file."""

from __future__ import annotations

import asyncio
import contextlib
import time
import wave
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ATPLibrary.errors import ChannelError, DeadlineError, VerificationError, VmStateError
from ATPLibrary.events import Event
from ATPLibrary.orchestrator.media_recordings import writing
from ATPLibrary.orchestrator.spice_life import require_running
from ATPLibrary.protocol.spice.channels import PlaybackConversation
from ATPLibrary.protocol.spice.sound import Listener
from ATPLibrary.protocol.spice.sound.listener import SAMPLE_BYTES
from ATPLibrary.protocol.spice.sound.tones import LOOK_SAMPLES, SILENCE_DB, Tone, level, strongest
from ATPLibrary.runtime import Workers, deadline
from ATPLibrary.verifier.closed_loop import STANDS_STILL

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.machine import Machine
    from ATPLibrary.protocol.spice.client import SpeakingChannel

_WORKERS = Workers("spice-sound", 2)
_LOOK_SECONDS = 10.0
# How often is looked whether something new was heard.
_PACE_SECONDS = 0.1
# How long decoding may lag behind what has come: its threads have pictures to decode as well.
_DECODE_SECONDS = 5.0
# A tone has at least this part of a sound's energy; a square wave's has 81 %.
_LEAST_SHARE = 0.5
_DECODED = "See the warning about the channel: Opus needs PyAV here (pip install 'robotframework-atp[video]')"


@contextlib.contextmanager
def listening(channel: SpeakingChannel) -> Iterator[Listener]:
    """Hear what the guest plays meanwhile."""
    playback = channel.conversation
    assert isinstance(playback, PlaybackConversation)
    listener = playback.listen()
    try:
        yield listener
    finally:
        playback.leave(listener)


async def wait_for_tone(channel: SpeakingChannel, frequency: float, tolerance: float, within: float) -> Tone:
    """Until a tone within `tolerance` Hz of `frequency` is the strongest one that the guest plays.

    `VerificationError` tells which tone was heard last, and how many packets could not be decoded.
    """
    until = time.monotonic() + within
    last = Tone(0.0, 0.0, SILENCE_DB)
    with listening(channel) as listener:
        window = b""
        while time.monotonic() < until:
            channel.require_open()
            await asyncio.sleep(_PACE_SECONDS)
            window += listener.take()
            size = LOOK_SAMPLES * max(listener.channels, 1) * SAMPLE_BYTES
            if len(window) < size:
                continue
            window = window[-size:]
            last = await _WORKERS.call(
                strongest, window, listener.channels, listener.rate,
                timeout=_LOOK_SECONDS, what=f"The tone of {channel.channel.subject}",
            )  # fmt: skip
            window = b""
            if abs(last.frequency - frequency) <= tolerance and last.share >= _LEAST_SHARE:
                return last
    if listener.heard:
        got = f"was {last}" + (f"; {_not_decoded(listener)}" if listener.lost else "")
    elif listener.packets:
        got = f"could not be heard: {_not_decoded(listener)}"
    else:
        got = "was nothing at all: the guest has played nothing"
    raise VerificationError.about(
        f"The guest's sound on {channel.channel.subject}", wanted=f"be a tone of {frequency:g} Hz", waited=within,
        got=got, next_step=_DECODED if listener.lost else "",
    )  # fmt: skip


async def hear_silence(channel: SpeakingChannel, seconds: float, below: float) -> int:
    """Nothing louder than `below` dB for so long. Returns how many packets of sound came: 0 from a guest that plays nothing.

    `VerificationError` tells what was heard, and when; also where packets could not be decoded, or a fault took or delayed some,
    whose sound nobody knows.
    """
    began = time.monotonic()
    with listening(channel) as listener, _undisturbed(channel, seconds):
        while True:
            left = began + seconds - time.monotonic()
            await asyncio.sleep(max(0.0, min(_PACE_SECONDS, left)))
            channel.require_open()
            packets = listener.packets
            waiting = await _still_to_decode(channel) if left <= 0 else 0
            samples = listener.take()
            loudness = level(samples)
            if loudness > below:
                size = LOOK_SAMPLES * listener.channels * SAMPLE_BYTES
                heard = f"a sound at {loudness:.0f} dB"
                with contextlib.suppress(ValueError):
                    heard = str(strongest(samples.rjust(size, b"\0"), listener.channels, listener.rate))
                raise VerificationError.about(
                    f"The guest's sound on {channel.channel.subject}", wanted=f"be silent for {seconds:g} s",
                    got=f"was {heard} after {time.monotonic() - began:.1f} s",
                )  # fmt: skip
            if listener.lost:
                raise VerificationError.about(
                    f"The guest's sound on {channel.channel.subject}", wanted=f"be silent for {seconds:g} s",
                    got=f"could not be heard: {_not_decoded(listener)}", next_step=_DECODED,
                )  # fmt: skip
            if waiting:
                raise VerificationError.about(
                    f"The guest's sound on {channel.channel.subject}", wanted=f"be silent for {seconds:g} s",
                    got=f"could not be heard: {waiting} of the {packets} packets that came were still not decoded "
                    f"{_DECODE_SECONDS:g} s later",
                    next_step="Is this machine too busy to decode pictures and sound?",
                )  # fmt: skip
            if left <= 0:
                return packets


async def _still_to_decode(channel: SpeakingChannel) -> int:
    """How many of the packets that have come by now are neither decoded nor lost after a while; 0 as soon as all are."""
    playback = channel.conversation
    assert isinstance(playback, PlaybackConversation)
    due = playback.listened_to
    with contextlib.suppress(DeadlineError):
        await channel.wait_until(lambda: playback.dealt_with >= due, _DECODE_SECONDS, "have its sound decoded")
    return max(0, due - playback.dealt_with)


async def hear_silence_of(
    machine: Machine, channel: SpeakingChannel, seconds: float, below: float, timeout: float
) -> int:
    """As `hear_silence`, of a VM that runs all the time: one that stands still only says nothing. Its QEMU is asked before and
    after, each time for `timeout` at most, and tells when it is stopped meanwhile.

    `VmStateError` where it stands still, or stood; `VerificationError` where QEMU doesn't answer.
    """
    subject, wanted = f"The guest's sound on {channel.channel.subject}", f"be silent for {seconds:g} s"
    running = partial(require_running, machine, subject, wanted, timeout, "be running for its silence to be heard")
    stood_still: list[Event] = []
    with machine.bus.listen(stood_still.append, STANDS_STILL, machine.source):
        await running()
        packets = await hear_silence(channel, seconds, below)
        await running()
        await asyncio.sleep(0)  # what another thread has told until now
    if stood_still:
        moment = time.strftime("%H:%M:%S", time.localtime(stood_still[0].time))
        raise VmStateError.about(
            f"VM '{machine.name}'", wanted="be running for its silence to be heard",
            got=f"stood still meanwhile: it was stopped at {moment}, and went on later",
            next_step="Listen while nobody suspends it",
        )  # fmt: skip
    return packets


@contextlib.contextmanager
def _undisturbed(channel: SpeakingChannel, seconds: float) -> Iterator[None]:
    """`VerificationError` in the end, where a test has kept back meanwhile what the guest may have played."""
    wire = channel.conversation.wire
    before = wire.statistics.faults
    yield
    if harmed := wire.statistics.faults - before:
        why = f"faults on purpose have acted on {harmed} of the channel's messages meanwhile"
    elif wire.acks_owed:
        why = "acknowledgements are withheld, so its server may send nothing more"
    else:
        return
    raise VerificationError.about(
        f"The guest's sound on {channel.channel.subject}", wanted=f"be silent for {seconds:g} s",
        got=f"could not be heard: {why}",
    )  # fmt: skip


def _not_decoded(listener: Listener) -> str:
    return f"{listener.lost} of the {listener.packets} packets that came could not be decoded"


class AudioRecording:
    """What the guest plays into a WAV file, from the first sound on, until `stop`. Pauses between sounds are kept.

    `problem` says at the end what of the sound is missing in the file, empty where nothing is.
    """

    def __init__(self, channel: SpeakingChannel, path: Path) -> None:
        self.path = path
        self.name = str(path)
        self.seconds = 0.0
        self.problem = ""
        self._channel = channel
        self._stopping = asyncio.Event()
        self._file: wave.Wave_write | None = None
        self._task = asyncio.create_task(self._run(), name=f"Recording the sound of {channel.channel.subject}")

    async def stop(self, timeout: float) -> None:
        """Write what was heard, and close the file. An error of writing comes out here, and what ended the channel meanwhile;
        `ChannelError` too where sound came of which nothing could be decoded.
        """
        self._stopping.set()
        async with deadline(timeout, f"The recording '{self.path}'", wanted="be closed", got="was not"):
            with writing(self.name):
                await self._task

    async def _run(self) -> None:
        with listening(self._channel) as listener:
            try:
                while not self._stopping.is_set():
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._stopping.wait(), _PACE_SECONDS * 5)
                    await self._write(listener)
                    self._channel.require_open()
            finally:
                # Without a sound: a file of none.
                file, self._file = self._file or self._opened(2, 48000), None
                file.close()
            self._judge(listener)

    def _judge(self, listener: Listener) -> None:
        if listener.lost and not listener.heard:
            raise ChannelError.about(
                f"The recording '{self.path}'", wanted="have the guest's sound",
                got=f"has none: {_not_decoded(listener)}", next_step=_DECODED,
            )  # fmt: skip
        missing = [_not_decoded(listener)] if listener.lost else []
        missing += (
            [f"{listener.dropped} bytes of samples came faster than they were written"] if listener.dropped else []
        )
        self.problem = f"The recording '{self.path}' is not whole: {'; '.join(missing)}" if missing else ""

    async def _write(self, listener: Listener) -> None:
        samples = listener.take()
        if not samples:
            return
        if self._file is None:
            self._file = self._opened(listener.channels, listener.rate)
        elif (self._file.getnchannels(), self._file.getframerate()) != (listener.channels, listener.rate):
            raise ChannelError.about(
                f"The recording '{self.path}'", wanted="be of one format",
                got=f"the guest now plays {listener.channels} channels at {listener.rate} Hz", next_step="Record anew",
            )  # fmt: skip
        self.seconds += len(samples) / (listener.rate * listener.channels * SAMPLE_BYTES)
        what = f"Writing '{self.path}'"
        await _WORKERS.call(self._file.writeframes, samples, timeout=_LOOK_SECONDS, what=what)

    def _opened(self, channels: int, rate: int) -> wave.Wave_write:
        file = wave.open(str(self.path), "wb")  # noqa: SIM115 - closed by whoever records
        file.setnchannels(channels)
        file.setsampwidth(SAMPLE_BYTES)
        file.setframerate(rate)
        return file
