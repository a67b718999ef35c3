"""An image as a message carries it, to pixels: by its compression, or out of the caches that both sides keep."""

from __future__ import annotations

from collections.abc import Callable

from ATPLibrary.protocol.spice.display import bitmaps, glz, jpeg, lz, lz4_images, quic
from ATPLibrary.protocol.spice.display.pixels import Pixels, Unfit, Unhandled
from ATPLibrary.protocol.spice.enums import BitmapFlag, BitmapFormat, ImageFlag, ImageType, image_type
from ATPLibrary.protocol.spice.messages.images import Bitmap, Image, LzPalette, Packed, ZlibGlz

_MOST_PALETTES, _MOST_COLORS = 1024, 256
# What is unpacked by Python, or with a library that is slower than LZ4; and from how many pixels on that takes long beside the
# 0.03 ms that a thread costs. Of LZ4, and of rows that are only copied, these are more: 1024 x 768 take half a millisecond.
_SLOW = (ImageType.LZ_RGB, ImageType.LZ_PLT, ImageType.GLZ_RGB, ImageType.ZLIB_GLZ_RGB, ImageType.QUIC, ImageType.JPEG)
_MANY_PIXELS, _VERY_MANY_PIXELS = 8 << 10, 1 << 20
_AS_IT_IS = (BitmapFormat.THIRTY_TWO, BitmapFormat.RGBA)


class Unpacking:
    """`cache_pixels` and `dictionary_pixels` are what the client has said that it keeps: the server has to keep to it."""

    def __init__(self, cache_pixels: int, dictionary_pixels: int) -> None:
        self.is_lossy = False
        self._cache: dict[int, tuple[int, Pixels | None]] = {}  # how many pixels; None where they weren't unpacked
        self._cached_pixels = 0
        self._cache_limit = cache_pixels
        self._palettes: dict[int, bitmaps.Palette] = {}
        self._window = glz.GlzWindow(dictionary_pixels)
        self._done: tuple[Image, Pixels | Unfit | Unhandled] | None = None

    @property
    def kept_pixels(self) -> int:
        """How many pixels the cache and GLZ's window have together."""
        return self._cached_pixels + self._window.pixels

    def work_for(self, image: Image) -> Callable[[], None] | None:
        """What is better done on a thread before `pixels` is asked for this image, which then has it at once. None: nothing."""
        if not _takes_long(image):
            return None

        def work() -> None:
            try:
                self._done = image, self._unpacked(image)
            except (Unfit, Unhandled) as error:
                self._done = image, error

        return work

    def pixels(self, image: Image | None, palette: bitmaps.Palette | None = None) -> Pixels:
        """Each image once, in the order in which they came. `palette` is for one that brings none. `Unfit`, `Unhandled`."""
        if image is None:
            raise Unfit("image", "is missing")
        if image.type in (ImageType.FROM_CACHE, ImageType.FROM_CACHE_LOSSLESS):
            known = self._cache.get(image.id)
            if known is None:
                raise Unfit("image.id", f"is {image.id:#x}, which is not in the cache")
            if known[1] is None:
                raise Unhandled("image of the cache that was not unpacked")
            return known[1]
        keep = image.flags & (ImageFlag.CACHE_ME | ImageFlag.CACHE_REPLACE_ME)
        try:
            pixels = self._unpacked_now_or_before(image, palette)
        except Unhandled:
            if keep:  # it is in the server's cache all the same
                self._keep(image.id, image.width * image.height, None)
            raise
        if (pixels.width, pixels.height) != (image.width, image.height):
            raise Unfit(
                "image.width",
                f"x height is {image.width} x {image.height} where its picture has {pixels.width} x {pixels.height}",
            )
        if keep:
            self._keep(image.id, pixels.width * pixels.height, Pixels(pixels.width, pixels.height, bytes(pixels.data)))
        return pixels

    def forget(self, id: int) -> None:
        """An image of the cache."""
        known = self._cache.pop(id, None)
        if known is not None:
            self._cached_pixels -= known[0]

    def forget_images(self) -> None:
        self._cache, self._cached_pixels = {}, 0

    def forget_palette(self, id: int) -> None:
        self._palettes.pop(id, None)

    def forget_palettes(self) -> None:
        self._palettes = {}

    def _unpacked_now_or_before(self, image: Image, palette: bitmaps.Palette | None) -> Pixels:
        done, self._done = self._done, None
        if done is None or done[0] is not image:
            return self._unpacked(image, palette)
        if not isinstance(done[1], Pixels):
            raise done[1]
        return done[1]

    def _unpacked(self, image: Image, palette: bitmaps.Palette | None = None) -> Pixels:
        picture, size = image.picture, (image.width, image.height)
        match picture:
            case Bitmap():
                return bitmaps.unpacked(picture, self._palette(picture) or palette)
            case LzPalette():
                return lz.unpacked(picture.data, *size, self._palette(picture) or palette)
            case ZlibGlz():
                return self._window.unpacked(glz.without_zlib(picture.data, picture.glz_size, *size), *size)
            case Packed() if image.type == ImageType.LZ4:
                return lz4_images.unpacked(picture.data, *size)
            case Packed() if image.type == ImageType.LZ_RGB:
                return lz.unpacked(picture.data, *size)
            case Packed() if image.type == ImageType.GLZ_RGB:
                return self._window.unpacked(picture.data, *size)
            case Packed() if image.type == ImageType.QUIC:
                return quic.unpacked(picture.data, *size)
            case Packed() if image.type == ImageType.JPEG:
                self.is_lossy = True
                return jpeg.unpacked(picture.data, *size)
        raise Unhandled(f"image of type {image_type(image.type)}")

    def _palette(self, picture: Bitmap | LzPalette) -> bitmaps.Palette | None:
        if picture.palette_id is not None:
            known = self._palettes.get(picture.palette_id)
            if known is None:
                raise Unfit("picture.palette_id", f"is {picture.palette_id:#x}, which is not in the cache")
            return known
        if picture.palette is None:
            return None
        if len(picture.palette.colors) > _MOST_COLORS:
            raise Unfit(
                "picture.palette", f"has {len(picture.palette.colors)} colours, where {_MOST_COLORS} can be told apart"
            )
        if picture.flags & BitmapFlag.PALETTE_CACHE_ME:
            if len(self._palettes) >= _MOST_PALETTES:
                raise Unfit("picture.palette", f"would be kept beside {_MOST_PALETTES} others")
            self._palettes[picture.palette.unique] = picture.palette.colors
        return picture.palette.colors

    def _keep(self, id: int, count: int, pixels: Pixels | None) -> None:
        self.forget(id)
        if self._cached_pixels + max(count, 1) > self._cache_limit:
            raise Unfit(
                "image.flags", f"would keep more than the {self._cache_limit} pixels that the cache was said to take"
            )
        self._cached_pixels += max(count, 1)
        self._cache[id] = max(count, 1), pixels


def _takes_long(image: Image) -> bool:
    picture, pixels = image.picture, image.width * image.height
    if isinstance(picture, Bitmap):
        pixels = picture.width * picture.height  # it may say another size than its image
        return pixels >= (_VERY_MANY_PIXELS if picture.format in _AS_IT_IS else _MANY_PIXELS)
    if image.type == ImageType.LZ4:
        return pixels >= _VERY_MANY_PIXELS
    return image.type in _SLOW and pixels >= _MANY_PIXELS
