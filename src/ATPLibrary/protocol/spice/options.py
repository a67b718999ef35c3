"""What a client asks of a server when it links, and announces that it can."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, field

from ATPLibrary.protocol.spice.enums import DisplayCap, ImageCompression, MainCap, PipeCap, PlaybackCap, RecordCap
from ATPLibrary.protocol.spice.link import OUR_COMMON_CAPS
from ATPLibrary.protocol.spice.video import codecs
from ATPLibrary.transport.spice import SpiceChannelType


def _bits(*caps: int) -> int:
    return sum(1 << cap for cap in caps)


# Only what this client then really takes: a server sends what was announced.
_OURS: dict[SpiceChannelType, int] = {
    SpiceChannelType.MAIN: _bits(MainCap.NAME_AND_UUID, MainCap.AGENT_CONNECTED_TOKENS),
    SpiceChannelType.DISPLAY: _bits(
        DisplayCap.SIZED_STREAM, DisplayCap.MONITORS_CONFIG, DisplayCap.STREAM_REPORT, DisplayCap.LZ4_COMPRESSION,
        DisplayCap.PREF_COMPRESSION,
    ),
    SpiceChannelType.PLAYBACK: _bits(PlaybackCap.VOLUME, PlaybackCap.LATENCY),
    SpiceChannelType.RECORD: _bits(RecordCap.VOLUME),
}  # fmt: skip
_PIPES = (SpiceChannelType.USBREDIR, SpiceChannelType.PORT, SpiceChannelType.WEBDAV)


def _ours(type: SpiceChannelType) -> int:
    if type in _PIPES:
        return _bits(PipeCap.DATA_COMPRESS_LZ4) if _has_lz4() else 0
    more = 0
    if type is SpiceChannelType.DISPLAY:
        more = codecs.announced(codecs.decodable())
    if type is SpiceChannelType.PLAYBACK and codecs.has_pyav():
        more = _bits(PlaybackCap.OPUS)
    if type is SpiceChannelType.RECORD and codecs.has_pyav():
        more = _bits(RecordCap.OPUS)
    return _OURS.get(type, 0) | more


def _has_lz4() -> bool:
    return importlib.util.find_spec("lz4") is not None


def _best_compression() -> ImageCompression:
    """LZ4 where this process can unpack it, else none: the others are unpacked in Python, or not at all."""
    return ImageCompression.LZ4 if _has_lz4() else ImageCompression.OFF


@dataclass(frozen=True, slots=True)
class SpiceOptions:
    """`user` is SASL's, where the server asks for one. `compression` is asked for where the server can be asked.

    `channel_caps` are the bits announced for a channel in place of this client's own; `common_caps` those of the link itself
    (without MINI_HEADER the full header is spoken). `cache_pixels` and `dictionary_pixels` are what a display channel keeps of
    images (GLZ's are the dictionary); channels that tell one `cache_id` would share them.
    """

    user: str = ""
    compression: ImageCompression = field(default_factory=_best_compression)
    common_caps: int = OUR_COMMON_CAPS
    channel_caps: dict[SpiceChannelType, int] = field(default_factory=dict)
    cache_id: int = 1
    cache_pixels: int = 20 << 20
    dictionary_pixels: int = 8 << 20

    def caps_of(self, type: SpiceChannelType) -> int:
        """What is announced for a channel, as bits."""
        return self.channel_caps.get(type, _ours(type))
