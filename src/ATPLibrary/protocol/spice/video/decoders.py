"""Frames of a video stream to pixels: MJPEG by Pillow, the others by PyAV (extra `video`). Blocking: for a worker's thread.

A frame that says another size than its stream is refused before it is unpacked: a bomb stops at the size of its stream.
"""

from __future__ import annotations

import io
from typing import Protocol

from ATPLibrary.protocol.spice.display.pixels import BYTES, Pixels, Unfit, flipped
from ATPLibrary.protocol.spice.enums import VideoCodec
from ATPLibrary.protocol.spice.video.pyav import pyav

Size = tuple[int, int]

# Codecs other than JPEG have whole blocks of pixels (of 16), or an even number of them.
_BLOCK = 16
# The names of FFmpeg's own decoders.
_FFMPEG = {VideoCodec.VP8: "vp8", VideoCodec.H264: "h264", VideoCodec.VP9: "vp9", VideoCodec.H265: "hevc"}
# Without a word in the stream, pictures up to this height have the colours of ITU-R BT.601, higher ones of BT.709 (GStreamer).
_HIGHEST_601 = 576
_UNSPECIFIED, _BT_709 = 2, 1


class Broken(Exception):
    """A frame that its codec can't decode: the next one may do."""


class Decoder(Protocol):
    """Of one stream. Not for two threads at once."""

    def decode(self, data: bytes | memoryview, said: Size, wanted: Size) -> Pixels | None:
        """The picture in one frame's bytes, brought to the size `wanted`, rows from the top down; None while the codec wants more.

        `said` is the size that its message says. `Unfit` for a picture of another size, `Broken` for none.
        """


def decoder_of(codec: VideoCodec, largest: Size) -> Decoder:
    """For a stream of that codec, whose pictures have at most that size. `ConfigError` where it needs PyAV, which isn't there."""
    return JpegDecoder() if codec is VideoCodec.MJPEG else AvDecoder(codec, largest)


class JpegDecoder:
    """Each frame is a picture of its own."""

    def decode(self, data: bytes | memoryview, said: Size, wanted: Size) -> Pixels | None:
        from PIL import Image

        try:
            with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
                if image.size != said:
                    raise _other_size(image.size, said)
                picture = image.convert("RGB")
        except (OSError, SyntaxError, Image.DecompressionBombError) as error:
            raise Broken(str(error)) from error
        if picture.size != wanted:
            picture = picture.resize(wanted)
        return Pixels(*wanted, picture.tobytes("raw", "BGRX"))


class AvDecoder:
    """FFmpeg's decoder on one thread, which holds on to no frame longer than it must."""

    def __init__(self, codec: VideoCodec, largest: Size) -> None:
        av = pyav(f"A video stream in {codec.name}", "decoded")
        self._broken: type[Exception] = av.FFmpegError
        self._packet = av.Packet
        self._context = av.CodecContext.create(_FFMPEG[codec], "r")
        self._context.thread_count = 1
        pixels = (largest[0] + 4 * _BLOCK) * (largest[1] + 4 * _BLOCK)
        # One for all frames: it keeps what it has worked out for their size and colours, which takes longer than to use it.
        self._reformatter = av.video.reformatter.VideoReformatter()
        self._context.options = {"max_pixels": str(pixels)}

    def decode(self, data: bytes | memoryview, said: Size, wanted: Size) -> Pixels | None:
        try:
            frames = self._context.decode(self._packet(bytes(data)))
            if not frames:
                return None
            frame = frames[-1]
            got = (frame.width, frame.height)
            if not all(-1 <= mine - theirs < _BLOCK for mine, theirs in zip(got, said, strict=True)):
                raise _other_size(got, said)
            scale = (
                wanted if wanted != said else got
            )  # blocks that reach beyond the stream are cut, not pressed into it
            is_hd = frame.colorspace == _UNSPECIFIED and frame.height > _HIGHEST_601
            shown = self._reformatter.reformat(frame, *scale, format="bgr0", src_colorspace=_BT_709 if is_hd else None)
            plane = shown.planes[0]
            return Pixels(scale[0], scale[1], _tight(bytes(plane), plane.line_size, scale))
        except self._broken as error:
            raise Broken(str(error)) from error


def _tight(data: bytes, line: int, size: Size) -> bytes:
    """Rows without what FFmpeg puts behind them."""
    width, height = size
    row = width * BYTES
    if line == row:
        return data[: row * height]
    return b"".join(data[at : at + row] for at in range(0, line * height, line))


def turned(pixels: Pixels) -> Pixels:
    """Upside down: a stream whose rows go from the bottom up."""
    return Pixels(pixels.width, pixels.height, flipped(pixels.data, pixels.width * BYTES))


def _other_size(got: Size, said: Size) -> Unfit:
    return Unfit("data", f"is a picture of {got[0]} x {got[1]} pixels where its stream says {said[0]} x {said[1]}")
