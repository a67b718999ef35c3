"""A surface as a picture of others: RGB pixels, a PPM."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from ATPLibrary.protocol.spice.display.surface import Surface

if TYPE_CHECKING:
    from PIL.Image import Image

    from ATPLibrary.protocol.spice.cursor_shapes import CursorShape


def image_of(surface: Surface) -> Image:
    """A copy of what the surface shows now, without alpha."""
    return _image(bytes(surface.data), surface.width, surface.height)


def ppm_of(data: bytes, width: int, height: int) -> bytes:
    """The file of a surface's bytes: nothing is packed, so it takes a few milliseconds for a big screen."""
    return b"P6\n%d %d\n255\n" % (width, height) + _image(data, width, height).tobytes()


def _image(data: bytes, width: int, height: int) -> Image:
    from PIL import Image

    return Image.frombytes("RGB", (width, height), data, "raw", "BGRX")


def png_of_shape(shape: CursorShape) -> bytes:
    """A mouse pointer with its transparency. Blocking: the largest take a second."""
    from PIL import Image

    file = io.BytesIO()
    Image.frombytes("RGBA", (shape.width, shape.height), shape.pixels).save(file, "png", compress_level=1)
    return file.getvalue()
