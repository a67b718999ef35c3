"""`make demo`'s script: killed half-way it can be run again, and then leaves nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
DEADLINE = 120.0


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """The repository as the script sees it, with results of its own."""
    (tmp_path / "house" / ".venv").mkdir(parents=True)
    (tmp_path / "house" / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    for name in ("scripts", "suites", "resources"):
        (tmp_path / "house" / name).symlink_to(ROOT / name)
    return tmp_path / "house"


@pytest.fixture
def environ(tmp_path: Path) -> Iterator[dict[str, str]]:
    environ = {**os.environ, "ATP_LAB_DIR": str(tmp_path / "lab"), "ATP_CONFIG": str(tmp_path / "lab" / "config.yaml")}
    yield environ
    subprocess.run([*_atp(), "lab", "down"], env=environ, check=False, timeout=DEADLINE)


def _atp() -> list[str]:
    return [str(Path(sys.executable).parent / "atp")]


def _demo(house: Path, environ: dict[str, str]) -> subprocess.Popen[str]:
    # Which tests run is of no matter here: what is around them is.
    return subprocess.Popen(
        [str(house / "scripts" / "demo"), "--dryrun"],
        cwd=house,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _is_up(environ: dict[str, str]) -> bool:
    status = subprocess.run([*_atp(), "lab", "status", "--quiet"], env=environ, check=False, timeout=DEADLINE)
    return status.returncode == 0


def test_a_demo_that_was_killed_leaves_a_lab_that_the_next_one_takes_down(house: Path, environ: dict[str, str]) -> None:
    killed = _demo(house, environ)
    assert killed.stdout is not None
    for line in killed.stdout:
        if line.startswith("ATPLibrary demo"):
            break
    killed.kill()
    killed.communicate(timeout=DEADLINE)
    assert _is_up(environ)

    again = _demo(house, environ)
    output, _ = again.communicate(timeout=DEADLINE)
    assert again.returncode == 0, output
    assert "An earlier demo was cut off" in output
    assert not _is_up(environ)


def test_a_lab_that_was_up_before_stays_up(house: Path, environ: dict[str, str]) -> None:
    subprocess.run([*_atp(), "lab", "up"], env=environ, check=True, timeout=DEADLINE)
    demo = _demo(house, environ)
    output, _ = demo.communicate(timeout=DEADLINE)
    assert demo.returncode == 0, output
    assert _is_up(environ)
