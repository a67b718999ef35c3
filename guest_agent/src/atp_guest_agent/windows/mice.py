"""What mice say, as evdev events: their own packets (raw input), and what the mouse hook tells of injected ones."""

from __future__ import annotations

from atp_guest_agent.codes import ABS_X, ABS_Y, EV_ABS, EV_KEY, EV_REL, REL_HWHEEL, REL_WHEEL, REL_X, REL_Y
from atp_guest_agent.windows import win32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Tuple

    Said = Tuple[int, int, int]  # type, code, value

RANGE = 0x7FFF  # of an absolute axis: that of QEMU's tablets
BUTTONS = (0x110, 0x111, 0x112, 0x113, 0x114)  # left, right, middle, side, extra: in the order of the packets' flags
NOTCH = 120
_RAW_RANGE = 0xFFFF  # what Windows scales each absolute axis to
_WHEEL, _HORIZONTAL_WHEEL = 0x400, 0x800

_HOOK_BUTTONS = {0x201: (0, 1), 0x202: (0, 0), 0x204: (1, 1), 0x205: (1, 0), 0x207: (2, 1), 0x208: (2, 0)}
_X_DOWN, _X_UP = 0x20B, 0x20C


class Wheel:
    """Notches out of parts of notches (120 a notch), which fine wheels send."""

    def __init__(self) -> None:
        self._rest = {REL_WHEEL: 0, REL_HWHEEL: 0}

    def turn(self, axis: int, delta: int) -> Iterator[Said]:
        whole = self._rest[axis] + delta
        notches = int(whole / NOTCH)
        self._rest[axis] = whole - notches * NOTCH
        if notches:
            yield EV_REL, axis, notches


def is_absolute(flags: int) -> bool:
    return bool(flags & win32.MOUSE_MOVE_ABSOLUTE)


def of_packet(flags: int, buttons: int, data: int, x: int, y: int, wheel: Wheel) -> Iterator[Said]:
    """The motion first, then what was pressed there."""
    if is_absolute(flags):
        yield EV_ABS, ABS_X, _from_raw(x)
        yield EV_ABS, ABS_Y, _from_raw(y)
    else:
        if x:
            yield EV_REL, REL_X, x
        if y:
            yield EV_REL, REL_Y, y
    for number, code in enumerate(BUTTONS):
        if buttons & 1 << 2 * number:
            yield EV_KEY, code, 1
        if buttons & 2 << 2 * number:
            yield EV_KEY, code, 0
    if buttons & _WHEEL:
        yield from wheel.turn(REL_WHEEL, data)
    if buttons & _HORIZONTAL_WHEEL:
        yield from wheel.turn(REL_HWHEEL, data)


def of_hook(message: int, x: int, y: int, high: int, screen: tuple[int, int], wheel: Wheel) -> Iterator[Said]:
    """`x`, `y` are pixels of a screen of that width and height; `high` is the upper half of the hook's mouseData."""
    if message == win32.WM_MOUSEMOVE:
        yield EV_ABS, ABS_X, _from_pixel(x, screen[0])
        yield EV_ABS, ABS_Y, _from_pixel(y, screen[1])
    elif message in _HOOK_BUTTONS:
        number, value = _HOOK_BUTTONS[message]
        yield EV_KEY, BUTTONS[number], value
    elif message in (_X_DOWN, _X_UP):
        yield EV_KEY, BUTTONS[3 if high == 1 else 4], int(message == _X_DOWN)
    elif message == win32.WM_MOUSEWHEEL:
        yield from wheel.turn(REL_WHEEL, high)
    elif message == win32.WM_MOUSEHWHEEL:
        yield from wheel.turn(REL_HWHEEL, high)


def _from_raw(value: int) -> int:
    """A tablet's own value: Windows made 65535 steps of its 32767, and lost none."""
    return min(max((value * RANGE + _RAW_RANGE // 2) // _RAW_RANGE, 0), RANGE)


def _from_pixel(value: int, size: int) -> int:
    """The middle of a pixel."""
    return min(max((2 * value + 1) * (RANGE + 1) // (2 * max(size, 1)), 0), RANGE)
