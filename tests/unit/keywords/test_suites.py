"""The acceptance suites, and the stress suite, which the tests don't run: a dry run says at once when a keyword, an argument or a
function that they use has gone.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
QUIET = ("--output", "NONE", "--log", "NONE", "--report", "NONE", "--console", "dotted")


def test_every_suite_can_be_run() -> None:
    command = [sys.executable, "-m", "robot", "--dryrun", "--variable", "DESKTOPS:2", *QUIET, "suites"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "ERROR" not in ran.stderr
