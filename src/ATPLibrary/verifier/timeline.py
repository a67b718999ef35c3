"""What became of each edge of an input, and when: rows for whoever reads them, kept as columns of numbers."""

from __future__ import annotations

import enum
import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import le
from typing import overload

from ATPLibrary.metrics import Histogram
from ATPLibrary.verifier.matcher import Verdict


class Part(enum.StrEnum):
    """A stretch of an edge's way; the whole is the others' sum, and known on one clock."""

    KERNEL = "kernel"  # from this machine to the guest's kernel
    AGENT = "agent"  # from there until the agent sent it
    HOST = "host"  # from there until this process had read it
    WHOLE = "whole"


@dataclass(slots=True)
class TimelineRow:
    """One edge or motion, and its four moments in seconds since the epoch by this machine's clock. None: it isn't known, or wasn't.

    `kernel` and `agent` are the guest's, converted; they are right to within the report's `clock_error_ms`.
    """

    index: int
    what: str
    injected: float | None  # right before the QMP command, or the SPICE message, was written
    kernel: float | None  # when the guest's kernel had it
    agent: float | None  # when the agent sent the batch that it was in
    host: float | None  # when this process had read that batch
    verdict: Verdict | None  # None: it was sent without an observer
    position: int | None = None  # of the character that it is part of, from 0

    def named(self) -> str:
        """What it is, and of which character of the text: "key down o at position 5"."""
        return self.what if self.position is None else f"{self.what} at position {self.position + 1}"

    @property
    def observed(self) -> float | None:
        """When the guest's kernel had it; where its clock isn't known, when we heard of it."""
        return self.kernel if self.kernel is not None else self.host

    @property
    def latency_ms(self) -> float | None:
        """From this machine to the guest's kernel."""
        return self.part_ms(Part.KERNEL)

    @property
    def verified_ms(self) -> float | None:
        """From this machine to the guest and back."""
        return self.part_ms(Part.WHOLE)

    def part_ms(self, part: Part) -> float | None:
        """How long that part of its way took; less than nothing where the clocks are known less well than that."""
        begin, end = {
            Part.KERNEL: (self.injected, self.kernel),
            Part.AGENT: (self.kernel, self.agent),
            Part.HOST: (self.agent, self.host),
            Part.WHOLE: (self.injected, self.host),
        }[part]
        return None if begin is None or end is None else (end - begin) * 1000


Moments = tuple[float, float, float, float]  # injected, kernel, agent, host; NaN for what isn't known

_MOMENTS = 4
_INJECTED, _KERNEL, _AGENT, _HOST = range(_MOMENTS)
_ENDS = {
    Part.KERNEL: (_INJECTED, _KERNEL),
    Part.AGENT: (_KERNEL, _AGENT),
    Part.HOST: (_AGENT, _HOST),
    Part.WHOLE: (_INJECTED, _HOST),
}
_VERDICTS: tuple[Verdict | None, ...] = (None, *Verdict)
_NUMBERS = {verdict: number for number, verdict in enumerate(_VERDICTS)}
_OK = _NUMBERS[Verdict.OK]
_NOWHERE = -1


class Timeline(Sequence[TimelineRow]):
    """Rows, made when they are looked at. Of each edge 50 bytes are kept; as an object with its numbers it would be 200.

    A process keeps the newest reports of every VM that it has typed into.
    """

    __slots__ = ("_indexes", "_moments", "_positions", "_verdicts", "_whats")

    def __init__(self) -> None:
        self._whats: list[str] = []
        self._moments = array("d")
        self._verdicts = bytearray()
        self._positions = array("i")
        self._indexes: Sequence[int] | None = None  # where rows don't stand in the order of their indexes

    def add(self, what: str, moments: Moments, verdict: Verdict | None, position: int | None = None) -> None:
        """One more row; its index is the number of those before it."""
        self._whats.append(what)
        self._moments.extend(moments)
        self._verdicts.append(_NUMBERS[verdict])
        self._positions.append(_NOWHERE if position is None else position)

    def sort(self) -> None:
        """By the moment at which each was sent, or seen where it never was."""
        moments = self._moments
        sent = moments[::_MOMENTS]
        if all(map(le, sent, sent[1:])):  # never so where one wasn't sent
            return
        keys = [_place(moments[at : at + _MOMENTS]) for at in range(0, len(moments), _MOMENTS)]
        order = sorted(range(len(keys)), key=keys.__getitem__)
        self._whats = [self._whats[row] for row in order]
        self._moments = array("d", [moments[_MOMENTS * row + each] for row in order for each in range(_MOMENTS)])
        self._verdicts = bytearray(self._verdicts[row] for row in order)
        self._positions = array("i", [self._positions[row] for row in order])
        self._indexes = array("i", order)

    def histogram(self, part: Part) -> Histogram:
        """How long that part of the way took, of the edges that arrived as sent."""
        histogram = Histogram()
        begin, end = _ENDS[part]
        moments = self._moments
        for row, verdict in enumerate(self._verdicts):
            if verdict == _OK:
                seconds = moments[_MOMENTS * row + end] - moments[_MOMENTS * row + begin]
                if seconds == seconds:  # noqa: PLR0124 - else one of them isn't known
                    histogram.record(seconds * 1000)
        return histogram

    def __len__(self) -> int:
        return len(self._whats)

    def __iter__(self) -> Iterator[TimelineRow]:
        return map(self._row, range(len(self._whats)))

    @overload
    def __getitem__(self, index: int) -> TimelineRow: ...

    @overload
    def __getitem__(self, index: slice) -> list[TimelineRow]: ...

    def __getitem__(self, index: int | slice) -> TimelineRow | list[TimelineRow]:
        rows = range(len(self._whats))
        return [self._row(row) for row in rows[index]] if isinstance(index, slice) else self._row(rows[index])

    def _row(self, row: int) -> TimelineRow:
        moments = _known(self._moments[_MOMENTS * row : _MOMENTS * (row + 1)])
        position = self._positions[row]
        return TimelineRow(
            row if self._indexes is None else self._indexes[row],
            self._whats[row],
            *moments,
            _VERDICTS[self._verdicts[row]],
            None if position == _NOWHERE else position,
        )


def _known(moments: Iterable[float]) -> tuple[float | None, float | None, float | None, float | None]:
    injected, kernel, agent, host = (None if math.isnan(moment) else moment for moment in moments)
    return injected, kernel, agent, host


def row_with(
    index: int, what: str, moments: Moments, verdict: Verdict | None, position: int | None = None
) -> TimelineRow:
    """One row by itself."""
    return TimelineRow(index, what, *_known(moments), verdict, position)


def _place(moments: Sequence[float]) -> float:
    """What stands in a timeline by its moments: unobserved edges keep the place that they were sent at."""
    injected, kernel, _, host = _known(moments)
    return injected if injected is not None else (kernel if kernel is not None else host) or 0.0
