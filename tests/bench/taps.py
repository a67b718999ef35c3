"""Taps, typed and proved, and what became of them: sums whose size doesn't depend on how many there were."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ATPLibrary.metrics import Histogram
from ATPLibrary.verifier import InputReport, TypingEngine

WORDS = "the quick brown fox jumps over the lazy dog "  # every character is one tap: no shift
PIECE = 500  # characters typed at one go
COUNTS = ("lost", "duplicated", "reordered", "repeated", "stuck", "observer_overrun")
WRONG_KEPT = 20  # sentences about pieces that didn't arrive as sent; all are counted
NOTHING_WRONG = "zero lost, duplicated, reordered"


def text_of(taps: int) -> str:
    return (WORDS * (taps // len(WORDS) + 1))[:taps]


@dataclass
class Tally:
    """What was typed, in what time, and what of it went wrong."""

    taps: int = 0
    edges: int = 0
    seconds: float = 0.0
    cpu: float = 0.0  # of this process
    unverified: int = 0  # pieces that nothing proves
    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    verification: Histogram = field(default_factory=Histogram)

    @property
    def is_clean(self) -> bool:
        """Everything arrived once and in order, which was proved."""
        return self.taps > 0 and not self.unverified and not any(self.counts.values())

    @property
    def rate(self) -> float:
        """Characters a second."""
        return self.taps / self.seconds if self.seconds else 0.0

    def add(self, report: InputReport, seconds: float, cpu: float) -> None:
        self.taps += report.characters
        self.edges += report.edges
        self.seconds += seconds
        self.cpu += cpu
        self.unverified += not report.verified
        self.counts.update({name: getattr(report, name) for name in COUNTS})
        self.verification.merge(report.verification)
        if report.bad or not report.verified:
            self._keep([report.sentence()])

    def add_failed(self, report: InputReport | None, why: str) -> None:
        """A piece that broke off: what is known of it, but for its characters, which don't count as typed."""
        self.unverified += 1
        if report is not None:
            self.counts.update({name: getattr(report, name) for name in COUNTS})
        self._keep([why])

    def merge(self, other: Tally) -> None:
        self.taps += other.taps
        self.edges += other.edges
        self.seconds += other.seconds
        self.cpu += other.cpu
        self.unverified += other.unverified
        self.counts.update(other.counts)
        self.verification.merge(other.verification)
        self._keep(other.wrong)

    def sentence(self) -> str:
        """ "lost 0, duplicated 0, reordered 0", and what else isn't nil."""
        told = [name for name in COUNTS if self.counts[name] or name in COUNTS[:3]]
        words = [f"{name.replace('_', ' ')} {self.counts[name]}" for name in told]
        return ", ".join([*words, f"unverified pieces {self.unverified}"] if self.unverified else words)

    def figures(self) -> dict[str, Any]:
        """For a row's `more`."""
        return {"taps": self.taps} | {name: self.counts[name] for name in COUNTS} | {"unverified": self.unverified}

    def as_json(self) -> dict[str, Any]:
        return {
            **{"taps": self.taps, "edges": self.edges, "seconds": round(self.seconds, 6), "cpu": round(self.cpu, 6)},
            **{"unverified": self.unverified, "counts": {name: self.counts[name] for name in COUNTS}},
            **{"wrong": self.wrong, "verification": self.verification.as_json()},
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Tally:
        """One that `as_json()` told. `ValueError`, `KeyError` or `TypeError` when it isn't one."""
        return cls(
            **{name: int(told[name]) for name in ("taps", "edges", "unverified")},
            **{name: float(told[name]) for name in ("seconds", "cpu")},
            counts=Counter({name: int(told["counts"][name]) for name in COUNTS}),
            wrong=[str(sentence) for sentence in told["wrong"]],
            verification=Histogram.from_json(told["verification"]),
        )

    def _keep(self, sentences: list[str]) -> None:
        self.wrong += sentences[: WRONG_KEPT - len(self.wrong)]


async def type_piece(engine: TypingEngine, taps: int, tally: Tally) -> InputReport:
    """Type that many characters at one go and add what became of them."""
    started, cpu = time.perf_counter(), time.process_time()
    report = await engine.type_text(text_of(taps))
    tally.add(report, time.perf_counter() - started, time.process_time() - cpu)
    return report
