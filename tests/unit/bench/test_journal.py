"""The journal of a long run: what a cut-off one tells, and how it is gone on with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.bench.night.journal import Journal
from tests.bench.night.memory import Sample
from tests.bench.night.run import how_far
from tests.bench.taps import Tally
from tests.unit.bench.reports import report_of

pytestmark = pytest.mark.unit


def stretch(text: str = "abcdefghij", seen: str | None = None, seconds: float = 1.0) -> Tally:
    tally = Tally()
    tally.add(report_of(text, seen), seconds, 0.0)
    return tally


def opened(path: Path, taps: int = 100, keyboard: str = "ps2", *, anew: bool = False) -> Journal:
    journal = Journal(path, keyboard, taps)
    journal.open(anew=anew)
    return journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "night" / "taps-ps2.jsonl"


def test_a_new_run_begins_with_nothing_done(path: Path) -> None:
    assert opened(path).done.taps == 0
    assert json.loads(path.read_text())["taps"] == 100


def test_a_run_that_was_cut_off_is_gone_on_with_where_it_stopped(path: Path) -> None:
    first = opened(path)
    first.write(stretch(seconds=2.0), Sample(10, 1, 2, 3))
    first.write(stretch(seconds=0.5), None, ended="KeyboardInterrupt")
    second = opened(path)
    assert (second.done.taps, second.done.seconds, second.ended) == (20, 2.5, "KeyboardInterrupt")
    assert second.first_rate == pytest.approx(5)
    assert second.done.verification.count == 40
    second.write(stretch(), None)
    assert opened(path).done.taps == 30


def test_what_went_wrong_before_the_cut_is_not_forgotten(path: Path) -> None:
    opened(path).write(stretch(seen="abcdefghi"), None)
    again = opened(path)
    assert not again.done.is_clean
    assert again.done.counts["lost"] == 2


def test_a_line_that_a_kill_cut_off_is_no_line_and_the_next_one_is_whole(path: Path) -> None:
    journal = opened(path)
    journal.write(stretch(), None)
    with path.open("a") as file:
        file.write('{"at": 1, "done": 20, "str')
    second = opened(path)
    assert second.done.taps == 10
    second.write(stretch(), None)
    assert opened(path).done.taps == 20


@pytest.mark.parametrize("other", [{"taps": 50}, {"keyboard": "virtio"}])
def test_the_journal_of_another_run_is_begun_anew(path: Path, other: dict[str, object]) -> None:
    opened(path).write(stretch(), None)
    assert opened(path, **other).done.taps == 0


def test_a_finished_run_is_begun_anew_and_so_is_one_that_is_asked_for(path: Path) -> None:
    opened(path, taps=10).write(stretch(), None)
    assert opened(path, taps=10).done.taps == 0
    opened(path).write(stretch(), None)
    assert opened(path, anew=True).done.taps == 0


def test_a_file_that_is_no_journal_is_not_written_over(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("my notes\n")
    with pytest.raises(SystemExit, match="--anew"):
        opened(path)
    assert path.read_text() == "my notes\n"


def test_how_far_it_is_says_the_rate_of_this_process_and_the_time_left(path: Path) -> None:
    journal = opened(path, taps=1000)
    journal.write(stretch("abcdefghij" * 10), None)  # of an earlier process, at whatever rate
    words = how_far(journal, stretch("abcdefghij" * 5), typed=50, seconds=10.0)
    assert words == "150 of 1,000 taps, 5/s, 3 min left; lost 0, duplicated 0, reordered 0"
    assert "left" not in how_far(journal, Tally(), typed=0, seconds=0.0)
