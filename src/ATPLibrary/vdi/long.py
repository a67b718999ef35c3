"""Long operations: one that the platform has begun, and a batch of them, to be waited for.

The vendor's API has no way to be told: an operation must be asked about again and again. The wait starts at 50 ms between
questions and backs off to 1 s (longer where many are waited for at once), under the caller's deadline. It is the one place that
polls, because the platform forces it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping, Sequence
from typing import Generic, TypeVar

from ATPLibrary import runtime
from ATPLibrary.errors import DeadlineError, PlatformError
from ATPLibrary.vdi.codes import EventOutcome
from ATPLibrary.vdi.operations import get
from ATPLibrary.vdi.session import PlatformSession
from ATPLibrary.vdi.shapes.base import BatchAnswer, Refusal
from ATPLibrary.vdi.shapes.events import PlatformEvent

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 1.0
BACK_OFF = 1.5
# A question costs both sides about a millisecond: a batch asks at most so many a second at first, and half as many in the end.
MOST_QUESTIONS_A_SECOND = 200

_UNTOLD = "the platform told neither an event nor a refusal"

GET_EVENT = get("show an event", "/event/{id}", PlatformEvent)

Progress = Callable[[PlatformEvent], object]
Names = Callable[[Sequence[str]], Awaitable[Sequence[str]]]
Made_co = TypeVar("Made_co", covariant=True)


class LongOperation(Generic[Made_co]):
    """What the platform has begun under `event_id`; `made` is what it said at once about what will come of it, if anything.

    `await operation.finish(timeout)` is the end, `async for event in operation.progress(timeout)` all that happens until then,
    and `await operation` the end within the time that the client gives to each call.
    """

    def __init__(self, session: PlatformSession, event_id: str, made: Made_co) -> None:
        self._session = session
        self.event_id = event_id
        self.made = made

    async def finish(self, timeout: float | None = None, on_progress: Progress | None = None) -> PlatformEvent:
        """Wait until it has succeeded and return the event as the platform tells it.

        `on_progress` is called with the event each time that what the platform says of it has changed, the end included.
        Raises `PlatformError` with the platform's `errorReason` where the operation failed, `DeadlineError` after `timeout`
        seconds.
        """
        event = await ended(self._session, self.event_id, timeout, on_progress)
        if event.outcome is EventOutcome.FAILED:
            raise failure(self._session, [event])
        return event

    def __await__(self) -> Generator[object, None, PlatformEvent]:
        return self.finish().__await__()

    async def progress(self, timeout: float | None = None) -> AsyncIterator[PlatformEvent]:
        """The event, each time that it has changed. The last one is the end; raises as `finish`."""
        changes: asyncio.Queue[PlatformEvent | None] = asyncio.Queue()
        finishing = asyncio.ensure_future(self.finish(timeout, changes.put_nowait))
        finishing.add_done_callback(lambda _: changes.put_nowait(None))
        try:
            while (event := await changes.get()) is not None:
                yield event
            await finishing
        finally:
            finishing.cancel()

    def __repr__(self) -> str:
        return f"LongOperation({self.event_id!r})"


class Batch:
    """What the platform has begun with several VMs: an event for each that it took, a refusal for each that it didn't.

    `names` gives VMs' names for their ids, for an error, where the platform told ids only. `vm_ids` are those that it was asked
    for: one that it tells neither an event nor a refusal of hasn't been done. Without them only what it told is known.
    """

    def __init__(self, session: PlatformSession, answer: BatchAnswer, names: Names, vm_ids: Sequence[str] = ()) -> None:
        self._session = session
        self._names = names
        self.event_ids: Sequence[str] = answer.event_ids
        self.refusals: Sequence[Refusal] = answer.refusals
        self.vm_ids: Sequence[str] = [*dict.fromkeys(vm_ids)]

    @property
    def untold(self) -> int:
        """Of how many VMs the platform told neither an event nor a refusal."""
        return max(0, len(self.vm_ids) - len(self.event_ids) - len(self.refusals))

    async def check_begun(self) -> None:
        """`PlatformError` names each VM that was refused, or that the platform says nothing of, before anything has ended."""
        if self.refusals or self.untold:
            raise await self._failure([], [], ())

    async def finish(
        self, timeout: float | None = None, on_progress: Progress | None = None
    ) -> Sequence[PlatformEvent]:
        """Wait for every operation of the batch. `PlatformError` names each VM that was refused or failed, and why, and those
        that the platform told nothing of.
        """
        many = len(self.event_ids)
        waits = [asyncio.ensure_future(ended(self._session, id_, timeout, on_progress, many)) for id_ in self.event_ids]
        try:
            # All are waited for: one that never ends must not hide that another failed.
            outcomes = await asyncio.gather(*waits, return_exceptions=True)
        finally:
            for wait in waits:
                wait.cancel()
        events = [outcome for outcome in outcomes if isinstance(outcome, PlatformEvent)]
        lost = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        failed = [event for event in events if event.outcome is EventOutcome.FAILED]
        if failed or self.refusals or self.untold:
            raise await self._failure(failed, lost, events)
        if lost:
            raise _all_late(lost)
        return events

    async def _failure(
        self, failed: Sequence[PlatformEvent], lost: Sequence[BaseException], ended: Sequence[PlatformEvent]
    ) -> PlatformError:
        """The error that names each VM that failed or was refused; where the platform told only ids, its list has the names."""
        left_out = self._left_out(ended)
        told: list[PlatformEvent | Refusal] = [*failed, *self.refusals, *left_out]
        nameless = [each.vm_id for each in told if each.vm_id and not each.vm_name]
        names = dict(zip(nameless, await self._names(nameless), strict=True)) if nameless else {}
        reasons = [
            f"{each.vm_name or names.get(each.vm_id or '') or 'a VM'}: {each.reason or 'no reason given'}"
            for each in (*self.refusals, *left_out)
        ]
        if self.untold and not left_out:  # the events don't say whose they are
            reasons.append(f"{self.untold} of {len(self.vm_ids)} VMs: {_UNTOLD}")
        return failure(self._session, failed, [*reasons, *map(str, lost)], len(self.event_ids) - len(lost), names)

    def _left_out(self, ended: Sequence[PlatformEvent]) -> Sequence[Refusal]:
        """The VMs that the platform told nothing of; none where what it told doesn't say which they are."""
        known = {each.vm_id for each in self.refusals} | {event.vm_id for event in ended}
        left = [vm_id for vm_id in self.vm_ids if vm_id not in known]
        return [_untold(vm_id) for vm_id in left] if len(left) == self.untold else []

    def __await__(self) -> Generator[object, None, Sequence[PlatformEvent]]:
        return self.finish().__await__()

    def __repr__(self) -> str:
        return f"Batch(event_ids={self.event_ids!r}, refusals={self.refusals!r})"


async def ended(
    session: PlatformSession, event_id: str, timeout: float | None, on_progress: Progress | None, many: int = 1
) -> PlatformEvent:
    """The event of that id when its operation has ended, well or not. `many` are asked about at the same time.

    A platform that is too busy to answer is asked again.
    """
    seen: PlatformEvent | None = None
    trouble: PlatformError | None = None
    pause = max(FIRST_PAUSE_SECONDS, many / MOST_QUESTIONS_A_SECOND)
    longest = max(LONGEST_PAUSE_SECONDS, 2 * many / MOST_QUESTIONS_A_SECOND)
    async with runtime.deadline(
        session.timeout if timeout is None else timeout,
        f"Platform '{session.name}': operation {event_id}",
        wanted="end",
        got="is still under way",
        last_seen=lambda: (
            str(trouble) if trouble else (_subject(seen, {}) or "no description") if seen else "no answer about it yet"
        ),
        next_step="give it more time, or look at the platform's own event list",
    ):
        while True:
            try:
                event = await session.call(GET_EVENT, event_id, about=f"'{event_id}'")
            except PlatformError as error:
                if not error.is_passing:
                    raise
                trouble = error
            else:
                trouble = None
                if event != seen:
                    seen = event
                    _tell(session, event, on_progress)
                if event.outcome is not EventOutcome.PENDING:
                    return event
            await asyncio.sleep(pause)
            pause = min(pause * BACK_OFF, longest)


def failure(
    session: PlatformSession,
    failed: Sequence[PlatformEvent],
    refused: Sequence[str] = (),
    asked: int = 1,
    names: Mapping[str, str] | None = None,
) -> PlatformError:
    """The error for operations that failed or were refused, each with its VM and the platform's reason.

    `asked` is how many of them the platform had begun, `refused` the sentences about the others, `names` are VMs' by their ids.
    """
    reasons = [_sentence(event, names or {}) for event in failed] + [*refused]
    total = asked + len(refused)
    count = f"{len(reasons)} of {total} operations" if total > 1 else "an operation"
    first = next((event.error_reason for event in failed if event.error_reason), "")
    return PlatformError.about(
        f"Platform '{session.name}' failed in {count}: {'; '.join(reasons)}", vendor_message=first
    )


def _tell(session: PlatformSession, event: PlatformEvent, on_progress: Progress | None) -> None:
    session.publish(
        f"event.{event.outcome.value}",
        id=event.id,
        description=event.description or "",
        vm=event.vm_name or "",
        **({"reason": event.error_reason or "no reason given"} if event.outcome is EventOutcome.FAILED else {}),
    )
    if on_progress is not None:
        on_progress(event)


def _untold(vm_id: str) -> Refusal:
    return Refusal.model_construct(vm_id=vm_id, reason=_UNTOLD)


def _sentence(event: PlatformEvent, names: Mapping[str, str]) -> str:
    return f"{_subject(event, names) or event.id}: {event.error_reason or 'no reason given'}"


def _subject(event: PlatformEvent, names: Mapping[str, str]) -> str:
    """What is done, and to which VM."""
    vm = f"'{event.vm_name}'" if event.vm_name else names.get(event.vm_id or "")
    return " ".join(part for part in (event.description, vm) if part)


def _all_late(lost: Sequence[BaseException]) -> BaseException:
    """The one error for operations of which none failed: where several didn't end in time it tells of each."""
    if len(lost) > 1 and all(isinstance(each, DeadlineError) for each in lost):
        return DeadlineError(" ".join(map(str, lost)))
    return lost[0]
