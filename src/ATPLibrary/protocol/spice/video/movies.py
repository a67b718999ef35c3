"""A screen as a film: MP4, WebM, or HLS that is watched as it grows. By PyAV (extra `video`); blocking: for a worker's thread."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

from ATPLibrary.errors import ConfigError
from ATPLibrary.protocol.spice.display.pixels import BYTES
from ATPLibrary.protocol.spice.video.pyav import pyav

_MS = Fraction(1, 1000)
# Encoders in the order of wishes: FFmpeg is built with some of them.
_ENCODERS = {
    ".mp4": ("libx264", "libopenh264", "mpeg4"),
    ".webm": ("libvpx", "libvpx-vp9"),
    ".m3u8": ("libx264", "libopenh264", "mpeg4"),
}
_OPTIONS = {
    "libx264": {"preset": "ultrafast", "tune": "zerolatency", "crf": "20"},
    "libvpx": {"deadline": "realtime", "cpu-used": "8", "crf": "10", "b": "4M"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "crf": "24", "b": "0"},
    "libopenh264": {"b": "4M"},
    "mpeg4": {"b": "8M"},
}
# A segment of HLS, and how many of them a player finds in the list.
_SEGMENT_SECONDS, _SEGMENTS = 2, 10
FORMATS = tuple(_ENCODERS)


class Movie:
    """`path` ends in .mp4, .webm, or .m3u8 (HLS: segments are written beside it). Pictures of another size are scaled to `size`.

    `ConfigError` where PyAV is missing, or the file can't be made.
    """

    def __init__(self, path: Path, size: tuple[int, int]) -> None:
        av = pyav("A film of a screen", "made")
        self.path = path
        self.frames = 0
        self.is_live = path.suffix == ".m3u8"
        self._av = av
        self._size = (max(2, size[0] & ~1), max(2, size[1] & ~1))  # colours are of two pixels by two
        self._last = -1
        self._key_at = -(_SEGMENT_SECONDS * 1000)
        try:
            self._container = self._opened(path)
            encoder = next(each for each in _ENCODERS[path.suffix] if each in av.codecs_available)
            self._stream: Any = self._container.add_stream(encoder, rate=25, options=dict(_OPTIONS[encoder]))
            self._stream.width, self._stream.height = self._size
            self._stream.pix_fmt = "yuv420p"
            self._stream.codec_context.time_base = _MS
            self._stream.codec_context.thread_count = 1
            self._container.start_encoding()
        except (OSError, av.FFmpegError) as error:
            raise ConfigError.about(f"The film '{path}'", wanted="be written", got=f"can't be: {error}") from error

    def add(self, pixels: bytes, size: tuple[int, int], time_ms: int) -> None:
        """A picture (four bytes a pixel: blue, green, red, nothing) that is shown from `time_ms` on, later than the one before."""
        frame = self._av.VideoFrame(*size, "bgr0")
        plane = frame.planes[0]
        row = size[0] * BYTES
        if plane.line_size == row and plane.buffer_size == len(pixels):
            plane.update(pixels)
        else:
            gap = bytes(plane.line_size - row)
            rows = b"".join(pixels[at : at + row] + gap for at in range(0, len(pixels), row))
            plane.update(rows.ljust(plane.buffer_size, b"\0"))
        shown = frame.reformat(*self._size, format="yuv420p")
        time_ms = max(time_ms, self._last + 1)
        shown.pts, shown.time_base = time_ms, _MS
        if time_ms - self._key_at >= _SEGMENT_SECONDS * 1000:  # where a player may begin, and a segment end
            shown.pict_type = self._av.video.frame.PictureType.I
            self._key_at = time_ms
        self._last = time_ms
        self.frames += 1
        for packet in self._stream.encode(shown):
            self._container.mux(packet)

    def close(self) -> None:
        """Write what is still in the encoder."""
        container, self._container = self._container, None
        if container is None:
            return
        try:
            for packet in self._stream.encode():
                container.mux(packet)
        finally:
            container.close()

    def _opened(self, path: Path) -> Any:
        if not self.is_live:
            return self._av.open(str(path), "w")
        options = {
            "hls_time": str(_SEGMENT_SECONDS), "hls_list_size": str(_SEGMENTS), "hls_flags": "delete_segments+temp_file",
        }  # fmt: skip
        return self._av.open(str(path), "w", format="hls", options=options)
