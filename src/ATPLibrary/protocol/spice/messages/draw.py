"""What draws on a surface, and what it is drawn with: images, brushes, masks, clips. Coordinates and sizes in pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from ATPLibrary.protocol.spice.enums import (
    BitmapFlag,
    BrushType,
    ClipType,
    CompositeFlag,
    ImageType,
    LineFlag,
    StringFlag,
)
from ATPLibrary.protocol.spice.messages.kinds import PICTURE, ServerMessage
from ATPLibrary.protocol.spice.schema import Structure
from ATPLibrary.protocol.spice.schema.fields import (
    COUNT_16,
    COUNT_32,
    I16,
    I32,
    U8,
    U16,
    U32,
    U64,
    Bytes,
    Counted,
    Pointer,
    Sized,
    Switch,
    When,
)
from ATPLibrary.transport.spice import SpiceChannelType

DISPLAY = SpiceChannelType.DISPLAY


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


class Palette(Structure):
    """Colours as 0x00RRGGBB; `unique` is its name in the cache."""

    unique: U64
    colors: Annotated[tuple[U32, ...], Counted(COUNT_16)]


def _bitmap_bytes(fields: Mapping[str, Any]) -> int:
    return int(fields["stride"] * fields["height"])


class Bitmap(Structure):
    """Plain pixels, rows of `stride` bytes; from the bottom up unless its flags say otherwise."""

    format: U8
    flags: U8
    width: U32
    height: U32
    stride: U32
    palette_id: Annotated[U64 | None, When("flags", BitmapFlag.PALETTE_FROM_CACHE)]
    palette: Annotated[Palette | None, Pointer(), When("flags", BitmapFlag.PALETTE_FROM_CACHE, unless=True)]
    data: Annotated[Bytes, Sized(_bitmap_bytes)]


class Packed(Structure):
    """An image in a compression of its own (QUIC, LZ, GLZ, JPEG, LZ4)."""

    size: U32
    data: Annotated[Bytes, Sized("size")]


class LzPalette(Structure):
    flags: U8
    size: U32
    palette_id: Annotated[U64 | None, When("flags", BitmapFlag.PALETTE_FROM_CACHE)]
    palette: Annotated[Palette | None, Pointer(), When("flags", BitmapFlag.PALETTE_FROM_CACHE, unless=True)]
    data: Annotated[Bytes, Sized("size")]


class ZlibGlz(Structure):
    glz_size: U32
    size: U32
    data: Annotated[Bytes, Sized("size")]


class JpegAlpha(Structure):
    """A JPEG of `jpeg_size` bytes, and behind it its alpha as LZ."""

    flags: U8
    jpeg_size: U32
    size: U32
    data: Annotated[Bytes, Sized("size")]


class OtherSurface(Structure):
    """What another surface shows."""

    surface_id: U32


Picture = Bitmap | Packed | LzPalette | ZlibGlz | JpegAlpha | OtherSurface
_PICTURES: Mapping[int, type[Structure]] = {
    ImageType.BITMAP: Bitmap,
    ImageType.QUIC: Packed,
    ImageType.LZ_PLT: LzPalette,
    ImageType.LZ_RGB: Packed,
    ImageType.GLZ_RGB: Packed,
    ImageType.SURFACE: OtherSurface,
    ImageType.JPEG: Packed,
    ImageType.ZLIB_GLZ_RGB: ZlibGlz,
    ImageType.JPEG_ALPHA: JpegAlpha,
    ImageType.LZ4: Packed,
}


class Image(Structure):
    """`id` is its name in the cache; `flags`: 1 keep it there, 4 keep it in place of what is there. From the cache: no picture."""

    id: U64
    type: U8
    flags: U8
    width: U32
    height: U32
    picture: Annotated[Picture | None, Switch("type", _PICTURES)]


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


class DrawMessage(ServerMessage, channel=(), number=-1):
    """One that draws: they all begin with where."""

    base: DrawBase

    def __init_subclass__(cls, *, number: int, limit: int = PICTURE) -> None:
        super().__init_subclass__(channel=DISPLAY, number=number, limit=limit)


class CopyBits(DrawMessage, number=104):
    """From elsewhere on the same surface."""

    source: Point


class DrawFill(DrawMessage, number=302):
    brush: Brush
    rop: U16
    mask: Mask


class DrawOpaque(DrawMessage, number=303):
    image: Annotated[Image | None, Pointer()]
    area: Rect
    brush: Brush
    rop: U16
    scale_mode: U8
    mask: Mask


class DrawCopy(DrawMessage, number=304):
    image: Annotated[Image | None, Pointer()]
    area: Rect
    rop: U16
    scale_mode: U8
    mask: Mask


class DrawBlend(DrawMessage, number=305):
    image: Annotated[Image | None, Pointer()]
    area: Rect
    rop: U16
    scale_mode: U8
    mask: Mask


class DrawBlackness(DrawMessage, number=306):
    mask: Mask


class DrawWhiteness(DrawMessage, number=307):
    mask: Mask


class DrawInvers(DrawMessage, number=308):
    mask: Mask


class DrawRop3(DrawMessage, number=309):
    image: Annotated[Image | None, Pointer()]
    area: Rect
    brush: Brush
    rop3: U8
    scale_mode: U8
    mask: Mask


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


class DrawTransparent(DrawMessage, number=312):
    image: Annotated[Image | None, Pointer()]
    area: Rect
    source_color: U32
    true_color: U32


class DrawAlphaBlend(DrawMessage, number=313):
    """`alpha_flags`: 1 the surface has alpha, 2 the image's surface has; `alpha` 0 to 255."""

    alpha_flags: U8
    alpha: U8
    image: Annotated[Image | None, Pointer()]
    area: Rect


class Transform(Structure):
    """In 65536ths."""

    t00: U32
    t01: U32
    t02: U32
    t10: U32
    t11: U32
    t12: U32


class DrawComposite(DrawMessage, number=318):
    flags: U32
    image: Annotated[Image | None, Pointer()]
    mask: Annotated[Image | None, Pointer(), When("flags", CompositeFlag.HAS_MASK)]
    source_transform: Annotated[Transform | None, When("flags", CompositeFlag.HAS_SOURCE_TRANSFORM)]
    mask_transform: Annotated[Transform | None, When("flags", CompositeFlag.HAS_MASK_TRANSFORM)]
    source_origin: Point16
    mask_origin: Point16
