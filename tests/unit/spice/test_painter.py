"""The painter as a whole: caches stay in step also where something isn't drawn, and whatever comes takes no more than it may."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.spice.golden import NO_CLIP, NO_MASK
from tests.spice.made_up import made_up

from ATPLibrary.protocol.spice import messages
from ATPLibrary.protocol.spice.display import Painter
from ATPLibrary.protocol.spice.display.pixels import Unfit, Unhandled
from ATPLibrary.protocol.spice.enums import ImageFlag, ImageType, Rop
from ATPLibrary.protocol.spice.messages import brushes, display, draw, geometry, images
from ATPLibrary.protocol.spice.messages.images import images_of
from ATPLibrary.protocol.spice.schema import Message, Sender
from ATPLibrary.transport.spice import SpiceChannelType

pytestmark = pytest.mark.unit
ONE = geometry.Rect(0, 0, 1, 1)
BASE = geometry.DrawBase(0, ONE, NO_CLIP)
GLZ_HEAD = bytes.fromhex("20205a4c 00010001 18 00000001 00000001 00000004")


def painter() -> Painter:
    made = Painter(100, 100)
    made.take(display.SurfaceCreate(0, 4, 4, 32, 1))
    return made


def glz(id: int, data: str, back: int = 0) -> images.Image:
    packed = GLZ_HEAD + id.to_bytes(8, "big") + back.to_bytes(4, "big") + bytes.fromhex(data)
    return images.Image(1, ImageType.GLZ_RGB, 0, 1, 1, images.Packed(len(packed), packed))


def copy(image: images.Image, rop: int = Rop.OP_PUT) -> draw.DrawCopy:
    return draw.DrawCopy(BASE, image, ONE, rop, 0, NO_MASK)


def first_pixel(made: Painter) -> str:
    assert made.screen is not None
    return bytes(made.screen.data[:3]).hex()


@pytest.mark.parametrize(
    "undrawn",
    [
        draw.DrawCopy(BASE, glz(0, "00 010203"), geometry.Rect(0, 0, 1, 0), Rop.OP_PUT, 0, NO_MASK),
        draw.DrawAlphaBlend(BASE, 0, 128, glz(0, "00 010203"), ONE),
    ],
)
def test_an_image_of_what_is_not_drawn_is_in_the_window_all_the_same(undrawn: draw.DrawMessage) -> None:
    made = painter()
    with pytest.raises(Unhandled):
        made.take(undrawn)
    made.take(copy(glz(1, "20 00 01", back=1)))
    assert first_pixel(made) == "010203"
    assert not made.is_exact


def test_an_image_that_is_not_unpacked_is_not_missing_from_the_cache() -> None:
    made = painter()
    unknown = images.Image(9, ImageType.JPEG_ALPHA, ImageFlag.CACHE_ME, 1, 1, images.JpegAlpha(0, 0, 0, b""))
    with pytest.raises(Unhandled, match="image of type JPEG_ALPHA"):
        made.take(copy(unknown))
    with pytest.raises(Unhandled, match="image of the cache that was not unpacked"):
        made.take(copy(images.Image(9, ImageType.FROM_CACHE, 0, 1, 1, None)))


def test_work_that_is_done_beforehand_is_not_done_again() -> None:
    made = Painter(1 << 20, 1 << 20)
    made.take(display.SurfaceCreate(0, 128, 128, 32, 1))
    count = 128 * 128
    head = (
        bytes.fromhex("20205a4c 00010001 18")
        + b"".join(size.to_bytes(4, "big") for size in (128, 128, 512))
        + bytes(12)
    )
    data = head + bytes.fromhex("00 010203 e0") + b"\xff" * ((count - 8) // 255) + bytes([(count - 8) % 255]) + b"\0\0"
    everywhere = geometry.Rect(0, 0, 128, 128)
    image = images.Image(1, ImageType.GLZ_RGB, 0, 128, 128, images.Packed(len(data), data))
    message = draw.DrawCopy(geometry.DrawBase(0, everywhere, NO_CLIP), image, everywhere, 8, 0, NO_MASK)
    work = made.work_for(message)
    assert work is not None
    work()
    made.take(message)  # image 0 again would be refused: its window has one of that number
    assert first_pixel(made) == "010203"
    assert made.is_exact


def test_what_a_thread_found_wrong_is_told_when_its_message_is_taken() -> None:
    made = Painter(1 << 20, 1 << 20)
    made.take(display.SurfaceCreate(0, 128, 128, 32, 1))
    everywhere = geometry.Rect(0, 0, 128, 128)
    image = images.Image(1, ImageType.LZ_RGB, 0, 128, 128, images.Packed(3, b"abc"))
    message = draw.DrawCopy(geometry.DrawBase(0, everywhere, NO_CLIP), image, everywhere, 8, 0, NO_MASK)
    work = made.work_for(message)
    assert work is not None
    work()
    with pytest.raises(Unfit, match="fewer than LZ's header"):
        made.take(message)


KINDS = list(messages.kinds(SpiceChannelType.DISPLAY, Sender.SERVER).values())
# Made often, as only these make something that lasts.
LASTING = [display.SurfaceCreate, draw.DrawCopy, draw.DrawFill, draw.CopyBits]


@st.composite
def drawn(draws: st.DrawFn) -> list[Message]:
    return [
        draws(made_up(draws(st.sampled_from(KINDS) | st.sampled_from(LASTING))))
        for _ in range(draws(st.integers(1, 8)))
    ]


@settings(max_examples=150, deadline=None)
@given(drawn())
def test_whatever_is_said_is_drawn_or_refused_and_nothing_grows_beyond_its_bound(said: list[Message]) -> None:
    made = painter()
    for each in said:
        if isinstance(each, display.SurfaceCreate) and 1 << 16 < each.width * each.height < 1 << 28:
            continue  # a surface of that size is real, and only costs time here
        try:
            work = made.work_for(each)
            if work is not None:
                work()
            made.take(each)
        except (Unfit, Unhandled):
            pass
        assert sum(len(surface.data) for surface in made.surfaces.values()) <= 512 << 20
        assert all(len(surface.data) == surface.width * surface.height * 4 for surface in made.surfaces.values())
        assert made.images.kept_pixels <= 200
        assert len(list(images_of(each))) < 10


@pytest.mark.parametrize("kind", [draw.CopyBits, draw.DrawFill])
def test_clips_that_overlap_are_refused_before_anything_is_copied(kind: type[draw.DrawMessage]) -> None:
    made = Painter(100, 100)
    made.take(display.SurfaceCreate(0, 256, 256, 32, 1))
    whole = geometry.Rect(0, 0, 256, 256)

    def message(*clips: geometry.Rect) -> draw.DrawMessage:
        base = geometry.DrawBase(0, whole, geometry.Clip(1, geometry.ClipRects(clips)))
        if kind is draw.CopyBits:
            return draw.CopyBits(base, geometry.Point(0, 0))
        return draw.DrawFill(base, brushes.Brush(1, brushes.SolidBrush(0xFF0000)), Rop.OP_PUT, NO_MASK)

    made.take(
        message(*(geometry.Rect(at, 0, at + 1, 1000) for at in range(300)))
    )  # side by side, and beyond the surface
    tracemalloc.start()
    try:
        with pytest.raises(Unfit, match="clip: has more pixels than the surface, which has 256 x 256"):
            made.take(message(*[whole] * 200))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20
