"""Keyboard layouts as the guest's X or Wayland has them: XKB's own data, read by libxkbcommon.

Source: xkbcommon/xkbcommon.h, and "The X Keyboard Extension: Protocol Specification" for levels and modifiers. A layout is called
as `setxkbmap` calls it: "de", or "us(dvorak)" with a variant.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ATPLibrary.errors import ConfigError
from ATPLibrary.protocol.qmp.edges import EVDEV_OF_QCODE

LIBRARY = "libxkbcommon.so.0"
# An XKB key code is the kernel's plus eight (rules "evdev").
KEYCODE_OFFSET = 8
ALTGR = "alt_r"
_NO_LOG = 0
_LEVEL3_SHIFT = 0xFE03
# The keys that write text, in the order in which they are preferred where two write the same: those that every keyboard has go
# before those that only some have.
_TEXT_KEYS = (
    *"1234567890qwertyuiopasdfghjklzxcvbnm", "minus", "equal", "bracket_left", "bracket_right", "semicolon", "apostrophe",
    "grave_accent", "backslash", "comma", "dot", "slash", "spc",
)  # fmt: skip
_EXTRA_KEYS = ("less", "yen", "ro")


class Press(NamedTuple):
    """One key of a layout, with the modifiers that must be down, and the keysym that it then is."""

    qcode: str
    modifiers: tuple[str, ...]
    keysym: int


class _RuleNames(ctypes.Structure):
    _fields_ = [(name, ctypes.c_char_p) for name in ("rules", "model", "layout", "variant", "options")]


@functools.cache
def library() -> ctypes.CDLL:
    """libxkbcommon. `OSError` where it isn't installed."""
    xkb = ctypes.CDLL(LIBRARY)
    pointer, number, text = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_char_p
    for name, result, arguments in (
        ("xkb_context_new", pointer, [number]),
        ("xkb_context_unref", None, [pointer]),
        ("xkb_context_set_log_level", None, [pointer, number]),
        ("xkb_keymap_new_from_names", pointer, [pointer, ctypes.POINTER(_RuleNames), number]),
        ("xkb_keymap_unref", None, [pointer]),
        ("xkb_keymap_mod_get_index", number, [pointer, text]),
        ("xkb_keymap_num_levels_for_key", number, [pointer, number, number]),
        (
            "xkb_keymap_key_get_syms_by_level",
            ctypes.c_int,
            [pointer, number, number, number, ctypes.POINTER(ctypes.POINTER(number))],
        ),
        (
            "xkb_keymap_key_get_mods_for_level",
            ctypes.c_size_t,
            [pointer, number, number, number, ctypes.POINTER(number), ctypes.c_size_t],
        ),
        ("xkb_keysym_to_utf32", number, [number]),
        ("xkb_keysym_from_name", number, [text, number]),
        ("xkb_keysym_get_name", ctypes.c_int, [number, text, ctypes.c_size_t]),
    ):
        function = getattr(xkb, name)
        function.restype, function.argtypes = result, arguments
    return xkb


class Keymap:
    """The keymap of one layout, as a context manager. `ConfigError` where XKB has none of that name, or can't be asked."""

    def __init__(self, layout: str) -> None:
        self._layout = layout

    def __enter__(self) -> Keymap:
        named = re.fullmatch(r"([\w-]+)(?:\(([\w-]+)\))?", self._layout)
        try:
            self._xkb = library()
        except OSError as error:
            raise ConfigError.about(
                f"Keyboard layout '{self._layout}'",
                wanted="be read from XKB's data",
                got=f"can't be: {error}",
                next_step="Install libxkbcommon0 and xkb-data, or use one of the layouts that come with ATPLibrary",
            ) from error
        self.context = self._xkb.xkb_context_new(_NO_LOG)
        if not self.context:
            raise self._unknown("XKB's data isn't where libxkbcommon looks for it")
        self._xkb.xkb_context_set_log_level(self.context, 10)
        self.pointer = None
        if named is not None:
            names = _RuleNames(b"evdev", b"pc105", named[1].encode(), (named[2] or "").encode(), None)
            self.pointer = self._xkb.xkb_keymap_new_from_names(self.context, ctypes.byref(names), 0)
        if not self.pointer:
            self._xkb.xkb_context_unref(self.context)
            raise self._unknown("XKB's data has none of that name")
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._xkb.xkb_keymap_unref(self.pointer)
        self._xkb.xkb_context_unref(self.context)

    def presses(self) -> Iterator[Press]:
        """Every way to write something with one key of the main block, those that are preferred first."""
        shift, level3 = self._mask(b"Shift"), self._mask(b"Mod5")
        ways: dict[int, tuple[str, ...]] = {0: (), shift: ("shift",)}
        if any(sym == _LEVEL3_SHIFT for sym, _ in self._levels(ALTGR)):
            ways |= {level3: (ALTGR,), shift | level3: ("shift", ALTGR)}
        for keys, (mask, modifiers) in itertools.product((_TEXT_KEYS, _EXTRA_KEYS), ways.items()):
            for qcode in keys:
                for keysym, masks in self._levels(qcode):
                    if mask in masks:
                        yield Press(qcode, modifiers, keysym)

    def _levels(self, qcode: str) -> Iterator[tuple[int, list[int]]]:
        """The keysym of each level of a key, with the masks of modifiers that select the level."""
        key = EVDEV_OF_QCODE[qcode] + KEYCODE_OFFSET
        for level in range(self._xkb.xkb_keymap_num_levels_for_key(self.pointer, key, 0)):
            syms = ctypes.POINTER(ctypes.c_uint32)()
            if self._xkb.xkb_keymap_key_get_syms_by_level(self.pointer, key, 0, level, ctypes.byref(syms)) == 1:
                masks = (ctypes.c_uint32 * 32)()
                count = self._xkb.xkb_keymap_key_get_mods_for_level(self.pointer, key, 0, level, masks, len(masks))
                yield syms[0], list(masks[:count])

    def _mask(self, modifier: bytes) -> int:
        return 1 << int(self._xkb.xkb_keymap_mod_get_index(self.pointer, modifier))

    def _unknown(self, why: str) -> ConfigError:
        return ConfigError.about(
            f"Keyboard layout '{self._layout}'",
            wanted="be one of XKB's, such as de, us(dvorak) or ch(fr)",
            got=why,
            next_step="`setxkbmap -query` in the guest says which one it has",
        )


def read(layout: str, dead_keys: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Each character that the layout can write, with how: chords in their order, "dead keys" included: "alt_r+e", "equal e".

    `dead_keys` says what each dead key makes of which next character: `{"dead_acute": {"e": "é"}}`.
    """
    direct: dict[str, str] = {}
    dead: dict[str, str] = {}
    with Keymap(layout) as keymap:
        for press in keymap.presses():
            chord = "+".join((*press.modifiers, press.qcode))
            character = character_of(press.keysym)
            if character:
                direct.setdefault(character, chord)
            elif (name := keysym_name(press.keysym)) in dead_keys:
                dead.setdefault(name, chord)
    composed = {
        made: f"{chord} {direct[after]}"
        for name, chord in dead.items()
        for after, made in dead_keys[name].items()
        if after in direct
    }
    return composed | direct


def character_of(keysym: int) -> str:
    """The character that a keysym writes, or "" for one that writes none."""
    code = library().xkb_keysym_to_utf32(keysym)
    return chr(code) if code >= 0x20 and code != 0x7F else ""


def keysym_name(keysym: int) -> str:
    name = ctypes.create_string_buffer(64)
    library().xkb_keysym_get_name(keysym, name, len(name))
    return name.value.decode()
