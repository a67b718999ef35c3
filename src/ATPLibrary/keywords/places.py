"""Places on a screen as arguments: fractions of its width and height."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ATPLibrary.errors import InputError


@dataclass(frozen=True, slots=True)
class Place:
    """A place on the screen."""

    x: float
    y: float

    @classmethod
    def parse(cls, text: str) -> Place:
        """A place on the screen: ``x,y`` as parts of its width and height, from ``0,0`` (left, top) to ``1,1`` (right, bottom)."""
        try:
            x, y = (float(part) for part in text.split(","))
        except ValueError as error:
            raise InputError.about(
                f"Place {text!r}", wanted="be 'x,y'", got="is not", next_step="Such as 0.5,0.5"
            ) from error
        return cls(x, y)


def check_places(places: Sequence[Place], tolerance: float) -> None:
    """`InputError` for a place that isn't on the screen, and for a tolerance with which any place, or none, would do."""
    from ATPLibrary.verifier.pointer_places import position

    for place in places:
        position(place.x, place.y, None)
    if not 0 < tolerance < 0.5:
        raise InputError(f"A tolerance is a fraction of the screen, above 0 and below 0.5, not {tolerance:g}.")
