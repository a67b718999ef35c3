"""The specification's numbers that code speaks of by name. Source: spice-protocol, `enums.h` and `protocol.h`.

A value that isn't here comes through a message as the number that it is.
"""

from __future__ import annotations

import enum

from ATPLibrary.transport.spice import SpiceChannelType


class CommonCap(enum.IntEnum):
    """Bits of the common capabilities in a link."""

    AUTH_SELECTION = 0
    AUTH_SPICE = 1
    AUTH_SASL = 2
    MINI_HEADER = 3


class MainCap(enum.IntEnum):
    SEMI_SEAMLESS_MIGRATE = 0
    NAME_AND_UUID = 1
    AGENT_CONNECTED_TOKENS = 2
    SEAMLESS_MIGRATE = 3


class DisplayCap(enum.IntEnum):
    SIZED_STREAM = 0
    MONITORS_CONFIG = 1
    COMPOSITE = 2
    A8_SURFACE = 3
    STREAM_REPORT = 4
    LZ4_COMPRESSION = 5
    PREF_COMPRESSION = 6
    GL_SCANOUT = 7
    MULTI_CODEC = 8
    CODEC_MJPEG = 9
    CODEC_VP8 = 10
    CODEC_H264 = 11
    PREF_VIDEO_CODEC_TYPE = 12
    CODEC_VP9 = 13
    CODEC_H265 = 14


class VideoCodec(enum.IntEnum):
    """Of a stream, and of a client's wishes."""

    MJPEG = 1
    VP8 = 2
    H264 = 3
    VP9 = 4
    H265 = 5


class StreamFlag(enum.IntFlag):
    TOP_DOWN = 1


class PlaybackCap(enum.IntEnum):
    CELT_0_5_1 = 0
    VOLUME = 1
    LATENCY = 2
    OPUS = 3


class AudioMode(enum.IntEnum):
    """How samples are packed."""

    RAW = 1
    OPUS = 3


class AudioFormat(enum.IntEnum):
    S16 = 1


class RecordCap(enum.IntEnum):
    CELT_0_5_1 = 0
    VOLUME = 1
    OPUS = 2


class InputsCap(enum.IntEnum):
    KEY_SCANCODE = 0


class PipeCap(enum.IntEnum):
    """Of usbredir, port and webdav."""

    DATA_COMPRESS_LZ4 = 0


_CHANNEL_CAPS: dict[SpiceChannelType, type[enum.IntEnum]] = {
    SpiceChannelType.MAIN: MainCap,
    SpiceChannelType.DISPLAY: DisplayCap,
    SpiceChannelType.INPUTS: InputsCap,
    SpiceChannelType.PLAYBACK: PlaybackCap,
    SpiceChannelType.RECORD: RecordCap,
    SpiceChannelType.USBREDIR: PipeCap,
    SpiceChannelType.PORT: PipeCap,
    SpiceChannelType.WEBDAV: PipeCap,
}


def capability_names(channel: SpiceChannelType, bits: int) -> list[str]:
    """The names of a channel's capabilities; one without a name is "bit 17"."""
    names = {int(each): each.name for each in _CHANNEL_CAPS.get(channel, ())}
    return [names.get(bit, f"bit {bit}") for bit in range(bits.bit_length()) if bits >> bit & 1]


class ClipType(enum.IntEnum):
    NONE = 0
    RECTS = 1


class BrushType(enum.IntEnum):
    NONE = 0
    SOLID = 1
    PATTERN = 2


class ImageType(enum.IntEnum):
    BITMAP = 0
    QUIC = 1
    LZ_PLT = 100
    LZ_RGB = 101
    GLZ_RGB = 102
    FROM_CACHE = 103
    SURFACE = 104
    JPEG = 105
    FROM_CACHE_LOSSLESS = 106
    ZLIB_GLZ_RGB = 107
    JPEG_ALPHA = 108
    LZ4 = 109


def image_type(number: int) -> str:
    """The name of an `ImageType`; one that isn't specified is its number."""
    return next((each.name for each in ImageType if each == number), str(number))


class ImageFlag(enum.IntFlag):
    CACHE_ME = 1
    HIGH_BITS_SET = 2
    CACHE_REPLACE_ME = 4


class ImageCompression(enum.IntEnum):
    """What a client may ask for (PREFERRED_COMPRESSION)."""

    OFF = 1
    AUTO_GLZ = 2
    AUTO_LZ = 3
    QUIC = 4
    GLZ = 5
    LZ = 6
    LZ4 = 7


class BitmapFormat(enum.IntEnum):
    """Numbers are bits a pixel; LE and BE say which end of a byte is left."""

    ONE_LE = 1
    ONE_BE = 2
    FOUR_LE = 3
    FOUR_BE = 4
    EIGHT = 5
    SIXTEEN = 6
    TWENTY_FOUR = 7
    THIRTY_TWO = 8
    RGBA = 9
    EIGHT_ALPHA = 10


class BitmapFlag(enum.IntFlag):
    PALETTE_CACHE_ME = 1
    PALETTE_FROM_CACHE = 2
    TOP_DOWN = 4


class Rop(enum.IntFlag):
    """How what is drawn and what is there become one."""

    INVERS_SRC = 1
    INVERS_BRUSH = 2
    INVERS_DEST = 4
    OP_PUT = 8
    OP_OR = 16
    OP_AND = 32
    OP_XOR = 64
    OP_BLACKNESS = 128
    OP_WHITENESS = 256
    OP_INVERS = 512
    INVERS_RES = 1024


class MaskFlag(enum.IntFlag):
    INVERS = 1


class ScaleMode(enum.IntEnum):
    INTERPOLATE = 0
    NEAREST = 1


class LineFlag(enum.IntFlag):
    START_WITH_GAP = 4
    STYLED = 8


class StringFlag(enum.IntFlag):
    RASTER_A1 = 1
    RASTER_A4 = 2
    RASTER_A8 = 4
    TOP_DOWN = 8


class CompositeFlag(enum.IntFlag):
    HAS_MASK = 1 << 19
    HAS_SOURCE_TRANSFORM = 1 << 20
    HAS_MASK_TRANSFORM = 1 << 21


class SurfaceFlag(enum.IntFlag):
    PRIMARY = 1
    STREAMING_MODE = 2


class SurfaceFormat(enum.IntEnum):
    """Numbers are the specification's."""

    ALPHA_1 = 1
    ALPHA_8 = 8
    RGB_555 = 16
    XRGB = 32
    RGB_565 = 80
    ARGB = 96
