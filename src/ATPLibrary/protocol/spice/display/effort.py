"""How much work a message is to draw: what would keep the loop for milliseconds."""

from __future__ import annotations

from ATPLibrary.protocol.spice.display import raster
from ATPLibrary.protocol.spice.display.surface import Surface
from ATPLibrary.protocol.spice.enums import Rop
from ATPLibrary.protocol.spice.messages import draw, geometry

# From how many on it takes milliseconds to make what is drawn and what is there one; and ten to put there what is drawn.
_MANY_PIXELS, MANY_TO_PUT = 128 << 10, 12 << 20
_DRAWN = (
    draw.DrawCopy, draw.DrawBlend, draw.DrawFill, draw.CopyBits, draw.DrawBlackness, draw.DrawWhiteness, draw.DrawInvers,
    draw.DrawOpaque, draw.DrawTransparent, draw.DrawRop3,
)  # fmt: skip


def takes_long(message: draw.DrawMessage, surface: Surface) -> bool:
    """Whether it is better drawn on a thread, which costs a twin of the surface."""
    if not isinstance(message, _DRAWN) or _pixels(message.base.box) < _MANY_PIXELS:
        return False
    area = surface.cut(message.base.box)
    # Of less than a part of the surface, it is the twin that takes long.
    many = MANY_TO_PUT if _is_plain(message) else max(_MANY_PIXELS, surface.width * surface.height >> 4)
    return area is not None and _pixels(area) >= many


def _pixels(area: geometry.Rect) -> int:
    return (area.right - area.left) * (area.bottom - area.top)


def has_size_of(box: geometry.Rect, area: geometry.Rect) -> bool:
    return (box.right - box.left, box.bottom - box.top) == (area.right - area.left, area.bottom - area.top)


def _is_plain(message: draw.DrawMessage) -> bool:
    """Whether it only puts rows of pixels as they are."""
    match message:
        case draw.DrawCopy() | draw.DrawBlend():
            is_put = raster.operation(message.rop, Rop.INVERS_SRC) is raster.put
            return is_put and message.mask.image is None and has_size_of(message.base.box, message.area)
        case draw.DrawFill():
            return raster.operation(message.rop, Rop.INVERS_BRUSH) is raster.put and message.mask.image is None
        case draw.DrawBlackness() | draw.DrawWhiteness():
            return message.mask.image is None
    return not isinstance(message, draw.DrawInvers | draw.DrawOpaque | draw.DrawTransparent | draw.DrawRop3)
