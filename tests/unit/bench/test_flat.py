"""How an operation's cost grows with the number of VMs, beside bare sockets."""

from __future__ import annotations

import pytest
from tests.bench.many.rates import FEW, MOST, flat_row

pytestmark = pytest.mark.unit


def rounds(few: float, most: float, busy: float) -> dict[int, list[dict[str, float]]]:
    return {vms: [{"cpu_us": cost, "busy": busy}] * 3 for vms, cost in ((FEW, few), (MOST, most))}


def test_growth_is_the_cost_with_most_over_that_with_few_and_says_how_busy_each_was() -> None:
    found = {("ours", vms): each for vms, each in rounds(20.0, 23.0, 0.97).items()}
    found |= {("bare", vms): each for vms, each in rounds(10.0, 12.0, 0.95).items()}
    row = flat_row("qmp", found)
    assert (row.value, row.peer_value, row.met) == (pytest.approx(1.15), pytest.approx(1.2), True)
    assert "busy 95% and 95% of the time (ours 97% and 97%)" in row.peer
    assert row.more[f"peer_busy_{MOST}"] == 0.95


def test_growing_by_more_than_a_fifth_misses_the_aim() -> None:
    for most, met in ((11.9, True), (12.1, False)):
        found = {("ours", vms): each for vms, each in rounds(10.0, most, 1.0).items()}
        found |= {("bare", vms): each for vms, each in rounds(10.0, 12.0, 1.0).items()}
        assert flat_row("qmp", found).met is met
