"""Looks at the connected VMs when a keyword has failed, but not more often than a run can bear."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from ATPLibrary.errors import DeadlineError
from ATPLibrary.keywords.evidence.model import Evidence, VmEvidence

if TYPE_CHECKING:
    from ATPLibrary.events import Event
    from ATPLibrary.keywords.evidence.gathering import Machine

MOST_VMS = 4
OTHER_EVENTS = 20

# A VM isn't looked at again so soon after it was; polling by failing may spend a fifth of its time on that at most.
AGAIN_SECONDS = 1.0
AGAIN_TIMES = 4.0


@dataclass(frozen=True, slots=True)
class _Look:
    evidence: VmEvidence
    ended: float  # monotonic
    took: float
    certain: bool


class Looks:
    """Remembers the last look at each VM."""

    def __init__(self) -> None:
        # By the machine, not its name: two hosts may have a VM of one name.
        self._last: WeakKeyDictionary[Machine, _Look] = WeakKeyDictionary()

    def look(self, keyword: str, certain: bool, since: float) -> Evidence:
        """The evidence of a failure. `certain`: the test can't handle it. `since`: when the test started.

        Takes at most about `gathering.WHOLE_SECONDS`. Without a connected VM only events are in it.
        """
        machines = _connected()
        notes = []
        if len(machines) > MOST_VMS:
            left_out = ", ".join(machine.name for machine in machines[MOST_VMS:])
            notes.append(f"Not looked at, because {MOST_VMS} VMs are enough: {left_out}")
        machines = machines[:MOST_VMS]
        known = {machine: self._again(machine) for machine in machines if self._too_soon(machine, certain, since)}
        try:
            fresh = self._look_at([machine for machine in machines if machine not in known], certain)
        except DeadlineError as error:
            fresh = {}
            notes.append(f"Not every VM could be looked at: {error}")
        seen = fresh | known
        vms = tuple(seen[machine] for machine in machines if machine in seen)
        others = _other_events({machine.source for machine in machines}, since)
        return Evidence(keyword, vms, others, tuple(notes), stale=bool(known))

    def _look_at(self, machines: list[Machine], certain: bool) -> dict[Machine, VmEvidence]:
        if not machines:
            return {}
        from ATPLibrary import runtime
        from ATPLibrary.keywords.evidence import gathering

        started = time.monotonic()
        evidence = runtime.wait(gathering.gather(machines), gathering.WHOLE_SECONDS, "Gathering evidence")
        ended = time.monotonic()
        for machine, its in zip(machines, evidence, strict=True):
            self._last[machine] = _Look(its, ended, ended - started, certain)
        return dict(zip(machines, evidence, strict=True))

    def _too_soon(self, machine: Machine, certain: bool, since: float) -> bool:
        last = self._last.get(machine)
        if last is None or (certain and not (last.certain and last.evidence.time >= since)):
            return False
        return time.monotonic() - last.ended < max(AGAIN_SECONDS, AGAIN_TIMES * last.took)

    def _again(self, machine: Machine) -> VmEvidence:
        """The last look, with what is in memory now: that costs nothing, and it is what led to this failure."""
        from ATPLibrary.keywords.evidence import gathering

        events, inputs = gathering.remembered(machine)
        return replace(self._last[machine].evidence, events=events, inputs=inputs)


def _connected() -> list[Machine]:
    """The workspace's VMs, the current one first. None are made or connected here, and no module is loaded for it."""
    workspace_module = sys.modules.get("ATPLibrary.orchestrator.workspace")
    if workspace_module is None or (workspace := workspace_module.Workspace.existing()) is None:
        return []
    machines: list[Machine] = list(workspace.machines.values())
    return sorted(machines, key=lambda machine: machine is not workspace.current_machine)


def _other_events(shown: Iterable[str], since: float) -> tuple[str, ...]:
    events_module = sys.modules.get("ATPLibrary.events")
    if events_module is None:
        return ()
    recent: list[Event] = events_module.bus().recent(limit=10 * OTHER_EVENTS)
    new = [event for event in recent if event.time >= since and event.source not in shown]
    return tuple(str(event) for event in new[-OTHER_EVENTS:])
