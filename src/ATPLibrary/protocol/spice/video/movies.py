"""A screen as a film: MP4, WebM, or HLS that is watched as it grows. By PyAV (extra `video`); blocking: for a worker's thread."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ATPLibrary.errors import ConfigError
from ATPLibrary.protocol.spice.video.encoding import H264, KEY_MS, MS, OPTIONS, Frames
from ATPLibrary.protocol.spice.video.pyav import pyav

_ENCODERS = {
    ".mp4": (*H264, "mpeg4"),
    ".webm": ("libvpx", "libvpx-vp9"),
    ".m3u8": (*H264, "mpeg4"),
}
# How many segments of HLS a player finds in the list.
_SEGMENTS = 10
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
        self._pictures = Frames(size)
        try:
            self._container = self._opened(path)
            encoder = next(each for each in _ENCODERS[path.suffix] if each in av.codecs_available)
            self._stream: Any = self._container.add_stream(encoder, rate=25, options=dict(OPTIONS[encoder]))
            self._stream.width, self._stream.height = self._pictures.size
            self._stream.pix_fmt = "yuv420p"
            self._stream.codec_context.time_base = MS
            self._stream.codec_context.thread_count = 1
            self._container.start_encoding()
        except (OSError, av.FFmpegError) as error:
            raise ConfigError.about(f"The film '{path}'", wanted="be written", got=f"can't be: {error}") from error

    def add(self, pixels: bytes, size: tuple[int, int], time_ms: int) -> None:
        """A picture (four bytes a pixel: blue, green, red, nothing) that is shown from `time_ms` on, later than the one before."""
        self.frames += 1
        for packet in self._stream.encode(self._pictures.frame(pixels, size, time_ms)):
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
            "hls_time": str(KEY_MS // 1000), "hls_list_size": str(_SEGMENTS), "hls_flags": "delete_segments+temp_file",
        }  # fmt: skip
        return self._av.open(str(path), "w", format="hls", options=options)
