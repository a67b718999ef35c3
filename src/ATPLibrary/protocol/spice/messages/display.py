"""The display channel beside its drawing: surfaces, monitors, caches, video streams."""

from __future__ import annotations

from typing import Annotated

from ATPLibrary.protocol.spice.messages.base import WaitFor
from ATPLibrary.protocol.spice.messages.draw import DISPLAY
from ATPLibrary.protocol.spice.messages.geometry import Clip, Rect
from ATPLibrary.protocol.spice.messages.kinds import PICTURE, ClientMessage, ServerMessage
from ATPLibrary.protocol.spice.schema import Structure
from ATPLibrary.protocol.spice.schema.fields import (
    COUNT_8,
    COUNT_16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    Bytes,
    Counted,
    Remaining,
    Sized,
)


class Resource(Structure):
    """`type` 1: an image of the cache."""

    type: U8
    id: U64


class Head(Structure):
    """A monitor's part of a surface, in pixels."""

    id: U32
    surface_id: U32
    width: U32
    height: U32
    x: U32
    y: U32
    flags: U32


class Mode(ServerMessage, channel=DISPLAY, number=101):
    width: U32
    height: U32
    bits: U32


class Mark(ServerMessage, channel=DISPLAY, number=102):
    """What was drawn is fit to be shown."""


class Reset(ServerMessage, channel=DISPLAY, number=103):
    pass


class InvalList(ServerMessage, channel=DISPLAY, number=105, limit=1 << 20):
    """Forget these images."""

    resources: Annotated[tuple[Resource, ...], Counted(COUNT_16)]


class InvalAllPixmaps(ServerMessage, channel=DISPLAY, number=106):
    """Forget all images, once the other channels have come as far as told."""

    channels: Annotated[tuple[WaitFor, ...], Counted(COUNT_8)]


class InvalPalette(ServerMessage, channel=DISPLAY, number=107):
    id: U64


class InvalAllPalettes(ServerMessage, channel=DISPLAY, number=108):
    pass


class StreamCreate(ServerMessage, channel=DISPLAY, number=122):
    """A video begins at `dest`. `codec`: 1 MJPEG, 2 VP8, 3 H264, 4 VP9, 5 H265; `flags` 1: rows from the top down."""

    surface_id: U32
    id: U32
    flags: U8
    codec: U8
    stamp: U64
    stream_width: U32
    stream_height: U32
    source_width: U32
    source_height: U32
    dest: Rect
    clip: Clip


class StreamData(ServerMessage, channel=DISPLAY, number=123, limit=PICTURE):
    id: U32
    multi_media_time: U32
    size: U32
    data: Annotated[Bytes, Sized("size")]


class StreamClip(ServerMessage, channel=DISPLAY, number=124, limit=1 << 20):
    id: U32
    clip: Clip


class StreamDestroy(ServerMessage, channel=DISPLAY, number=125):
    id: U32


class StreamDestroyAll(ServerMessage, channel=DISPLAY, number=126):
    pass


class SurfaceCreate(ServerMessage, channel=DISPLAY, number=314):
    """`format`: 1 and 8 alpha bits, 16 555, 80 565, 32 xRGB, 96 ARGB; `flags` 1: the screen itself."""

    id: U32
    width: U32
    height: U32
    format: U32
    flags: U32


class SurfaceDestroy(ServerMessage, channel=DISPLAY, number=315):
    id: U32


class StreamDataSized(ServerMessage, channel=DISPLAY, number=316, limit=PICTURE):
    id: U32
    multi_media_time: U32
    width: U32
    height: U32
    dest: Rect
    size: U32
    data: Annotated[Bytes, Sized("size")]


class MonitorsConfig(ServerMessage, channel=DISPLAY, number=317):
    count: U16
    max_allowed: U16
    heads: Annotated[tuple[Head, ...], Counted("count")]


class StreamActivateReport(ServerMessage, channel=DISPLAY, number=319):
    """Send STREAM_REPORT each `max_window_size` frames, or `timeout_ms`."""

    stream_id: U32
    unique_id: U32
    max_window_size: U32
    timeout_ms: U32


class GlScanoutUnix(ServerMessage, channel=DISPLAY, number=320):
    """Only for a client on a UNIX socket, which is given a file descriptor beside."""

    data: Remaining


class GlDraw(ServerMessage, channel=DISPLAY, number=321):
    x: U32
    y: U32
    width: U32
    height: U32


class QualityIndicator(ServerMessage, channel=DISPLAY, number=322):
    data: Remaining


class Init(ClientMessage, channel=DISPLAY, number=101):
    """The sizes, in pixels, of the image cache and of the GLZ dictionary that the client keeps."""

    cache_id: U8
    cache_size: I64
    dictionary_id: U8
    dictionary_size: I32


class StreamReport(ClientMessage, channel=DISPLAY, number=102):
    """`last_frame_delay` in ms, before its time; `audio_delay` 0xFFFFFFFF without sound."""

    stream_id: U32
    unique_id: U32
    start_time: U32
    end_time: U32
    frames: U32
    drops: U32
    last_frame_delay: I32
    audio_delay: U32


class PreferredCompression(ClientMessage, channel=DISPLAY, number=103):
    """1 off, 2 auto GLZ, 3 auto LZ, 4 QUIC, 5 GLZ, 6 LZ, 7 LZ4."""

    compression: U8


class GlDrawDone(ClientMessage, channel=DISPLAY, number=104):
    pass


class PreferredVideoCodecType(ClientMessage, channel=DISPLAY, number=105):
    """The most wanted first. spice-server 0.15.1 crashes where it comes while a stream is active."""

    codecs: Annotated[tuple[U8, ...], Counted(COUNT_8)]
