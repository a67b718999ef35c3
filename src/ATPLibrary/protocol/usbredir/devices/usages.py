"""The numbers of a USB keyboard's keys. Source: HID Usage Tables 1.12, chapter 10, page 0x07; the names are QEMU's."""

from __future__ import annotations

from ATPLibrary.errors import InputError

_LETTERS = {chr(ord("a") + at): 0x04 + at for at in range(26)}
_DIGITS = {digit: 0x1E + at for at, digit in enumerate("1234567890")}
_FUNCTIONS = {f"f{number}": 0x3A + number - 1 for number in range(1, 13)}
# fmt: off
USAGE_OF_QCODE: dict[str, int] = {
    **_LETTERS, **_DIGITS, **_FUNCTIONS,
    "ret": 0x28, "esc": 0x29, "backspace": 0x2A, "tab": 0x2B, "spc": 0x2C, "minus": 0x2D, "equal": 0x2E, "bracket_left": 0x2F,
    "bracket_right": 0x30, "backslash": 0x31, "semicolon": 0x33, "apostrophe": 0x34, "grave_accent": 0x35, "comma": 0x36,
    "dot": 0x37, "slash": 0x38, "caps_lock": 0x39, "print": 0x46, "sysrq": 0x46, "scroll_lock": 0x47, "pause": 0x48,
    "insert": 0x49, "home": 0x4A, "pgup": 0x4B, "delete": 0x4C, "end": 0x4D, "pgdn": 0x4E, "right": 0x4F, "left": 0x50,
    "down": 0x51, "up": 0x52, "num_lock": 0x53, "kp_divide": 0x54, "kp_multiply": 0x55, "asterisk": 0x55, "kp_subtract": 0x56,
    "kp_add": 0x57, "kp_enter": 0x58, "kp_1": 0x59, "kp_2": 0x5A, "kp_3": 0x5B, "kp_4": 0x5C, "kp_5": 0x5D, "kp_6": 0x5E,
    "kp_7": 0x5F, "kp_8": 0x60, "kp_9": 0x61, "kp_0": 0x62, "kp_decimal": 0x63, "less": 0x64, "compose": 0x65, "power": 0x66,
    "kp_equals": 0x67, "open": 0x74, "help": 0x75, "props": 0x76, "front": 0x77, "stop": 0x78, "again": 0x79, "undo": 0x7A,
    "cut": 0x7B, "copy": 0x7C, "paste": 0x7D, "find": 0x7E, "kp_comma": 0x85, "ro": 0x87, "katakanahiragana": 0x88,
    "yen": 0x89, "henkan": 0x8A, "muhenkan": 0x8B, "lang1": 0x90, "lang2": 0x91,
    "ctrl": 0xE0, "shift": 0xE1, "alt": 0xE2, "meta_l": 0xE3, "ctrl_r": 0xE4, "shift_r": 0xE5, "alt_r": 0xE6, "meta_r": 0xE7,
}
# fmt: on
FIRST_MODIFIER = 0xE0


def usage_of(qcode: str) -> int:
    """A key's usage. `InputError` for one that a USB keyboard of this kind doesn't have."""
    found = USAGE_OF_QCODE.get(qcode)
    if found is None:
        raise InputError.about(
            "A redirected USB keyboard", wanted=f"have the key '{qcode}'", got="has no such key",
            next_step="Press it with the VM's own keyboard",
        )  # fmt: skip
    return found
