"""What a VM's QEMU reports by itself, each event given once to whoever waits for it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from ATPLibrary import runtime
from ATPLibrary.events import KEPT_PER_SOURCE
from ATPLibrary.protocol.qmp.schema import schema_of

if TYPE_CHECKING:
    from ATPLibrary.events import Event, EventBus
    from ATPLibrary.protocol.qmp import Qmp


class QmpEvents:
    """`source` is who the VM is on the bus, `open_qmp(timeout)` its QMP channel: without it QEMU's events don't reach the bus."""

    def __init__(self, source: str, bus: EventBus, open_qmp: Callable[[float], Awaitable[Qmp]]) -> None:
        self._source = source
        self._bus = bus
        self._open = open_qmp
        self._given: list[Event] = []  # an empty deque keeps 0.7 KiB
        self._since = time.time()

    async def next(
        self,
        name: str,
        timeout: float,
        *,
        recent: bool,
        matches: Callable[[Mapping[str, Any]], bool] = lambda data: True,
    ) -> dict[str, Any]:
        """The data of the next QMP event of that name which `matches`; with `recent` also of one that came before this call.

        No event is given twice. `InputError` for a name that this QEMU never reports.
        """
        kind = f"qmp.{name.upper()}"
        qmp = await self._open(timeout)

        def is_meant(event: Event) -> bool:
            return event.source == self._source and event.kind == kind and matches(event.data)

        with self._bus.subscribe(is_meant) as coming:
            given = {id(event) for event in self._given}
            known = [e for e in self._bus.recent(self._source, limit=200) if is_meant(e) and e.time > self._since]
            known = [event for event in known if id(event) not in given]
            if recent and known:
                event = known[0]
            else:
                async with runtime.deadline(
                    timeout,
                    f"QEMU of VM '{self._source.removeprefix('vm:')}'",
                    wanted=f"report {name.upper()}",
                    got="did not",
                    last_seen=lambda: (
                        "; ".join(str(e) for e in self._bus.recent(self._source, limit=3)) or "no event at all"
                    ),
                ):
                    (await schema_of(qmp, timeout)).event(name)
                    event = await anext(coming)
        self._given = [*self._given, event][-KEPT_PER_SOURCE:]
        return dict(event.data)

    def begin_anew(self) -> None:
        """What came up to now isn't waited for any more: it was of an earlier test."""
        self._since = time.time()

    async def all(self, timeout: float) -> list[Event]:
        """The QMP events that are remembered, oldest first; from now on they come in, if they didn't before."""
        await self._open(timeout)
        return [event for event in self._bus.recent(self._source, limit=200) if event.kind.startswith("qmp.")]
