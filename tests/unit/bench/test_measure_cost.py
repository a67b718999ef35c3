"""What watching adds, from turns with the agent watching and turns with it stopped."""

from __future__ import annotations

import pytest
from tests.bench.measure_cost import Turns, rows

pytestmark = pytest.mark.unit


def test_what_is_added_is_the_difference_of_the_two_kinds() -> None:
    watched = Turns([1.0, 1.2, 9.0], 1000, qemu_cpu=0.9, own_cpu=0.4, agent_cpu=0.05, matcher_cpu=0.01)
    stopped = Turns([0.9, 1.0, 1.1], edges=1000, qemu_cpu=0.7, own_cpu=0.3)
    delay, cpu = rows(watched, stopped)
    assert (delay.value, delay.peer_value, delay.met) == (1.2, 1.0, True)
    assert delay.more["added_ms"] == pytest.approx(0.2)
    assert cpu.value == pytest.approx(0.3)
    assert cpu.peer_value == pytest.approx(1.0)
    assert (cpu.more["guest_ms"], cpu.more["host_ms"]) == (pytest.approx(0.2), pytest.approx(0.1))
    assert (cpu.more["agent_ms"], cpu.more["matcher_ms"]) == (pytest.approx(0.05), pytest.approx(0.01))
    assert cpu.met


def test_turns_add_up() -> None:
    whole = Turns([1.0], 2, 0.1, 0.2, 0.3, 0.4)
    whole.add(Turns([2.0], 3, 1.0, 1.0, 1.0, 1.0))
    assert whole == Turns([1.0, 2.0], 5, 1.1, 1.2, 1.3, 1.4)


def test_half_a_millisecond_and_more_misses_the_aim() -> None:
    watched = Turns([1.6], edges=100, qemu_cpu=0.09, own_cpu=0.05)
    stopped = Turns([1.0], edges=100, qemu_cpu=0.05, own_cpu=0.01)
    assert [row.met for row in rows(watched, stopped)] == [False, False]
