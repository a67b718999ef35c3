"""Text becomes the edges that hands would make."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ATPLibrary.errors import ConfigError, InputError
from ATPLibrary.protocol.qmp.edges import QCODES, Edge
from ATPLibrary.verifier.layout import Layout

pytestmark = pytest.mark.unit

TYPEABLE = string.ascii_letters + string.digits + string.punctuation + " \n\t"
# What a US keyboard writes, told the other way round: by key, plain and with shift (the caps of an ordinary ANSI keyboard).
_CHARACTERS = [
    "1!",
    "2@",
    "3#",
    "4$",
    "5%",
    "6^",
    "7&",
    "8*",
    "9(",
    "0)",
    "-_",
    "=+",
    "[{",
    "]}",
    "\\|",
    ";:",
    "'\"",
    "`~",
    ",<",
    ".>",
    "/?",
]
_QCODES = "1 2 3 4 5 6 7 8 9 0 minus equal bracket_left bracket_right backslash semicolon apostrophe grave_accent comma dot slash"
CAPS = dict(zip(_QCODES.split(), _CHARACTERS, strict=True))
CAPS |= {"spc": "  ", "tab": "\t\t", "ret": "\n\n"} | {
    letter: letter + letter.upper() for letter in string.ascii_lowercase
}


def written(edges: list[Edge]) -> str:
    """What a guest with a US layout makes of edges, keeping count of what is down."""
    down: set[str] = set()
    text = ""
    for edge in edges:
        assert (edge.qcode in down) != edge.down, f"{edge} changes nothing: the guest's kernel would drop it"
        if edge.down:
            down.add(edge.qcode)
            if edge.qcode != "shift":
                text += CAPS[edge.qcode]["shift" in down]
        else:
            down.remove(edge.qcode)
    assert not down, "keys stay down"
    return text


@given(st.text(TYPEABLE))
def test_every_text_arrives_as_it_was_written_and_no_key_stays_down(text: str) -> None:
    assert written(Layout("us").edges(text)) == text


def test_all_of_ascii_that_prints_can_be_typed() -> None:
    assert {edge.qcode for edge in Layout("us").edges(TYPEABLE)} <= QCODES
    assert written(Layout("us").edges(TYPEABLE)) == TYPEABLE


def test_shift_goes_down_before_its_key_and_up_after_it() -> None:
    assert Layout("us").edges("aB") == [
        Edge("a", True),
        Edge("a", False),
        Edge("shift", True),
        Edge("b", True),
        Edge("b", False),
        Edge("shift", False),
    ]


def test_shift_stays_down_through_consecutive_capitals() -> None:
    assert [edge for edge in Layout("us").edges("ATP!") if edge.qcode == "shift"] == [
        Edge("shift", True),
        Edge("shift", False),
    ]


def test_each_stroke_knows_its_character_and_its_position() -> None:
    strokes = Layout("us").strokes("aB")
    assert [(stroke.position, stroke.character, len(stroke.edges)) for stroke in strokes] == [(0, "a", 2), (1, "B", 4)]


def test_the_line_ends_of_windows_are_one_return() -> None:
    assert written(Layout("us").edges("a\r\nb\rc")) == "a\nb\nc"


@pytest.mark.parametrize(
    ("text", "position", "named"), [("Grüße", 3, "ü"), ("测试", 1, "测"), ("a\x07", 2, "U+0007"), ("né", 2, "é")]
)
def test_a_character_that_the_layout_lacks_is_named_with_its_position_and_a_way_out(
    text: str, position: int, named: str
) -> None:
    with pytest.raises(InputError) as caught:
        Layout("us").edges(text)
    with pytest.raises(InputError, match="It isn't named, as the text is a secret"):
        Layout("us").edges(text, hidden=True)
    sentence = str(caught.value)
    assert named in sentence
    assert f"position {position} " in sentence
    assert "'us'" in sentence
    assert "nothing was typed" in sentence
    assert "QGA" in sentence


def test_an_unknown_layout_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"'klingon'.*such as de"):
        Layout("klingon")
