"""The rows of a single tap's way."""

from __future__ import annotations

import pytest
from tests.bench.latency_split import BareTrips, rows

from ATPLibrary.metrics import Histogram
from ATPLibrary.verifier import Part

pytestmark = pytest.mark.unit


def parts(whole: float) -> dict[Part, Histogram]:
    found = {}
    for part in Part:
        found[part] = Histogram()
        found[part].record(whole if part is Part.WHOLE else -0.2 if part is Part.HOST else 1.0)
    return found


def named(whole: float) -> dict[str, object]:
    bare = BareTrips()
    for histogram in (bare.command, bare.half_ping, bare.both):
        histogram.record(0.5)
    return {row.name: row for row in rows("ps2", parts(whole), bare, error_ms=0.31, load=0.1)}


def test_each_part_has_three_percentiles_and_the_error_where_two_clocks_meet() -> None:
    found = named(3.0)
    assert len(found) == 12
    assert found["latency.ps2.kernel.p50"].more["clock_error_ms"] == 0.31
    assert "clock_error_ms" not in found["latency.ps2.agent.p50"].more
    assert "clock_error_ms" not in found["latency.ps2.whole.p50"].more


def test_less_than_the_clocks_can_tell_is_nought() -> None:
    assert named(3.0)["latency.ps2.host.p99"].value == 0.0


def test_only_the_wholes_p99_has_the_aim() -> None:
    assert [name for name, row in named(19.0).items() if row.met is not None] == ["latency.ps2.whole.p99"]
    assert named(19.0)["latency.ps2.whole.p99"].met
    assert named(21.0)["latency.ps2.whole.p99"].met is False
