"""Keys, buttons and motions as QEMU wants them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ATPLibrary.errors import InputError
from ATPLibrary.protocol.qmp.edges import (
    EVDEV_OF_QCODE,
    QCODES,
    absolute_event,
    button_event,
    check_qcode,
    key_event,
    relative_event,
)

pytestmark = pytest.mark.unit


def test_events_have_qemu_s_shape() -> None:
    assert key_event("a", True) == {"type": "key", "data": {"down": True, "key": {"type": "qcode", "data": "a"}}}
    assert button_event("left", False) == {"type": "btn", "data": {"down": False, "button": "left"}}
    assert absolute_event("x", 32767) == {"type": "abs", "data": {"axis": "x", "value": 32767}}
    assert relative_event("y", -3) == {"type": "rel", "data": {"axis": "y", "value": -3}}


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("enter", "'ret'"),
        ("Space", "'spc'"),
        ("cttrl", "'ctrl'"),
        ("f13", "'f1'"),
        ("Ctrl", "'ctrl'"),
        ("键", "Key names"),
    ],
)
def test_an_unknown_key_is_named_with_what_is_near(name: str, near: str) -> None:
    with pytest.raises(InputError, match=f"Key '{name}' should be a key that QEMU knows.*{near}"):
        check_qcode(name)


def test_an_unknown_button_is_named_with_what_is_near() -> None:
    with pytest.raises(InputError, match=r"'wheel_up'.*'wheel-up'"):
        button_event("wheel_up", True)


@pytest.mark.parametrize("value", [-1, 32768])
def test_a_position_outside_of_the_device_is_refused(value: int) -> None:
    with pytest.raises(InputError, match="from 0 to 32767"):
        absolute_event("x", value)


def test_every_key_has_a_code_that_linux_knows() -> None:
    header = Path("/usr/include/linux/input-event-codes.h")
    if not header.exists():
        pytest.skip("linux/input-event-codes.h isn't installed here (package linux-libc-dev)")
    names = dict(re.findall(r"#define KEY_(\w+)\s+(\d+)", header.read_text()))
    codes = {int(code) for code in names.values()}
    assert set(EVDEV_OF_QCODE.values()) <= codes
    spot = {
        "a": "A",
        "ret": "ENTER",
        "spc": "SPACE",
        "meta_l": "LEFTMETA",
        "kp_9": "KP9",
        "dot": "DOT",
        "less": "102ND",
    }
    assert {qcode: int(names[key]) for qcode, key in spot.items()} == {qcode: EVDEV_OF_QCODE[qcode] for qcode in spot}
    assert set(EVDEV_OF_QCODE) == QCODES
