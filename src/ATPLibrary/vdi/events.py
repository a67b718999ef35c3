"""The platform's long operations: look at one, list them, wait for one or for a batch.

The vendor's API has no way to be told: an operation must be asked about again and again. `finish` starts at 50 ms between
questions and backs off to 1 s, under the caller's deadline. It is the one place that polls, because the platform forces it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from pydantic import TypeAdapter

from ATPLibrary import runtime
from ATPLibrary.errors import PlatformError
from ATPLibrary.vdi import operations
from ATPLibrary.vdi.codes import EventOutcome
from ATPLibrary.vdi.groups import Group
from ATPLibrary.vdi.models import BatchAnswer, Page, PlatformEvent
from ATPLibrary.vdi.pages import Pages

_EVENT = TypeAdapter(PlatformEvent)
_EVENTS = TypeAdapter(Page[PlatformEvent])

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 1.0
BACK_OFF = 1.5

Progress = Callable[[PlatformEvent], object]


class Events(Group):
    def list(
        self, vm_name: str | None = None, *, succeeded: bool | None = None, timeout: float | None = None
    ) -> Pages[PlatformEvent]:
        """The operations, newest first. `succeeded` filters; the vendor's filter has 1 for success, the reverse of the field."""
        query = {"domainName": vm_name, "isSuccess": None if succeeded is None else int(succeeded)}
        return Pages(self._session, operations.LIST_EVENTS, _EVENTS, query, timeout)

    async def detail(self, event_id: str, *, timeout: float | None = None) -> PlatformEvent:
        return await self._session.call(
            operations.GET_EVENT, _EVENT, path={"id": event_id}, about=f"'{event_id}'", timeout=timeout
        )

    async def finish(self, event_id: str, timeout: float, on_progress: Progress | None = None) -> PlatformEvent:
        """Wait until the operation has succeeded and return it as the platform tells it.

        `on_progress` is called with the event each time that what the platform says of it has changed, the end included.
        Raises `PlatformError` with the platform's `errorReason` where the operation failed, `DeadlineError` after `timeout`
        seconds.
        """
        event = await self._ended(event_id, timeout, on_progress)
        if event.outcome is EventOutcome.FAILED:
            raise self._failed([event])
        return event

    async def finish_all(
        self, batch: BatchAnswer, timeout: float, on_progress: Progress | None = None
    ) -> Sequence[PlatformEvent]:
        """Wait for every operation of a batch. `PlatformError` names each VM that was refused or failed, and why."""
        waits = [asyncio.ensure_future(self._ended(id, timeout, on_progress)) for id in batch.event_ids]
        try:
            events = await asyncio.gather(*waits)
        finally:
            for wait in waits:
                wait.cancel()
        failed = [event for event in events if event.outcome is EventOutcome.FAILED]
        if failed or batch.refusals:
            raise self._failed(failed, [str(refusal) for refusal in batch.refusals], len(events))
        return events

    async def _ended(self, event_id: str, timeout: float, on_progress: Progress | None) -> PlatformEvent:
        seen: PlatformEvent | None = None
        pause = FIRST_PAUSE_SECONDS
        async with runtime.deadline(
            timeout,
            f"Platform '{self._session.name}': operation {event_id}",
            wanted="end",
            got="is still under way",
            last_seen=lambda: (seen.description or "no description") if seen else "no answer about it yet",
            next_step="give it more time, or look at the platform's own event list",
        ):
            while True:
                event = await self.detail(event_id)
                if event != seen:
                    seen = event
                    self._tell(event, on_progress)
                if event.outcome is not EventOutcome.PENDING:
                    return event
                await asyncio.sleep(pause)
                pause = min(pause * BACK_OFF, LONGEST_PAUSE_SECONDS)

    def _tell(self, event: PlatformEvent, on_progress: Progress | None) -> None:
        self._session.publish(
            f"event.{event.outcome.value}",
            id=event.id,
            description=event.description or "",
            vm=event.vm_name or "",
            **({"reason": event.error_reason or "no reason given"} if event.outcome is EventOutcome.FAILED else {}),
        )
        if on_progress is not None:
            on_progress(event)

    def _failed(self, failed: Sequence[PlatformEvent], refused: Sequence[str] = (), asked: int = 1) -> PlatformError:
        reasons = [_sentence(event) for event in failed] + [*refused]
        total = asked + len(refused)
        count = f"{len(reasons)} of {total} operations" if total > 1 else "an operation"
        first = next((event.error_reason for event in failed if event.error_reason), "")
        return PlatformError.about(
            f"Platform '{self._session.name}' failed in {count}: {'; '.join(reasons)}", vendor_message=first
        )


def _sentence(event: PlatformEvent) -> str:
    subject = " ".join(part for part in (event.description, event.vm_name and f"'{event.vm_name}'") if part)
    return f"{subject or event.id}: {event.error_reason or 'no reason given'}"
