from __future__ import annotations

import base64
import io
import random

import pytest
from PIL import Image

from ATPLibrary.keywords.evidence.screen import NotAPictureError, as_png, thumbnail

pytestmark = pytest.mark.unit


def picture(width: int, height: int, kind: str = "PNG", noise: bool = False) -> bytes:
    image = Image.new("RGB", (width, height), "navy")
    if noise:
        image = Image.frombytes("RGB", (width, height), random.Random(1).randbytes(3 * width * height))
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize("size", [(720, 400), (1920, 1080), (1, 1), (4000, 3), (3, 4000)])
@pytest.mark.parametrize("noise", [False, True])
def test_a_thumbnail_is_a_picture_of_at_most_12_kilobytes(size: tuple[int, int], noise: bool) -> None:
    uri = thumbnail(picture(*size, noise=noise))
    assert len(uri) <= 12_000
    head, data = uri.split(",")
    assert head in ("data:image/png;base64", "data:image/jpeg;base64")
    small = Image.open(io.BytesIO(base64.b64decode(data)))
    small.load()
    assert small.width <= 400


def test_a_ppm_of_libvirt_becomes_png() -> None:
    assert Image.open(io.BytesIO(as_png(picture(64, 48, "PPM")))).size == (64, 48)


@pytest.mark.parametrize("broken", [b"", b"nothing", picture(720, 400)[:100], b"P6\n99999 99999\n255\n"])
def test_bytes_that_are_no_picture_are_refused_in_one_way(broken: bytes) -> None:
    with pytest.raises(NotAPictureError):
        thumbnail(broken)
