"""What the benchmark adds up of what was typed."""

from __future__ import annotations

import json

import pytest
from tests.bench.taps import WORDS, WRONG_KEPT, Tally, text_of
from tests.unit.bench.reports import report_of

pytestmark = pytest.mark.unit


def test_a_text_of_so_many_taps_has_so_many_characters_and_needs_no_shift() -> None:
    for taps in (0, 1, len(WORDS), len(WORDS) + 1, 500):
        assert len(text_of(taps)) == taps
    assert text_of(500).islower()


def test_what_arrived_as_sent_adds_up_and_is_clean() -> None:
    tally = Tally()
    for _ in range(3):
        tally.add(report_of("abc"), seconds=0.5, cpu=0.1)
    assert (tally.taps, tally.edges, tally.rate) == (9, 18, 6.0)
    assert tally.is_clean
    assert tally.verification.count == 18
    assert tally.sentence() == "lost 0, duplicated 0, reordered 0"


@pytest.mark.parametrize(
    ("seen", "count"),
    [("ab", "lost"), ("abbc", "duplicated"), ("acb", "reordered")],
    ids=["lost", "doubled", "swapped"],
)
def test_one_tap_that_went_wrong_makes_all_of_it_unclean(seen: str, count: str) -> None:
    tally = Tally()
    tally.add(report_of("abc"), 1.0, 0.0)
    tally.add(report_of("abc", seen), 1.0, 0.0)
    tally.add(report_of("abc"), 1.0, 0.0)
    assert not tally.is_clean
    assert tally.figures()[count] > 0
    assert len(tally.wrong) == 1
    assert f"{count} {tally.counts[count]}" in tally.sentence()


def test_nothing_typed_is_not_clean() -> None:
    assert not Tally().is_clean


def test_what_nobody_watched_is_not_clean() -> None:
    tally = Tally()
    tally.add(report_of("abc", unwatched=True), 1.0, 0.0)
    assert (tally.unverified, tally.is_clean) == (1, False)


def test_a_piece_that_broke_off_stays_in_the_sum_without_its_characters() -> None:
    tally = Tally()
    tally.add(report_of("abc"), 1.0, 0.0)
    tally.add_failed(report_of("abc", "ab"), "the agent was lost")
    assert (tally.taps, tally.is_clean) == (3, False)
    assert tally.counts["lost"] == 2
    assert tally.wrong == ["the agent was lost"]


def test_what_went_wrong_is_told_of_a_bounded_number_of_pieces_and_counted_of_all() -> None:
    tally, more = Tally(), Tally()
    for _ in range(WRONG_KEPT):
        tally.add(report_of("a", ""), 1.0, 0.0)
        more.add(report_of("a", ""), 1.0, 0.0)
    tally.merge(more)
    assert len(tally.wrong) == WRONG_KEPT
    assert tally.counts["lost"] == 4 * WRONG_KEPT


def test_a_tally_comes_back_from_a_file_as_it_was() -> None:
    tally = Tally()
    tally.add(report_of("abc"), 0.25, 0.125)
    tally.add(report_of("abc", "ac"), 0.25, 0.125)
    again = Tally.from_json(json.loads(json.dumps(tally.as_json())))
    assert again.as_json() == tally.as_json()
    assert again.figures() == tally.figures()
    assert again.verification.percentile(99) == tally.verification.percentile(99)
