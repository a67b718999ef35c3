"""The pieces of an input that were written, until it is known what came of each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ATPLibrary.verifier.injector import Events, Injector
    from ATPLibrary.verifier.units import Report


class _Flight(NamedTuple):
    begun: asyncio.Future[Any]
    reports: Sequence[Report]
    what: str


class Flights:
    """Commands whose reply isn't known yet, oldest first.

    `note_sent` is called with each report and True once it is known to have been written. `wake` is called at a reply that
    somebody must look at: a refusal, or any while these `hold_up` more.
    """

    def __init__(self, way: Injector, note_sent: Callable[[Report, bool], None], wake: Callable[[], None]) -> None:
        self.hold_up = False  # more would be sent but for these
        self._way = way
        self._note_sent = note_sent
        self._wake = wake
        self._flights: list[_Flight] = []

    def __len__(self) -> int:
        return len(self._flights)

    def begin(self, commands: Sequence[Events], reports: Sequence[Report], what: str) -> None:
        """Write the commands, which are those reports; `what` is the subject of the sentence if they are refused."""
        begun = self._way.begin(commands, what)
        self._flights.append(_Flight(begun, reports, what))
        begun.add_done_callback(self._hear_reply)

    def reap(self) -> None:
        """Take the replies that came; raises what QEMU refused."""
        while self._flights and self._flights[0].begun.done():
            flight = self._flights.pop(0)
            self._way.finish(flight.begun, flight.what)
            self._note_written(flight)

    async def land(self) -> None:
        """Wait for all replies. Raises as `reap`."""
        while self._flights:
            await asyncio.wait((self._flights[0].begun,))
            self.reap()

    async def give_up(self) -> None:
        """Only after a failure is anything left. What was written stays written; what comes next is written behind it."""
        for flight in self._flights:
            flight.begun.cancel()
        ends = await asyncio.gather(*(flight.begun for flight in self._flights), return_exceptions=True)
        for flight, end in zip(self._flights, ends, strict=True):
            if not isinstance(end, BaseException) and not _is_refusal(end):
                self._note_written(flight)
        self._flights.clear()

    def _note_written(self, flight: _Flight) -> None:
        for report in flight.reports:
            self._note_sent(report, True)

    def _hear_reply(self, begun: asyncio.Future[Any]) -> None:
        """Whoever waits for observations needn't know of a reply that is as it should be, unless more can be sent now."""
        is_well = not begun.cancelled() and begun.exception() is None and not _is_refusal(begun.result())
        if self.hold_up or not is_well:
            self._wake()


def _is_refusal(answer: Any) -> bool:
    """Of QMP's: a reply that says so is read by whoever reaps it."""
    return isinstance(answer, dict) and "error" in answer
