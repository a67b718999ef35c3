"""Long operations: each runs in the background under an event id, and a VM is in at most one of them at a time.

An event is pending (no `success`) until its operation ends: then it succeeded, or failed with a reason; also when the server stops.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from ATPLibrary.errors import ATPError
from ATPLibrary.lab.platform.codes import FAILURE, SUCCESS, Operate, Refusal
from ATPLibrary.lab.platform.faults import faulty
from ATPLibrary.lab.platform.store import Store
from ATPLibrary.lab.platform.tables import EventRow
from ATPLibrary.secrets import redact

T = TypeVar("T")

LOG = logging.getLogger(__name__)

STOPPED = "平台在操作完成前停止 (the platform stopped before the operation had ended)"
SUPERSEDED = "操作被删除取代 (the VM is being deleted)"

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Subject:
    """The VM that an operation is about; nothing for one about a whole pool."""

    vm_id: str = ""
    vm_name: str = ""
    host_id: str = ""
    ip: str = ""


NO_VM = Subject()


class Operations:
    def __init__(self, store: Store, when_failed: Callable[[str], None] = lambda event_id: None) -> None:
        """`when_failed` is called with the event id of each operation that has failed by itself."""
        self._store = store
        self._when_failed = when_failed
        self._tasks: dict[str, asyncio.Task[Any]] = {}
        self._of_vm: dict[str, str] = {}
        self._interruptible: set[str] = set()

    def recover(self) -> int:
        """Make failures of the events that a killed server left pending. Returns how many."""
        return self._store.fail_pending_events(STOPPED)

    @property
    def busy_vms(self) -> frozenset[str]:
        """The ids of the VMs that something is being done to."""
        return frozenset(self._of_vm)

    def start(
        self,
        operate: Operate,
        description: str,
        work: Callable[[Report], Coroutine[Any, Any, None]],
        *,
        about: Subject = NO_VM,
        interruptible: bool = False,
    ) -> str:
        """Run `work(report)` in the background and return its event id. `report(text)` changes the event's description.

        `interruptible` work only waits (for a guest to shut down): a deletion of the VM cancels it instead of waiting for it.
        """
        work, only_waits = faulty(work, in_steps=not about.vm_id)
        interruptible = interruptible or only_waits
        event_id = self._begin(operate, description, about, in_background=True)
        if about.vm_id:
            self._of_vm[about.vm_id] = event_id

        def report(text: str) -> None:
            self._store.change_event(event_id, description=text)

        running = asyncio.get_running_loop()
        self._tasks[event_id] = running.create_task(self._run(event_id, about.vm_id, work, report), name=description)
        if interruptible:
            self._interruptible.add(event_id)
        return event_id

    def record(
        self, operate: Operate, description: str, work: Coroutine[Any, Any, T], about: Subject = NO_VM
    ) -> Awaitable[T]:
        """Do `work` and leave an event about how it ended, for operations that the vendor answers when they are done.

        Its VM is busy from this call on, not only from the await. Who asked may go away: the work is done to its end, so that
        nothing is left half-way.
        """
        event_id = self._begin(operate, description, about, in_background=False)
        task = asyncio.get_running_loop().create_task(self._told(event_id, about.vm_id, work), name=description)
        self._tasks[event_id] = task
        if about.vm_id:
            self._of_vm[about.vm_id] = event_id
        task.add_done_callback(lambda done: done.cancelled() or done.exception())  # told by the event if by nobody else
        return asyncio.shield(task)

    async def _told(self, event_id: str, vm_id: str, work: Coroutine[Any, Any, T]) -> T:
        try:
            outcome = await work
        except BaseException as error:
            self._store.change_event(event_id, success=FAILURE, reason=_reason(error))
            self._when_failed(event_id)
            raise
        else:
            self._store.change_event(event_id, success=SUCCESS)
            return outcome
        finally:
            self._forget(event_id, vm_id)

    def _begin(self, operate: Operate, description: str, about: Subject, in_background: bool) -> str:
        row = EventRow(
            id=str(uuid.uuid4()),
            description=description,
            operate=int(operate),
            vm_id=about.vm_id,
            vm_name=about.vm_name,
            host_id=about.host_id,
            ip=about.ip,
            in_background=int(in_background),
        )
        self._store.add_event(row)
        return row.id

    async def supersede(self, vm_ids: list[str], timeout: float) -> None:
        """End what is being done to these VMs: a wait for the guest is given up, anything else is let finish.

        A start that was given up half-way could still come through after the VM is gone, and leave a QEMU without files.
        """
        events = [self._of_vm[id] for id in vm_ids if id in self._of_vm]
        tasks = [self._tasks[event_id] for event_id in events]
        for event_id in self._interruptible.intersection(events):
            self._tasks[event_id].cancel(SUPERSEDED)
        if tasks:
            await asyncio.wait(tasks, timeout=timeout)

    async def stop(self, timeout: float) -> None:
        """Cancel everything; each event becomes a failure that says so."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel(STOPPED)
        if tasks:
            await asyncio.wait(tasks, timeout=timeout)

    async def _run(
        self, event_id: str, vm_id: str, work: Callable[[Report], Coroutine[Any, Any, None]], report: Report
    ) -> None:
        try:
            await work(report)
        except asyncio.CancelledError as error:
            self._store.change_event(event_id, success=FAILURE, reason=str(error) or STOPPED)
            raise
        except (
            BaseException
        ) as error:  # the end of the road: nobody awaits this task, the event is how its error is told
            self._store.change_event(event_id, success=FAILURE, reason=_reason(error))
            self._when_failed(event_id)
            if not isinstance(error, (ATPError, Refusal)):
                LOG.exception("event %s failed", event_id)
            if not isinstance(error, Exception):
                raise
        else:
            self._store.change_event(event_id, success=SUCCESS)
        finally:
            self._forget(event_id, vm_id)

    def _forget(self, event_id: str, vm_id: str) -> None:
        self._tasks.pop(event_id, None)
        self._interruptible.discard(event_id)
        if self._of_vm.get(vm_id) == event_id:
            del self._of_vm[vm_id]


def _reason(error: BaseException) -> str:
    return redact(str(error)) or type(error).__name__
