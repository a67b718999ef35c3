"""Percentiles within 2 % of the truth, merging without loss."""

from __future__ import annotations

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


def test_an_empty_histogram_answers_nan_rather_than_a_number_nobody_measured() -> None:
    assert math.isnan(Histogram().percentile(50))


def test_counters_count() -> None:
    counters = Counters()
    counters.add("sent")
    counters.add("sent", 2)
    assert counters.snapshot() == {"sent": 3}
