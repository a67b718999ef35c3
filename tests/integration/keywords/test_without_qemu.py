"""Every keyword of ATPLibrary.Transport as a tester writes it, on libvirt's own test driver: no QEMU is needed for the words."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from robot.api import ExecutionResult, ResultVisitor
from robot.libdocpkg import LibraryDocumentation
from robot.result import Keyword

pytestmark = pytest.mark.integration

SUITE = Path(__file__).with_name("without_qemu.robot")


class _Used(ResultVisitor):
    def __init__(self) -> None:
        self.names: set[str] = set()

    def start_keyword(self, keyword: Keyword) -> None:
        self.names.add(keyword.name or "")


def test_the_words_do_what_they_say_and_none_is_left_out(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "robot", "-d", str(tmp_path), "--report", "NONE", str(SUITE)]
    environ = {**os.environ, "ATP_LEASE_DIR": str(tmp_path / "leases"), "ATP_LAB_DIR": str(tmp_path / "no-lab")}
    environ.pop("ATP_CONFIG", None)
    ran = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
    result = ExecutionResult(tmp_path / "output.xml")
    assert {test.name: test.message for test in result.suite.all_tests if not test.passed} == {}, ran.stdout
    assert ran.stderr == ""
    used = _Used()
    result.visit(used)
    keywords = {keyword.name for keyword in LibraryDocumentation("ATPLibrary.Transport").keywords}
    assert {name for name in keywords if name.isascii()} - used.names == set()
