"""Windows' keys as evdev codes: by the scan code (set 1) that the keyboard sent, else by the virtual key.

The scan codes are those of Microsoft's "Keyboard Scan Code Specification" and of what HID keyboards are translated to; codes of
plain keys up to 83 are evdev's own. A key's code must not depend on the layout, which is why virtual keys come second.
"""

from __future__ import annotations

KEY_UNKNOWN = 240
NUMLOCK, PAUSE = 69, 119
VK_PAUSE, VK_NUMLOCK = 0x13, 0x90

# What a layout sends along with a key of its own accord (the left Ctrl of AltGr, the shift of the keypad): no keyboard sent it.
MADE_UP = 0x200

_PLAIN = {code: code for code in range(1, 84) if code != NUMLOCK}
_PLAIN.update(
    {
        0x54: 99, 0x56: 86, 0x57: 87, 0x58: 88,  # sysrq (with alt), 102nd, f11, f12
        0x59: 117, 0x5B: 101, 0x5C: 95, 0x7E: 121,  # kpequal, linefeed, kpjpcomma, kpcomma
        0x70: 93, 0x73: 89, 0x77: 91, 0x78: 90, 0x79: 92, 0x7B: 94, 0x7D: 124,  # Japanese keys
        0x71: 123, 0xF1: 123, 0x72: 122, 0xF2: 122,  # hanja, hangeul
        0x76: 194,  # f24
    }
)  # fmt: skip
_PLAIN.update({0x64 + number: 183 + number for number in range(11)})  # f13 to f23

# After E0.
_EXTENDED = {
    0x05: 129, 0x06: 130, 0x07: 131, 0x0C: 132, 0x1E: 139, 0x3C: 137, 0x41: 136, 0x75: 138, 0x78: 133,  # again, props, undo, front,
    # menu, cut, find, help, copy: keys of Sun keyboards, which QEMU can press too
    0x10: 165, 0x19: 163, 0x22: 164, 0x24: 166, 0x20: 113, 0x2E: 114, 0x30: 115, 0x6D: 226,  # media
    0x1C: 96, 0x1D: 97, 0x35: 98, 0x36: 54, 0x37: 99, 0x38: 100, 0x45: NUMLOCK, 0x46: PAUSE,  # right modifiers, print, break
    0x47: 102, 0x48: 103, 0x49: 104, 0x4B: 105, 0x4D: 106, 0x4F: 107, 0x50: 108, 0x51: 109, 0x52: 110, 0x53: 111,  # the island
    0x5B: 125, 0x5C: 126, 0x5D: 127, 0x5E: 116, 0x5F: 142, 0x63: 143,  # left and right meta, menu, power, sleep, wake
    0x21: 140, 0x32: 172, 0x65: 217, 0x66: 156, 0x67: 173, 0x68: 128, 0x69: 159, 0x6A: 158, 0x6B: 157, 0x6C: 155,  # programs
}  # fmt: skip

# Keys whose drivers tell no scan code, and what programs inject by its virtual key alone.
_VIRTUAL = {
    0x5F: 142, 0xA6: 158, 0xA7: 159, 0xA8: 173, 0xA9: 128, 0xAA: 217, 0xAB: 156, 0xAC: 172, 0xAD: 113, 0xAE: 114, 0xAF: 115,
    0xB0: 163, 0xB1: 165, 0xB2: 166, 0xB3: 164, 0xB4: 155, 0xB5: 226, 0xB6: 157, 0xB7: 140, 0x2F: 138, VK_PAUSE: PAUSE,
}  # fmt: skip


def evdev_code(scan: int, extended: bool, virtual: int) -> int:
    """The evdev code of a key; KEY_UNKNOWN for one that no table has. `scan` 0: only the virtual key is known."""
    if scan & 0xFF == NUMLOCK:  # Windows tells both keys with this code; which has E0 depends on who made the event
        return PAUSE if virtual == VK_PAUSE else NUMLOCK
    code = (_EXTENDED if extended else _PLAIN).get(scan & 0xFF)
    if code is None and extended:
        code = _PLAIN.get(scan & 0xFF)
    return code or _VIRTUAL.get(virtual, KEY_UNKNOWN)


def of_scan_code_ex(scan: int, virtual: int) -> int:
    """The same of what `MapVirtualKeyW(..., MAPVK_VK_TO_VSC_EX)` says: E0 or E1 stands in the higher byte."""
    return evdev_code(scan & 0xFF, scan >> 8 in (0xE0, 0xE1), virtual)


def known_codes() -> frozenset[int]:
    """Every evdev code that a Windows guest can tell."""
    return frozenset((*_PLAIN.values(), *_EXTENDED.values(), *_VIRTUAL.values(), NUMLOCK))
