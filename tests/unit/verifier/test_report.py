"""What a tester reads: one line, and an error only where something is wrong."""

from __future__ import annotations

import pytest

from ATPLibrary.errors import VerificationError
from ATPLibrary.verifier.clock import ClockOffset
from ATPLibrary.verifier.matcher import Matcher, Verdict
from ATPLibrary.verifier.observation import EV_KEY, Observation, ObserverOverrun
from ATPLibrary.verifier.report import InputReport, build_report
from ATPLibrary.verifier.timeline import Part

pytestmark = pytest.mark.unit

CLOCK = ClockOffset(offset_us=5_000_000, error_us=400)
SYMBOLS = [(EV_KEY, 30, 1), (EV_KEY, 30, 0), (EV_KEY, 48, 1), (EV_KEY, 48, 0)]
NAMES = ["key down a", "key up a", "key down b", "key up b"]


def report(
    *,
    without: int | None = None,
    repeats: int = 0,
    repeats_allowed: bool = False,
    overrun: bool = False,
    sent_ms: float | None = 1.5,
    clock: ClockOffset | None = CLOCK,
) -> InputReport:
    """Two taps, each edge seen by the kernel 3 ms, passed on by the agent `sent_ms` later, and read here 5 ms after it was sent."""
    matcher = Matcher()
    for number, (symbol, name) in enumerate(zip(SYMBOLS, NAMES, strict=True)):
        matcher.inject(symbol, 100.0 + number, name, number // 2)
    if overrun:
        matcher.overrun(ObserverOverrun("SYN_DROPPED", 1, frozenset(), 0.0))
    for number, symbol in enumerate(SYMBOLS):
        if number != without:
            time_us = round((100.0 + number + 0.003) * 1e6 + CLOCK.offset_us)
            sent_us = 0 if sent_ms is None else time_us + round(sent_ms * 1000)
            matcher.observe(Observation(1, "usb", *symbol, time_us, 100.0 + number + 0.005, sent_us))
        for _ in range(repeats if number == 0 else 0):
            matcher.observe(Observation(1, "usb", EV_KEY, 30, 2, 0, 100.0))
    matcher.finish()
    return build_report("text 'ab'", matcher, characters=2, clock=clock, device="usb", repeats_allowed=repeats_allowed)


def test_a_good_report_is_one_line_with_counts_latency_and_its_error() -> None:
    good = report()
    assert good.verified
    assert good.sentence().startswith(
        "2 characters, 4 edges, lost 0, duplicated 0, reordered 0; latency p50 3.0 ms, p95 3.0 ms"
    )
    assert "(clock error ±0.4 ms)" in good.sentence()
    good.raise_if_bad(must_be_verified=True)


def test_latency_is_to_the_guests_kernel_and_verification_to_this_process() -> None:
    good = report()
    assert good.latency.percentile(50) == pytest.approx(3.0, rel=0.05)
    assert good.verification.percentile(50) == pytest.approx(5.0, rel=0.05)
    assert good.duration == pytest.approx(3.005)


def test_the_timeline_shows_each_edge_injected_beside_observed() -> None:
    rows = report().timeline
    assert [row.what for row in rows] == NAMES
    for row in rows:
        assert row.injected is not None
        assert row.observed is not None
        assert row.observed - row.injected == pytest.approx(0.003, abs=1e-4)
        assert row.verdict is Verdict.OK


def test_a_bad_report_names_what_is_bad_and_what_was_seen_last() -> None:
    bad = report(without=2)
    assert bad.bad
    with pytest.raises(VerificationError) as caught:
        bad.raise_if_bad()
    sentence = str(caught.value)
    for part in ("text 'ab'", "lost 1", "key down b at position 2: lost", "Last seen: key down a, key up a, key up b"):
        assert part in sentence


def test_an_edge_that_never_came_stands_in_the_timeline_where_it_was_sent() -> None:
    rows = report(without=1).timeline
    assert [row.verdict for row in rows] == [Verdict.OK, Verdict.STUCK, Verdict.OK, Verdict.OK]
    assert rows[1].observed is None
    assert rows[1].latency_ms is None


def test_repeats_are_a_fault_of_text_and_none_of_a_held_key() -> None:
    assert not report(repeats=3).verified
    assert report(repeats=3).bad
    held = report(repeats=3, repeats_allowed=True)
    assert held.verified
    assert held.repeated == 3
    assert "repeated 3" in held.sentence()
    held.raise_if_bad()


def test_what_the_observer_missed_is_neither_proved_nor_lost() -> None:
    unknown = report(without=2, overrun=True)
    assert (unknown.lost, unknown.observer_overrun) == (0, 1)
    assert not unknown.verified
    with pytest.raises(VerificationError, match="neither that keys arrived nor that they were lost"):
        unknown.raise_if_bad()


def test_an_input_of_nothing_proves_nothing_and_says_so() -> None:
    nothing = build_report("pointer to 0.5, 0.5", Matcher(), clock=CLOCK)
    assert not nothing.verified
    assert nothing.sentence() == "0 edges; not verified: nothing was sent that the guest could have seen"
    with pytest.raises(VerificationError, match="nothing was sent"):
        nothing.raise_if_bad(must_be_verified=True)


def test_an_unwatched_input_is_never_verified_and_says_so() -> None:
    matcher = Matcher()
    matcher.inject(SYMBOLS[0], 0.0, NAMES[0])
    unwatched = build_report("key 'a'", matcher, clock=None, unverified_because="no agent was asked")
    assert not unwatched.verified
    assert unwatched.sentence() == "1 edges; not verified: no agent was asked"
    unwatched.raise_if_bad()
    with pytest.raises(VerificationError, match="no agent was asked"):
        unwatched.raise_if_bad(must_be_verified=True)


def test_the_way_is_split_at_the_guests_kernel_and_at_its_agent() -> None:
    good = report()
    for part, milliseconds in ((Part.KERNEL, 3.0), (Part.AGENT, 1.5), (Part.HOST, 0.5), (Part.WHOLE, 5.0)):
        assert good.histogram(part).count == len(SYMBOLS)
        assert good.histogram(part).percentile(99) == pytest.approx(milliseconds, rel=0.05)
        assert good.timeline[0].part_ms(part) == pytest.approx(milliseconds, abs=0.01)
    assert "p99 from there to the agent 1.5 ms and from it to here 0.5 ms" in good.sentence()
    row = good.timeline[0]
    moments = [row.injected, row.kernel, row.agent, row.host]
    assert None not in moments
    assert moments == sorted(moments, key=lambda moment: moment or 0.0)


def test_an_agent_that_does_not_say_when_it_sent_leaves_that_moment_unknown() -> None:
    for sent_ms in (None, -1.0):  # not told; before the event itself
        untold = report(sent_ms=sent_ms)
        assert untold.verified
        assert [row.agent for row in untold.timeline] == [None] * len(SYMBOLS)
        assert untold.latency.count == len(SYMBOLS)
        assert (untold.to_agent.count, untold.to_host.count) == (0, 0)
        assert "to the agent" not in untold.sentence()


def test_without_the_guests_clock_only_the_whole_way_is_known() -> None:
    blind = report(clock=None)
    row = blind.timeline[0]
    assert (row.kernel, row.agent, row.latency_ms) == (None, None, None)
    assert row.observed == row.host
    assert row.verified_ms == pytest.approx(5.0, abs=0.01)
    assert [blind.histogram(part).count for part in Part] == [0, 0, 0, len(SYMBOLS)]
