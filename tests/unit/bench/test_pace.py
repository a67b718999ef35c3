"""The pace that a machine can take with many guests, and how taps keep to it."""

from __future__ import annotations

import os

import pytest
from tests.bench.at_once.pace import Paced, idle_seconds, interval, most_characters
from tests.bench.at_once.run import rows, together
from tests.bench.taps import Tally
from tests.unit.bench.reports import report_of

pytestmark = pytest.mark.unit


def test_all_vms_together_take_half_of_what_is_left() -> None:
    every = interval(vms=50, cpu_a_tap=0.004, left=1.5)
    assert 50 * 0.004 / every == pytest.approx(0.5 * 1.5)


def test_a_machine_on_which_nothing_is_left_gets_a_slow_pace_and_not_none() -> None:
    assert 0 < interval(vms=50, cpu_a_tap=0.004, left=-0.1) < 60


def test_what_the_kernel_calls_idle_is_idle_and_waiting_for_disks() -> None:
    ticks = os.sysconf("SC_CLK_TCK")
    assert idle_seconds(f"cpu  7 8 9 {3 * ticks} {ticks} 5 5 5 0 0\ncpu0 1 1 1 1 1\n") == 4


def test_the_most_that_processors_could_do() -> None:
    assert most_characters(2, 0.001) == pytest.approx(2000)


def test_what_is_typed_at_the_same_time_takes_the_time_of_the_clock() -> None:
    tallies = [Tally(), Tally()]
    for tally in tallies:
        tally.add(report_of("abc"), 2.0, 0.0)
    assert together(tallies, 2.5).rate == pytest.approx(6 / 2.5)


def paced(*ms: float, seen: str | None = None) -> Paced:
    one = Paced()
    one.tally.add(report_of("ab", seen), 1.0, 0.0)
    for each in ms:
        one.tally.verification.record(each)
        one.from_due.record(each)
    return one


def named(single: Paced, every: Paced) -> dict[str, object]:
    text = Tally()
    text.add(report_of("ab"), 1.0, 0.0)
    return {row.name: row for row in rows((single, every), (text, text), (10.0, 20.0), {})}


def test_p99_is_compared_with_one_alone_and_what_was_lost_breaks_the_run() -> None:
    found = named(paced(10.0), paced(29.0))
    assert found["at-once.paced.p99"].met
    assert found["at-once.paced.due_p99"].met is None
    assert not found["at-once.paced"].is_broken
    found = named(paced(10.0), paced(31.0, seen="a"))
    assert found["at-once.paced.p99"].met is False
    assert not found["at-once.paced.p99"].is_broken, "how fast a machine is breaks nothing"
    assert found["at-once.paced"].is_broken
    assert found["at-once.paced"].more["lost"] == 2
