"""Makes the agent importable from its source, and gives tests a world to run it in."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
for directory in (PROJECT / "src", PROJECT / "tests"):
    if str(directory) not in sys.path:
        sys.path.insert(0, str(directory))

from agent_world import World  # noqa: E402


@pytest.fixture
def world(tmp_path):
    """An agent on a UNIX socket, with the input devices that the test plugs in, driven turn by turn."""
    made = World(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="session")
def pyz(tmp_path_factory):
    """The agent as it is shipped."""
    import runpy

    build = runpy.run_path(str(PROJECT / "build.py"))["build"]
    return build(tmp_path_factory.mktemp("pyz") / "agent.pyz")
