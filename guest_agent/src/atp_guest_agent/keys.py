"""Linux key and button names, as in `linux/input-event-codes.h`, in lower case and without KEY_ or BTN_."""

from __future__ import annotations

BUTTONS = {"left": 0x110, "right": 0x111, "middle": 0x112, "side": 0x113, "extra": 0x114}

KEY_MAX = 0x2FF

# The codes 0 to 248, in order; - where there is none.
_NAMES = """
reserved esc 1 2 3 4 5 6 7 8 9 0 minus equal backspace tab q w e r t y u i o p leftbrace rightbrace enter leftctrl a s
d f g h j k l semicolon apostrophe grave leftshift backslash z x c v b n m comma dot slash rightshift kpasterisk
leftalt space capslock f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 numlock scrolllock kp7 kp8 kp9 kpminus kp4 kp5 kp6 kpplus kp1
kp2 kp3 kp0 kpdot - zenkakuhankaku 102nd f11 f12 ro katakana hiragana henkan katakanahiragana muhenkan kpjpcomma
kpenter rightctrl kpslash sysrq rightalt linefeed home up pageup left right end down pagedown insert delete macro mute
volumedown volumeup power kpequal kpplusminus pause scale kpcomma hangeul hanja yen leftmeta rightmeta compose stop
again props undo front copy open paste find cut help menu calc setup sleep wakeup file sendfile deletefile xfer prog1
prog2 www msdos coffee rotate_display cyclewindows mail bookmarks computer back forward closecd ejectcd ejectclosecd
nextsong playpause previoussong stopcd record rewind phone iso config homepage refresh exit move edit scrollup
scrolldown kpleftparen kprightparen new redo f13 f14 f15 f16 f17 f18 f19 f20 f21 f22 f23 f24 - - - - - playcd pausecd
prog3 prog4 all_applications suspend close play fastforward bassboost print hp camera sound question email chat search
connect finance sport shop alterase cancel brightnessdown brightnessup media switchvideomode kbdillumtoggle
kbdillumdown kbdillumup send reply forwardmail save documents battery bluetooth wlan uwb unknown video_next video_prev
brightness_cycle brightness_auto display_off wwan rfkill micmute
"""

_OTHERS = {
    "ok": 0x160, "select": 0x161, "goto": 0x162, "clear": 0x163, "fn": 0x1D0,
    "hanguel": 122, "screenlock": 152, "direction": 153, "dashboard": 204, "brightness_toggle": 227,
    "brightness_zero": 244, "wimax": 246,
}  # fmt: skip

_CODES = {name: code for code, name in enumerate(_NAMES.split()) if name != "-"}
_CODES.update(_OTHERS)


def key_code(key: object) -> int | None:
    """The evdev code of a key name (`a`, `leftshift`) or of a code as a number; None for an unknown one."""
    return _code(key, _CODES)


def button_code(key: object) -> int | None:
    """The evdev code of a mouse button's name (`left`) or of a code as a number; None for an unknown one."""
    return _code(key, BUTTONS)


def _code(key: object, codes: dict[str, int]) -> int | None:
    if isinstance(key, str):
        name = key.strip().lower()
        return codes.get(name[4:] if name.startswith(("key_", "btn_")) else name)
    if isinstance(key, int) and not isinstance(key, bool) and 0 <= key <= KEY_MAX:
        return key
    return None
