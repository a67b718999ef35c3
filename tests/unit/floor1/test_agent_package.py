"""The agent's one file: the same bytes each time, with the version that its source says, and runnable."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ATPLibrary import agent_package
from ATPLibrary.errors import ConfigError, InputError

pytestmark = pytest.mark.unit


def test_it_is_the_same_each_time_and_says_its_version(tmp_path: Path) -> None:
    package = agent_package.build()
    assert package == agent_package.build()
    file = tmp_path / "agent.pyz"
    file.write_bytes(package.content)
    said = subprocess.run([sys.executable, "-I", "-S", file, "--version"], capture_output=True, text=True, check=True)
    assert said.stdout == f"atp-guest-agent {package.version}\n"
    assert agent_package.read(file) == package


def test_it_has_no_byte_code_which_would_differ_by_the_python_that_built_it() -> None:
    assert b".pyc" not in agent_package.build().content


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x05\x06" + bytes(18)])
def test_a_file_that_is_no_agent_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "other.pyz"
    file.write_bytes(content)
    with pytest.raises(
        InputError, match=r"other\.pyz' should be an agent\.pyz with a version but is none.*atp agent build"
    ):
        agent_package.read(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"agent's file '.*/none' can't be read: No such file"):
        agent_package.read(tmp_path / "none")


def test_an_installation_without_the_source_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_package, "project", lambda: None)
    assert agent_package.source() is None
    with pytest.raises(ConfigError, match="should be in this installation of ATPLibrary"):
        agent_package.build()


@pytest.mark.parametrize(("older", "newer"), [("0.9", "0.10.1"), ("0.1.0", "0.1.1"), ("", "0.1"), ("1.9.9", "2")])
def test_versions_are_compared_as_numbers(older: str, newer: str) -> None:
    assert agent_package.version_order(older) < agent_package.version_order(newer)
