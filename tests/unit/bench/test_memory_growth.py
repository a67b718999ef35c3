"""Whether memory stays flat, from samples."""

from __future__ import annotations

import pytest
from tests.bench.night.memory import growth

pytestmark = pytest.mark.unit


def test_what_is_taken_while_warming_up_is_no_growth() -> None:
    assert growth([10, 50, 80, *[100] * 9]) == 0


def test_a_leak_shows_as_what_it_took_between_the_parts_that_are_compared() -> None:
    samples = [1000 + 10 * number for number in range(40)]
    # Of 40, ten are left out; the middles of the first ten and of the last ten left are twenty apart.
    assert growth(samples) == 200


def test_a_single_peak_is_no_growth() -> None:
    samples = [100] * 20
    samples[-1] = 5000
    assert growth(samples) == 0


def test_too_few_samples_say_nothing() -> None:
    assert growth([1, 2, 3]) is None
