"""What a key or button is called that the guest saw: by QEMU's name where it has one, else by the kernel's.

Source of the kernel's: linux/input-event-codes.h (Linux 6.1); a test compares them with the header at hand. Two are called there
what QEMU calls another key: these keep the kernel's whole name.
"""

from __future__ import annotations

from ATPLibrary.protocol.qmp.edges import EVDEV_OF_QCODE
from ATPLibrary.verifier.pointer_units import BUTTONS
from ATPLibrary.verifier.touches import BTN_TOUCH

# fmt: off
_KERNELS_KEYS: dict[str, int] = {
    **{f"f{number}": 170 + number for number in range(13, 25)},
    **{f"numeric_{digit}": 0x200 + digit for digit in range(10)},
    **{f"macro{number}": 0x28F + number for number in range(1, 31)},
    "zenkakuhankaku": 85, "katakana": 90, "kpjpcomma": 95, "macro": 112, "kpplusminus": 118, "scale": 120,
    "setup": 141, "file": 144, "sendfile": 145, "deletefile": 146, "xfer": 147, "prog1": 148, "prog2": 149,
    "www": 150, "msdos": 151, "coffee": 152, "rotate_display": 153, "cyclewindows": 154, "closecd": 160,
    "ejectcd": 161, "ejectclosecd": 162, "record": 167, "rewind": 168, "phone": 169, "iso": 170, "config": 171,
    "exit": 174, "move": 175, "edit": 176, "scrollup": 177, "scrolldown": 178, "kpleftparen": 179,
    "kprightparen": 180, "new": 181, "redo": 182, "playcd": 200, "pausecd": 201, "prog3": 202, "prog4": 203,
    "all_applications": 204, "suspend": 205, "close": 206, "play": 207, "fastforward": 208, "bassboost": 209,
    "key_print": 210, "hp": 211, "camera": 212, "sound": 213, "question": 214, "email": 215, "chat": 216,
    "search": 217, "connect": 218, "finance": 219, "sport": 220, "shop": 221, "alterase": 222, "cancel": 223,
    "brightnessdown": 224, "brightnessup": 225, "switchvideomode": 227, "kbdillumtoggle": 228, "kbdillumdown": 229,
    "kbdillumup": 230, "send": 231, "reply": 232, "forwardmail": 233, "save": 234, "documents": 235, "battery": 236,
    "bluetooth": 237, "wlan": 238, "uwb": 239, "video_next": 241, "video_prev": 242, "brightness_cycle": 243,
    "brightness_auto": 244, "display_off": 245, "wwan": 246, "rfkill": 247, "micmute": 248, "ok": 352, "select": 353,
    "goto": 354, "clear": 355, "power2": 356, "key_option": 357, "info": 358, "time": 359, "vendor": 360,
    "archive": 361, "program": 362, "channel": 363, "favorites": 364, "epg": 365, "pvr": 366, "mhp": 367,
    "language": 368, "title": 369, "subtitle": 370, "angle": 371, "full_screen": 372, "mode": 373, "keyboard": 374,
    "aspect_ratio": 375, "pc": 376, "tv": 377, "tv2": 378, "vcr": 379, "vcr2": 380, "sat": 381, "sat2": 382,
    "cd": 383, "tape": 384, "radio": 385, "tuner": 386, "player": 387, "text": 388, "dvd": 389, "aux": 390,
    "mp3": 391, "audio": 392, "video": 393, "directory": 394, "list": 395, "memo": 396, "calendar": 397, "red": 398,
    "green": 399, "yellow": 400, "blue": 401, "channelup": 402, "channeldown": 403, "first": 404, "last": 405,
    "ab": 406, "next": 407, "restart": 408, "slow": 409, "shuffle": 410, "break": 411, "previous": 412, "digits": 413,
    "teen": 414, "twen": 415, "videophone": 416, "games": 417, "zoomin": 418, "zoomout": 419, "zoomreset": 420,
    "wordprocessor": 421, "editor": 422, "spreadsheet": 423, "graphicseditor": 424, "presentation": 425,
    "database": 426, "news": 427, "voicemail": 428, "addressbook": 429, "messenger": 430, "displaytoggle": 431,
    "spellcheck": 432, "logoff": 433, "dollar": 434, "euro": 435, "frameback": 436, "frameforward": 437,
    "context_menu": 438, "media_repeat": 439, "10channelsup": 440, "10channelsdown": 441, "images": 442,
    "notification_center": 444, "pickup_phone": 445, "hangup_phone": 446, "link_phone": 447, "del_eol": 448,
    "del_eos": 449, "ins_line": 450, "del_line": 451, "fn": 464, "fn_esc": 465, "fn_f1": 466, "fn_f2": 467,
    "fn_f3": 468, "fn_f4": 469, "fn_f5": 470, "fn_f6": 471, "fn_f7": 472, "fn_f8": 473, "fn_f9": 474, "fn_f10": 475,
    "fn_f11": 476, "fn_f12": 477, "fn_1": 478, "fn_2": 479, "fn_d": 480, "fn_e": 481, "fn_f": 482, "fn_s": 483,
    "fn_b": 484, "fn_right_shift": 485, "brl_dot1": 497, "brl_dot2": 498, "brl_dot3": 499, "brl_dot4": 500,
    "brl_dot5": 501, "brl_dot6": 502, "brl_dot7": 503, "brl_dot8": 504, "brl_dot9": 505, "brl_dot10": 506,
    "numeric_star": 522, "numeric_pound": 523, "numeric_a": 524, "numeric_b": 525, "numeric_c": 526, "numeric_d": 527,
    "camera_focus": 528, "wps_button": 529, "touchpad_toggle": 530, "touchpad_on": 531, "touchpad_off": 532,
    "camera_zoomin": 533, "camera_zoomout": 534, "camera_up": 535, "camera_down": 536, "camera_left": 537,
    "camera_right": 538, "attendant_on": 539, "attendant_off": 540, "attendant_toggle": 541, "lights_toggle": 542,
    "als_toggle": 560, "rotate_lock_toggle": 561, "refresh_rate_toggle": 562, "buttonconfig": 576, "taskmanager": 577,
    "journal": 578, "controlpanel": 579, "appselect": 580, "screensaver": 581, "voicecommand": 582, "assistant": 583,
    "kbd_layout_next": 584, "emoji_picker": 585, "dictate": 586, "brightness_min": 592, "brightness_max": 593,
    "kbdinputassist_prev": 608, "kbdinputassist_next": 609, "kbdinputassist_prevgroup": 610,
    "kbdinputassist_nextgroup": 611, "kbdinputassist_accept": 612, "kbdinputassist_cancel": 613, "right_up": 614,
    "right_down": 615, "left_up": 616, "left_down": 617, "root_menu": 618, "media_top_menu": 619, "numeric_11": 620,
    "numeric_12": 621, "audio_desc": 622, "3d_mode": 623, "next_favorite": 624, "stop_record": 625,
    "pause_record": 626, "vod": 627, "unmute": 628, "fastreverse": 629, "slowreverse": 630, "data": 631,
    "onscreen_keyboard": 632, "privacy_screen_toggle": 633, "selective_screenshot": 634, "next_element": 635,
    "previous_element": 636, "autopilot_engage_toggle": 637, "mark_waypoint": 638, "sos": 639, "nav_chart": 640,
    "fishing_chart": 641, "single_range_radar": 642, "dual_range_radar": 643, "radar_overlay": 644,
    "traditional_sonar": 645, "clearvu_sonar": 646, "sidevu_sonar": 647, "nav_info": 648, "brightness_menu": 649,
    "macro_record_start": 688, "macro_record_stop": 689, "macro_preset_cycle": 690, "macro_preset1": 691,
    "macro_preset2": 692, "macro_preset3": 693, "kbd_lcd_menu1": 696, "kbd_lcd_menu2": 697, "kbd_lcd_menu3": 698,
    "kbd_lcd_menu4": 699, "kbd_lcd_menu5": 700,
}
_KERNELS_BUTTONS: dict[str, int] = {
    **{str(number): 0x100 + number for number in range(10)},
    **{f"trigger_happy{number}": 0x2BF + number for number in range(1, 41)},
    "forward": 0x115, "back": 0x116, "task": 0x117, "trigger": 0x120, "thumb": 0x121, "thumb2": 0x122, "top": 0x123,
    "top2": 0x124, "pinkie": 0x125, "base": 0x126, "base2": 0x127, "base3": 0x128, "base4": 0x129, "base5": 0x12a,
    "base6": 0x12b, "dead": 0x12f, "south": 0x130, "east": 0x131, "c": 0x132, "north": 0x133, "west": 0x134,
    "z": 0x135, "tl": 0x136, "tr": 0x137, "tl2": 0x138, "tr2": 0x139, "select": 0x13a, "start": 0x13b, "mode": 0x13c,
    "thumbl": 0x13d, "thumbr": 0x13e, "tool_pen": 0x140, "tool_rubber": 0x141, "tool_brush": 0x142,
    "tool_pencil": 0x143, "tool_airbrush": 0x144, "tool_finger": 0x145, "tool_mouse": 0x146, "tool_lens": 0x147,
    "tool_quinttap": 0x148, "stylus3": 0x149, "stylus": 0x14b, "stylus2": 0x14c, "tool_doubletap": 0x14d,
    "tool_tripletap": 0x14e, "tool_quadtap": 0x14f, "gear_down": 0x150, "gear_up": 0x151, "dpad_up": 0x220,
    "dpad_down": 0x221, "dpad_left": 0x222, "dpad_right": 0x223,
}
# fmt: on

# QMP's two names for one code: the first that a person would say.
QCODE_OF_EVDEV = {code: qcode for qcode, code in reversed(EVDEV_OF_QCODE.items())}
BUTTON_OF_EVDEV = {code: button for button, code in BUTTONS.items()}
_NAMES: dict[int, str] = {
    **{code: name for name, code in _KERNELS_KEYS.items()},
    **QCODE_OF_EVDEV,
    **{code: f"{name} button" for name, code in _KERNELS_BUTTONS.items()},
    **{code: f"{name} button" for code, name in BUTTON_OF_EVDEV.items()},
    BTN_TOUCH: "touch",
}
# linux/input-event-codes.h: BTN_MISC up to KEY_OK, and BTN_TRIGGER_HAPPY's.
_BUTTON_CODES = (range(0x100, 0x160), range(0x220, 0x224), range(0x2C0, 0x2E8))


def key_name(code: int) -> str:
    """ "a", "ctrl", "brightnessup", "left button", "touch"; of a code without a name "key code 240"."""
    return _NAMES.get(code) or f"key code {code}"


def is_button(code: int) -> bool:
    """Whether it is a button (of a mouse, a pen, a gamepad), or a touch, and no key."""
    return any(code in codes for codes in _BUTTON_CODES)
