"""Draws what a display channel's messages say, on the surfaces that they make.

What this client can't draw (other raster operations, brushes with patterns, masks, scaling) is `Unhandled`: the picture
isn't the guest's any more, which `is_exact` says, nor is it after a JPEG, with video in it, or after a fault on purpose. What
can't be is `Unfit`.
"""

from __future__ import annotations

from collections.abc import Callable

from ATPLibrary.protocol.spice.display.pixels import BYTES, Pixels, Unfit, Unhandled
from ATPLibrary.protocol.spice.display.surface import Surface
from ATPLibrary.protocol.spice.display.unpacking import Unpacking
from ATPLibrary.protocol.spice.enums import BrushType, ClipType, Rop, SurfaceFlag
from ATPLibrary.protocol.spice.messages import brushes, display, draw, geometry, images
from ATPLibrary.protocol.spice.messages.images import images_of
from ATPLibrary.protocol.spice.schema import Message

# Bytes that all surfaces may have together.
_MOST_SURFACE_BYTES = 512 << 20
_Change = Callable[[Surface, geometry.Rect], None]


class Painter:
    """`images` unpacks and keeps them. `strokes` counts what may have changed the screen."""

    def __init__(self, cache_pixels: int, dictionary_pixels: int = 0) -> None:
        self.surfaces: dict[int, Surface] = {}
        self.primary: int | None = None
        self.strokes = 0
        self.images = Unpacking(cache_pixels, dictionary_pixels)
        # Whether frames of a stream, which are never exact, are on the screen.
        self.is_video_drawn: Callable[[], bool] = bool
        # Whether messages were harmed on purpose, or are held up.
        self.is_disturbed: Callable[[], bool] = bool
        self._is_whole = True

    @property
    def screen(self) -> Surface | None:
        """The surface that is the screen; None before there is one."""
        return self.surfaces.get(self.primary) if self.primary is not None else None

    @property
    def is_exact(self) -> bool:
        """Whether the screen is what the guest drew: all came and was drawn, nothing came as JPEG, and nothing of it is video."""
        return self._is_whole and not (self.images.is_lossy or self.is_video_drawn() or self.is_disturbed())

    def take(self, message: Message) -> None:
        """Do what a message says. `Unhandled` for one that this client doesn't draw, `Unfit` for one that can't be."""
        try:
            self._do(message)
        except Unhandled:
            self._is_whole = False
            raise
        finally:
            self.strokes += 1

    def work_for(self, message: Message) -> Callable[[], None] | None:
        """What is better done on a thread before `take` is given this message, which is then quicker. None: nothing."""
        if not isinstance(message, draw.DrawCopy) or message.image is None:
            return None
        return self.images.work_for(message.image)

    def _do(self, message: Message) -> None:
        match message:
            case draw.DrawCopy():
                self._copy(message)
            case draw.DrawFill():
                self._fill(message)
            case draw.CopyBits():
                self._copy_bits(message)
            case draw.DrawBlackness():
                self._plain(message, message.mask, lambda surface, area: surface.fill(area, 0))
            case draw.DrawWhiteness():
                self._plain(message, message.mask, lambda surface, area: surface.fill(area, 0xFFFFFF))
            case draw.DrawInvers():
                self._plain(message, message.mask, lambda surface, area: surface.invert(area))
            case draw.DrawMessage():
                self._unpack_all(message)
                raise Unhandled(message.kind.name)
            case display.SurfaceCreate():
                self._create(message)
            case display.SurfaceDestroy(id):
                self.surfaces.pop(id, None)
                self.primary = None if self.primary == id else self.primary
            case display.Reset():
                self.surfaces, self.primary = {}, None
            case display.InvalList(resources):
                for each in resources:
                    self.images.forget(each.id)
            case display.InvalAllPixmaps():
                self.images.forget_images()
            case display.InvalPalette(id):
                self.images.forget_palette(id)
            case display.InvalAllPalettes():
                self.images.forget_palettes()
            case display.GlDraw() | display.GlScanoutUnix():
                raise Unhandled(message.kind.name)

    def _create(self, message: display.SurfaceCreate) -> None:
        self.surfaces.pop(message.id, None)
        used = sum(len(each.data) for each in self.surfaces.values())
        if used + message.width * message.height * BYTES > _MOST_SURFACE_BYTES:
            raise Unfit("width", f"x height and the other surfaces take more than {_MOST_SURFACE_BYTES} bytes")
        self.surfaces[message.id] = Surface(message.width, message.height, message.format)
        if message.flags & SurfaceFlag.PRIMARY:
            self.primary = message.id
            self._is_whole, self.images.is_lossy = True, False  # a new screen begins black

    def _copy(self, message: draw.DrawCopy) -> None:
        pixels = self._pixels(message.image)
        if message.mask.image is not None:
            self._pixels(message.mask.image)
        if message.rop != Rop.OP_PUT or message.mask.image is not None:
            raise Unhandled(
                f"DRAW_COPY with {'a mask' if message.mask.image is not None else f'raster operation {message.rop:#x}'}"
            )
        box, area = message.base.box, message.area
        if (box.right - box.left, box.bottom - box.top) != (area.right - area.left, area.bottom - area.top):
            raise Unhandled("DRAW_COPY that scales")
        if area.left < 0 or area.top < 0 or area.right > pixels.width or area.bottom > pixels.height:
            raise Unfit("area", f"reaches beyond the image, which has {pixels.width} x {pixels.height} pixels")
        surface = self._surface(message)
        for part in self._parts(surface, message):
            surface.copy(pixels, area.left + part.left - box.left, area.top + part.top - box.top, part)

    def _fill(self, message: draw.DrawFill) -> None:
        brush = message.brush
        if (
            message.rop != Rop.OP_PUT
            or message.mask.image is not None
            or not isinstance(brush.value, brushes.SolidBrush)
        ):
            if brush.type == BrushType.NONE and message.rop == Rop.OP_PUT:
                return
            self._unpack_all(message)
            raise Unhandled("DRAW_FILL with a mask, a pattern, or another raster operation than OP_PUT")
        surface = self._surface(message)
        for part in self._parts(surface, message):
            surface.fill(part, brush.value.color)

    def _copy_bits(self, message: draw.CopyBits) -> None:
        surface, box = self._surface(message), message.base.box
        dx, dy = message.source.x - box.left, message.source.y - box.top
        # All of it is read before anything is written: the two may overlap.
        found = []
        for part in self._parts(surface, message):
            source = geometry.Rect(part.top + dy, part.left + dx, part.bottom + dy, part.right + dx)
            pixels, cut = surface.part(source), surface.cut(source)
            if pixels is not None and cut is not None:
                found.append((pixels, geometry.Rect(cut.top - dy, cut.left - dx, cut.bottom - dy, cut.right - dx)))
        for pixels, part in found:
            surface.copy(pixels, 0, 0, part)

    def _plain(self, message: draw.DrawMessage, mask: brushes.Mask, change: _Change) -> None:
        if mask.image is not None:
            self._unpack_all(message)
            raise Unhandled(f"{message.kind.name} with a mask")
        surface = self._surface(message)
        for part in self._parts(surface, message):
            change(surface, part)

    def _surface(self, message: draw.DrawMessage) -> Surface:
        surface = self.surfaces.get(message.base.surface_id)
        if surface is None:
            raise Unfit("base.surface_id", f"is {message.base.surface_id}, and there is no such surface")
        return surface

    @staticmethod
    def _parts(surface: Surface, message: draw.DrawMessage) -> list[geometry.Rect]:
        clip = message.base.clip
        rects = clip.rects.rects if clip.type == ClipType.RECTS and clip.rects is not None else None
        return surface.parts(message.base.box, rects)

    def _unpack_all(self, message: draw.DrawMessage) -> None:
        """What isn't drawn carries images all the same, which later messages may speak of."""
        for each in images_of(message):
            self._pixels(each)

    def _pixels(self, image: images.Image | None) -> Pixels:
        if image is None or not isinstance(image.picture, images.OtherSurface):
            return self.images.pixels(image)
        source = self.surfaces.get(image.picture.surface_id)
        if source is None:
            raise Unfit("image.picture.surface_id", f"is {image.picture.surface_id}, and there is no such surface")
        return Pixels(source.width, source.height, bytes(source.data))
