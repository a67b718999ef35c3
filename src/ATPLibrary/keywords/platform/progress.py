"""What the log says of operations that the platform goes on with: each change of one, how far a batch is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ATPLibrary.vdi import PlatformEvent

# Up to so many operations are told one by one; of more only each tenth that has ended.
ONE_BY_ONE = 5
_STEPS = 10


class Told:
    """Called with an event each time that it has changed."""

    def __init__(self, what: str, many: int, say: Callable[[str], None]) -> None:
        self._what, self._many, self._say = what, many, say
        self._ended: dict[str, bool] = {}  # by event id: whether it has failed
        self._step = 0

    def __call__(self, event: PlatformEvent) -> None:
        outcome = event.outcome.value
        if outcome != "pending":
            self._ended[event.id] = outcome == "failed"
        if self._many <= ONE_BY_ONE:
            vm = f" '{event.vm_name}'" if event.vm_name else ""
            reason = f": {event.error_reason}" if event.error_reason else ""
            self._say(f"{self._what}: {event.description or 'operation'}{vm} {outcome}{reason}")
            return
        step = len(self._ended) * _STEPS // self._many
        if step > self._step:
            self._step = step
            failed = sum(self._ended.values())
            self._say(
                f"{self._what}: {len(self._ended)} of {self._many} have ended"
                + (f", {failed} failed" if failed else "")
            )
