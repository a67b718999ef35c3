"""Every code that the kernel has a name for is called by one, and no two alike."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ATPLibrary.protocol.qmp.edges import EVDEV_OF_QCODE
from ATPLibrary.verifier.key_names import is_button, key_name
from ATPLibrary.verifier.keys import ALIASES
from ATPLibrary.verifier.pointer_units import BUTTONS

HEADER = Path("/usr/include/linux/input-event-codes.h")
# Marks of the header that are no key, and the code of keys that Linux has none for.
NO_KEYS = {"KEY_RESERVED", "KEY_UNKNOWN", "KEY_MAX", "KEY_CNT", "KEY_MIN_INTERESTING"}


def kernels_names() -> dict[int, set[str]]:
    if not HEADER.exists():
        pytest.skip(f"{HEADER} isn't installed here (package linux-libc-dev)")
    names: dict[int, set[str]] = {}
    for name, code in re.findall(r"#define ((?:KEY|BTN)_\w+)\s+(0x[0-9a-f]+|\d+)\b", HEADER.read_text()):
        if name not in NO_KEYS:
            names.setdefault(int(code, 0), set()).add(name)
    return names


def test_qemus_names_come_first_and_what_has_none_is_told_by_its_code() -> None:
    assert [key_name(code) for code in (42, 97, 44, 99, 55, 0x110, 0x14A)] == [
        "shift", "ctrl_r", "z", "sysrq", "asterisk", "left button", "touch",
    ]  # fmt: skip
    assert [key_name(code) for code in (183, 225, 210, 0x290, 0x130)] == [
        "f13", "brightnessup", "key_print", "macro1", "south button",
    ]  # fmt: skip
    assert key_name(240) == "key code 240"


def test_each_code_is_called_as_the_kernel_calls_it_where_qemu_has_no_name() -> None:
    ours = {*EVDEV_OF_QCODE.values(), *BUTTONS.values()}
    for code, names in kernels_names().items():
        said = key_name(code)
        if code not in ours and said != "touch":
            name = said.removesuffix(" button").removeprefix("key_").upper()
            assert names & {f"KEY_{name}", f"BTN_{name}"}, (code, said)
        assert not said.startswith("key code"), names


def test_no_two_codes_are_called_alike() -> None:
    others = {code: key_name(code) for code in range(0x300) if code not in EVDEV_OF_QCODE.values()}
    assert len(set(others.values())) == len(others)
    assert not set(others.values()) & (EVDEV_OF_QCODE.keys() | ALIASES.keys())


def test_buttons_are_told_from_keys() -> None:
    for code, names in kernels_names().items():
        assert is_button(code) is any(name.startswith("BTN_") for name in names), names
