"""Which operation is allowed in which state of a VM, and when a restore point is due."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ATPLibrary.lab.platform import life
from ATPLibrary.lab.platform.codes import Freeze, VmStatus
from ATPLibrary.lab.platform.life import Change, State, state_of
from ATPLibrary.lab.platform.machines import MISSING, UNREACHABLE, VmView
from ATPLibrary.lab.platform.power import is_due
from ATPLibrary.lab.platform.tables import VmRow
from ATPLibrary.lab.settings import LabHostSettings

pytestmark = pytest.mark.unit

HOST = LabHostSettings(id="h", name="lab-a", uri="test:///default", ip="127.0.0.2", directory=Path("/tmp"))
ROW = VmRow(id="u", name="vm", host_id="h", cpu=1, memory_mib=96, created=1.0)

VIEWS = {
    State.OFF: VmView(ROW, HOST, VmStatus.SHUT_OFF),
    State.ASLEEP: VmView(ROW, HOST, VmStatus.SHUT_OFF, asleep=True),
    State.RUNNING: VmView(ROW, HOST, VmStatus.RUNNING),
    State.SUSPENDED: VmView(ROW, HOST, VmStatus.SUSPENDED),
    State.BUSY: VmView(ROW, HOST, VmStatus.BUSY),
    State.MISSING: VmView(ROW, HOST, VmStatus.SHUT_OFF, MISSING),
    State.UNKNOWN: VmView(ROW, HOST, None, UNREACHABLE),
}


@pytest.mark.parametrize("state", list(State))
def test_each_state_is_told_from_the_others(state: State) -> None:
    assert state_of(VIEWS[state]) is state


AT_REST = {State.OFF, State.RUNNING, State.SUSPENDED}
# Each operation by its name in `life`, and where it is allowed.
ALLOWED = {
    "START": {State.OFF, State.ASLEEP},
    "CLOSE": {State.RUNNING},
    "FORCE_CLOSE": {State.RUNNING, State.SUSPENDED, State.ASLEEP},
    "REBOOT": {State.RUNNING},
    "SUSPEND": {State.RUNNING},
    "RESUME": {State.SUSPENDED},
    "SLEEP": {State.RUNNING},
    "WAKE_UP": {State.ASLEEP},
    "FREEZE": {State.OFF},
    "RESTORE": {State.OFF},
    "REBASE": {State.OFF},
    "CHANGE": {State.OFF},
    "RECYCLE": {*State} - {State.BUSY, State.UNKNOWN},
    "DELETE": {*State},
    "MIGRATE": {State.OFF},
    "MIGRATE_LIVE": {State.RUNNING},
    "CLONE": {State.OFF},
    "TO_MODEL": {State.OFF},
    "DISK": AT_REST,
    "ISO": AT_REST,
    "NIC": AT_REST,
    "SERIAL": {State.OFF},
    "SNAPSHOT": AT_REST,
    "RESTORE_SNAPSHOT": AT_REST,
    "DELETE_SNAPSHOT": AT_REST,
}


def test_every_operation_is_in_the_table() -> None:
    assert {name for name, value in vars(life).items() if isinstance(value, Change)} == set(ALLOWED)


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("name", list(ALLOWED))
def test_what_is_not_allowed_is_refused_with_the_states_sentence(name: str, state: State) -> None:
    change, view = getattr(life, name), VIEWS[state]
    refusal = change.refusal(view)
    assert (refusal is None) == (state in ALLOWED[name])
    if refusal is not None:
        assert refusal == (view.flag or state.value)


@pytest.mark.parametrize(
    ("freeze", "last", "now", "due"),
    [
        (Freeze.NEVER, "2025-01-01", "2026-01-01", False),
        (Freeze.START, "2025-01-01", "2025-01-01", True),
        (Freeze.DAY, "2025-01-01", "2025-01-01", False),
        (Freeze.DAY, "2024-12-31", "2025-01-01", True),
        (Freeze.WEEK, "2024-12-30", "2025-01-05", False),  # Monday to Sunday, over the new year
        (Freeze.WEEK, "2025-01-05", "2025-01-06", True),
        (Freeze.MONTH, "2025-01-01", "2025-01-31", False),
        (Freeze.MONTH, "2024-01-01", "2025-01-01", True),
    ],
)
def test_a_restore_point_is_due_at_the_first_start_of_its_period(
    freeze: Freeze, last: str, now: str, due: bool
) -> None:
    def moment(day: str) -> float:
        return time.mktime(time.strptime(f"{day} 12:00", "%Y-%m-%d %H:%M"))

    assert is_due(freeze, moment(last), moment(now)) is due
