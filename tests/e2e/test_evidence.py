"""A suite that fails on purpose against a real VM: its log shows the real screen, state, console and input."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml
from PIL import Image
from robot.api import ExecutionResult

from ATPLibrary.lab import processes

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

Its SPICE Session Breaks
    Connect To VM    ${VM}
    Open SPICE Channel    display
    Expect SPICE Message    display    MARK    within=10 s
    Drop Channel    display
    Fail    so that it is looked at

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


def run_robot(text: str, directory: Path, uri: str, **variables: str) -> list[Any]:
    """The tests of a real run. Whatever happened, the listener didn't complain."""
    config = directory / "atp.yaml"
    config.write_text(yaml.safe_dump({"hosts": {"lab-t": {"uri": uri}}}), encoding="utf-8")
    suite = directory / "on_purpose.robot"
    suite.write_text(text, encoding="utf-8")
    options = [word for name, value in variables.items() for word in ("--variable", f"{name}:{value}")]
    ran = subprocess.run(
        [sys.executable, "-m", "robot", "-d", str(directory), *options, str(suite)],
        env=os.environ | {"ATP_CONFIG": str(config), "PYTHONIOENCODING": "utf-8"},
        timeout=DEADLINE,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    print(ran.stdout, ran.stderr)
    assert "listener" not in ran.stdout + ran.stderr
    return list(ExecutionResult(directory / "output.xml").suite.tests)


def test_a_failing_suite_shows_what_the_vm_really_looked_like(ps2_vm: Any, running_vm: Any, tmp_path: Path) -> None:
    off = running_vm("ps2", boot=False)
    tests = run_robot(SUITE, tmp_path, ps2_vm.uri, VM=ps2_vm.name, OFF=off.name)
    passing, failing, broken, switched_off = tests

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

    [evidence] = [line for line in messages(broken) if "Evidence" in line]
    assert "display:0 failed: the test dropped it" in evidence
    assert "main:0 linked" in evidence
    assert "MARK (0 bytes)" in evidence
    by_qemu, by_spice = (
        Image.open(io.BytesIO((tmp_path / unquote(link)).read_bytes()))
        for link in re.findall(r'href="([^"]*\.png)"', evidence)
    )
    assert by_spice.size == by_qemu.size
    assert len(set(by_spice.convert("L").getextrema())) == 2

    assert switched_off.status == "FAIL"
    [evidence] = [line for line in messages(switched_off) if "Evidence" in line]
    assert "no screen: the VM is shutoff" in evidence
    assert (tmp_path / "log.html").stat().st_size < 1_000_000


FROZEN_SUITE = """\
*** Settings ***
Library    ATPLibrary

*** Test Cases ***
QEMU Is Frozen
    Connect To VM    ${VM}
    Get VM State    ${VM}
    Evaluate    os.kill(int($PID), signal.SIGSTOP)    modules=os, signal
    Type Text    nobody listens    timeout=3 s
"""


def test_a_vm_whose_qemu_is_frozen_is_reported_without_it(running_vm: Any, tmp_path: Path) -> None:
    vm = running_vm("ps2")
    pid = next(
        process.pid
        for process in processes.find(lambda words: "qemu" if "qemu" in words[0] and vm.uuid in str(words) else None)
    )
    try:
        [test] = run_robot(FROZEN_SUITE, tmp_path, vm.uri, VM=vm.name, PID=str(pid))
    finally:
        os.kill(pid, signal.SIGCONT)
    assert "within 3 s" in test.message, "the keyword's own failure stands"
    [evidence] = [line for line in messages(test) if "Evidence" in line]
    print(re.sub(r"<[^>]*>", " ", evidence))
    assert "no screen: by QMP: no answer within 2 s; by libvirt: no answer within 1.3 s" in evidence
    assert "Console of" in evidence, "what needs no QEMU is there"
