"""Edges: keys and buttons going down or up, and motions, as QEMU's `input-send-event` wants them.

Source: QEMU QMP reference, `QKeyCode`, `InputEvent` (QEMU 7.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

from ATPLibrary.errors import InputError

Button = Literal["left", "middle", "right", "wheel-up", "wheel-down", "side", "extra", "wheel-left", "wheel-right"]
Axis = Literal["x", "y"]

# An absolute device's axes go from 0 to this, whatever the screen's size.
ABSOLUTE_MAX = 0x7FFF

BUTTONS: frozenset[str] = frozenset(
    {"left", "middle", "right", "wheel-up", "wheel-down", "side", "extra", "wheel-left", "wheel-right"}
)

# QEMU's key name -> the code that Linux's evdev reports in the guest (linux/input-event-codes.h). The names are those that
# QEMU 7.2 tells in `query-qmp-schema`, the codes those of its virtio keyboard; a test compares both with the QEMU at hand.
# fmt: off
EVDEV_OF_QCODE: dict[str, int] = {
    "shift": 42, "shift_r": 54, "alt": 56, "alt_r": 100, "ctrl": 29, "ctrl_r": 97, "menu": 139, "esc": 1,
    "1": 2, "2": 3, "3": 4, "4": 5, "5": 6, "6": 7, "7": 8, "8": 9, "9": 10, "0": 11, "minus": 12, "equal": 13,
    "backspace": 14, "tab": 15, "q": 16, "w": 17, "e": 18, "r": 19, "t": 20, "y": 21, "u": 22, "i": 23, "o": 24,
    "p": 25, "bracket_left": 26, "bracket_right": 27, "ret": 28, "a": 30, "s": 31, "d": 32, "f": 33, "g": 34,
    "h": 35, "j": 36, "k": 37, "l": 38, "semicolon": 39, "apostrophe": 40, "grave_accent": 41, "backslash": 43,
    "z": 44, "x": 45, "c": 46, "v": 47, "b": 48, "n": 49, "m": 50, "comma": 51, "dot": 52, "slash": 53,
    "asterisk": 55, "spc": 57, "caps_lock": 58, "f1": 59, "f2": 60, "f3": 61, "f4": 62, "f5": 63, "f6": 64,
    "f7": 65, "f8": 66, "f9": 67, "f10": 68, "num_lock": 69, "scroll_lock": 70, "kp_divide": 98,
    "kp_multiply": 55, "kp_subtract": 74, "kp_add": 78, "kp_enter": 96, "kp_decimal": 83, "sysrq": 99,
    "kp_0": 82, "kp_1": 79, "kp_2": 80, "kp_3": 81, "kp_4": 75, "kp_5": 76, "kp_6": 77, "kp_7": 71, "kp_8": 72,
    "kp_9": 73, "less": 86, "f11": 87, "f12": 88, "print": 99, "home": 102, "pgup": 104, "pgdn": 109,
    "end": 107, "left": 105, "up": 103, "down": 108, "right": 106, "insert": 110, "delete": 111, "stop": 128,
    "again": 129, "props": 130, "undo": 131, "front": 132, "copy": 133, "open": 134, "paste": 135, "find": 136,
    "cut": 137, "lf": 101, "help": 138, "meta_l": 125, "meta_r": 126, "compose": 127, "pause": 119, "ro": 89,
    "hiragana": 91, "henkan": 92, "yen": 124, "muhenkan": 94, "katakanahiragana": 93, "kp_comma": 121,
    "kp_equals": 117, "power": 116, "sleep": 142, "wake": 143, "audionext": 163, "audioprev": 165,
    "audiostop": 166, "audioplay": 164, "audiomute": 113, "volumeup": 115, "volumedown": 114,
    "mediaselect": 226, "mail": 155, "calculator": 140, "computer": 157, "ac_home": 172, "ac_back": 158,
    "ac_forward": 159, "ac_refresh": 173, "ac_bookmarks": 156, "lang1": 122, "lang2": 123,
}
# fmt: on
QCODES: frozenset[str] = frozenset(EVDEV_OF_QCODE)

# What people call keys that QEMU calls otherwise; only for the hint in the error.
_OTHER_NAMES = {
    "enter": "ret", "return": "ret", "space": "spc", "control": "ctrl", "escape": "esc", "del": "delete", "ins": "insert",
    "pageup": "pgup", "pagedown": "pgdn", "period": "dot", "point": "dot", "win": "meta_l", "super": "meta_l", "meta": "meta_l",
    "altgr": "alt_r", "printscreen": "print", "quote": "apostrophe", "grave": "grave_accent", "backtick": "grave_accent",
    "equals": "equal", "dash": "minus", "hyphen": "minus", "capslock": "caps_lock", "numlock": "num_lock",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Edge:
    """One key going down or up. `qcode` is QEMU's name of the key: see `QCODES`."""

    qcode: str
    down: bool


def check_qcode(name: str) -> str:
    """Return `name` if QEMU has a key of that name; `InputError` with near matches if not."""
    if name in QCODES:
        return name
    lowered = name.strip().lower()
    known = _OTHER_NAMES.get(lowered)
    near = [known] if known else get_close_matches(lowered, sorted(QCODES), n=4, cutoff=0.6)
    step = (
        f"Did you mean {' or '.join(repr(each) for each in near)}?"
        if near
        else "Key names are QEMU's, such as 'a', 'ret', 'f1'"
    )
    raise InputError.about(f"Key {name!r}", wanted="be a key that QEMU knows", got="is not", next_step=step)


def key_event(qcode: str, down: bool) -> dict[str, Any]:
    """One element of `input-send-event`'s `events`."""
    return {"type": "key", "data": {"down": down, "key": {"type": "qcode", "data": check_qcode(qcode)}}}


def button_event(button: str, down: bool) -> dict[str, Any]:
    """A mouse button, or one step of a wheel (which goes down and up)."""
    if button not in BUTTONS:
        near = get_close_matches(button, sorted(BUTTONS), n=2) or sorted(BUTTONS)
        raise InputError.about(
            f"Button {button!r}", wanted="be a button that QEMU knows", got="is not",
            next_step=f"Did you mean {' or '.join(repr(each) for each in near)}?",
        )  # fmt: skip
    return {"type": "btn", "data": {"down": down, "button": button}}


def absolute_event(axis: Axis, value: int) -> dict[str, Any]:
    """Put an absolute pointer at `value`, 0 (left, top) to `ABSOLUTE_MAX` (right, bottom)."""
    if not 0 <= value <= ABSOLUTE_MAX:
        raise InputError.about(f"Position {axis}={value}", wanted=f"be from 0 to {ABSOLUTE_MAX}", got="is not")
    return {"type": "abs", "data": {"axis": axis, "value": value}}


def relative_event(axis: Axis, delta: int) -> dict[str, Any]:
    """Move a relative pointer by `delta` counts."""
    return {"type": "rel", "data": {"axis": axis, "value": delta}}
