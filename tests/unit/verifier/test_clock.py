"""The clock offset is right within its stated error, always."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ATPLibrary.verifier.clock import ClockEstimate

pytestmark = pytest.mark.unit

ways = st.floats(0.0001, 0.5)


@given(st.integers(-(10**12), 10**12), st.lists(st.tuples(ways, ways, ways), min_size=1, max_size=10))
def test_the_true_offset_lies_within_the_error_bound_however_uneven_the_way(
    offset_us: int, pings: list[tuple[float, float, float]]
) -> None:
    estimate = ClockEstimate()
    now = 1000.0
    for there, inside, back in pings:
        sent, received, answered = now, now + there, now + there + inside
        now = answered + back
        estimate.add(sent, received * 1e6 + offset_us, answered * 1e6 + offset_us, now)
        clock = estimate.at(now)
        assert clock is not None
        assert abs(clock.offset_us - offset_us) <= clock.error_us + 1
    assert clock.host_time(1_000_000_000 + offset_us) == pytest.approx(1000.0, abs=clock.error_us / 1e6 + 1e-5)


def test_the_quickest_ping_decides() -> None:
    estimate = ClockEstimate()
    estimate.add(0.0, 60_000, 60_000, 0.1)
    estimate.add(1.0, 1_001_000, 1_001_000, 1.002)
    estimate.add(2.0, 2_090_000, 2_090_000, 2.1)
    clock = estimate.at(2.1)
    assert clock is not None
    assert clock.offset_us == pytest.approx(0, abs=1)
    assert clock.error_us == pytest.approx(1000, rel=0.3)


def test_a_measurement_is_trusted_less_as_it_ages() -> None:
    estimate = ClockEstimate()
    estimate.add(0.0, 500, 500, 0.001)
    young, old = estimate.at(0.001), estimate.at(60.0)
    assert young is not None
    assert old is not None
    assert old.error_us > young.error_us


def test_after_a_pause_of_the_vm_the_old_measurements_are_void() -> None:
    estimate = ClockEstimate()
    estimate.add(0.0, 500, 500, 0.001)
    # The VM stood still for 10 s: its clock is that much behind from now on.
    estimate.add(20.0, 10_010_000, 10_010_000, 20.02)
    clock = estimate.at(20.02)
    assert clock is not None
    assert clock.offset_us == pytest.approx(-10_000_000, abs=1)


def test_after_a_restart_the_clock_says_nothing_of_what_was_received_before() -> None:
    estimate = ClockEstimate()
    estimate.add(0.0, 500, 500, 0.001)
    first = estimate.at(0.001)
    estimate.clear()
    assert estimate.at(1.0) is None
    estimate.add(20.0, 1500, 1500, 20.002)
    second = estimate.at(20.002)
    assert first is not None
    assert second is not None
    assert first.since < 0 < second.since == 20.0


def test_before_the_first_ping_nothing_is_known() -> None:
    assert ClockEstimate().at(0.0) is None


@given(
    st.integers(-(10**9), 10**9),
    st.lists(st.tuples(ways, ways, ways), min_size=1, max_size=5),
    st.floats(0.0, 0.4),
    st.floats(0.0, 60.0),
)
def test_nothing_is_held_to_be_before_what_caused_it(
    offset_us: int, pings: list[tuple[float, float, float]], later: float, ago: float
) -> None:
    """However long ago it was, and however uneven the ways of the pings."""
    estimate, now = ClockEstimate(), 1000.0
    caused = now - ago
    for there, inside, back in pings:
        sent, received, answered = now, now + there, now + there + inside
        now = answered + back
        estimate.add(sent, received * 1e6 + offset_us, answered * 1e6 + offset_us, now)
    clock = estimate.at(now)
    assert clock is not None
    happened = caused + later
    assert not clock.is_surely_before(happened * 1e6 + offset_us + 2, happened + 0.001, caused)


def test_what_was_clearly_before_is_known_to_be_and_what_a_void_clock_timed_is_not() -> None:
    estimate = ClockEstimate()
    estimate.add(0.0, 500, 500, 0.001)
    clock = estimate.at(0.001)
    assert clock is not None
    assert clock.is_surely_before(100_000, 0.1, 0.2)
    assert not clock.is_surely_before(199_500, 0.2, 0.2)  # within what the clocks are known to
    # It stood still for 10 s: what came before that was measured seems to be from long ago.
    estimate.add(20.0, 10_010_000, 10_010_000, 20.02)
    clock = estimate.at(20.02)
    assert clock is not None
    assert not clock.is_surely_before(9_000_000, 19.0, 19.0)
    assert clock.is_surely_before(10_100_000, 20.1, 21.0)
