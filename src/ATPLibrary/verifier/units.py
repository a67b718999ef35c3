"""What an input is made of: reports, which may not be split, and units of them, which are sent at one go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ATPLibrary.verifier.matcher import Symbol
    from ATPLibrary.verifier.queues import DeviceQueue


class Report(NamedTuple):
    """The QMP events of one edge or motion, and what the guest should see of it (nothing, perhaps)."""

    events: tuple[Mapping[str, Any], ...]
    symbols: tuple[Symbol, ...]
    what: str
    moves: tuple[str, bool] | None = None  # the key or button that it moves, and whether down
    size: int = 1  # bytes of a key's scan code

    def places(self, queue: DeviceQueue) -> int:
        """How much of the device's queue it takes."""
        return queue.places(self.size)


class Unit(NamedTuple):
    """Reports that are sent at one go, so that no key stays down across a wait: a tap. `position` is the character's."""

    reports: tuple[Report, ...]
    position: int | None = None
    character: str = ""

    def places(self, queue: DeviceQueue) -> int:
        """How much of the device's queue it takes."""
        return sum(report.places(queue) for report in self.reports)
