"""A surface as a picture of others: RGB pixels, a PNG."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from ATPLibrary.protocol.spice.display.surface import Surface

if TYPE_CHECKING:
    from PIL.Image import Image


def image_of(surface: Surface) -> Image:
    """A copy of what the surface shows now, without alpha."""
    from PIL import Image

    return Image.frombytes("RGB", (surface.width, surface.height), bytes(surface.data), "raw", "BGRX")


def png_of(image: Image) -> bytes:
    """Blocking: tens of milliseconds for a big screen."""
    file = io.BytesIO()
    image.save(file, "png", compress_level=1)
    return file.getvalue()
