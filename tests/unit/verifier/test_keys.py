"""Keys by the names that testers use."""

from __future__ import annotations

import pytest

from ATPLibrary.errors import InputError
from ATPLibrary.protocol.qmp.edges import QCODES
from ATPLibrary.verifier.keys import ALIASES, parse_combination
from ATPLibrary.verifier.layout import Layout

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("combination", "qcodes"),
    [
        ("ctrl+c", ["ctrl", "c"]),
        ("Ctrl+C", ["ctrl", "c"]),
        ("ctrl+alt+delete", ["ctrl", "alt", "delete"]),
        ("Control + Alt + Del", ["ctrl", "alt", "delete"]),
        ("enter", ["ret"]),
        ("Return", ["ret"]),
        ("ESC", ["esc"]),
        ("win+r", ["meta_l", "r"]),
        ("alt+F4", ["alt", "f4"]),
        ("shift+tab", ["shift", "tab"]),
        ("a", ["a"]),
        ("A", ["shift", "a"]),
        ("!", ["shift", "1"]),
        ("+", ["shift", "equal"]),
        ("plus", ["shift", "equal"]),
        ("ctrl++", ["ctrl", "shift", "equal"]),
        ("ctrl+plus", ["ctrl", "shift", "equal"]),
        ("ctrl+shift+A", ["ctrl", "shift", "a"]),
        ("ctrl+-", ["ctrl", "minus"]),
        ("pageup", ["pgup"]),
        ("kp_enter", ["kp_enter"]),
    ],
)
def test_combinations_are_the_keys_that_a_tester_means(combination: str, qcodes: list[str]) -> None:
    assert parse_combination(combination, Layout("us")) == qcodes


def test_every_alias_names_a_key_that_qemu_knows() -> None:
    assert {name for name in ALIASES.values() if name != "+"} <= QCODES


@pytest.mark.parametrize("combination", ["ctrl+nosuchkey", "nosuchkey", "ctrl+ä"])
def test_an_unknown_key_is_named(combination: str) -> None:
    with pytest.raises(InputError, match=combination.rpartition("+")[2]):
        parse_combination(combination, Layout("us"))


@pytest.mark.parametrize("combination", ["", "ctrl+", "+a", "ctrl++a", " "])
def test_an_empty_part_is_refused_with_an_example(combination: str) -> None:
    with pytest.raises(InputError, match=r"ctrl\+alt\+delete"):
        parse_combination(combination, Layout("us"))
