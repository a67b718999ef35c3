"""Fixtures for tests about the libraries as Robot Framework sees them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from robot.api import ExecutionResult, TestSuite
from robot.libdocpkg import LibraryDocumentation
from tests.unit.vdi.conftest import ScriptedPlatform, ok

from ATPLibrary import LIBRARIES, runtime
from ATPLibrary.config import Config, PlatformSettings
from ATPLibrary.keywords.libraries import VDIPlatform
from ATPLibrary.orchestrator import Workspace
from ATPLibrary.secrets import Secret as OurSecret
from ATPLibrary.vdi import VdiClient


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


def page(*items: Any) -> httpx.Response:
    return ok({"list": [*items], "pageNum": 1, "pageSize": 100, "pages": 1, "total": len(items)})


@pytest.fixture
def platform() -> ScriptedPlatform:
    """One that lets in and answers what a test says; a module may have its own with more answers."""
    return ScriptedPlatform()


@pytest.fixture
def tester(platform: ScriptedPlatform, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The library `VDIPlatform`, logged in to that platform."""
    settings = PlatformSettings(name="lab", url="http://platform.test", username="admin", password=OurSecret("correct"))
    workspace = Workspace(Config())
    monkeypatch.setattr(Workspace, "_current", workspace)
    client = VdiClient(settings, event_bus=platform.bus, transport=httpx.MockTransport(platform))
    runtime.wait(client.login(), 10, "Logging in")
    workspace.platforms.current = client
    yield VDIPlatform()
    runtime.wait(client.close(), 10, "Closing")
