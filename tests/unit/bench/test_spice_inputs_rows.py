"""The rows of keys by SPICE beside keys by QMP."""

from __future__ import annotations

from typing import Any

import pytest
from tests.bench.spice_inputs import Way, rows
from tests.bench.taps import Tally

from ATPLibrary.verifier import Part

pytestmark = pytest.mark.unit


def way(milliseconds: float, *, lost: int = 0, taps: int = 100) -> Way:
    engine: Any = None
    made = Way(engine, tally=Tally(taps=taps, seconds=1.0))
    made.tally.counts["lost"] = lost
    for part in Part.KERNEL, Part.WHOLE:
        made.parts[part].record(milliseconds)
    return made


def test_half_as_much_again_is_met_and_more_is_missed() -> None:
    made = {row.name: row for row in rows(way(1.4), way(1.0), 0.0)}
    assert [row.met for name, row in made.items() if name.endswith(("p50", "p95"))] == [True] * 4
    assert made["spice-inputs.kernel.p99"].met is None
    missed = {row.name: row for row in rows(way(1.6), way(1.0), 0.0)}
    assert missed["spice-inputs.whole.p50"].met is False
    assert not missed["spice-inputs.whole.p50"].is_broken


def test_one_key_that_is_lost_breaks_the_run() -> None:
    assert not rows(way(1.0), way(1.0), 0.0)[-1].is_broken
    assert rows(way(1.0, lost=1), way(1.0), 0.0)[-1].is_broken
    assert rows(way(1.0), way(1.0, lost=1), 0.0)[-1].is_broken
