"""What a guest that uses libxkbcommon (X, Wayland) makes of edges: by its state machine and compose sequences, not our tables."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable

from ATPLibrary.protocol.qmp.edges import EVDEV_OF_QCODE, Edge
from ATPLibrary.verifier import xkb

_COMPOSED, _COMPOSING, _CANCELLED = 2, 1, 3
_RETURN, _TAB = 0xFF0D, 0xFF09


def written(layout: str, edges: Iterable[Edge]) -> str:
    """The text. Fails where an edge changes nothing, or a key is down at the end."""
    lib = xkb.library()
    pointer, number = ctypes.c_void_p, ctypes.c_uint32
    for name, result, arguments in (
        ("xkb_state_new", pointer, [pointer]),
        ("xkb_state_unref", None, [pointer]),
        ("xkb_state_update_key", number, [pointer, number, ctypes.c_int]),
        ("xkb_state_key_get_one_sym", number, [pointer, number]),
        ("xkb_compose_table_new_from_locale", pointer, [pointer, ctypes.c_char_p, number]),
        ("xkb_compose_table_unref", None, [pointer]),
        ("xkb_compose_state_new", pointer, [pointer, number]),
        ("xkb_compose_state_unref", None, [pointer]),
        ("xkb_compose_state_feed", ctypes.c_int, [pointer, number]),
        ("xkb_compose_state_get_status", ctypes.c_int, [pointer]),
        ("xkb_compose_state_get_one_sym", number, [pointer]),
        ("xkb_compose_state_reset", None, [pointer]),
    ):
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    text, down = "", set()
    with xkb.Keymap(layout) as keymap:
        state = lib.xkb_state_new(keymap.pointer)
        table = lib.xkb_compose_table_new_from_locale(keymap.context, b"en_US.UTF-8", 0)
        assert table, "no Compose file of en_US.UTF-8: libx11-data"
        compose = lib.xkb_compose_state_new(table, 0)
        for edge in edges:
            assert (edge.qcode in down) != edge.down, f"{edge} changes nothing"
            (down.add if edge.down else down.remove)(edge.qcode)
            code = EVDEV_OF_QCODE[edge.qcode] + xkb.KEYCODE_OFFSET
            if edge.down:
                symbol = lib.xkb_state_key_get_one_sym(state, code)
                lib.xkb_compose_state_feed(compose, symbol)
                status = lib.xkb_compose_state_get_status(compose)
                if status == _COMPOSED:
                    symbol = lib.xkb_compose_state_get_one_sym(compose)
                    lib.xkb_compose_state_reset(compose)
                assert status != _CANCELLED, f"no such sequence, at {text!r}"
                if status != _COMPOSING:
                    text += {_RETURN: "\n", _TAB: "\t"}.get(symbol) or xkb.character_of(symbol)
            lib.xkb_state_update_key(state, code, int(edge.down))
        lib.xkb_compose_state_unref(compose)
        lib.xkb_compose_table_unref(table)
        lib.xkb_state_unref(state)
    assert not down, "keys stay down"
    return text
