"""Which of several is next: of the connections to a host for a call, of the hosts for new work."""

from __future__ import annotations

import enum
import random
from collections.abc import Sequence
from typing import Protocol, TypeVar


class Strategy(enum.Enum):
    """`least_connections` takes the one with the fewest calls under way."""

    ROUND_ROBIN = "round_robin"
    LEAST_CONNECTIONS = "least_connections"
    RANDOM = "random"


class Loaded(Protocol):
    @property
    def in_flight(self) -> int:
        """How many calls it serves now."""


T = TypeVar("T", bound=Loaded)


class Selection:
    """Remembers whose turn it is."""

    def __init__(self, strategy: Strategy) -> None:
        self.strategy = strategy
        self._turn = 0

    def order(self, candidates: Sequence[T]) -> list[T]:
        """The candidates, the one to take first in front."""
        if len(candidates) < 2:
            return list(candidates)
        if self.strategy is Strategy.RANDOM:
            return random.sample(candidates, len(candidates))
        start = self._turn % len(candidates)
        self._turn += 1
        turned = [*candidates[start:], *candidates[:start]]
        if self.strategy is Strategy.LEAST_CONNECTIONS:
            turned.sort(key=lambda candidate: candidate.in_flight)  # stable: equal ones take turns
        return turned
