"""The unit that the agent brings for systemd."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys

import pytest

pytestmark = pytest.mark.integration


@pytest.fixture
def unit(pyz, tmp_path):
    """A file with what the agent prints."""
    file = tmp_path / "atp-agent.service"
    said = subprocess.run([sys.executable, str(pyz), "--systemd-unit"], check=True, capture_output=True, text=True)
    file.write_text(said.stdout)
    return file


def analyze(*arguments):
    command = shutil.which("systemd-analyze")
    if command is None:
        pytest.skip("systemd-analyze isn't installed (Debian package systemd)")
    return subprocess.run([command, *arguments], check=False, capture_output=True, text=True, timeout=60)


def test_it_starts_this_agent_with_this_python_and_again_when_it_ends(unit, pyz):
    read = configparser.ConfigParser(interpolation=None, strict=False)
    read.optionxform = str
    read.read_string(unit.read_text())
    assert read["Service"]["ExecStart"] == f"{sys.executable} -I -S {pyz}"
    assert (read["Service"]["Restart"], read["Unit"]["StartLimitIntervalSec"]) == ("always", "0")
    assert read["Install"]["WantedBy"] == "multi-user.target"


def test_the_command_that_it_starts_runs(unit):
    (command,) = [line.partition("=")[2] for line in unit.read_text().splitlines() if line.startswith("ExecStart=")]
    said = subprocess.run([*command.split(), "--version"], check=True, capture_output=True, text=True)
    assert said.stdout.startswith("atp-guest-agent ")


def test_systemd_finds_nothing_wrong_with_it(unit):
    checked = analyze("verify", "--man=no", str(unit))
    said = [line for line in checked.stderr.splitlines() if "atp-agent" in line]
    assert (checked.returncode, said) == (0, [])


def test_systemd_would_see_what_is_wrong(unit):
    unit.write_text(unit.read_text().replace("Restart=always", "Restart=maybe").replace("/python", "/no-python"))
    assert "atp-agent" in analyze("verify", "--man=no", str(unit)).stderr


def test_it_is_confined(unit):
    """systemd's own figure for what a service may do: 10 is anything. (Root, devices and the network are what it needs.)"""
    checked = analyze("security", "--offline=yes", "--threshold=30", "--no-pager", str(unit))
    assert checked.returncode == 0, checked.stdout[-2000:]
