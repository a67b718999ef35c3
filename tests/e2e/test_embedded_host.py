"""`qemu:///embed?root=DIR`: a VM on the libvirt inside the test process itself, as a tester writes it. No daemon is anywhere."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from robot.api import ExecutionResult

from ATPLibrary.lab import processes
from ATPLibrary.lab.daemon_user import daemon_user
from ATPLibrary.lab.hosts import capabilities_cache
from ATPLibrary.lab.machine import MachineSpec, create_overlay, domain_xml

pytestmark = pytest.mark.e2e

NAME = "嵌入"
FIRST = f"""\
*** Settings ***
Library    ATPLibrary
Library    Process

*** Test Cases ***
A VM Starts In This Process
    Connect To Host    here    timeout=60 s
    @{{vms}} =    Get VMs    state=shutoff
    Should Be Equal    ${{vms}}    ${{{{["{NAME}"]}}}}
    Start VM    {NAME}
    Connect To VM    {NAME}
    VM Should Be    running
    Wait Until Verifier Is Ready    timeout=2 min
    Type Text    one
    Text Should Have Arrived    one
    Suspend VM
    VM Should Be    paused    timeout=10 s
    Resume VM
    Get VM State    operator===    expected=running    timeout=10 s

Another Process Can't Open It Meanwhile
    ${{other}} =    Run Process    ${{PYTHON}}    -m    robot    --output    NONE
    ...    --report    NONE    --log    NONE    ${{SECOND}}
    Should Not Be Equal As Integers    ${{other.rc}}    0
    Should Contain    ${{other.stdout}}    One process at a time can open that directory

It Hides Daemons Of This Machine And Says So
    Run Keyword And Expect Error    *can't reach a daemon of its own machine*    Connect To Host    x    uri=qemu:///system
    Run Keyword And Expect Error    *A process has one embedded libvirt*    Connect To Host    x    uri=qemu:///embed?root=/tmp/x
"""
SECOND = f"""\
*** Settings ***
Library    ATPLibrary

*** Test Cases ***
The VM Has Run On
    Connect To VM    {NAME}
    VM Should Be    running
    Type Text    two
    Text Should Have Arrived    two
    Get VM Stats    name=cpu_seconds    operator=>    expected=0    over=10 ms
    Destroy VM
    VM Should Be    shutoff
"""


@pytest.fixture
def root() -> Iterator[Path]:
    """Short, because of the sockets below it. What runs there is ended."""
    with tempfile.TemporaryDirectory(prefix="atp-e-", dir="/tmp") as directory:
        yield Path(directory)

        def is_ours(command: list[str]) -> str | None:
            return "qemu" if any(f"{directory}/" in word for word in command) else None

        processes.end(processes.find(is_ours))


@pytest.fixture
def spec(root: Path, guest_image: Any, accelerator: Any) -> MachineSpec:
    """A VM that is defined there: libvirt reads `etc/qemu/*.xml` when it is opened."""
    spec = MachineSpec(
        name=NAME, uuid=str(uuid.uuid4()), image=guest_image, accelerator=accelerator, directory=root,
        model="atp-linux", listen="127.0.0.1",
    )  # fmt: skip
    create_overlay(spec)
    definitions = root / "etc" / "qemu"
    definitions.mkdir(parents=True)
    (definitions / f"{NAME}.xml").write_text(domain_xml(spec), encoding="utf-8")
    # What QEMU can do was asked before: by the lab, which shares it.
    (root / "cache" / "qemu").mkdir(parents=True)
    (root / "cache" / "qemu" / "capabilities").symlink_to(capabilities_cache())
    return spec


def test_a_vm_of_the_process_itself_runs_types_and_outlives_it(spec: MachineSpec, root: Path, tmp_path: Path) -> None:
    if daemon_user().owner is not None:
        pytest.skip("root may not make a user namespace here, and root's embedded libvirt needs the user libvirt-qemu")
    (tmp_path / "atp.yaml").write_text(yaml.safe_dump({"hosts": {"here": {"uri": f"qemu:///embed?root={root}"}}}))
    (tmp_path / "first.robot").write_text(FIRST, encoding="utf-8")
    (tmp_path / "second.robot").write_text(SECOND, encoding="utf-8")
    for name in ("first", "second"):
        command = [
            *daemon_user().prefix, sys.executable, "-m", "robot", "-d", str(tmp_path / name), "--report", "NONE",
            "--variable", f"PYTHON:{sys.executable}", "--variable", f"SECOND:{tmp_path}/second.robot",
            str(tmp_path / f"{name}.robot"),
        ]  # fmt: skip
        environ = {
            **os.environ, "ATP_CONFIG": str(tmp_path / "atp.yaml"), "HOME": str(root),
            "XDG_RUNTIME_DIR": str(root), "LC_ALL": "C.UTF-8",
        }  # fmt: skip
        ran = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=200, check=False)
        suite = ExecutionResult(tmp_path / name / "output.xml").suite
        assert {test.name: test.message for test in suite.all_tests if not test.passed} == {}, ran.stdout
        assert ran.stderr == ""
