"""Opus packets to samples, by PyAV (extra `video`). Blocking, for a worker's thread: some tens of microseconds a packet."""

from __future__ import annotations

from ATPLibrary.errors import ConfigError
from ATPLibrary.protocol.spice.sound.listener import SAMPLE_BYTES
from ATPLibrary.protocol.spice.video.pyav import pyav

_LAYOUTS = {1: "mono", 2: "stereo"}
# What a packet may be: six frames of the longest, and their lengths (RFC 6716, 3.4).
_LONGEST_PACKET = 6 * 1275 + 7


class OpusDecoder:
    """Of one playing of a guest, in one or two channels; always 48 kHz."""

    def __init__(self, channels: int) -> None:
        av = pyav("Sound in Opus", "decoded")
        if channels not in _LAYOUTS:
            raise ConfigError.about("Sound in Opus", wanted="have one or two channels", got=f"has {channels}")
        self._broken: type[Exception] = av.FFmpegError
        self._packet = av.Packet
        self._bytes = channels * SAMPLE_BYTES
        layout = _LAYOUTS[channels]
        self._context = av.CodecContext.create("opus", "r")
        self._context.sample_rate = 48000
        self._context.layout = layout
        self._to_16_bit = av.AudioResampler(format="s16", layout=layout, rate=48000)

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
