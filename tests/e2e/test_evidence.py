"""A suite that fails on purpose against a real VM: its log shows the real screen, state, console and input."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml
from PIL import Image
from robot.api import ExecutionResult

pytestmark = pytest.mark.e2e

DEADLINE = 120.0

SUITE = """\
*** Settings ***
Library    ATPLibrary
Library    ATPLibrary.QMP

*** Test Cases ***
Everything Arrives
    Connect To VM    ${VM}
    Type Text    echo all is well\\n

It Is Another System
    Connect To VM    ${VM}
    Type Text    uname -s\\n
    Should Be Equal    Linux    FreeBSD

The Desktop Is Off
    Connect To VM    ${OFF}
    Type Text    is anybody there    timeout=5 s
"""


def messages(item: Any) -> list[str]:
    """Every message in the item and below, in order."""
    found: list[str] = []
    for child in item.body:
        found += [child.message] if not hasattr(child, "status") else messages(child)
    return found


def test_a_failing_suite_shows_what_the_vm_really_looked_like(ps2_vm: Any, running_vm: Any, tmp_path: Path) -> None:
    off = running_vm("ps2", boot=False)
    config = tmp_path / "atp.yaml"
    config.write_text(yaml.safe_dump({"hosts": {"lab-t": {"uri": ps2_vm.uri}}}), encoding="utf-8")
    suite = tmp_path / "on_purpose.robot"
    suite.write_text(SUITE, encoding="utf-8")
    variables = ["--variable", f"VM:{ps2_vm.name}", "--variable", f"OFF:{off.name}"]
    command = [sys.executable, "-m", "robot", "-d", str(tmp_path), *variables, str(suite)]
    ran = subprocess.run(
        command,
        env=os.environ | {"ATP_CONFIG": str(config), "PYTHONIOENCODING": "utf-8"},
        timeout=DEADLINE,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    print(ran.stdout, ran.stderr)
    passing, failing, switched_off = ExecutionResult(tmp_path / "output.xml").suite.tests

    assert passing.status == "PASS", passing.message
    lines = [line for line in messages(passing) if "characters" in line]
    assert len(lines) == 1, "a verified text is one line"
    assert re.search(r"17 characters.*lost 0.*p50", lines[0])
    assert not [line for line in messages(passing) if "Evidence" in line]

    assert failing.message == "Linux != FreeBSD"
    [evidence] = [line for line in messages(failing) if "Evidence" in line]
    assert "running" in evidence
    assert "9 characters" in evidence
    assert "<td" in evidence
    assert "Console of" in evidence
    [link] = re.findall(r'href="([^"]*\.png)"', evidence)
    picture = Image.open(io.BytesIO((tmp_path / unquote(link)).read_bytes()))
    assert picture.width >= 640
    assert len(set(picture.convert("L").getextrema())) == 2, "a screen with text isn't one colour"

    assert switched_off.status == "FAIL"
    [evidence] = [line for line in messages(switched_off) if "Evidence" in line]
    assert "no screen: the VM is shutoff" in evidence
    assert (tmp_path / "log.html").stat().st_size < 1_000_000
    assert "listener" not in ran.stdout + ran.stderr
