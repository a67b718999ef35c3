"""Key names as testers say them ("ctrl+alt+delete", "enter", "A") as QEMU key names."""

from __future__ import annotations

from ATPLibrary.errors import InputError
from ATPLibrary.protocol.qmp.edges import check_qcode
from ATPLibrary.verifier.layout import Layout

ALIASES = {
    "control": "ctrl",
    "ctrl_l": "ctrl",
    "option": "alt",
    "alt_l": "alt",
    "altgr": "alt_r",
    "shift_l": "shift",
    "win": "meta_l",
    "windows": "meta_l",
    "super": "meta_l",
    "cmd": "meta_l",
    "command": "meta_l",
    "meta": "meta_l",
    "enter": "ret",
    "return": "ret",
    "escape": "esc",
    "space": "spc",
    "del": "delete",
    "ins": "insert",
    "bksp": "backspace",
    "back": "backspace",
    "pageup": "pgup",
    "page_up": "pgup",
    "pagedown": "pgdn",
    "page_down": "pgdn",
    "capslock": "caps_lock",
    "numlock": "num_lock",
    "scrolllock": "scroll_lock",
    "printscreen": "print",
    "prtsc": "print",
    "plus": "+",
    "arrowup": "up",
    "arrowdown": "down",
    "arrowleft": "left",
    "arrowright": "right",
}
MODIFIERS = frozenset({"shift", "shift_r", "ctrl", "ctrl_r", "alt", "alt_r", "meta_l", "meta_r"})


def parse_combination(combination: str, layout: Layout) -> list[str]:
    """The QEMU key names of "ctrl+shift+t", in the order in which they go down. `InputError` says which part is no key."""
    parts = [part.strip() for part in combination.strip().split("+")]
    if combination.strip() == "+":
        parts = ["+"]
    elif len(parts) > 2 and parts[-2:] == ["", ""]:
        parts[-2:] = ["+"]  # "ctrl++"
    qcodes: list[str] = []
    for part in parts:
        if not part:
            raise InputError.about(
                f"Key combination '{combination}'",
                wanted="be key names joined by '+'",
                got="has an empty part",
                next_step="Write it like 'ctrl+alt+delete'; the plus key itself is 'plus'",
            )
        # "Ctrl+C" means the key, not a capital: shift is named when it is wanted.
        for qcode in key_names(part.lower() if len(parts) > 1 else part, layout):
            if qcode not in qcodes:
                qcodes.append(qcode)
    return qcodes


def key_names(name: str, layout: Layout) -> list[str]:
    """One key as a tester names it: an alias, a character of the layout (with the modifiers that it needs), or a QEMU key name."""
    wanted = ALIASES.get(name.lower(), name)
    if len(wanted) == 1 and (chord := layout.chord_of(wanted)) is not None:
        return [*chord.modifiers, chord.qcode]
    return [check_qcode(wanted if wanted in MODIFIERS else wanted.lower())]
