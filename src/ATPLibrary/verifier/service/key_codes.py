"""Which evdev code a browser's key is: `KeyboardEvent.code` (W3C "UI Events KeyboardEvent code Values") by QEMU's name of the key.

Where QEMU has the key its name stands here, so that what is injected by that name and what a page reports of it are one code.
"""

from __future__ import annotations

from ATPLibrary.protocol.qmp.edges import EVDEV_OF_QCODE

# What Linux itself reports for a key that it has no code for.
KEY_UNKNOWN = 240

# fmt: off
QCODE_OF_CODE: dict[str, str] = {
    **{f"Key{letter.upper()}": letter for letter in "abcdefghijklmnopqrstuvwxyz"},
    **{f"Digit{digit}": digit for digit in "0123456789"},
    **{f"F{number}": f"f{number}" for number in range(1, 13)},
    **{f"Numpad{digit}": f"kp_{digit}" for digit in "0123456789"},
    # writing
    "Backquote": "grave_accent", "Backslash": "backslash", "BracketLeft": "bracket_left", "BracketRight": "bracket_right",
    "Comma": "comma", "Equal": "equal", "IntlBackslash": "less", "IntlRo": "ro", "IntlYen": "yen", "Minus": "minus",
    "Period": "dot", "Quote": "apostrophe", "Semicolon": "semicolon", "Slash": "slash", "Space": "spc",
    # functions
    "AltLeft": "alt", "AltRight": "alt_r", "Backspace": "backspace", "CapsLock": "caps_lock", "ContextMenu": "compose",
    "ControlLeft": "ctrl", "ControlRight": "ctrl_r", "Enter": "ret", "MetaLeft": "meta_l", "MetaRight": "meta_r",
    "OSLeft": "meta_l", "OSRight": "meta_r", "ShiftLeft": "shift", "ShiftRight": "shift_r", "Tab": "tab", "Escape": "esc",
    "Convert": "henkan", "NonConvert": "muhenkan", "KanaMode": "katakanahiragana", "Lang1": "lang1", "Lang2": "lang2",
    "Lang4": "hiragana", "Hiragana": "hiragana",
    "Delete": "delete", "End": "end", "Help": "help", "Home": "home", "Insert": "insert", "PageDown": "pgdn", "PageUp": "pgup",
    "ArrowDown": "down", "ArrowLeft": "left", "ArrowRight": "right", "ArrowUp": "up",
    "PrintScreen": "print", "ScrollLock": "scroll_lock", "Pause": "pause",
    # the numeric pad
    "NumLock": "num_lock", "NumpadAdd": "kp_add", "NumpadComma": "kp_comma", "NumpadDecimal": "kp_decimal",
    "NumpadDivide": "kp_divide", "NumpadEnter": "kp_enter", "NumpadEqual": "kp_equals", "NumpadMultiply": "kp_multiply",
    "NumpadStar": "kp_multiply", "NumpadSubtract": "kp_subtract",
    # media, power, and keys of Sun keyboards; some have a second name in some browsers
    "AudioVolumeDown": "volumedown", "AudioVolumeMute": "audiomute", "AudioVolumeUp": "volumeup", "VolumeDown": "volumedown",
    "VolumeMute": "audiomute", "VolumeUp": "volumeup", "MediaPlayPause": "audioplay", "MediaStop": "audiostop",
    "MediaTrackNext": "audionext", "MediaTrackPrevious": "audioprev", "MediaSelect": "mediaselect",
    "BrowserBack": "ac_back", "BrowserFavorites": "ac_bookmarks", "BrowserForward": "ac_forward", "BrowserHome": "ac_home",
    "BrowserRefresh": "ac_refresh", "BrowserStop": "stop", "LaunchApp1": "computer", "LaunchApp2": "calculator",
    "LaunchMail": "mail", "Power": "power", "Sleep": "sleep", "WakeUp": "wake",
    "Again": "again", "Copy": "copy", "Cut": "cut", "Find": "find", "Open": "open", "Paste": "paste", "Props": "props",
    "Undo": "undo",
}
# Keys that QEMU has no name for, by Linux's codes (linux/input-event-codes.h).
_EVDEV_OF_CODE: dict[str, int] = {
    **{f"F{number}": 170 + number for number in range(13, 25)},
    "NumpadParenLeft": 179, "NumpadParenRight": 180, "Lang3": 90, "Katakana": 90, "Lang5": 85,
    "BrowserSearch": 217, "Eject": 161, "Suspend": 205, "Fn": 464, "Select": 353,
}
# fmt: on

EVDEV_OF_CODE: dict[str, int] = {
    **{code: EVDEV_OF_QCODE[qcode] for code, qcode in QCODE_OF_CODE.items()},
    **_EVDEV_OF_CODE,
}
