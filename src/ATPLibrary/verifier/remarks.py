"""What a session noticed of its agent that makes nothing unknown, and that a tester should read all the same."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

KEPT = 100
# How many remarks of one kind in a session become events; all are counted.
TOLD = 3


class Remarks:
    """`publish` takes an event's kind and data: each kind's first few become `agent.KIND`."""

    __slots__ = ("_newest", "_publish", "counts")

    def __init__(self, publish: Callable[[str, Mapping[str, Any]], None]) -> None:
        self.counts: dict[str, int] = {}  # by kind
        self._publish = publish
        self._newest: list[tuple[float, str]] = []  # there is one of these for each VM: small while it is empty

    def add(self, kind: str, words: str, *, told: bool = True) -> None:
        """`words` are a sentence without its end: "the guest's clock was set back by 3.0 s". Not `told`: there is an event."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self._newest.append((time.monotonic(), words))
        del self._newest[:-KEPT]
        if told and self.counts[kind] <= TOLD:
            self._publish(f"agent.{kind}", {"what": words})

    def since(self, when: float) -> tuple[str, ...]:
        """What was remarked since then (`time.monotonic()`), each once, with how often if that is more."""
        counts = Counter(words for noticed, words in self._newest if noticed >= when)
        return tuple(words if count == 1 else f"{words} ({count} times)" for words, count in counts.items())
