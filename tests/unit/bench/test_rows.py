"""Rows: their file, their table, and which of them fail a run."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from tests.bench.rows import Row, save, table

pytestmark = pytest.mark.unit


def test_only_a_missed_aim_that_must_be_met_breaks_a_run() -> None:
    def row(met: bool | None, must: bool) -> Row:
        return Row("a", 1.0, "ms", "b", 2.0, "an aim", met, must=must)

    assert [row(met, must).is_broken for met in (True, False) for must in (True, False)] == [False, False, True, False]
    assert row(None, True).is_broken, "what wasn't judged hasn't held"


def test_the_table_tells_what_became_of_our_keys_and_of_the_peers() -> None:
    more = {
        "taps": 500,
        "lost": 0,
        "duplicated": 1,
        "reordered": 2,
        "peer_sent": 600,
        "peer_arrived": 412,
        "peer_lost": 376,
    }
    lines = table([Row("typing.ps2", 1234.5, "characters/s", "sendkey", 49.9, "none lost", False, more)]).splitlines()
    assert "none lost: MISSED" in lines[-1]
    assert "taps 500, lost 0, duplicated 1, reordered 2, peer sent 600, peer arrived 412, peer lost 376" in lines[-1]


def test_the_file_has_no_number_that_json_lacks(tmp_path: Path) -> None:
    path = tmp_path / "results" / "bench.json"
    save([Row("a", math.nan, "ms", "b", math.inf, "an aim", True, must=True)], path)
    (row,) = json.loads(path.read_text())
    assert (row["value"], row["peer_value"], row["ratio"], row["must"]) == (None, None, None, True)
