"""A screen's picture, made small enough to stand inside the log."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

# A data URI is a third longer than its bytes; together they stay under 12 KB.
THUMBNAIL_BYTES = 8_700
THUMBNAIL_WIDTHS = (400, 320, 240, 160)

_PNG = b"\x89PNG\r\n\x1a\n"


class NotAPictureError(ValueError):
    """The bytes are no picture that Pillow can read."""


def as_png(picture: bytes) -> bytes:
    """The picture as PNG, whatever libvirt or QEMU gave. Raises `NotAPictureError`."""
    if picture.startswith(_PNG):
        return picture
    out = io.BytesIO()
    _opened(picture).save(out, "PNG")
    return out.getvalue()


def thumbnail(picture: bytes) -> str:
    """A small copy as a data URI. Text screens stay sharper as PNG, desktops smaller as JPEG: the wider that fits wins.

    Raises `NotAPictureError`.
    """
    from PIL import Image

    image = _opened(picture).convert("RGB")
    smallest = b""
    for width in THUMBNAIL_WIDTHS:
        small = image
        if image.width > width:
            height = max(1, round(image.height * width / image.width))
            small = image.resize((width, height), Image.Resampling.LANCZOS)
        small = small.crop((0, 0, small.width, min(small.height, 2 * width)))
        for data, kind in ((_png(small), "png"), (_jpeg(small), "jpeg")):
            if len(data) <= THUMBNAIL_BYTES:
                return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
            smallest = data
    raise NotAPictureError(f"the picture stays over {THUMBNAIL_BYTES} bytes ({len(smallest)}) when it is made small")


def _opened(picture: bytes) -> Image:
    from PIL import Image, UnidentifiedImageError

    try:
        image = Image.open(io.BytesIO(picture))
        image.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise NotAPictureError(f"{len(picture)} bytes that are no picture ({error})") from error
    return image


def _png(image: Image) -> bytes:
    out = io.BytesIO()
    image.quantize(16).save(out, "PNG", optimize=True)
    return out.getvalue()


def _jpeg(image: Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=50, optimize=True)
    return out.getvalue()
