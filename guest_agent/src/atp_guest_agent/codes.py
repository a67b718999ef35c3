"""Numbers of `linux/input.h` and `linux/input-event-codes.h`: the words in which every agent tells input, whatever it runs on."""

from __future__ import annotations

EV_SYN, EV_KEY, EV_REL, EV_ABS = range(4)
REL_X, REL_Y, REL_HWHEEL, REL_WHEEL = 0, 1, 6, 8
ABS_X, ABS_Y = 0, 1
KEY_ENTER, KEY_A, KEY_Z = 28, 30, 44
BTN_LEFT, BTN_TOUCH = 0x110, 0x14A
BUS_USB, BUS_I8042 = 0x03, 0x11

TYPE_CHECKING = False
if TYPE_CHECKING:
    Event = tuple[int, int, int, int, int]  # device id, type, code, value, time_us
