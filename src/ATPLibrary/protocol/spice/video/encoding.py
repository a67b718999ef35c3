"""Pictures of a screen for an encoder, and the encoders that films are made by. By PyAV; blocking: for a worker's thread."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ATPLibrary.errors import ConfigError
from ATPLibrary.protocol.spice.display.pixels import BYTES
from ATPLibrary.protocol.spice.video.pyav import pyav

MS = Fraction(1, 1000)
# Encoders in the order of wishes: FFmpeg is built with some of them.
H264 = ("libx264", "libopenh264")
OPTIONS = {
    "libx264": {"preset": "ultrafast", "tune": "zerolatency", "crf": "20"},
    "libvpx": {"deadline": "realtime", "cpu-used": "8", "crf": "10", "b": "4M"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "crf": "24", "b": "0"},
    "libopenh264": {"b": "4M"},
    "mpeg4": {"b": "8M"},
}
# Where who watches may begin at the latest, and a segment of HLS ends.
KEY_MS = 2000


class Frames:
    """Makes an encoder's frames of `size` from pictures of any size, each later than the one before."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._av = pyav("A film of a screen", "made")
        self.size = (max(2, size[0] & ~1), max(2, size[1] & ~1))  # colours are of two pixels by two
        self._last = -1
        self._key_at = -KEY_MS

    def frame(self, pixels: bytes, size: tuple[int, int], time_ms: int, is_key: bool = False) -> Any:
        """Of pixels of four bytes: blue, green, red, nothing. Every two seconds it is one that needs no other, as `is_key` asks."""
        frame = self._av.VideoFrame(*size, "bgr0")
        plane = frame.planes[0]
        row = size[0] * BYTES
        if plane.line_size == row and plane.buffer_size == len(pixels):
            plane.update(pixels)
        else:
            gap = bytes(plane.line_size - row)
            rows = b"".join(pixels[at : at + row] + gap for at in range(0, len(pixels), row))
            plane.update(rows.ljust(plane.buffer_size, b"\0"))
        shown = frame.reformat(*self.size, format="yuv420p")
        time_ms = max(time_ms, self._last + 1)
        shown.pts, shown.time_base = time_ms, MS
        if is_key or time_ms - self._key_at >= KEY_MS:
            shown.pict_type = self._av.video.frame.PictureType.I
            self._key_at = time_ms
        self._last = time_ms
        return shown


class H264Encoder:
    """Pictures of `size` as H264 that stands in no file: what each gives is whole by itself, with its parameters before a key.

    `ConfigError` where PyAV, or an encoder in it, is missing.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        av = pyav("A live stream of a screen", "made")
        self._frames = Frames(size)
        name = next((each for each in H264 if each in av.codecs_available), None)
        if name is None:
            raise ConfigError.about(
                "A live stream of a screen", wanted=f"be encoded by {' or '.join(H264)}", got="PyAV's FFmpeg has neither",
                next_step="Install PyAV from PyPI, whose FFmpeg has both",
            )  # fmt: skip
        self._context = av.CodecContext.create(name, "w")
        self._context.width, self._context.height = self._frames.size
        self._context.pix_fmt = "yuv420p"
        self._context.time_base = MS
        self._context.thread_count = 1
        self._context.options = dict(OPTIONS[name])

    def encode(self, pixels: bytes, size: tuple[int, int], time_ms: int, is_key: bool) -> tuple[bytes, bool]:
        """The picture as bytes (H264's Annex B), and whether it needs no other."""
        packets = self._context.encode(self._frames.frame(pixels, size, time_ms, is_key))
        return b"".join(bytes(each) for each in packets), any(each.is_keyframe for each in packets)
