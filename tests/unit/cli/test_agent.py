"""`atp agent build`: a user of an installed package gets the agent's file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from ATPLibrary import agent_package
from ATPLibrary.cli.agent import agent
from ATPLibrary.errors import InputError

pytestmark = pytest.mark.unit


def test_it_writes_the_agent_and_says_what_it_is(tmp_path: Path) -> None:
    out = tmp_path / "new" / "agent.pyz"
    ran = CliRunner().invoke(agent, ["build", str(out)], catch_exceptions=False)
    package = agent_package.build()
    assert ran.output == f"{out}: agent {package.version}, {len(package.content)} bytes, SHA-256 {package.sha256}\n"
    said = subprocess.run([sys.executable, out, "--version"], capture_output=True, text=True, check=True)
    assert said.stdout == f"atp-guest-agent {package.version}\n"
    assert out.stat().st_mode & 0o777 == 0o755


def test_a_place_that_can_t_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="can't be written: "):
        CliRunner().invoke(agent, ["build", str(tmp_path / "file" / "agent.pyz")], catch_exceptions=False)
