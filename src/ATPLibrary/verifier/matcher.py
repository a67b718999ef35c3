"""Compares what was injected with what was observed and says a verdict on each. Pure: no clock, no loop, no channel.

An edge is known by its symbol, (type, code, value). While the observations come in the order of the injections each is `ok` at
once. At the first that differs the matcher is `disturbed` and decides nothing until `settle()`, which the caller makes when
nothing more will come: then the two sequences are aligned by their longest common subsequence. What is aligned is `ok`; what was
injected and observed but not aligned is `reordered`; what was injected only is `lost` (`stuck`, when it is a release whose key
the guest still holds); what was observed only is `duplicated`, seen more often than sent,
unless one that was given up at an earlier settlement comes late: that is `reordered`. The press of a key that was down already
can't be such a one, which would have found it up.
"""

from __future__ import annotations

import enum
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ATPLibrary.verifier.observation import AUTOREPEAT, EV_KEY, PRESSED, RELEASED, Observation, ObserverOverrun

if TYPE_CHECKING:
    from ATPLibrary.verifier.units import Report

Symbol = tuple[int, int, int]  # type, code, value


class Verdict(enum.StrEnum):
    OK = "ok"
    LOST = "lost"
    DUPLICATED = "duplicated"
    REORDERED = "reordered"
    STUCK = "stuck"
    REPEATED = "repeated"
    OBSERVER_OVERRUN = "observer_overrun"


@dataclass(slots=True, eq=False)
class Injection:
    """One edge that was sent. `injected` is `time.monotonic()` right before the command that carries it was written."""

    index: int
    symbol: Symbol
    injected: float
    what: str  # "key down a"
    position: int | None  # of the character that it is part of
    verdict: Verdict | None = None
    observation: Observation | None = None
    is_sent_again: bool = False  # it did not arrive, and others were sent in its place
    # Its sender's, until it is seen: the report that carries it, and how many places were taken up to and with its own.
    report: Report | None = None
    ahead: int = 0


class Finding(NamedTuple):
    """A verdict, on an injection with the observation that proves it, or on either alone."""

    verdict: Verdict
    injection: Injection | None
    observation: Observation | None


class Matcher:
    """`inject()` each edge before it is written, `observe()` what comes, `settle()` at a quiet point, `finish()` at the end."""

    def __init__(self, held: Iterable[int] = ()) -> None:
        """`held`: codes that are down in the guest already."""
        self.injections: list[Injection] = []
        self.extras: list[Finding] = []  # observations with no injection: duplicated, repeated
        self.disturbed = False
        self._waiting: deque[Injection] = deque()  # injected, no verdict yet
        # Observed since the disturbance; True: the press of a key that was down already.
        self._unmatched: list[tuple[Observation, bool]] = []
        self._missing: list[Injection] = []  # lost or stuck: one may still come, late
        self._unsure = False  # the observer overran since the last settlement
        self.overruns: list[ObserverOverrun] = []
        # Is called with each verdict as it is given; see `following`.
        self.tell: Callable[[Injection | None, Observation | None, Verdict | None], None] | None = None
        self._down = set(held)  # codes down in the guest, as far as observed

    @property
    def outstanding(self) -> int:
        """How many injected edges have no verdict yet."""
        return len(self._waiting)

    @property
    def waiting(self) -> Sequence[Injection]:
        """Those edges, oldest first."""
        return self._waiting

    @property
    def held(self) -> frozenset[int]:
        """Codes of the keys and buttons that are down in the guest, as far as it was observed."""
        return frozenset(self._down)

    def inject(self, symbol: Symbol, injected: float, what: str = "", position: int | None = None) -> Injection:
        injection = Injection(len(self.injections), symbol, injected, what, position)
        self.injections.append(injection)
        self._waiting.append(injection)
        return injection

    def inject_unwatched(self, symbol: Symbol, injected: float, what: str = "", position: int | None = None) -> None:
        """An edge that nobody will observe: all that can be told of it is known now."""
        injection = self.inject(symbol, injected, what, position)
        if self.tell is not None:
            self.tell(injection, None, None)

    def observe(self, observation: Observation) -> list[Finding]:
        """What is certain now: one finding while all is well, none while disturbed."""
        again = False
        if observation.type == EV_KEY:
            if observation.value == AUTOREPEAT:
                return [self._extra(Verdict.REPEATED, observation)]
            again = observation.value == PRESSED and observation.code in self._down
            self._note_key(observation.code, observation.value)
        if not self.disturbed and self._waiting and self._waiting[0].symbol == symbol_of(observation):
            return [self._conclude(self._waiting.popleft(), Verdict.OK, observation)]
        self.disturbed = True
        self._unmatched.append((observation, again))
        return []

    def overrun(self, overrun: ObserverOverrun) -> None:
        """The observer doesn't know what it missed: at the next settlement nothing outstanding is lost."""
        self.disturbed = True
        self._unsure = True
        self.overruns.append(overrun)
        if overrun.device is not None:
            self._down = set(overrun.held)

    def let_go(self, codes: Iterable[int]) -> None:
        """Keys that were released beside what is matched: they are up."""
        self._down.difference_update(codes)

    def settle(self) -> list[Finding]:
        """Nothing more will come of what was injected so far: say a verdict on all of it, in order of injection."""
        waiting, observed = list(self._waiting), [each for each, _ in self._unmatched]
        # After something was missed nobody knows which keys were down.
        again = [flag and not self._unsure for _, flag in self._unmatched]
        self._waiting.clear()
        self._unmatched = []
        findings: list[Finding] = []
        pairs = dict(_align([i.symbol for i in waiting], [symbol_of(o) for o in observed]))
        aligned = set(pairs.values())
        left_over = [(each, again[number]) for number, each in enumerate(observed) if number not in aligned]
        for number, injection in enumerate(waiting):
            if number in pairs:
                findings.append(self._conclude(injection, Verdict.OK, observed[pairs[number]]))
            elif (late := _take_first(left_over, injection.symbol)) is not None:
                findings.append(self._conclude(injection, Verdict.REORDERED, late))
            else:
                findings.append(self._conclude(injection, self._why_missing(injection), None))
        for observation, was_down in left_over:
            findings.append(self._extra(Verdict.DUPLICATED, observation) if was_down else self._explain(observation))
        self.disturbed = self._unsure = False
        return findings

    def finish(self) -> list[Finding]:
        """Settle what is left. Afterwards `counts()` is the whole truth."""
        return self.settle()

    def disprove(self, is_before: Callable[[Observation, float], bool]) -> int:
        """Take back what was believed because of an observation from before its injection: somebody else did the same. How many.

        They wait again, for the next settlement. `is_before` says whether an observation is from before a moment
        (`time.monotonic()`), beyond doubt.
        """
        early = [
            each
            for each in self.injections
            if (seen := each.observation) is not None and is_before(seen, each.injected)
        ]
        for injection in early:
            self._extra(Verdict.DUPLICATED, injection.observation)
            injection.verdict = injection.observation = None
        if early:
            self._waiting = deque(sorted((*early, *self._waiting), key=lambda each: each.index))
            self.disturbed = True
        return len(early)

    def counts(self) -> Counter[Verdict]:
        """How often each verdict was given so far."""
        counts = Counter(injection.verdict for injection in self.injections if injection.verdict is not None)
        counts.update(finding.verdict for finding in self.extras)
        return counts

    def _note_key(self, code: int, value: int) -> None:
        if value == PRESSED:
            self._down.add(code)
        else:
            self._down.discard(code)

    def _conclude(self, injection: Injection, verdict: Verdict, observation: Observation | None) -> Finding:
        injection.verdict = verdict
        injection.observation = observation
        if verdict in (Verdict.LOST, Verdict.STUCK):
            self._missing.append(injection)
        if self.tell is not None:
            self.tell(injection, observation, verdict)
        return Finding(verdict, injection, observation)

    def _extra(self, verdict: Verdict, observation: Observation | None) -> Finding:
        finding = Finding(verdict, None, observation)
        self.extras.append(finding)
        if self.tell is not None:
            self.tell(None, observation, verdict)
        return finding

    def _why_missing(self, injection: Injection) -> Verdict:
        if self._unsure:
            return Verdict.OBSERVER_OVERRUN
        kind, code, value = injection.symbol
        if kind == EV_KEY and value == RELEASED and code in self._down:
            return Verdict.STUCK
        return Verdict.LOST

    def _explain(self, observation: Observation) -> Finding:
        """An observation with no injection in its own segment: one that was given up came late, or it is one too many."""
        symbol = symbol_of(observation)
        for injection in self._missing:
            if injection.symbol == symbol:
                self._missing.remove(injection)
                return self._conclude(injection, Verdict.REORDERED, observation)
        return self._extra(Verdict.DUPLICATED, observation)


def symbol_of(observation: Observation) -> Symbol:
    return (observation.type, observation.code, observation.value)


def _take_first(observations: list[tuple[Observation, bool]], symbol: Symbol) -> Observation | None:
    for number, (observation, _) in enumerate(observations):
        if symbol_of(observation) == symbol:
            return observations.pop(number)[0]
    return None


def _align(expected: Sequence[Symbol], observed: Sequence[Symbol]) -> Iterable[tuple[int, int]]:
    """The longest common subsequence as pairs of indexes; of several equally long ones, the one that matches earliest.

    Quadratic in what is left between an equal beginning and an equal end: a window's worth of edges, in practice.
    """
    start = 0
    while start < min(len(expected), len(observed)) and expected[start] == observed[start]:
        yield start, start
        start += 1
    end = 0
    while end < min(len(expected), len(observed)) - start and expected[-1 - end] == observed[-1 - end]:
        end += 1
        yield len(expected) - end, len(observed) - end
    rows, columns = expected[start : len(expected) - end], observed[start : len(observed) - end]
    # longest[i][j]: the length of the longest common subsequence of rows[i:] and columns[j:].
    longest = [[0] * (len(columns) + 1) for _ in range(len(rows) + 1)]
    for i in range(len(rows) - 1, -1, -1):
        here, below = longest[i], longest[i + 1]
        for j in range(len(columns) - 1, -1, -1):
            here[j] = below[j + 1] + 1 if rows[i] == columns[j] else max(below[j], here[j + 1])
    i = j = 0
    while i < len(rows) and j < len(columns):
        if rows[i] == columns[j]:
            yield start + i, start + j
            i, j = i + 1, j + 1
        elif longest[i + 1][j] >= longest[i][j + 1]:
            i += 1
        else:
            j += 1
