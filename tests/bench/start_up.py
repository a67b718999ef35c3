"""CPU seconds that a Python process takes to import us, and `atp --help` to print."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .rows import Row
from .world import Progress

ROUNDS = 7
LONGEST_ADDED = 0.15

ROBOT = [sys.executable, "-c", "import robot, robot.api"]
OURS = [sys.executable, "-c", "import robot, robot.api; from ATPLibrary import ATPLibrary; ATPLibrary()"]
BARE = [sys.executable, "-c", "pass"]
HELP = [str(Path(sys.executable).with_name("atp")), "--help"]


def measure(progress: Progress) -> list[Row]:
    progress(f"CPU of imports and of atp --help: medians of {ROUNDS}")
    seconds: dict[int, list[float]] = {}
    commands = (ROBOT, OURS, BARE, HELP)
    with tempfile.TemporaryDirectory() as caches:
        for _ in range(ROUNDS + 1):  # the first round fills the caches
            for number, command in enumerate(commands):
                seconds.setdefault(number, []).append(_cpu(command, caches))
    robot, ours, bare, atp_help = (statistics.median(seconds[number][1:]) for number in range(len(commands)))
    added = ours - robot
    return [
        Row(
            "import",
            ours,
            "CPU s",
            "import robot",
            robot,
            f"at most {LONGEST_ADDED} s added",
            added <= LONGEST_ADDED,
            {"added": round(added, 3)},
        ),
        Row("cli.help", atp_help, "CPU s", "bare interpreter", bare, more={"added": round(atp_help - bare, 3)}),
    ]


def _cpu(command: Sequence[str], caches: str) -> float:
    """With bytecode that is kept, as pip keeps that of what it installs, whatever the environment says: else each process would
    compile our sources anew, and only ours.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = caches
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed with {process.returncode}")
    return usage.ru_utime + usage.ru_stime
