"""Places on a picture, in pixels from its left upper corner; as testers write them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ATPLibrary.errors import InputError

_FOUR_NUMBERS = re.compile(r"\s*(\d+)\s*[, ]\s*(\d+)\s*[, ]\s*(\d+)\s*[, x]\s*(\d+)\s*")
_TWO_NUMBERS = re.compile(r"\s*(\d+)\s*[,x]\s*(\d+)\s*")

Box = tuple[int, int, int, int]  # left, top, right, bottom: Pillow's way


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of pixels."""

    left: int
    top: int
    width: int
    height: int

    @classmethod
    def parse(cls, text: str) -> Region:
        """A region of the picture in pixels: ``left,top,width,height``, such as ``0,0,200,24``."""
        match = _FOUR_NUMBERS.fullmatch(text)
        if match is None:
            raise InputError.about(
                f"Region {text!r}", wanted="be 'left,top,width,height' in pixels", got="is not", next_step="Such as 0,0,200,24"
            )  # fmt: skip
        region = cls(*map(int, match.groups()))
        if not (region.width and region.height):
            raise InputError.about(f"Region {text!r}", wanted="have a width and a height", got="has none")
        return region

    @property
    def box(self) -> Box:
        return self.left, self.top, self.left + self.width, self.top + self.height

    @classmethod
    def of_box(cls, box: Box) -> Region:
        left, top, right, bottom = box
        return cls(left, top, right - left, bottom - top)

    def inside(self, width: int, height: int, what: str) -> Region:
        """This region; `InputError` about `what` where a picture of that size doesn't have all of it."""
        if self.left + self.width > width or self.top + self.height > height:
            raise InputError.about(
                f"{what} {self}", wanted=f"be on the screen of {width} x {height} pixels", got="reaches out of it"
            )
        return self

    def __str__(self) -> str:
        return f"{self.left},{self.top},{self.width},{self.height}"


@dataclass(frozen=True, slots=True)
class Masks:
    """Regions that don't count. No tuple: Robot Framework would take a wrong text for one rather than say what is wrong with it."""

    regions: tuple[Region, ...] = ()

    def __iter__(self) -> Iterator[Region]:
        return iter(self.regions)

    @classmethod
    def parse(cls, value: str | list[str]) -> Masks:
        """Regions that don't count: ``left,top,width,height`` in pixels, several with ``;`` between them, or a list of such."""
        texts = value.split(";") if isinstance(value, str) else value
        return cls(tuple(Region.parse(text) for text in texts if text.strip()))


NO_MASKS = Masks()


@dataclass(frozen=True, slots=True)
class Size:
    """A width and a height in pixels."""

    width: int
    height: int

    @classmethod
    def parse(cls, text: str) -> Size:
        """A width and a height in pixels: ``12x24``."""
        match = _TWO_NUMBERS.fullmatch(text)
        if match is None:
            raise InputError.about(
                f"Size {text!r}", wanted="be 'WIDTHxHEIGHT' in pixels", got="is not", next_step="Such as 12x24"
            )
        return cls(*map(int, match.groups()))

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


# What a text cursor covers at most: the cell of a text screen, or a caret on a desktop.
CARET = Size(12, 24)
