"""Who is next, by each strategy."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from ATPLibrary.transport.selection import Selection, Strategy

pytestmark = pytest.mark.unit


@dataclass(frozen=True)
class Host:
    name: str
    in_flight: int = 0


A, B, C = Host("a"), Host("b"), Host("c")


def first(selection: Selection, candidates: list[Host], times: int) -> str:
    return "".join(selection.order(candidates)[0].name for _ in range(times))


def test_round_robin_takes_turns_and_keeps_the_others_in_order() -> None:
    assert first(Selection(Strategy.ROUND_ROBIN), [A, B, C], 7) == "abcabca"
    selection = Selection(Strategy.ROUND_ROBIN)
    selection.order([A, B, C])
    assert selection.order([A, B, C]) == [B, C, A]


def test_least_connections_takes_the_freest_and_turns_among_equals() -> None:
    selection = Selection(Strategy.LEAST_CONNECTIONS)
    assert first(selection, [Host("a", 2), Host("b", 1), Host("c", 3)], 3) == "bbb"
    assert set(first(selection, [A, B, Host("c", 1)], 6)) == {"a", "b"}


def test_random_takes_each_sometimes() -> None:
    assert set(first(Selection(Strategy.RANDOM), [A, B, C], 200)) == {"a", "b", "c"}


def test_one_or_none_needs_no_choice() -> None:
    for strategy in Strategy:
        assert Selection(strategy).order([A]) == [A]
        assert Selection(strategy).order([]) == []
