"""Draws what a display channel's messages say, on the surfaces that they make.

What this client can't draw (lines, text, translucent pictures, smooth scaling) is `Unhandled`: the picture isn't the guest's any
more, which `is_exact` says, nor is it after a JPEG, with video in it, or after a fault on purpose. What can't be is `Unfit`.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from functools import partial

from ATPLibrary.protocol.spice.display import raster, stencil
from ATPLibrary.protocol.spice.display.effort import MANY_TO_PUT, has_size_of, takes_long
from ATPLibrary.protocol.spice.display.pixels import BYTES, Pixels, Unfit, Unhandled
from ATPLibrary.protocol.spice.display.sources import Color, Part, Source, Stretched, Tiles
from ATPLibrary.protocol.spice.display.surface import Surface
from ATPLibrary.protocol.spice.display.unpacking import Unpacking
from ATPLibrary.protocol.spice.enums import BrushType, ClipType, MaskFlag, Rop, ScaleMode, SurfaceFlag
from ATPLibrary.protocol.spice.messages import brushes, display, draw, geometry, images
from ATPLibrary.protocol.spice.messages.images import images_of
from ATPLibrary.protocol.spice.schema import Message

# Bytes that all surfaces may have together.
_MOST_SURFACE_BYTES = 512 << 20
_WHITE = 0xFFFFFFFF
_OF_A_PICTURE = (
    draw.DrawCopy, draw.DrawBlend, draw.DrawOpaque, draw.DrawTransparent, draw.DrawRop3, draw.DrawAlphaBlend,
)  # fmt: skip


class Painter:
    """`images` unpacks and keeps them. `strokes` counts what may have changed the screen; `drawn_at` is when something was drawn on
    it last, in seconds since the epoch, None before that.
    """

    def __init__(self, cache_pixels: int, dictionary_pixels: int = 0) -> None:
        self.surfaces: dict[int, Surface] = {}
        self.primary: int | None = None
        self.strokes = 0
        self.drawn_at: float | None = None
        self.images = Unpacking(cache_pixels, dictionary_pixels)
        # Whether frames of a stream, which are never exact, are on the screen.
        self.is_video_drawn: Callable[[], bool] = bool
        # Whether messages were harmed on purpose, or are held up.
        self.is_disturbed: Callable[[], bool] = bool
        self._is_whole = True
        self._draft: Surface | None = None  # what a thread draws on
        self._created: tuple[display.SurfaceCreate, Surface] | None = None  # by a thread
        self._done: tuple[draw.DrawMessage, Surface, Unfit | Unhandled | None] | None = None

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
            if not self._was_done(message):
                self._do(message)
            if self._is_of_screen(message):
                self.drawn_at = time.time()
        except Unhandled:
            self._is_whole = False
            raise
        finally:
            self.strokes += 1

    def note_video(self) -> None:
        """Frames of a stream were drawn, by another."""
        self.strokes += 1
        self.drawn_at = time.time()

    def _is_of_screen(self, message: Message) -> bool:
        match message:
            case draw.DrawMessage():
                return message.base.surface_id == self.primary
            case display.SurfaceCreate(id):
                return id == self.primary
        return False

    def work_for(self, message: Message) -> Callable[[], None] | None:
        """What is better done on a thread before `take` is given this message, which is then quicker. None: nothing."""
        unpack = None
        if isinstance(message, _OF_A_PICTURE) and message.image is not None:
            unpack = self.images.work_for(message.image)
        if isinstance(message, display.SurfaceCreate):
            return self._creating(message)
        if not isinstance(message, draw.DrawMessage):
            return unpack
        surface = self.surfaces.get(message.base.surface_id)
        if surface is None or not takes_long(message, surface):
            return unpack
        return lambda: self._do_aside(message, unpack)

    def _creating(self, message: display.SurfaceCreate) -> Callable[[], None] | None:
        if message.width * message.height < MANY_TO_PUT or not self._has_room_for(message):
            return None

        def create() -> None:
            with contextlib.suppress(Unfit, Unhandled):  # `take` says it
                self._created = message, Surface(message.width, message.height, message.format)

        return create

    def _do_aside(self, message: draw.DrawMessage, unpack: Callable[[], None] | None) -> None:
        """Nothing is seen of it until `take` is given the message: who looks meanwhile sees no half of it."""
        if unpack is not None:
            unpack()
        self._draft, failure = self._surface(message).twin(), None
        draft = self._draft
        try:
            self._do(message)
        except (Unfit, Unhandled) as error:
            failure = error
        finally:
            self._draft = None
        self._done = message, draft, failure

    def _was_done(self, message: Message) -> bool:
        done, self._done = self._done, None
        if done is None or done[0] is not message:
            return False
        _, draft, failure = done
        self._surface(done[0]).data = draft.data
        if failure is not None:
            raise failure
        return True

    def _do(self, message: Message) -> None:
        match message:
            case draw.DrawCopy() | draw.DrawBlend():
                self._copy(message)
            case draw.DrawFill():
                self._fill(message)
            case draw.CopyBits():
                self._copy_bits(message)
            case draw.DrawBlackness():
                self._draw(message, Color(0), mask=message.mask)
            case draw.DrawWhiteness():
                self._draw(message, Color(_WHITE), mask=message.mask)
            case draw.DrawInvers():
                self._draw(message, Color(_WHITE), raster.operation(Rop.OP_XOR, Rop.INVERS_SRC), mask=message.mask)
            case draw.DrawOpaque():
                self._opaque(message)
            case draw.DrawTransparent():
                self._transparent(message)
            case draw.DrawRop3():
                self._of_three(message)
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
        created, self._created = self._created, None
        self.surfaces.pop(message.id, None)
        if not self._has_room_for(message):
            raise Unfit("width", f"x height and the other surfaces take more than {_MOST_SURFACE_BYTES} bytes")
        self.surfaces[message.id] = (
            created[1]
            if created is not None and created[0] is message
            else Surface(message.width, message.height, message.format)
        )
        if message.flags & SurfaceFlag.PRIMARY:
            self.primary = message.id
            self._is_whole, self.images.is_lossy = True, False  # a new screen begins black

    def _has_room_for(self, message: display.SurfaceCreate) -> bool:
        others = sum(len(each.data) for id, each in self.surfaces.items() if id != message.id)
        return others + message.width * message.height * BYTES <= _MOST_SURFACE_BYTES

    def _copy(self, message: draw.DrawCopy | draw.DrawBlend) -> None:
        pixels = self._pixels(message, message.image)
        mask = self._stencil(message, message.mask)
        combine = raster.operation(message.rop, Rop.INVERS_SRC)
        box, area = message.base.box, message.area
        source = _picture(message, pixels, area, message.scale_mode)
        if combine is not raster.put or mask is not None or not isinstance(source, Part):
            self._draw_parts(message, source, combine, mask)
            return
        surface = self._surface(message)
        for part in self._parts(surface, message):
            surface.copy(pixels, area.left + part.left - box.left, area.top + part.top - box.top, part)

    def _fill(self, message: draw.DrawFill) -> None:
        source = self._brush(message, message.brush)
        self._draw(message, source, raster.operation(message.rop, Rop.INVERS_BRUSH), mask=message.mask)

    def _opaque(self, message: draw.DrawOpaque) -> None:
        pixels, brush = self._pixels(message, message.image), self._brush(message, message.brush)
        mask = self._stencil(message, message.mask)
        self._draw_parts(message, _picture(message, pixels, message.area, message.scale_mode), raster.put, mask)
        self._draw_parts(message, brush, raster.operation(message.rop, Rop.INVERS_BRUSH, Rop.INVERS_SRC), mask)

    def _transparent(self, message: draw.DrawTransparent) -> None:
        pixels = self._pixels(message, message.image)
        source = _picture(message, pixels, message.area, ScaleMode.NEAREST)
        self._draw_parts(message, source, raster.but_for(message.true_color), None)

    def _of_three(self, message: draw.DrawRop3) -> None:
        pixels, brush = self._pixels(message, message.image), self._brush(message, message.brush)
        mask = self._stencil(message, message.mask)
        picture = _picture(message, pixels, message.area, ScaleMode.INTERPOLATE)  # its scaling is another one
        surface = self._surface(message)
        for part in self._parts(surface, message):
            for y in range(part.top, part.bottom):
                row = int.from_bytes(brush.row(part.left, y, part.right - part.left), "little")
                combine = partial(raster.operation_of_three, message.rop3, row)
                surface.draw(picture, geometry.Rect(y, part.left, y + 1, part.right), combine, mask)

    def _copy_bits(self, message: draw.CopyBits) -> None:
        surface, box = self._surface(message), message.base.box
        dx, dy = message.source.x - box.left, message.source.y - box.top
        found = []  # where it comes from, and where it goes
        for part in self._parts(surface, message):
            cut = surface.cut(_moved(part, dx, dy))
            if cut is not None:
                found.append((cut, _moved(cut, -dx, -dy)))
        if len(found) == 1:
            surface.move(found[0][1], dx, dy)
            return
        # All of it is read before anything is written: the two may overlap.
        for pixels, part in [(surface.part(source), part) for source, part in found]:
            assert pixels is not None
            surface.copy(pixels, 0, 0, part)

    def _draw(
        self, message: draw.DrawMessage, source: Source, combine: raster.Operation = raster.put, *, mask: brushes.Mask
    ) -> None:
        self._draw_parts(message, source, combine, self._stencil(message, mask))

    def _draw_parts(
        self, message: draw.DrawMessage, source: Source, combine: raster.Operation, mask: stencil.Stencil | None
    ) -> None:
        surface = self._surface(message)
        for part in self._parts(surface, message):
            surface.draw(source, part, combine, mask)

    def _brush(self, message: draw.DrawMessage, brush: brushes.Brush) -> Source:
        match brush.value:
            case brushes.SolidBrush(color):
                return Color(color)
            case brushes.Pattern(image, position):
                return Tiles(self._pixels(message, image), position)
        if brush.type != BrushType.NONE:
            raise Unfit("brush.type", f"is {brush.type}, which brushes do not have")
        return Color(0)

    def _stencil(self, message: draw.DrawMessage, mask: brushes.Mask) -> stencil.Stencil | None:
        if mask.image is None:
            return None
        pixels = self._pixels(message, mask.image, stencil.PALETTE)
        is_inverse = bool(mask.flags & MaskFlag.INVERS)
        return stencil.Stencil(pixels, message.base.box, mask.position, is_inverse=is_inverse)

    def _surface(self, message: draw.DrawMessage) -> Surface:
        if self._draft is not None:
            return self._draft
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
            self._pixels(message, each)

    def _pixels(
        self, message: draw.DrawMessage, image: images.Image | None, palette: tuple[int, ...] | None = None
    ) -> Pixels:
        if image is None or not isinstance(image.picture, images.OtherSurface):
            return self.images.pixels(image, palette)
        source = self.surfaces.get(image.picture.surface_id)
        if source is None:
            raise Unfit("image.picture.surface_id", f"is {image.picture.surface_id}, and there is no such surface")
        # What it is drawn on itself is read before anything is written.
        is_itself = image.picture.surface_id == message.base.surface_id
        return Pixels(source.width, source.height, bytes(source.data) if is_itself else memoryview(source.data))


def _moved(area: geometry.Rect, x: int, y: int) -> geometry.Rect:
    return geometry.Rect(area.top + y, area.left + x, area.bottom + y, area.right + x)


def _picture(message: draw.DrawMessage, pixels: Pixels, area: geometry.Rect, scale_mode: int) -> Source:
    """A part of a picture, as big as the message's box."""
    box = message.base.box
    if has_size_of(box, area):
        return Part(pixels, area, box)
    if scale_mode != ScaleMode.NEAREST:
        raise Unhandled(f"{message.kind.name} that scales other than to the nearest pixel")
    return Stretched(pixels, area, box)
