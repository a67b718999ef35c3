"""When a host that failed is tried again."""

from __future__ import annotations

import pytest

from ATPLibrary.config import ReconnectSettings
from ATPLibrary.transport.breaker import Breaker, BreakerState

pytestmark = pytest.mark.unit


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def breaker(clock: Clock, chance: float = 0.0, **settings: float) -> Breaker:
    return Breaker(ReconnectSettings.model_validate(settings), clock, lambda: chance)


def delays(breaker: Breaker, count: int) -> list[float]:
    found = []
    for _ in range(count):
        found.append(breaker.delay())
        breaker.failed()
    return found


def test_delays_grow_by_the_multiplier_up_to_the_longest(clock: Clock) -> None:
    assert delays(breaker(clock, max_attempts=9, max_delay=6), 5) == [1, 2, 4, 6, 6]


def test_jitter_takes_up_to_half_off(clock: Clock) -> None:
    assert delays(breaker(clock, chance=1.0, max_attempts=9), 3) == [0.5, 1, 2]


def test_a_first_delay_beyond_the_longest_is_the_longest(clock: Clock) -> None:
    assert breaker(clock, initial_delay=10, max_delay=3).delay() == 3


def test_any_number_of_failures_has_a_delay(clock: Clock) -> None:
    many = breaker(clock, max_attempts=10**6)
    many.failures = 100_000
    assert many.delay() == 60


def test_it_opens_after_so_many_failures_in_a_row_and_lets_a_trial_through_later(clock: Clock) -> None:
    one = breaker(clock, max_attempts=2, max_delay=60)
    one.failed()
    assert one.state is BreakerState.CLOSED
    one.failed()
    assert (one.state, one.retry_in) == (BreakerState.OPEN, 60)
    clock.now += 59
    assert (one.state, one.retry_in, one.delay()) == (BreakerState.OPEN, 1, 1)
    clock.now += 1
    assert (one.state, one.delay()) == (BreakerState.HALF_OPEN, 0)
    one.failed()
    assert (one.state, one.retry_in) == (BreakerState.OPEN, 60)


def test_a_success_closes_it_and_counts_anew(clock: Clock) -> None:
    one = breaker(clock, max_attempts=2)
    one.failed()
    one.failed()
    one.succeeded()
    assert (one.state, one.retry_in, one.delay()) == (BreakerState.CLOSED, 0, 1)
    one.failed()
    assert one.state is BreakerState.CLOSED
