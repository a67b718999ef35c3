"""Layouts: the files are XKB's own data, and a guest that uses libxkbcommon reads from the edges what was to be written."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ATPLibrary.errors import InputError
from ATPLibrary.verifier import layout as layouts
from ATPLibrary.verifier.keys import parse_combination
from ATPLibrary.verifier.layout import Layout
from ATPLibrary.verifier.unicode_entry import UnicodeEntry

from .xkb_guest import written

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = layouts._shipped()
WANTED = {"us", "gb", "de", "fr", "es", "ru", "jp", "kr", "ch", "us(dvorak)"}
TEXTS = {
    "us": "Hello from ATP! ~`|\\",
    "gb": "£5 ~#",
    "de": "Grüße, 50 € ^ é | @ {Straße}",
    "fr": "Où êtes-vous ? C'est l'été, ça ô ï",
    "es": "¿Qué? ¡Mañana! pingüino",
    "ru": "Съешь ещё этих булок",
    "jp": "yen \\ at @ ^",
    "kr": "Hello, Seoul 123",
    "ch": "Zürich 5' à é è ç ñ",
    "us(dvorak)": "The quick brown fox",
    "cz": "Příliš žluťoučký kůň",
    "pl": "Zażółć gęślą jaźń",
    "tr": "İstanbul ığüşöç",
}


def test_the_layouts_that_were_promised_come_with_the_package() -> None:
    assert set(SHIPPED) >= WANTED


@pytest.mark.parametrize(("name", "text"), TEXTS.items())
def test_a_guest_with_the_layout_reads_the_text(name: str, text: str) -> None:
    assert written(name, Layout(name).edges(text)) == text


@pytest.mark.parametrize("name", SHIPPED)
def test_a_guest_with_the_layout_reads_every_character_that_it_has(name: str) -> None:
    text = "".join(sorted(Layout(name).characters))
    assert written(name, Layout(name).edges(text)) == text
    # And in the other order: which modifiers stay down depends on what follows.
    assert written(name, Layout(name).edges(text[::-1])) == text[::-1]


@given(st.text(sorted(Layout("ch").characters), max_size=30))
def test_modifiers_go_down_and_up_around_dead_keys_whatever_follows(text: str) -> None:
    assert written("ch", Layout("ch").edges(text)) == text


def test_a_layout_that_doesn_t_come_with_the_package_is_read_from_this_machine_s_xkb_data() -> None:
    assert "hr" not in SHIPPED
    assert written("hr", Layout("hr").edges("Čaša žita đak €")) == "Čaša žita đak €"


def test_the_files_are_what_xkb_s_data_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("keyboard_layouts", ROOT / "scripts/keyboard_layouts.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    committed = {path.name: path.read_text(encoding="utf-8") for path in script.OUT.iterdir()}
    monkeypatch.setattr(script, "OUT", tmp_path)
    script.main()
    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == committed


def test_a_refused_character_is_told_with_the_layouts_that_have_it() -> None:
    with pytest.raises(InputError, match=r"'ß' \(U\+00DF\) at position 5 .* \(.*de.*\).*Unicode entry"):
        Layout("us").edges("Straße")


def test_compose_writes_what_has_no_key() -> None:
    layout = Layout("us", compose="menu")
    assert [edge.qcode for edge in layout.edges("ß") if edge.down] == ["menu", "s", "s"]
    assert layout.beyond_the_keys("Straße, heißt") == ["ß"]
    with pytest.raises(InputError, match="漢"):
        layout.edges("漢")


def test_ctrl_shift_u_takes_the_number_on_the_layout_s_own_digits() -> None:
    entry = UnicodeEntry.CTRL_SHIFT_U
    down = [(edge.qcode, edge.down) for edge in Layout("fr", unicode_entry=entry).edges("你")]
    # 4f60 on a French keyboard: digits need shift.
    assert [qcode for qcode, is_down in down if is_down] == [
        *("ctrl", "shift", "u"), *("shift", "4"), "f", *("shift", "6", "0"), "spc",
    ]  # fmt: skip
    assert down[3:6] == [("u", False), ("shift", False), ("ctrl", False)]


def test_alt_numpad_holds_alt_through_one_number_and_no_further() -> None:
    edges = Layout("us", unicode_entry=UnicodeEntry.ALT_NUMPAD).edges("你好")
    alt = [(position, edge.down) for position, edge in enumerate(edges) if edge.qcode == "alt"]
    assert [is_down for _, is_down in alt] == [True, False, True, False]
    assert [edge.qcode for edge in edges[: alt[1][0]] if edge.down] == ["alt", "kp_add", "kp_4", "f", "kp_6", "kp_0"]


def test_a_key_is_named_by_its_character_with_the_modifiers_that_it_needs() -> None:
    assert parse_combination("@", Layout("de")) == ["alt_r", "q"]
    assert parse_combination("ctrl+z", Layout("de")) == ["ctrl", "y"]
    assert parse_combination("Y", Layout("de")) == ["shift", "z"]


def test_what_has_no_key_is_told_and_is_not_said_to_be_proved() -> None:
    layout = Layout("us", compose="menu", unicode_entry=UnicodeEntry.CTRL_SHIFT_U)
    assert layout.note_about("plain") == ""
    assert layout.note_about("ß 你") == (
        "by the Compose key menu or the guest's Unicode entry ctrl+shift+u: ß你; "
        "the keys are proved, what the guest's program made of them is not"
    )
    assert Layout("us").note_about("plain") == ""


def test_a_compose_key_that_is_no_key_is_refused() -> None:
    with pytest.raises(InputError, match="menue"):
        Layout("us", compose="menue")
