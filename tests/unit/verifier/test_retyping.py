"""What may be typed again: only what nothing came after."""

from __future__ import annotations

import time

import pytest

from ATPLibrary.verifier.layout import Layout
from ATPLibrary.verifier.matcher import Matcher
from ATPLibrary.verifier.observation import Observation
from ATPLibrary.verifier.retyping import Cut, find_cut
from ATPLibrary.verifier.text_units import units_of_text

pytestmark = pytest.mark.unit


def cut_of(text: str, seen: list[int], layout: str = "us", extra: int | None = None) -> Cut | str:
    """The cut of a text of whose edges those numbers were seen, and the extra one once more."""
    units, _ = units_of_text(text, Layout(layout))
    matcher = Matcher()
    for unit in units:
        for report in unit.reports:
            matcher.inject(report.symbols[0], 0.0, report.what, unit.position)
    for number in [*seen, *([] if extra is None else [extra])]:
        kind, code, value = matcher.injections[number].symbol
        matcher.observe(Observation(1, "i8042", kind, code, value, 0, time.monotonic()))
    matcher.settle()
    return find_cut(units, matcher, 0, 0)


def test_where_the_rest_is_missing_it_goes_on_with_the_first_character_that_is() -> None:
    cut = cut_of("abcd", [0, 1, 2, 3])
    assert isinstance(cut, Cut)
    assert (cut.position, len(cut.missing)) == (2, 4)


def test_where_only_the_release_is_missing_the_character_was_written() -> None:
    cut = cut_of("abcd", [0, 1, 2])
    assert isinstance(cut, Cut)
    assert (cut.position, len(cut.missing)) == (2, 5)


def test_where_only_a_modifier_came_the_character_was_not_written() -> None:
    cut = cut_of("aBc", [0, 1, 2])  # b's shift
    assert isinstance(cut, Cut)
    assert cut.position == 1


@pytest.mark.parametrize(
    ("text", "seen", "words"),
    [
        ("abcd", [0, 1, 4, 5, 6, 7], "key down c came after what was lost"),
        ("abcd", [0, 1, 3, 2], "came after what was lost"),
        ("ab", [0, 1, 2, 3], "nothing of it was lost"),
    ],
)
def test_what_came_after_or_otherwise_forbids_it(text: str, seen: list[int], words: str) -> None:
    assert words in str(cut_of(text, seen))


def test_half_of_a_dead_key_s_character_forbids_it() -> None:
    assert "half of the keys of the character at position 2" in str(cut_of("aô", [0, 1, 2, 3], "fr"))


def test_what_came_twice_forbids_it() -> None:
    assert "more often than it was sent" in str(cut_of("abcd", [0, 1], extra=1))
