"""Files of pictures to pixels and back. Blocking: tens of milliseconds for a big screen, so on `WORKERS`."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from ATPLibrary.errors import ChannelError, ConfigError
from ATPLibrary.protocol.screen.region import Region
from ATPLibrary.runtime import Workers

# Pictures are computed here, not on the loop.
WORKERS = Workers("atp-pictures", 2)

_PNG = b"\x89PNG\r\n\x1a\n"
_PART = "atp-region"  # a PNG's text chunk of that keyword
_DAMAGED = (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError)


def opened(picture: bytes) -> Image.Image:
    """The pixels of a screenshot, as RGB. `ChannelError` when it is no picture."""
    try:
        with Image.open(io.BytesIO(picture)) as image:
            return image.convert("RGB")
    except _DAMAGED as error:
        raise ChannelError.about(
            "The screenshot", wanted="be a picture", got=f"is {len(picture)} bytes that start with {picture[:16]!r}"
        ) from error


def read(path: Path) -> Image.Image:
    """A picture that the tester gave, transparency and all. `ConfigError` when the file is no picture."""
    try:
        with Image.open(path) as image:
            return image.convert("RGBA")
    except _DAMAGED as error:
        why = getattr(error, "strerror", None) or "it is damaged or of an unknown format"
        raise ConfigError.about(f"The picture '{path}'", wanted="be readable", got=f"is not: {why}") from error


def cut(image: Image.Image, region: Region | None) -> Image.Image:
    """The part of a screen's picture that `region` means; `InputError` where the screen is smaller."""
    return image if region is None else image.crop(region.inside(image.width, image.height, "Region").box)


def cut_png(picture: bytes, region: Region) -> bytes:
    """The same, from a file of any kind to PNG. The new one knows which part it is (`part`)."""
    return as_png(cut(opened(picture), region), region)


def part(picture: bytes) -> str | None:
    """Which part of the screen a PNG of `cut_png` shows, as testers write a region; None for any other picture."""
    try:
        with Image.open(io.BytesIO(picture)) as image:
            return image.info.get(_PART)
    except _DAMAGED:
        return None


def png_of(picture: bytes) -> bytes:
    """The same picture as PNG, whatever file it is."""
    return picture if picture.startswith(_PNG) else as_png(opened(picture))


def as_png(image: Image.Image, region: Region | None = None) -> bytes:
    png, notes = io.BytesIO(), PngInfo()
    if region is not None:
        notes.add_text(_PART, str(region))
    image.save(png, "PNG", compress_level=3, pnginfo=notes)
    return png.getvalue()
