"""Draws what a display channel's messages say, on the surfaces that they make.

What this client can't draw (other raster operations, brushes with patterns, masks, scaling, GLZ, QUIC, JPEG, video) is `Unhandled`:
the picture isn't the guest's any more, which `is_exact` says. What can't be is `Unfit`.
"""

from __future__ import annotations

from collections.abc import Callable

from ATPLibrary.protocol.spice.display import bitmaps, lz, lz4_images
from ATPLibrary.protocol.spice.display.pixels import BYTES, Pixels, Unfit, Unhandled
from ATPLibrary.protocol.spice.display.surface import Surface, clipped
from ATPLibrary.protocol.spice.enums import BitmapFlag, BrushType, ClipType, ImageFlag, ImageType, Rop, SurfaceFlag
from ATPLibrary.protocol.spice.messages import display, draw
from ATPLibrary.protocol.spice.schema import Message

# Bytes that all surfaces may have together, and all palettes kept.
_MOST_SURFACE_BYTES = 512 << 20
_MOST_PALETTES = 1024
_Change = Callable[[Surface, draw.Rect], None]


class Painter:
    """`cache_pixels` is what the client has said that its cache takes: the server has to keep to it."""

    def __init__(self, cache_pixels: int) -> None:
        self.surfaces: dict[int, Surface] = {}
        self.primary: int | None = None
        self.is_exact = True
        self._cache: dict[int, Pixels] = {}
        self._cached_pixels = 0
        self._cache_limit = cache_pixels
        self._palettes: dict[int, bitmaps.Palette] = {}

    @property
    def screen(self) -> Surface | None:
        """The surface that is the screen; None before there is one."""
        return self.surfaces.get(self.primary) if self.primary is not None else None

    def take(self, message: Message) -> None:
        """Do what a message says. `Unhandled` for one that this client doesn't draw, `Unfit` for one that can't be."""
        try:
            self._do(message)
        except Unhandled:
            self.is_exact = False
            raise

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
                    self._forget(each.id)
            case display.InvalAllPixmaps():
                self._cache, self._cached_pixels = {}, 0
            case display.InvalPalette(id):
                self._palettes.pop(id, None)
            case display.InvalAllPalettes():
                self._palettes = {}
            case display.StreamCreate() | display.GlDraw() | display.GlScanoutUnix():
                raise Unhandled(message.kind.name)

    def _create(self, message: display.SurfaceCreate) -> None:
        self.surfaces.pop(message.id, None)
        used = sum(len(each.data) for each in self.surfaces.values())
        if used + message.width * message.height * BYTES > _MOST_SURFACE_BYTES:
            raise Unfit("width", f"x height and the other surfaces take more than {_MOST_SURFACE_BYTES} bytes")
        self.surfaces[message.id] = Surface(message.width, message.height, message.format)
        if message.flags & SurfaceFlag.PRIMARY:
            self.primary = message.id
            self.is_exact = True  # a new screen begins black

    def _copy(self, message: draw.DrawCopy) -> None:
        if message.rop != Rop.OP_PUT or message.mask.image is not None:
            raise Unhandled(
                f"DRAW_COPY with {'a mask' if message.mask.image is not None else f'raster operation {message.rop:#x}'}"
            )
        box, area = message.base.box, message.area
        if (box.right - box.left, box.bottom - box.top) != (area.right - area.left, area.bottom - area.top):
            raise Unhandled("DRAW_COPY that scales")
        pixels = self._pixels(message.image)
        if area.left < 0 or area.top < 0 or area.right > pixels.width or area.bottom > pixels.height:
            raise Unfit("area", f"reaches beyond the image, which has {pixels.width} x {pixels.height} pixels")
        surface = self._surface(message)
        for part in self._parts(message):
            surface.copy(pixels, area.left + part.left - box.left, area.top + part.top - box.top, part)

    def _fill(self, message: draw.DrawFill) -> None:
        brush = message.brush
        if message.rop != Rop.OP_PUT or message.mask.image is not None or not isinstance(brush.value, draw.SolidBrush):
            if brush.type == BrushType.NONE and message.rop == Rop.OP_PUT:
                return
            raise Unhandled("DRAW_FILL with a mask, a pattern, or another raster operation than OP_PUT")
        surface = self._surface(message)
        for part in self._parts(message):
            surface.fill(part, brush.value.color)

    def _copy_bits(self, message: draw.CopyBits) -> None:
        surface, box = self._surface(message), message.base.box
        dx, dy = message.source.x - box.left, message.source.y - box.top
        # All of it is read before anything is written: the two may overlap.
        found = []
        for part in self._parts(message):
            source = draw.Rect(part.top + dy, part.left + dx, part.bottom + dy, part.right + dx)
            pixels, cut = surface.part(source), surface.cut(source)
            if pixels is not None and cut is not None:
                found.append((pixels, draw.Rect(cut.top - dy, cut.left - dx, cut.bottom - dy, cut.right - dx)))
        for pixels, part in found:
            surface.copy(pixels, 0, 0, part)

    def _plain(self, message: draw.DrawMessage, mask: draw.Mask, change: _Change) -> None:
        if mask.image is not None:
            raise Unhandled(f"{message.kind.name} with a mask")
        surface = self._surface(message)
        for part in self._parts(message):
            change(surface, part)

    def _surface(self, message: draw.DrawMessage) -> Surface:
        surface = self.surfaces.get(message.base.surface_id)
        if surface is None:
            raise Unfit("base.surface_id", f"is {message.base.surface_id}, and there is no such surface")
        return surface

    @staticmethod
    def _parts(message: draw.DrawMessage) -> list[draw.Rect]:
        clip = message.base.clip
        rects = clip.rects.rects if clip.type == ClipType.RECTS and clip.rects is not None else None
        return clipped(message.base.box, rects)

    def _pixels(self, image: draw.Image | None) -> Pixels:
        if image is None:
            raise Unfit("image", "is missing")
        if image.type in (ImageType.FROM_CACHE, ImageType.FROM_CACHE_LOSSLESS):
            known = self._cache.get(image.id)
            if known is None:
                raise Unfit("image.id", f"is {image.id:#x}, which is not in the cache")
            return known
        pixels = self._unpacked(image)
        if (pixels.width, pixels.height) != (image.width, image.height):
            raise Unfit(
                "image.width",
                f"x height is {image.width} x {image.height} where its picture has {pixels.width} x {pixels.height}",
            )
        if image.flags & (ImageFlag.CACHE_ME | ImageFlag.CACHE_REPLACE_ME):
            self._keep(image.id, pixels)
        return pixels

    def _unpacked(self, image: draw.Image) -> Pixels:
        picture = image.picture
        match picture:
            case draw.Bitmap():
                return bitmaps.unpacked(picture, self._palette(picture))
            case draw.LzPalette():
                return lz.unpacked(picture.data, image.width, image.height, self._palette(picture))
            case draw.Packed() if image.type == ImageType.LZ4:
                return lz4_images.unpacked(picture.data, image.width, image.height)
            case draw.Packed() if image.type == ImageType.LZ_RGB:
                return lz.unpacked(picture.data, image.width, image.height)
            case draw.OtherSurface(id):
                source = self.surfaces.get(id)
                if source is None:
                    raise Unfit("image.picture.surface_id", f"is {id}, and there is no such surface")
                return Pixels(source.width, source.height, bytes(source.data))
        name = next((each.name for each in ImageType if each == image.type), str(image.type))
        raise Unhandled(f"image of type {name}")

    def _palette(self, picture: draw.Bitmap | draw.LzPalette) -> bitmaps.Palette | None:
        if picture.palette_id is not None:
            known = self._palettes.get(picture.palette_id)
            if known is None:
                raise Unfit("picture.palette_id", f"is {picture.palette_id:#x}, which is not in the cache")
            return known
        if picture.palette is None:
            return None
        if picture.flags & BitmapFlag.PALETTE_CACHE_ME:
            if len(self._palettes) >= _MOST_PALETTES:
                raise Unfit("picture.palette", f"would be kept beside {_MOST_PALETTES} others")
            self._palettes[picture.palette.unique] = picture.palette.colors
        return picture.palette.colors

    def _keep(self, id: int, pixels: Pixels) -> None:
        self._forget(id)
        self._cached_pixels += pixels.width * pixels.height
        if self._cached_pixels > self._cache_limit:
            self._cached_pixels -= pixels.width * pixels.height
            raise Unfit(
                "image.flags", f"would keep more than the {self._cache_limit} pixels that the cache was said to take"
            )
        self._cache[id] = Pixels(pixels.width, pixels.height, bytes(pixels.data))

    def _forget(self, id: int) -> None:
        known = self._cache.pop(id, None)
        if known is not None:
            self._cached_pixels -= known.width * known.height
