"""Characters that no key has, by their numbers: the ways in which guests let them be typed."""

from __future__ import annotations

import enum
from collections.abc import Iterator

# A key by QEMU's name or by the character that it writes, the modifiers that are down around it, and whether they go up after it.
Press = tuple[str, tuple[str, ...], bool]


class UnicodeEntry(enum.Enum):
    """How the guest takes a character's number. Which one it has depends on its programs, and can't be asked from outside."""

    CTRL_SHIFT_U = "ctrl+shift+u"
    """GTK and IBus: ctrl+shift+u, the number in hexadecimal, space."""

    ALT_NUMPAD = "alt+numpad"
    """Windows with EnableHexNumpad=1 (HKEY_CURRENT_USER\\Control Panel\\Input Method): alt held, the numeric pad's plus, the
    number in hexadecimal."""


def presses_of(character: str, entry: UnicodeEntry) -> Iterator[Press]:
    digits = f"{ord(character):x}"
    if entry is UnicodeEntry.CTRL_SHIFT_U:
        yield "u", ("ctrl", "shift"), True
        for digit in digits:
            yield digit, (), False
        yield "spc", (), False
        return
    yield "kp_add", ("alt",), False
    for number, digit in enumerate(digits, 1):
        yield (f"kp_{digit}" if digit.isdigit() else digit), ("alt",), number == len(digits)
