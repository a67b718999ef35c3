from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from ATPLibrary.lab import processes
from ATPLibrary.lab.processes import Process
from ATPLibrary.lab.state import LabPhase, LabState, boot_id

pytestmark = pytest.mark.unit

GONE = Process("libvirtd lab-a", 4194304, 1)  # above the kernel's highest pid


@pytest.fixture
def state() -> LabState:
    return LabState(
        LabPhase.UP, GONE, boot_id(), (processes.of_pid("platform", os.getpid()), GONE), "http://127.0.0.1:8088"
    )


def test_what_is_saved_is_what_is_loaded(tmp_path: Path, state: LabState) -> None:
    state.save(tmp_path)
    assert LabState.load(tmp_path) == state
    assert (tmp_path / "state.json").stat().st_mode & 0o777 == 0o600


def test_only_living_processes_are_running(state: LabState) -> None:
    assert [process.role for process in state.running()] == ["platform"]


def test_after_a_restart_of_the_machine_nothing_of_it_runs(state: LabState) -> None:
    assert replace(state, boot_id="another").running() == []


@pytest.mark.parametrize("text", ["", "{", "null", '{"phase": "flying"}', '{"phase": "up", "owner": 3}'])
def test_a_state_that_makes_no_sense_is_no_state(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text)
    assert LabState.load(tmp_path) is None
