"""JPEG images, which a server may send where its network is slow: near to what the guest drew, and not the same."""

from __future__ import annotations

import io

from ATPLibrary.protocol.spice.display.pixels import Pixels, Unfit, check_own_size, check_size


def unpacked(data: bytes | memoryview, width: int, height: int) -> Pixels:
    """The pixels of a JPEG file that its message says to be `width` x `height`. Its own size is compared before it is unpacked."""
    from PIL import Image

    check_size("width", width, height)
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            check_own_size(image.size, width, height)
            return Pixels(width, height, image.convert("RGB").tobytes("raw", "BGRX"))
    except Unfit:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise Unfit("picture.data", f"can't be unpacked as JPEG: {error}") from None
