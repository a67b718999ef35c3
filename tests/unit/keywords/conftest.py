"""Fixtures for tests about the libraries as Robot Framework sees them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from robot.api import ExecutionResult, TestSuite
from robot.libdocpkg import LibraryDocumentation

LIBRARIES = ("Transport", "QMP", "QGA", "VirtioSerial", "VDIPlatform", "Verifier")


@pytest.fixture(scope="session")
def documentation() -> dict[str, Any]:
    """libdoc's view of each library, by the name that a suite imports it by."""
    names = ["ATPLibrary", *(f"ATPLibrary.{name}" for name in LIBRARIES)]
    return {name: LibraryDocumentation(name) for name in names}


@pytest.fixture
def run_robot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run a suite given as text, in this process, with no configuration in reach; returns Robot's result."""
    for name in [name for name in os.environ if name.upper().startswith("ATP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ATP_LAB_DIR", str(tmp_path / "no-lab"))
    monkeypatch.chdir(tmp_path)

    def run(text: str, **options: Any) -> Any:
        file = tmp_path / "suite.robot"
        file.write_text(text, encoding="utf-8")
        output = tmp_path / "output.xml"
        options = {"output": str(output), "log": None, "report": None, "stdout": None, "stderr": None, **options}
        with (tmp_path / "console.txt").open("w", encoding="utf-8") as console:
            TestSuite.from_file_system(file).run(**{**options, "stdout": console, "stderr": console})
        return ExecutionResult(output)

    return run
