"""Whether a screen looks as it should, and where it doesn't. Pure: pictures in, a verdict and a picture of the difference out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageChops

from ATPLibrary.errors import InputError
from ATPLibrary.protocol.screen.region import NO_MASKS, Masks, Region, Size

# A pixel of this colour in a golden image, or one that is not fully opaque, doesn't count.
MASK_COLOUR = (255, 0, 255)

_DIFFERENT = (230, 0, 0)
_NOT_COUNTED = (90, 120, 230)


@dataclass(frozen=True, slots=True)
class Limits:
    """What may differ: each of a pixel's colours by `tolerance` of 255, and `share` (0 to 1) of the pixels by more than that."""

    tolerance: int = 0
    share: float = 0.0


EXACTLY = Limits()


@dataclass(frozen=True, slots=True)
class Comparison:
    """The verdict. `differing` of the `counted` pixels differ by more than the tolerance, `largest` is the largest difference."""

    limits: Limits
    expected_size: Size
    got_size: Size
    counted: int = 0
    differing: int = 0
    largest: int = 0
    box: Region | None = None  # around all pixels that differ
    difference: Image.Image | None = None

    @property
    def same_size(self) -> bool:
        return self.expected_size == self.got_size

    @property
    def matches(self) -> bool:
        return self.same_size and self.differing <= self.limits.share * self.counted

    def sentence(self) -> str:
        """What follows "but": how it differs."""
        if not self.same_size:
            return f"has {self.got_size} pixels instead of {self.expected_size}"
        allowed = f"{self.limits.share:.4%} may, by more than {self.limits.tolerance} of 255"
        return (
            f"differs in {self.differing} of {self.counted} pixels ({self.differing / max(self.counted, 1):.4%}; {allowed}), "
            f"by up to {self.largest}, within region {self.box}"
        )


def compare(expected: Image.Image, got: Image.Image, masks: Masks = NO_MASKS, limits: Limits = EXACTLY) -> Comparison:
    """Compare pixel by pixel. What `masks` cover, and what is transparent or `MASK_COLOUR` in `expected`, doesn't count.

    `InputError` when a mask reaches out of the picture, and when nothing is left that counts.
    """
    sizes = Size(*expected.size), Size(*got.size)
    for mask in masks:
        mask.inside(got.width, got.height, "Mask")
    if expected.size != got.size:
        return Comparison(limits, *sizes)
    counts = counting(expected, masks)
    if counts.getbbox() is None:
        raise InputError(
            "Nothing of the golden image counts: it is transparent or magenta, or masked, all over, so any screen would match it."
        )
    by_how_much = ImageChops.darker(_largest_band(ImageChops.difference(expected.convert("RGB"), got)), counts)
    over = by_how_much.point([255 if value > limits.tolerance else 0 for value in range(256)])
    box = over.getbbox()
    extrema: Any = by_how_much.getextrema()
    return Comparison(
        limits,
        *sizes,
        counted=counts.histogram()[255],
        differing=over.histogram()[255],
        largest=extrema[1],
        box=None if box is None else Region.of_box(box),
        difference=_show(got, over, counts) if box is not None else None,
    )


def counting(expected: Image.Image, masks: Masks) -> Image.Image:
    """255 where a pixel of `expected` counts, 0 where it doesn't."""
    away = ImageChops.difference(expected.convert("RGB"), Image.new("RGB", expected.size, MASK_COLOUR))
    counts = _largest_band(away).point([0, *[255] * 255])
    if expected.mode == "RGBA":
        counts = ImageChops.darker(counts, expected.getchannel("A").point([0] * 255 + [255]))
    for mask in masks:
        counts.paste(0, mask.box)
    return counts


def moved(before: Image.Image, now: Image.Image, masks: Masks, smallest: Size) -> bool:
    """Whether a screen has changed: by more than what fits into a box of `smallest`, so that a blinking cursor is no change."""
    if before.size != now.size:
        return True
    difference = _largest_band(ImageChops.difference(before, now))
    for mask in masks:
        difference.paste(0, mask.inside(now.width, now.height, "Mask").box)
    box = difference.getbbox()
    if box is None:
        return False
    region = Region.of_box(box)
    return region.width > smallest.width or region.height > smallest.height


def golden(got: Image.Image, old: Image.Image | None) -> Image.Image:
    """A new golden image of what was got; what didn't count in the old one of the same size doesn't count in the new one."""
    if old is None or old.size != got.size:
        return got
    counts = counting(old, NO_MASKS)
    if counts.getextrema() == (255, 255):
        return got
    new = got.convert("RGBA")
    new.putalpha(counts)
    return new


def _largest_band(difference: Image.Image) -> Image.Image:
    red, green, blue = difference.split()
    return ImageChops.lighter(ImageChops.lighter(red, green), blue)


def _show(got: Image.Image, over: Image.Image, counts: Image.Image) -> Image.Image:
    """The screen in pale grey, red where it differs, bluish where that doesn't count."""
    pale = got.convert("L").point([160 + value // 3 for value in range(256)]).convert("RGB")
    masked = Image.blend(pale, Image.new("RGB", got.size, _NOT_COUNTED), 0.5)
    shown = Image.composite(pale, masked, counts)
    return Image.composite(Image.new("RGB", got.size, _DIFFERENT), shown, over)
