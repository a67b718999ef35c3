from __future__ import annotations

import pytest

from ATPLibrary.keywords.evidence.timeline import SHOWN_ROWS, excerpt
from ATPLibrary.verifier.matcher import Verdict
from ATPLibrary.verifier.timeline import TimelineRow

pytestmark = pytest.mark.unit


def rows(count: int, *lost: int) -> list[TimelineRow]:
    return [
        TimelineRow(n, f"key {n}", float(n), None, None, None, Verdict.LOST if n in lost else Verdict.OK)
        for n in range(count)
    ]


def shown(parts: list[TimelineRow | int]) -> list[int]:
    return [part.index for part in parts if isinstance(part, TimelineRow)]


def test_a_short_timeline_is_shown_whole() -> None:
    assert shown(excerpt(rows(SHOWN_ROWS, 3))) == list(range(SHOWN_ROWS))


def test_a_long_timeline_shows_the_rows_around_what_went_wrong() -> None:
    parts = excerpt(rows(1000, 500))
    assert shown(parts) == list(range(497, 504))
    assert parts[0] == 497
    assert parts[-1] == 496


def test_what_is_shown_and_what_is_left_out_make_the_whole() -> None:
    for lost in ((), (0,), (999,), (0, 999), tuple(range(1000)), (10, 12, 30, 700)):
        parts = excerpt(rows(1000, *lost))
        assert sum(part if isinstance(part, int) else 1 for part in parts) == 1000
        assert len(shown(parts)) <= SHOWN_ROWS
        assert all(isinstance(part, TimelineRow) or part > 0 for part in parts)


def test_the_first_failure_is_always_shown() -> None:
    assert 400 in shown(excerpt(rows(1000, *range(400, 900))))


def test_when_all_went_well_the_last_rows_are_shown() -> None:
    assert shown(excerpt(rows(1000)))[-1] == 999
