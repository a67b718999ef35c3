"""A VM's microphone: a sound, made or from a file, given to a guest that records."""

from __future__ import annotations

import asyncio
import contextlib
import time
import wave
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ATPLibrary.errors import ChannelError, ConfigError, DeadlineError
from ATPLibrary.protocol.spice.channels import RecordConversation
from ATPLibrary.protocol.spice.enums import AudioFormat, AudioMode, RecordCap
from ATPLibrary.protocol.spice.messages import audio
from ATPLibrary.protocol.spice.sound import opus
from ATPLibrary.protocol.spice.sound.listener import SAMPLE_BYTES
from ATPLibrary.protocol.spice.video.pyav import pyav
from ATPLibrary.runtime import Workers

if TYPE_CHECKING:
    from ATPLibrary.protocol.spice.client import SpeakingChannel

_WORKERS = Workers("spice-microphone", 2)
_READ_SECONDS = 10.0
# A packet holds a hundredth of a second; how far ahead of their time packets are sent.
_PACKETS_A_SECOND, _AHEAD_SECONDS = 100, 0.05
# Packets that are made in one go: a long sound is never there as Opus in whole.
_PIECE = 25
LONGEST_FILE_SECONDS = 3600


async def play_into_guest(
    channel: SpeakingChannel, samples_for: Callable[[int, int], bytes], timeout: float, what: str,
    mode: AudioMode = AudioMode.RAW,
) -> float:  # fmt: skip
    """Give the guest's microphone what `samples_for(rate, channels)` makes, at the pace of a microphone. Returns its seconds.

    Waits up to `timeout` until the guest records: who doesn't takes nothing. `ChannelError` when it ends before the sound does, or
    where Opus can't be had; `ConfigError` where Opus needs PyAV and there is none.
    """
    record = channel.conversation
    assert isinstance(record, RecordConversation)
    subject = channel.channel.subject
    if mode is AudioMode.OPUS:
        _require_opus(subject, record)
    try:
        await channel.wait_until(lambda: record.format is not None, timeout, "have a guest that records")
    except DeadlineError as error:
        raise ChannelError.about(
            subject, wanted=f"take {what}", waited=timeout, got="the guest does not record",
            next_step="Begin to record in the guest, from a sound card whose audio backend in QEMU is spice",
        ) from error  # fmt: skip
    assert record.format is not None
    channels, format, rate = record.format
    if format != AudioFormat.S16:
        raise ChannelError.about(subject, wanted="take 16-bit samples", got=f"its guest records format {format}")
    if mode is AudioMode.OPUS and rate != opus.RATE:
        raise ChannelError.about(
            subject, wanted=f"take {what} in Opus, which has {opus.RATE} Hz", got=f"the server asks for {rate} Hz",
            next_step="Open the channel anew: its server chose the rate before this client announced Opus",
        )  # fmt: skip
    samples = await _WORKERS.call(samples_for, rate, channels, timeout=timeout, what=what)
    frame, count = channels * SAMPLE_BYTES, max(1, rate // _PACKETS_A_SECOND)
    encode = opus.OpusEncoder(channels).encode if mode is AudioMode.OPUS else None
    clock = record.session_time() or 0
    await channel.send(audio.RecordMode(clock, mode, b""), timeout)
    await channel.send(audio.RecordStartMark(clock), timeout)
    began, sent = time.monotonic(), 0
    async for packet in _packets(samples, count * frame, encode):
        at = sent * count / rate
        await asyncio.sleep(max(0.0, began + at - _AHEAD_SECONDS - time.monotonic()))
        if record.format is None:
            raise ChannelError.about(
                subject, wanted=f"take {what}", got=f"the guest ended its recording after {at:.1f} s"
            )
        moment = (clock + int(at * 1000)) & 0xFFFFFFFF
        await channel.send(audio.RecordData(moment, packet), timeout)
        sent += 1
    seconds = len(samples) / (rate * frame)
    await asyncio.sleep(max(0.0, began + seconds - time.monotonic()))
    return seconds


def _require_opus(subject: str, record: RecordConversation) -> None:
    if not record.linked.channel_caps >> RecordCap.OPUS & 1:
        raise ChannelError.about(
            subject, wanted="take sound in Opus", got="its server lacks the capability OPUS",
            next_step="Play it in plain samples: mode=raw",
        )  # fmt: skip
    pyav("Sound in Opus", "encoded")


async def _packets(samples: bytes, size: int, encode: Callable[[bytes], list[bytes]] | None) -> AsyncIterator[bytes]:
    """Pieces of `size` bytes, in Opus where there is an encoder."""
    for at in range(0, len(samples), size * _PIECE):
        piece = samples[at : at + size * _PIECE]
        if encode is None:
            packets = [piece[begin : begin + size] for begin in range(0, len(piece), size)]
        else:
            packets = await _WORKERS.call(encode, piece, timeout=_READ_SECONDS, what="Encoding sound in Opus")
        for packet in packets:
            yield packet


async def check_file(path: Path, timeout: float) -> float:
    """Seconds of a WAV file that can be played. Errors are those of `length_of`, before anybody waits for a guest."""
    return await _WORKERS.call(length_of, path, timeout=timeout, what=f"Reading '{path}'")


def length_of(path: Path) -> float:
    """Seconds of a WAV file. `ConfigError` for a file that isn't one, or lasts longer than an hour."""
    with _opened_wav(path) as file:
        return file.getnframes() / file.getframerate()


def samples_of(path: Path, rate: int, channels: int) -> bytes:
    """A WAV file as 16-bit samples of that rate and number of channels. Blocking. `ConfigError` for a file that isn't one."""
    with _opened_wav(path) as file:
        its_rate, its_channels = file.getframerate(), file.getnchannels()
        data = file.readframes(file.getnframes())
    frame = its_channels * SAMPLE_BYTES
    count = len(data) // frame * rate // its_rate
    begins = (at * its_rate // rate * frame for at in range(count))
    moments = (data[begin : begin + frame] for begin in begins)
    if its_channels == channels:
        return data if its_rate == rate else b"".join(moments)
    # Each channel of the guest's takes one of the file's, in turn.
    wanted = [at % its_channels * SAMPLE_BYTES for at in range(channels)]
    return b"".join(moment[at : at + SAMPLE_BYTES] for moment in moments for at in wanted)


@contextlib.contextmanager
def _opened_wav(path: Path) -> Iterator[wave.Wave_read]:
    try:
        with wave.open(str(path), "rb") as file:
            if file.getsampwidth() != SAMPLE_BYTES:
                raise ConfigError.about(
                    f"The sound '{path}'", wanted="have samples of 16 bits", got=f"has {file.getsampwidth() * 8}"
                )
            if file.getnframes() > LONGEST_FILE_SECONDS * file.getframerate():
                raise ConfigError.about(f"The sound '{path}'", wanted="last at most an hour", got="lasts longer")
            yield file
    except (OSError, EOFError, wave.Error) as error:
        raise ConfigError.about(f"The sound '{path}'", wanted="be a WAV file", got=f"can't be read: {error}") from error
