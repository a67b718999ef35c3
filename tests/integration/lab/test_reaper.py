from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ATPLibrary.lab import reaper

pytestmark = pytest.mark.integration

REAPER = [sys.executable, "-I", "-S", reaper.__file__]


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -KILL $$", -9), ("kill -TERM $$", -15)]
)
def test_it_ends_as_its_command_ends(script: str, code: int) -> None:
    assert subprocess.run([*REAPER, "sh", "-c", script], timeout=20, check=False).returncode == code


def test_an_orphan_is_buried_at_once_and_not_by_process_one(tmp_path: Path) -> None:
    # The orphan's parent is the reaper, and when the orphan has ended its pid is gone while the command still runs.
    script = "(sleep 0.2 & echo $! >orphan); until [ ! -e /proc/$(cat orphan) ]; do sleep 0.05; done; echo buried"
    done = subprocess.run(
        [*REAPER, "sh", "-c", script], cwd=tmp_path, timeout=20, capture_output=True, text=True, check=True
    )
    assert done.stdout == "buried\n"


def test_it_passes_sigterm_on(tmp_path: Path) -> None:
    script = "trap 'echo told; exit 5' TERM; echo ready; while :; do sleep 0.05; done"
    with subprocess.Popen([*REAPER, "sh", "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        os.kill(process.pid, signal.SIGTERM)
        assert process.stdout.readline() == "told\n"
        assert process.wait(timeout=20) == 5


def test_a_sigterm_at_any_moment_of_its_start_ends_the_command_too(tmp_path: Path) -> None:
    # The command itself sends the signal to its parent at once, often before the parent is ready for it.
    script = "echo $$ >command; kill -TERM $PPID; exec sleep 600"
    for _ in range(10):
        done = subprocess.run([*REAPER, "sh", "-c", script], cwd=tmp_path, timeout=20, check=False)
        assert done.returncode == -signal.SIGTERM
        assert not Path("/proc", (tmp_path / "command").read_text().strip()).exists()
