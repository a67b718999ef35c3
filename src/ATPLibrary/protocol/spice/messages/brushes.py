"""What is drawn with: colours, patterns, masks."""

from __future__ import annotations

from typing import Annotated

from ATPLibrary.protocol.spice.enums import BrushType
from ATPLibrary.protocol.spice.messages.geometry import Point
from ATPLibrary.protocol.spice.messages.images import Image
from ATPLibrary.protocol.spice.schema import Structure
from ATPLibrary.protocol.spice.schema.fields import U8, U32, Pointer, Switch


class Pattern(Structure):
    image: Annotated[Image | None, Pointer()]
    position: Point


class SolidBrush(Structure):
    """0x00RRGGBB."""

    color: U32


class Brush(Structure):
    type: U8
    value: Annotated[
        SolidBrush | Pattern | None, Switch("type", {BrushType.SOLID: SolidBrush, BrushType.PATTERN: Pattern})
    ]


class Mask(Structure):
    """`flags` 1: the other way round."""

    flags: U8
    position: Point
    image: Annotated[Image | None, Pointer()]
