"""Percentiles within 2 % of the truth, merging without loss."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ATPLibrary.metrics import Counters, Histogram

pytestmark = pytest.mark.unit

milliseconds = st.lists(st.floats(0.002, 1e6), min_size=1, max_size=200)


def recorded(values: list[float]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    return histogram


@given(milliseconds, st.sampled_from([0, 50, 95, 99, 100]))
def test_a_percentile_is_within_two_percent(values: list[float], p: float) -> None:
    exact = sorted(values)[max(1, math.ceil(len(values) * p / 100)) - 1]
    assert recorded(values).percentile(p) == pytest.approx(exact, rel=0.02)


@given(milliseconds, milliseconds)
def test_merging_is_the_same_as_recording_together(left: list[float], right: list[float]) -> None:
    merged, together = recorded(left), recorded(left + right)
    merged.merge(recorded(right))
    assert (merged.count, merged.min_ms, merged.max_ms) == (together.count, together.min_ms, together.max_ms)
    assert [merged.percentile(p) for p in (50, 99)] == [together.percentile(p) for p in (50, 99)]


@given(milliseconds)
def test_a_histogram_comes_back_from_a_file_as_it_was(values: list[float]) -> None:
    before = recorded(values)
    after = Histogram.from_json(json.loads(json.dumps(before.as_json())))
    assert (after.count, after.sum_ms, after.min_ms, after.max_ms) == (
        before.count,
        before.sum_ms,
        before.min_ms,
        before.max_ms,
    )
    assert [after.percentile(p) for p in (0, 50, 99)] == [before.percentile(p) for p in (0, 50, 99)]


def test_an_empty_histogram_comes_back_empty_and_can_be_gone_on_with() -> None:
    after = Histogram.from_json(json.loads(json.dumps(Histogram().as_json())))
    after.record(3.0)
    assert (after.count, after.min_ms, after.max_ms) == (1, 3.0, 3.0)


def test_an_empty_histogram_answers_nan_rather_than_a_number_nobody_measured() -> None:
    assert math.isnan(Histogram().percentile(50))


def test_counters_count() -> None:
    counters = Counters()
    counters.add("sent")
    counters.add("sent", 2)
    assert counters.snapshot() == {"sent": 3}
