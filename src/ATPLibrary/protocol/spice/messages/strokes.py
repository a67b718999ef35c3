"""What draws lines and text on a surface."""

from __future__ import annotations

from typing import Annotated

from ATPLibrary.protocol.spice.enums import LineFlag, StringFlag
from ATPLibrary.protocol.spice.messages.brushes import Brush
from ATPLibrary.protocol.spice.messages.draw import DrawMessage
from ATPLibrary.protocol.spice.messages.geometry import Point, Rect
from ATPLibrary.protocol.spice.schema import Structure
from ATPLibrary.protocol.spice.schema.fields import COUNT_32, I32, U8, U16, Bytes, Counted, Pointer, Sized, When


class FixedPoint(Structure):
    """In sixteenths of a pixel."""

    x: I32
    y: I32


class PathSegment(Structure):
    flags: U8
    points: Annotated[tuple[FixedPoint, ...], Counted(COUNT_32)]


class Path(Structure):
    segments: Annotated[tuple[PathSegment, ...], Counted(COUNT_32)]


class LineStyle(Structure):
    flags: U8
    count: Annotated[U8 | None, When("flags", LineFlag.STYLED)]
    lengths: Annotated[tuple[I32, ...] | None, Pointer("count"), When("flags", LineFlag.STYLED)]


class DrawStroke(DrawMessage, number=310):
    path: Annotated[Path | None, Pointer()]
    line: LineStyle
    brush: Brush
    fore_mode: U16
    back_mode: U16


def _glyph_bytes(bits: int) -> Sized:
    return Sized(lambda fields: int((fields["width"] * bits + 7) // 8 * fields["height"]))


class Glyph1(Structure):
    """`data`: bit masks of 1, 4 or 8 bits a pixel, by the class."""

    position: Point
    origin: Point
    width: U16
    height: U16
    data: Annotated[Bytes, _glyph_bytes(1)]


class Glyph4(Structure):
    position: Point
    origin: Point
    width: U16
    height: U16
    data: Annotated[Bytes, _glyph_bytes(4)]


class Glyph8(Structure):
    position: Point
    origin: Point
    width: U16
    height: U16
    data: Annotated[Bytes, _glyph_bytes(8)]


class Text(Structure):
    """Exactly one of the three has the glyphs."""

    length: U16
    flags: U8
    glyphs_1: Annotated[tuple[Glyph1, ...] | None, Counted("length"), When("flags", StringFlag.RASTER_A1)]
    glyphs_4: Annotated[tuple[Glyph4, ...] | None, Counted("length"), When("flags", StringFlag.RASTER_A4)]
    glyphs_8: Annotated[tuple[Glyph8, ...] | None, Counted("length"), When("flags", StringFlag.RASTER_A8)]


class DrawText(DrawMessage, number=311):
    text: Annotated[Text | None, Pointer()]
    back_area: Rect
    fore_brush: Brush
    back_brush: Brush
    fore_mode: U16
    back_mode: U16
