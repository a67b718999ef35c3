"""Keys as SPICE's inputs channel wants them: PC scan codes of set 1, one or two bytes.

QEMU reads them by its own table of scan codes (its `qnum`s), the same for every keyboard that a VM may have; a test holds this
table against the QEMU at hand. Pause is E0 46 there, which goes down and up as any key, and not the six bytes that a PC's keyboard
sends when it goes down; Print is E0 37, without the Shift that a PC's keyboard puts before it.
"""

from __future__ import annotations

EXTENDED = 0xE0
RELEASED = 0x80

# fmt: off
_ONE_BYTE: dict[str, int] = {
    "esc": 0x01, "1": 0x02, "2": 0x03, "3": 0x04, "4": 0x05, "5": 0x06, "6": 0x07, "7": 0x08, "8": 0x09, "9": 0x0A,
    "0": 0x0B, "minus": 0x0C, "equal": 0x0D, "backspace": 0x0E, "tab": 0x0F, "q": 0x10, "w": 0x11, "e": 0x12, "r": 0x13,
    "t": 0x14, "y": 0x15, "u": 0x16, "i": 0x17, "o": 0x18, "p": 0x19, "bracket_left": 0x1A, "bracket_right": 0x1B,
    "ret": 0x1C, "ctrl": 0x1D, "a": 0x1E, "s": 0x1F, "d": 0x20, "f": 0x21, "g": 0x22, "h": 0x23, "j": 0x24, "k": 0x25,
    "l": 0x26, "semicolon": 0x27, "apostrophe": 0x28, "grave_accent": 0x29, "shift": 0x2A, "backslash": 0x2B, "z": 0x2C,
    "x": 0x2D, "c": 0x2E, "v": 0x2F, "b": 0x30, "n": 0x31, "m": 0x32, "comma": 0x33, "dot": 0x34, "slash": 0x35,
    "shift_r": 0x36, "asterisk": 0x37, "kp_multiply": 0x37, "alt": 0x38, "spc": 0x39, "caps_lock": 0x3A, "f1": 0x3B,
    "f2": 0x3C, "f3": 0x3D, "f4": 0x3E, "f5": 0x3F, "f6": 0x40, "f7": 0x41, "f8": 0x42, "f9": 0x43, "f10": 0x44,
    "num_lock": 0x45, "scroll_lock": 0x46, "kp_7": 0x47, "kp_8": 0x48, "kp_9": 0x49, "kp_subtract": 0x4A, "kp_4": 0x4B,
    "kp_5": 0x4C, "kp_6": 0x4D, "kp_add": 0x4E, "kp_1": 0x4F, "kp_2": 0x50, "kp_3": 0x51, "kp_0": 0x52,
    "kp_decimal": 0x53, "sysrq": 0x54, "less": 0x56, "f11": 0x57, "f12": 0x58, "kp_equals": 0x59, "lf": 0x5B,
    "open": 0x64, "paste": 0x65, "katakanahiragana": 0x70, "lang2": 0x71, "lang1": 0x72, "ro": 0x73, "hiragana": 0x77,
    "henkan": 0x79, "muhenkan": 0x7B, "yen": 0x7D, "kp_comma": 0x7E,
}
# Behind E0.
_TWO_BYTES: dict[str, int] = {
    "again": 0x05, "props": 0x06, "undo": 0x07, "front": 0x0C, "audioprev": 0x10, "audionext": 0x19, "kp_enter": 0x1C,
    "ctrl_r": 0x1D, "menu": 0x1E, "audiomute": 0x20, "calculator": 0x21, "audioplay": 0x22, "audiostop": 0x24,
    "volumedown": 0x2E, "volumeup": 0x30, "ac_home": 0x32, "kp_divide": 0x35, "print": 0x37, "alt_r": 0x38, "cut": 0x3C,
    "find": 0x41, "pause": 0x46, "home": 0x47, "up": 0x48, "pgup": 0x49, "left": 0x4B, "right": 0x4D, "end": 0x4F,
    "down": 0x50, "pgdn": 0x51, "insert": 0x52, "delete": 0x53, "meta_l": 0x5B, "meta_r": 0x5C, "compose": 0x5D,
    "power": 0x5E, "sleep": 0x5F, "wake": 0x63, "ac_bookmarks": 0x66, "ac_refresh": 0x67, "stop": 0x68,
    "ac_forward": 0x69, "ac_back": 0x6A, "computer": 0x6B, "mail": 0x6C, "mediaselect": 0x6D, "help": 0x75,
    "copy": 0x78,
}
# fmt: on

QCODES: frozenset[str] = frozenset({*_ONE_BYTE, *_TWO_BYTES})


def code_of(qcode: str, down: bool) -> int:
    """The `code` of KEY_DOWN or KEY_UP for a key by QEMU's name (`KeyError` for others): the byte that is first is the lowest."""
    up = 0 if down else RELEASED
    if qcode in _ONE_BYTE:
        return _ONE_BYTE[qcode] | up
    return EXTENDED | (_TWO_BYTES[qcode] | up) << 8
