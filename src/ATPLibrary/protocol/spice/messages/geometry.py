"""Where something is drawn: points, rectangles, clips. In pixels, from the left upper corner."""

from __future__ import annotations

from typing import Annotated

from ATPLibrary.protocol.spice.enums import ClipType
from ATPLibrary.protocol.spice.schema import Structure
from ATPLibrary.protocol.spice.schema.fields import COUNT_32, I16, I32, U8, U32, Counted, Switch


class Point(Structure):
    x: I32
    y: I32


class Point16(Structure):
    x: I16
    y: I16


class Rect(Structure):
    """From `left`, `top` up to but without `right`, `bottom`."""

    top: I32
    left: I32
    bottom: I32
    right: I32


class ClipRects(Structure):
    rects: Annotated[tuple[Rect, ...], Counted(COUNT_32)]


class Clip(Structure):
    type: U8
    rects: Annotated[ClipRects | None, Switch("type", {ClipType.RECTS: ClipRects})]


class DrawBase(Structure):
    """Where it is drawn."""

    surface_id: U32
    box: Rect
    clip: Clip
