"""What of another's typing arrived, from what the guest saw."""

from __future__ import annotations

import pytest
from tests.bench.rivals import RIVALS, row, rows
from tests.bench.rivals.arrivals import edges_of, judge
from tests.bench.taps import Tally, text_of
from tests.unit.bench.reports import observed, report_of

from ATPLibrary.verifier import ObserverOverrun

pytestmark = pytest.mark.unit


def test_all_that_arrived_in_order_is_clean_and_its_rate_is_from_first_to_last() -> None:
    found = judge(edges_of("abcde"), observed("abcde", every=0.02))
    assert (found.sent, found.arrived, found.is_clean) == (5, 5, True)
    assert found.rate == pytest.approx(50)


def test_a_character_of_which_an_edge_is_missing_has_not_arrived() -> None:
    seen = observed("abc", every=0.02)
    del seen[3]  # the release of b
    found = judge(edges_of("abc"), seen)
    assert (found.arrived, found.lost, found.is_clean) == (2, 1, False)


def test_a_queue_that_overflowed_shows_as_the_characters_that_it_dropped() -> None:
    found = judge(edges_of("abcdefgh"), observed("abcfgh", every=0.01))
    assert (found.sent, found.arrived, found.lost) == (8, 6, 4)


def test_swapped_and_doubled_characters_are_told_apart() -> None:
    swapped = judge(edges_of("abcd"), observed("acbd"))
    assert swapped.reordered
    assert not swapped.lost
    doubled = judge(edges_of("abcd"), observed("abbcd"))
    assert doubled.duplicated == 2
    assert not doubled.lost


def test_what_the_observer_missed_is_unknown_and_not_lost() -> None:
    gap = ObserverOverrun("the kernel dropped events", 1, frozenset(), 0.0)
    found = judge(edges_of("abc"), [*observed("a"), gap])
    assert (found.unknown, found.lost, found.is_clean) == (4, 0, False)


def test_nothing_that_arrived_has_no_rate() -> None:
    found = judge(edges_of("abc"), [])
    assert (found.arrived, found.rate, found.lost) == (0, 0.0, 6)


def test_a_text_that_needs_shift_is_no_text_of_taps() -> None:
    with pytest.raises(AssertionError, match="more than a tap"):
        edges_of("Ab")


def test_our_row_stands_beside_the_fastest_of_the_others_and_each_has_its_own() -> None:
    ours = Tally()
    ours.add(report_of("abc"), 0.003, 0.0)
    found = [
        (rival, judge(edges_of("abc"), observed("abc", every=0.01 * number)))
        for number, rival in enumerate(RIVALS, start=1)
    ]
    whole, *each = rows("ps2", ours, found)
    assert (whole.name, whole.must, whole.met) == ("typing.ps2", True, True)
    assert whole.peer.endswith(RIVALS[0].name)
    assert whole.ratio == pytest.approx(10)
    assert [one.name for one in each] == [f"typing.ps2.{rival.name}" for rival in RIVALS]
    assert all(one.more["peer_arrived"] == 3 for one in each)


def test_the_loop_is_to_be_beaten_twenty_times_but_not_on_usb() -> None:
    virsh = next(rival for rival in RIVALS if rival.name == "virsh")
    arrivals = judge(edges_of("ab"), observed("ab", every=0.02))
    assert row("ps2", virsh, 20 * arrivals.rate, arrivals).met
    assert row("ps2", virsh, 19.9 * arrivals.rate, arrivals).met is False
    assert row("usb", virsh, 60.0, arrivals).met is None


def test_the_long_texts_overflow_a_queue_of_1024_that_drains_half_as_fast_as_it_fills() -> None:
    nixos = next(rival for rival in RIVALS if rival.name == "nixos")
    assert nixos.characters * 6 / 2 > 1024
    assert len(text_of(nixos.characters)) == nixos.characters
