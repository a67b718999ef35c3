"""The matcher says exactly what happened to a stream of edges, whatever happened to it."""

from __future__ import annotations

import random
from collections import Counter
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ATPLibrary.verifier.matcher import Matcher, Symbol, Verdict
from ATPLibrary.verifier.observation import EV_KEY, Observation, ObserverOverrun

pytestmark = pytest.mark.unit

A, B, C = 30, 48, 46


def key(code: int, value: int) -> Symbol:
    return (EV_KEY, code, value)


def seen(symbol: Symbol) -> Observation:
    return Observation(1, "usb", *symbol, time_us=0, received=0.0)


def overrun(held: frozenset[int] = frozenset()) -> ObserverOverrun:
    return ObserverOverrun("SYN_DROPPED", 1, held, 0.0)


def tap(code: int) -> list[Symbol]:
    return [key(code, 1), key(code, 0)]


def run(injected: list[Symbol], observed: list[Symbol]) -> Matcher:
    matcher = Matcher()
    for symbol in injected:
        matcher.inject(symbol, 0.0)
    for symbol in observed:
        matcher.observe(seen(symbol))
    matcher.finish()
    return matcher


def verdicts(matcher: Matcher) -> list[Verdict | None]:
    return [injection.verdict for injection in matcher.injections]


# Symbols that are all different, so that where a fault sits is beyond doubt; and few symbols, so that they repeat much.
distinct = st.integers(min_value=2, max_value=40).map(lambda n: [key(code, 1) for code in range(1, n + 1)])
any_symbol = st.sampled_from([key(code, value) for code in (A, B, C) for value in (1, 0)])
streams = st.lists(any_symbol, max_size=40)


@given(streams, st.randoms(use_true_random=False), st.integers(1, 16))
def test_an_undisturbed_stream_is_all_ok_whatever_the_window(
    injected: list[Symbol], rng: random.Random, window: int
) -> None:
    matcher = Matcher()
    sent = arrived = 0
    while arrived < len(injected):
        if sent < len(injected) and sent - arrived < window and (sent == arrived or rng.random() < 0.5):
            matcher.inject(injected[sent], 0.0)
            sent += 1
        else:
            (finding,) = matcher.observe(seen(injected[arrived]))
            assert finding.verdict is Verdict.OK
            assert finding.injection is not None
            assert finding.injection.index == arrived
            arrived += 1
        assert matcher.outstanding == sent - arrived
        assert not matcher.disturbed
    matcher.finish()
    assert matcher.counts() == Counter({Verdict.OK: len(injected)} if injected else {})


@given(streams, st.data())
def test_edges_that_never_arrive_are_counted_exactly(injected: list[Symbol], data: st.DataObject) -> None:
    gone = data.draw(st.sets(st.integers(0, len(injected) - 1))) if injected else set()
    matcher = run(injected, [symbol for number, symbol in enumerate(injected) if number not in gone])
    counts = matcher.counts()
    assert counts[Verdict.LOST] + counts[Verdict.STUCK] == len(gone)
    assert counts[Verdict.OK] == len(injected) - len(gone)
    assert set(counts) <= {Verdict.OK, Verdict.LOST, Verdict.STUCK}


@given(distinct, st.data())
def test_which_edge_was_lost_is_said_where_it_can_be_known(injected: list[Symbol], data: st.DataObject) -> None:
    gone = data.draw(st.sets(st.integers(0, len(injected) - 1)))
    matcher = run(injected, [symbol for number, symbol in enumerate(injected) if number not in gone])
    assert {i.index for i in matcher.injections if i.verdict is Verdict.LOST} == gone


@given(streams, st.data())
def test_edges_that_arrive_twice_are_counted_exactly(injected: list[Symbol], data: st.DataObject) -> None:
    twice = data.draw(st.sets(st.integers(0, len(injected) - 1))) if injected else set()
    observed = [symbol for number, symbol in enumerate(injected) for _ in range(2 if number in twice else 1)]
    counts = run(injected, observed).counts()
    assert counts[Verdict.DUPLICATED] == len(twice)
    assert counts[Verdict.OK] == len(injected)
    assert set(counts) <= {Verdict.OK, Verdict.DUPLICATED}


@given(distinct, st.data())
def test_edges_that_change_places_are_counted_exactly(injected: list[Symbol], data: st.DataObject) -> None:
    pairs = data.draw(st.sets(st.integers(0, len(injected) // 2 - 1)))
    observed = list(injected)
    for pair in pairs:
        observed[2 * pair], observed[2 * pair + 1] = observed[2 * pair + 1], observed[2 * pair]
    matcher = run(injected, observed)
    assert matcher.counts()[Verdict.REORDERED] == len(pairs)
    assert matcher.counts()[Verdict.OK] == len(injected) - len(pairs)
    assert {i.index // 2 for i in matcher.injections if i.verdict is Verdict.REORDERED} == pairs


@given(distinct, st.data())
def test_mixed_faults_are_told_apart(injected: list[Symbol], data: st.DataObject) -> None:
    """Each place of a stream of different edges is left alone, lost, doubled, or swapped with the next."""
    observed: list[Symbol] = []
    expected: Counter[Verdict] = Counter()
    number = 0
    while number < len(injected):
        fault = data.draw(st.sampled_from(["ok", "lost", "duplicated", "reordered"]))
        here = injected[number]
        if fault == "reordered" and number + 1 < len(injected):
            observed += (injected[number + 1], here)
            expected += Counter({Verdict.REORDERED: 1, Verdict.OK: 1})
            number += 2
            continue
        if fault == "lost":
            expected[Verdict.LOST] += 1
        else:
            observed += [here] * (2 if fault == "duplicated" else 1)
            expected += Counter([Verdict.OK, *([Verdict.DUPLICATED] if fault == "duplicated" else [])])
        number += 1
    assert run(injected, observed).counts() == expected


@settings(max_examples=300, deadline=None)
@given(st.lists(any_symbol, max_size=12), st.lists(any_symbol, max_size=12))
def test_any_two_streams_are_compared_by_their_longest_common_subsequence(
    injected: list[Symbol], observed: list[Symbol]
) -> None:
    @cache
    def longest(i: int, j: int) -> int:
        if i == len(injected) or j == len(observed):
            return 0
        if injected[i] == observed[j]:
            return 1 + longest(i + 1, j + 1)
        return max(longest(i + 1, j), longest(i, j + 1))

    counts = run(injected, observed).counts()
    common = (Counter(injected) & Counter(observed)).total()
    assert counts[Verdict.OK] == longest(0, 0)
    assert counts[Verdict.REORDERED] == common - longest(0, 0)
    assert counts[Verdict.LOST] + counts[Verdict.STUCK] == len(injected) - common
    assert counts[Verdict.DUPLICATED] == len(observed) - common


@given(streams, st.data())
def test_autorepeat_is_repeated_and_disturbs_nothing(injected: list[Symbol], data: st.DataObject) -> None:
    observed: list[Symbol] = []
    repeats = 0
    for symbol in injected:
        observed.append(symbol)
        more = data.draw(st.integers(0, 2)) if symbol[2] == 1 else 0
        observed += [key(symbol[1], 2)] * more
        repeats += more
    counts = run(injected, observed).counts()
    assert counts[Verdict.REPEATED] == repeats
    assert counts[Verdict.OK] == len(injected)
    assert set(counts) <= {Verdict.OK, Verdict.REPEATED}


@given(streams, streams)
def test_after_an_overrun_nothing_is_called_lost(injected: list[Symbol], observed: list[Symbol]) -> None:
    matcher = Matcher()
    for symbol in injected:
        matcher.inject(symbol, 0.0)
    matcher.overrun(overrun())
    for symbol in observed:
        matcher.observe(seen(symbol))
    matcher.finish()
    counts = matcher.counts()
    assert counts[Verdict.LOST] == counts[Verdict.STUCK] == 0
    assert counts[Verdict.OBSERVER_OVERRUN] == len(injected) - (Counter(injected) & Counter(observed)).total()


def test_an_overrun_clears_with_the_settlement_and_the_next_loss_is_a_loss() -> None:
    matcher = Matcher()
    matcher.inject(key(A, 1), 0.0)
    matcher.overrun(overrun())
    matcher.settle()
    matcher.inject(key(B, 1), 0.0)
    matcher.finish()
    assert verdicts(matcher) == [Verdict.OBSERVER_OVERRUN, Verdict.LOST]


def test_a_lost_release_is_a_stuck_key() -> None:
    matcher = run([*tap(A), *tap(B)], [key(A, 1), *tap(B)])
    assert verdicts(matcher) == [Verdict.OK, Verdict.STUCK, Verdict.OK, Verdict.OK]
    assert matcher.held == {A}


def test_a_lost_release_of_a_key_that_was_down_before_is_a_stuck_key() -> None:
    matcher = Matcher(held=[A])
    matcher.inject(key(A, 0), 0.0)
    matcher.finish()
    assert verdicts(matcher) == [Verdict.STUCK]


def test_a_lost_tap_leaves_nothing_stuck() -> None:
    matcher = run([*tap(A), *tap(B)], tap(B))
    assert verdicts(matcher) == [Verdict.LOST, Verdict.LOST, Verdict.OK, Verdict.OK]
    assert not matcher.held


def test_a_key_that_the_guest_still_holds_after_an_overrun_is_known() -> None:
    matcher = Matcher()
    matcher.overrun(overrun(frozenset({A})))
    assert matcher.held == {A}


def test_an_edge_given_up_as_lost_that_comes_after_all_was_only_late() -> None:
    matcher = Matcher()
    matcher.inject(key(A, 1), 0.0)
    matcher.inject(key(B, 1), 0.0)
    matcher.observe(seen(key(B, 1)))
    matcher.settle()
    assert verdicts(matcher) == [Verdict.LOST, Verdict.OK]
    matcher.observe(seen(key(A, 1)))
    matcher.finish()
    assert verdicts(matcher) == [Verdict.REORDERED, Verdict.OK]
    assert matcher.counts()[Verdict.DUPLICATED] == 0


def test_a_key_that_nobody_sent_is_one_too_many() -> None:
    matcher = run([], [key(A, 1)])
    assert matcher.counts() == {Verdict.DUPLICATED: 1}
    assert matcher.held == {A}


def test_while_disturbed_nothing_is_decided_and_then_everything() -> None:
    matcher = Matcher()
    for symbol in [*tap(A), *tap(B)]:
        matcher.inject(symbol, 0.0)
    assert matcher.observe(seen(key(B, 1))) == []
    assert matcher.disturbed
    assert matcher.observe(seen(key(B, 0))) == []
    findings = matcher.settle()
    assert [finding.verdict for finding in findings] == [Verdict.LOST, Verdict.LOST, Verdict.OK, Verdict.OK]
    assert not matcher.disturbed
    assert matcher.outstanding == 0


def test_the_observation_that_proves_an_edge_is_kept_with_it() -> None:
    matcher = Matcher()
    matcher.inject(key(A, 1), 1.0)
    observation = Observation(7, "virtio", EV_KEY, A, 1, time_us=123, received=1.5)
    (finding,) = matcher.observe(observation)
    assert finding.injection is matcher.injections[0]
    assert matcher.injections[0].observation is observation


def test_a_press_of_a_key_that_is_down_is_doubled_also_after_one_was_lost() -> None:
    matcher = Matcher()
    for symbol in tap(A):
        matcher.inject(symbol, 0.0)
    matcher.settle()  # both are lost
    for symbol in tap(A):
        matcher.inject(symbol, 0.0)
    for symbol in (key(A, 1), key(A, 1), key(A, 0)):
        matcher.observe(seen(symbol))
    matcher.finish()
    assert matcher.counts() == {Verdict.LOST: 2, Verdict.OK: 2, Verdict.DUPLICATED: 1}


def test_a_tap_that_comes_after_it_was_given_up_is_late_and_not_doubled() -> None:
    matcher = Matcher()
    for symbol in tap(A):
        matcher.inject(symbol, 0.0)
    matcher.settle()
    for symbol in tap(A):
        matcher.observe(seen(symbol))
    matcher.finish()
    assert matcher.counts() == {Verdict.REORDERED: 2}


def is_before(seen: Observation, moment: float) -> bool:
    return seen.time_us < moment


def test_an_observation_from_before_its_injection_proves_nothing_and_a_later_one_takes_its_place() -> None:
    matcher = Matcher()
    told: list[tuple[int | None, Verdict | None]] = []
    matcher.tell = lambda injection, _, verdict: told.append((None if injection is None else injection.index, verdict))
    for symbol in (*tap(A), *tap(B)):
        matcher.inject(symbol, 10.0)
    early = [Observation(1, "usb", *symbol, time_us=9, received=9.0) for symbol in tap(A)]
    own = [Observation(1, "usb", *symbol, time_us=11, received=11.0) for symbol in (key(A, 1), *tap(B))]
    for each in (*early, *own):
        matcher.observe(each)
    assert matcher.disprove(is_before) == 2
    assert matcher.disturbed
    assert matcher.disprove(is_before) == 0
    matcher.settle()
    assert verdicts(matcher) == [
        Verdict.OK,
        Verdict.STUCK,
        Verdict.OK,
        Verdict.OK,
    ]  # it went down for us, and not up since
    assert [each.observation for each in matcher.injections] == [own[0], None, *own[1:]]
    assert [finding.observation for finding in matcher.extras] == early
    assert matcher.counts() == {Verdict.OK: 3, Verdict.STUCK: 1, Verdict.DUPLICATED: 2}
    assert told[2:4] == [(None, Verdict.DUPLICATED)] * 2


def test_what_has_come_by_then_is_waited_for_again_and_may_come_after_that() -> None:
    matcher = Matcher(held=[A])
    matcher.inject(key(A, 0), 10.0)
    matcher.observe(Observation(1, "usb", *key(A, 0), time_us=9, received=9.0))
    assert (matcher.outstanding, matcher.disprove(is_before), matcher.outstanding) == (0, 1, 1)
    own = Observation(1, "usb", *key(A, 0), time_us=11, received=11.0)
    matcher.observe(own)
    matcher.finish()
    assert verdicts(matcher) == [Verdict.OK]
    assert matcher.injections[0].observation is own


@given(streams)
def test_where_nothing_is_early_nothing_is_taken_back(injected: list[Symbol]) -> None:
    matcher = run(injected, injected)
    assert matcher.disprove(is_before) == 0
    assert not matcher.disturbed
    assert matcher.counts() == Counter({Verdict.OK: len(injected)} if injected else {})
