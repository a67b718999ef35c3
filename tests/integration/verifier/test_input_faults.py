"""The table of docs/input-faults.md, row by row: each fault is made, read, and told from every other."""

from __future__ import annotations

import asyncio
import functools
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from .fault_bench import Outcome, sentence_pattern
from .input_faults import FAULTS, make_all

pytestmark = pytest.mark.integration

TABLE = Path(__file__).parents[3] / "docs" / "input-faults.md"
BUSY = 3.0  # a busy machine is given so many times as long, as docs/faults.md says
AT_ONCE = 3.0  # what typing and the proof take beside the fault


class Row(NamedTuple):
    fault: str
    reads: str
    verdict: str
    within: float | None
    real: str


def _rows() -> list[Row]:
    found = []
    for line in TABLE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) != 5 or cells[0] == "fault" or set(cells[0]) <= {"-"}:
            continue
        quoted = re.fullmatch(r'"(.*)"', cells[1])
        assert quoted is not None, f"what is read of {cells[0]!r} isn't quoted"
        seconds = re.fullmatch(r"([\d.]+) s", cells[3])
        within = None if seconds is None else float(seconds[1])
        found.append(Row(cells[0], quoted[1], cells[2].strip("`"), within, cells[4]))
    return found


ROWS = {row.fault: row for row in _rows()}


@functools.cache
def outcomes() -> dict[str, list[Outcome | Exception]]:
    return asyncio.run(make_all())


def of(name: str) -> list[Outcome]:
    found = outcomes()[name]
    for outcome in found:
        if isinstance(outcome, BaseException):
            raise outcome
    return [outcome for outcome in found if isinstance(outcome, Outcome)]


def test_the_rows_of_the_table_are_those_of_the_tests() -> None:
    assert len(ROWS) == len(_rows()), "a fault stands twice in the table"
    assert set(ROWS) == set(FAULTS)


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_read_as_the_table_says_and_afterwards_all_is_well(name: str) -> None:
    row = ROWS[name]
    for outcome in of(name):
        assert sentence_pattern(row.reads).search(outcome.reads), outcome.reads
        assert row.verdict in outcome.verdicts, outcome.verdicts
        assert row.verdict == "stuck" or len(outcome.verdicts) == 1, outcome.verdicts
        assert outcome.well
        if row.within is not None:
            assert outcome.within < BUSY * (row.within + AT_ONCE)


@pytest.mark.parametrize("name", FAULTS)
def test_no_other_fault_reads_like_it(name: str) -> None:
    pattern = sentence_pattern(ROWS[name].reads)
    alike = [
        other
        for other in FAULTS
        if other != name
        for outcome in of(other)
        if pattern.search(outcome.reads) and ROWS[name].verdict in outcome.verdicts
    ]
    assert alike == []


def test_what_the_table_names_as_tests_in_a_real_guest_is_there() -> None:
    for row in filter(lambda row: row.real, ROWS.values()):
        file, _, name = row.real.strip("`").partition("::")
        text = (TABLE.parents[1] / "tests" / file).read_text()
        assert re.search(rf"^async def {name}\b", text, re.MULTILINE), f"{file} has no {name}"
