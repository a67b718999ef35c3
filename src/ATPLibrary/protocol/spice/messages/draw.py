"""What draws areas on a surface: copies, fills, blends, other raster operations."""

from __future__ import annotations

from typing import Annotated

from ATPLibrary.protocol.spice.enums import CompositeFlag
from ATPLibrary.protocol.spice.messages.brushes import Brush, Mask
from ATPLibrary.protocol.spice.messages.geometry import DrawBase, Point, Point16, Rect
from ATPLibrary.protocol.spice.messages.images import Image
from ATPLibrary.protocol.spice.messages.kinds import PICTURE, ServerMessage
from ATPLibrary.protocol.spice.schema import Structure
from ATPLibrary.protocol.spice.schema.fields import U8, U16, U32, Pointer, When
from ATPLibrary.transport.spice import SpiceChannelType

DISPLAY = SpiceChannelType.DISPLAY


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
