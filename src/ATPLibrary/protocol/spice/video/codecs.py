"""Which codecs a video stream may have, what a client announces for each, and which of them this process decodes."""

from __future__ import annotations

import importlib.util

from ATPLibrary.errors import InputError
from ATPLibrary.protocol.spice.enums import DisplayCap, VideoCodec

CAP_OF: dict[VideoCodec, DisplayCap] = {
    VideoCodec.MJPEG: DisplayCap.CODEC_MJPEG,
    VideoCodec.VP8: DisplayCap.CODEC_VP8,
    VideoCodec.H264: DisplayCap.CODEC_H264,
    VideoCodec.VP9: DisplayCap.CODEC_VP9,
    VideoCodec.H265: DisplayCap.CODEC_H265,
}


def has_pyav() -> bool:
    """Whether the extra `video` is installed; it is not imported for that."""
    return importlib.util.find_spec("av") is not None


def decodable() -> tuple[VideoCodec, ...]:
    """MJPEG always (Pillow), the others where PyAV is installed."""
    return tuple(VideoCodec) if has_pyav() else (VideoCodec.MJPEG,)


def announced(codecs: tuple[VideoCodec, ...]) -> int:
    """The display channel's capabilities for a client that takes these codecs, as bits."""
    caps = [DisplayCap.MULTI_CODEC, *(CAP_OF[each] for each in codecs)]
    return sum(1 << cap for cap in caps)


def is_announced(codec: VideoCodec, caps: int) -> bool:
    """Whether those capabilities have the codec. A client without MULTI_CODEC takes MJPEG, and nothing else."""
    if not caps >> DisplayCap.MULTI_CODEC & 1:
        return codec is VideoCodec.MJPEG
    return bool(caps >> CAP_OF[codec] & 1)


def name_of(number: int) -> str:
    """ "VP8"; a codec that the specification doesn't have is "codec 17"."""
    return next((each.name for each in VideoCodec if each == number), f"codec {number}")


def parsed(name: str) -> VideoCodec:
    """ "h264", "H.264", "vp8". `InputError` names those that there are."""
    word = name.strip().upper().replace(".", "")
    found = next((each for each in VideoCodec if each.name == word), None)
    if found is None:
        raise InputError.about(
            "A video codec", wanted=f"be one of {', '.join(each.name for each in VideoCodec)}", got=f"is '{name}'"
        )
    return found
