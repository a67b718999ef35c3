"""Where a pointer may go: what a tester says, QMP's units, and a tablet's."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from ATPLibrary.errors import InputError
from ATPLibrary.verifier.observation import ABS_X, ABS_Y

if TYPE_CHECKING:
    from ATPLibrary.verifier.injector import Axis, Injector
    from ATPLibrary.verifier.observation import AgentDevice

# QMP's absolute axes run from 0 to this (qapi/ui.json, InputMoveEvent).
QMP_MAXIMUM = 0x7FFF
DRAG_STEPS = 8  # from one place to the next

_CODES: dict[Axis, int] = {"x": ABS_X, "y": ABS_Y}

Screen = tuple[int, int]
Place = tuple[int, int]  # in QMP units


def position(x: float, y: float, screen: Screen | None) -> Place:
    """Fractions of the screen from 0 to 1, or with `screen` pixels from 0. `InputError` outside of it."""
    if screen is None:
        if not (0 <= x <= 1 and 0 <= y <= 1):
            raise InputError.about(
                f"Position {say(x, y)}",
                wanted="be fractions of the screen from 0 to 1",
                got="is outside",
                next_step="Divide a pixel's column by the screen's width and its row by the height: "
                "320, 120 of 1280 x 720 is 0.25, 0.167",
            )
        return round(x * QMP_MAXIMUM), round(y * QMP_MAXIMUM)
    width, height = screen
    if not (width > 0 and height > 0 and 0 <= x < width and 0 <= y < height):
        raise InputError.about(
            f"Position {say(x, y)}",
            wanted=f"be on the screen of {width} x {height} pixels",
            got="is outside",
            next_step="Pixels count from 0 at the left and the top",
        )
    return between(0, QMP_MAXIMUM, x / max(width - 1, 1)), between(0, QMP_MAXIMUM, y / max(height - 1, 1))


def path(places: Sequence[Place]) -> list[Place]:
    """The steps of a drag from the first place through all others; of a short leg only those that move, and its end."""
    steps: list[Place] = []
    for begin, end in pairwise(places):
        parts = (step / DRAG_STEPS for step in range(1, DRAG_STEPS + 1))
        leg = [(between(begin[0], end[0], part), between(begin[1], end[1], part)) for part in parts]
        steps += [place for place in dict.fromkeys(leg) if place != begin] or [end]
    return steps


def scaled(way: Injector, device: AgentDevice, axis: Axis, value: int) -> int:
    """What a tablet says of an axis that was sent to `value`, in QMP units."""
    low, high = device.absolute.get(_CODES[axis], (0, QMP_MAXIMUM))
    return way.seen_at(axis, value, low, high)


def beside(way: Injector, device: AgentDevice, axis: Axis, value: int) -> int:
    """The nearest position, in QMP units, that can be pointed at that way and that the guest can tell from `value`; `value` when
    its axis has only one.
    """
    there, step = scaled(way, device, axis, value), 1
    while step <= QMP_MAXIMUM:
        for near in (way.nearest(axis, value - step), way.nearest(axis, value + step)):
            if 0 <= near <= QMP_MAXIMUM and scaled(way, device, axis, near) != there:
                return near
        step *= 2
    return value


def between(begin: int, end: int, part: float) -> int:
    return begin + round((end - begin) * part)


def say(x: float, y: float) -> str:
    return f"{x:g}, {y:g}"
