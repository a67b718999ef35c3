"""Motions, buttons and the wheel as the units that go to a mouse or tablet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ATPLibrary.errors import InputError
from ATPLibrary.protocol.qmp.edges import absolute_event, button_event, relative_event
from ATPLibrary.verifier.observation import EV_KEY, EV_REL, REL_HWHEEL, REL_WHEEL, REL_X, REL_Y
from ATPLibrary.verifier.units import Report, Unit

if TYPE_CHECKING:
    from ATPLibrary.verifier.injector import Injector, Motions
    from ATPLibrary.verifier.matcher import Symbol

BUTTONS = {"left": 0x110, "right": 0x111, "middle": 0x112, "side": 0x113, "extra": 0x114}
# QEMU's wheel "buttons" and what the guest's kernel makes of one press.
_WHEEL: dict[str, Symbol] = {
    "wheel-up": (EV_REL, REL_WHEEL, 1),
    "wheel-down": (EV_REL, REL_WHEEL, -1),
    "wheel-left": (EV_REL, REL_HWHEEL, -1),
    "wheel-right": (EV_REL, REL_HWHEEL, 1),
}
# A PS/2 packet carries 127 counts of each axis at most; QEMU would split or cut what is more.
RELATIVE_STEP = 100


@dataclass(frozen=True, slots=True)
class Motion:
    """To a position in QMP units. What the guest sees of it depends on where it is by then."""

    x: int
    y: int


def motion_unit(motion: Motion, symbols: tuple[Symbol, ...] = ()) -> Unit:
    """A motion of which the guest sees `symbols`."""
    events_of = (absolute_event("x", motion.x), absolute_event("y", motion.y))
    return Unit((Report(events_of, symbols, f"pointer to {motion.x}, {motion.y}"),))


def button_unit(button: str, down: bool) -> Unit:
    """`InputError` where no mouse has a button of that name."""
    direction = "down" if down else "up"
    symbol = (EV_KEY, BUTTONS[checked_button(button)], int(down))
    return Unit((Report((button_event(button, down),), (symbol,), f"button {button} {direction}", (button, down)),))


def relative_units(dx: int, dy: int) -> list[Unit]:
    """Motions of equal parts, each as the guest will see it: the sideways part first, no event for none."""
    steps = -(-max(abs(dx), abs(dy)) // RELATIVE_STEP)
    units = []
    for step in range(steps):
        x, y = (delta * (step + 1) // steps - delta * step // steps for delta in (dx, dy))
        symbols = tuple((EV_REL, code, delta) for code, delta in ((REL_X, x), (REL_Y, y)) if delta)
        if symbols:
            units.append(
                Unit((Report((relative_event("x", x), relative_event("y", y)), symbols, f"pointer by {x}, {y}"),))
            )
    return units


def buttons_of(units: Sequence[Unit | Motion]) -> set[str]:
    """The buttons that units move, those of the wheel among them."""
    names = (report.what.split() for unit in units if isinstance(unit, Unit) for report in unit.reports)
    return {words[1] if words[0] == "button" else words[0] for words in names}


def motions_of(units: Sequence[Unit | Motion]) -> Motions | None:
    """How they move the mouse; None where they don't."""
    if any(isinstance(unit, Motion) for unit in units):
        return "absolute"
    reports = (report for unit in units if isinstance(unit, Unit) for report in unit.reports)
    return "relative" if any(event["type"] == "rel" for report in reports for event in report.events) else None


def reached(units: Sequence[Unit | Motion], way: Injector) -> list[Unit | Motion]:
    """With each motion to the nearest place that can be pointed at that way; of several that go to one place by that, one."""
    found: list[Unit | Motion] = []
    asked: Motion | None = None
    at: Motion | None = None
    for unit in units:
        if not isinstance(unit, Motion):
            found.append(unit)
            continue
        there = Motion(way.nearest("x", unit.x), way.nearest("y", unit.y))
        if there != at or unit == asked:
            found.append(there)
        asked, at = unit, there
    return found


def clicks(button: str, count: int) -> list[Unit]:
    """Press and release, so many times."""
    return [button_unit(button, down) for _ in range(count) for down in (True, False)]


def notch(wheel: str) -> Unit:
    """One notch of "wheel-up", "wheel-left", ...: seen as one step of its axis."""
    # The release of a wheel "button" is QEMU's affair: the guest sees the press only.
    return Unit(
        (
            Report((button_event(wheel, True),), (_WHEEL[wheel],), wheel),
            Report((button_event(wheel, False),), (), wheel),
        )
    )


def checked_button(button: str) -> str:
    """`button`, or `InputError`."""
    if button not in BUTTONS:
        raise InputError.about(
            f"Mouse button '{button}'",
            wanted=f"be one of {', '.join(BUTTONS)}",
            got="is not",
            next_step="Choose one of them",
        )
    return button
