"""Pictures of a screen, as PNG whatever they came as."""

from __future__ import annotations

import io

from ATPLibrary.errors import ChannelError
from ATPLibrary.runtime import Workers

_PNG = b"\x89PNG\r\n\x1a\n"
# A picture takes tens of milliseconds of processor: not on the loop.
_WORKERS = Workers("atp-pictures", 1)


async def as_png(picture: bytes, timeout: float) -> bytes:
    """Return `picture` (PPM, PNG, or what else Pillow reads) as PNG."""
    if picture.startswith(_PNG):
        return picture
    return await _WORKERS.call(_convert, picture, timeout=timeout, what="The picture of the screen")


def _convert(picture: bytes) -> bytes:
    from PIL import Image, UnidentifiedImageError

    png = io.BytesIO()
    try:
        with Image.open(io.BytesIO(picture)) as image:
            image.save(png, "PNG", compress_level=3)
    except (UnidentifiedImageError, OSError) as error:
        raise ChannelError.about(
            "The screenshot", wanted="be a picture", got=f"is {len(picture)} bytes that start with {picture[:16]!r}"
        ) from error
    return png.getvalue()
