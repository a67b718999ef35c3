"""Events: look at one, list them, wait for one or for a batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ATPLibrary.vdi.groups.base import Group
from ATPLibrary.vdi.long import GET_EVENT, Batch, LongOperation, Progress
from ATPLibrary.vdi.operations import get
from ATPLibrary.vdi.pages import Pages
from ATPLibrary.vdi.shapes.base import BatchAnswer, Page, Refusal
from ATPLibrary.vdi.shapes.events import EventFilter, EventQuery, PlatformEvent

LIST = get("list events", "/event", Page[PlatformEvent], query=EventFilter)
FOR_CLASS = get("show a class room's event", "/event/class/queryById", PlatformEvent, query=EventQuery)


class Events(Group):
    def list(
        self,
        vm_name: str | None = None,
        *,
        succeeded: bool | None = None,
        ip: str | None = None,
        operate_type: str | None = None,
        timeout: float | None = None,
    ) -> Pages[PlatformEvent]:
        """The operations, newest first. `succeeded` filters; the vendor's filter has 1 for success, the reverse of the field."""
        query = EventFilter(
            vm_name=vm_name,
            is_success=None if succeeded is None else int(succeeded),
            ip=ip,
            operate_type=operate_type,
        )
        return self._pages(LIST, query=query, timeout=timeout)

    async def detail(self, event_id: str, *, timeout: float | None = None) -> PlatformEvent:
        """One operation, as it stands."""
        return await self._call(GET_EVENT, event_id, timeout=timeout)

    async def detail_for_class(self, event_id: str, *, timeout: float | None = None) -> PlatformEvent:
        """The same by the way that class rooms have, for which the platform wants no login."""
        return await self._call(FOR_CLASS, query=EventQuery(id=event_id), about=f"'{event_id}'", timeout=timeout)

    def operation(self, event_id: str) -> LongOperation[None]:
        """An operation that something else has begun, to be waited for."""
        return LongOperation(self._session, event_id, None)

    def batch(self, event_ids: Iterable[str], refusals: Iterable[Refusal] = (), vm_ids: Iterable[str] = ()) -> Batch:
        """Operations that something else has begun, to be waited for together; `refusals` are those that weren't begun.

        With `vm_ids`, the VMs that they were ordered for, one without either is a failure too.
        """
        return self._as_batch(BatchAnswer.model_construct(event_ids=[*event_ids], refusals=[*refusals]), vm_ids)

    async def finish(
        self,
        operation: LongOperation[Any] | str,
        timeout: float | None = None,
        on_progress: Progress | None = None,
    ) -> PlatformEvent:
        """Wait until the operation, or that of an event id, has succeeded: see `LongOperation.finish`."""
        if isinstance(operation, str):
            operation = self.operation(operation)
        return await operation.finish(timeout, on_progress)

    async def finish_all(
        self, batch: Batch | BatchAnswer, timeout: float | None = None, on_progress: Progress | None = None
    ) -> Sequence[PlatformEvent]:
        """Wait for every operation of a batch: see `Batch.finish`."""
        if isinstance(batch, BatchAnswer):
            batch = self._as_batch(batch)
        return await batch.finish(timeout, on_progress)
