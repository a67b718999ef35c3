"""Opus packets to samples and back, by PyAV (extra `video`). Blocking, for a worker's thread: tens of microseconds a packet."""

from __future__ import annotations

from itertools import count

from ATPLibrary.errors import ConfigError
from ATPLibrary.protocol.spice.sound.listener import SAMPLE_BYTES
from ATPLibrary.protocol.spice.video.pyav import pyav

_LAYOUTS = {1: "mono", 2: "stereo"}
# What a packet may be: six frames of the longest, and their lengths (RFC 6716, 3.4).
_LONGEST_PACKET = 6 * 1275 + 7
RATE = 48000
# What spice-server takes: it gives a packet's samples no more room than 10 ms of them need.
PACKET_SAMPLES = RATE // 100


class OpusDecoder:
    """Of one playing of a guest, in one or two channels; always 48 kHz."""

    def __init__(self, channels: int) -> None:
        av = pyav("Sound in Opus", "decoded")
        layout = _layout(channels)
        self._broken: type[Exception] = av.FFmpegError
        self._packet = av.Packet
        self._bytes = channels * SAMPLE_BYTES
        self._context = av.CodecContext.create("opus", "r")
        self._context.sample_rate = RATE
        self._context.layout = layout
        self._to_16_bit = av.AudioResampler(format="s16", layout=layout, rate=RATE)

    def decode(self, packet: bytes) -> bytes | None:
        """A packet's samples; None for one that can't be decoded."""
        if not 0 < len(packet) <= _LONGEST_PACKET:
            return None
        try:
            found = b""
            for frame in self._context.decode(self._packet(packet)):
                for each in self._to_16_bit.resample(frame):
                    found += bytes(each.planes[0])[: each.samples * self._bytes]
        except self._broken:
            return None
        return found


class OpusEncoder:
    """Of one sound for a guest's microphone, of 16-bit samples of 48 kHz in one or two channels."""

    def __init__(self, channels: int) -> None:
        av = pyav("Sound in Opus", "encoded")
        self._layout = _layout(channels)
        self._frame = av.AudioFrame
        self._size = PACKET_SAMPLES * channels * SAMPLE_BYTES
        self._times = count(0, PACKET_SAMPLES)
        self._context = av.CodecContext.create("libopus", "w")
        self._context.sample_rate = RATE
        self._context.format = "s16"
        self._context.layout = self._layout
        self._context.options = {"frame_duration": "10", "application": "lowdelay"}

    def encode(self, samples: bytes) -> list[bytes]:
        """A packet for each 10 ms; what is missing of the last one is silence. A sound may come in pieces of whole packets."""
        packets = []
        for at in range(0, len(samples), self._size):
            frame = self._frame("s16", self._layout, PACKET_SAMPLES)
            frame.sample_rate = RATE
            frame.pts = next(self._times)
            frame.planes[0].update(samples[at : at + self._size].ljust(self._size, b"\0"))
            packets += [bytes(packet) for packet in self._context.encode(frame)]
        return packets


def _layout(channels: int) -> str:
    if channels not in _LAYOUTS:
        raise ConfigError.about("Sound in Opus", wanted="have one or two channels", got=f"has {channels}")
    return _LAYOUTS[channels]
