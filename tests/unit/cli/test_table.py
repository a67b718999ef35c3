"""Tables as a terminal shows them."""

from __future__ import annotations

import pytest

from ATPLibrary.cli.table import table, width

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("abc", 3),
        ("桌面池", 6),
        ("ｗ", 2),
        ("é", 1),
        ("e\N{COMBINING ACUTE ACCENT}", 1),
        ("ﾊ", 1),
        ("\N{GRINNING FACE}", 2),
        ("", 0),
    ],
)
def test_a_text_is_as_wide_as_it_is_seen(text: str, columns: int) -> None:
    assert width(text) == columns


def test_columns_stand_below_each_other_whatever_the_script() -> None:
    lines = table(["name", "n"], [["销售", 1], ["hr", None], ["e\N{COMBINING ACUTE ACCENT}té", 3]]).splitlines()
    assert lines == ["NAME  N", "销售  1", "hr", "e\N{COMBINING ACUTE ACCENT}té   3"]


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[2Jb", "a\u202eb", "a\tb", "a\x9bb"])
def test_what_could_steer_the_terminal_is_replaced(name: str) -> None:
    shown = table(["x"], [[name]]).splitlines()
    assert len(shown) == 2
    assert shown[1].startswith("a\N{REPLACEMENT CHARACTER}")
