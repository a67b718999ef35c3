"""Pixels as all here have them: four bytes each (blue, green, red, alpha or nothing), rows from the top down, without gaps."""

from __future__ import annotations

from dataclasses import dataclass

# As many as a picture or surface may have: 8192 x 4096. What says more is refused before anything is made of it.
MOST_PIXELS = 32 << 20
BYTES = 4


class Unfit(ValueError):
    """A picture that can't be: `field` says what of it."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class Unhandled(Exception):
    """What this client doesn't draw: `what` is the name that it is counted under, `way_out` what a tester may do about it."""

    def __init__(self, what: str, way_out: str = "") -> None:
        super().__init__(what)
        self.way_out = way_out


@dataclass(frozen=True, slots=True)
class Pixels:
    width: int
    height: int
    data: bytes | bytearray | memoryview

    def __post_init__(self) -> None:
        assert len(self.data) == self.width * self.height * BYTES


def check_size(field: str, width: int, height: int) -> None:
    """`Unfit` for a picture without pixels, or with more than may be."""
    if width < 1 or height < 1 or width * height > MOST_PIXELS:
        raise Unfit(field, f"says {width} x {height} pixels, where 1 to {MOST_PIXELS} are possible")


def check_own_size(own: tuple[int, int], width: int, height: int) -> None:
    """`Unfit` for packed data that says another size than the message that carries it."""
    if own != (width, height):
        raise Unfit("picture.data", f"says {own[0]} x {own[1]} pixels where the image says {width} x {height}")


def from_planes(blue: bytes, green: bytes, red: bytes) -> bytearray:
    data = bytearray(BYTES * len(blue))
    data[0::4], data[1::4], data[2::4] = blue, green, red
    return data


def flipped(data: bytes | bytearray | memoryview, row: int) -> bytes:
    """The rows, of `row` bytes each, in the other order."""
    return b"".join(data[at : at + row] for at in range(len(data) - row, -1, -row))
