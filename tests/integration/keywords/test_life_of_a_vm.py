"""The keywords about a VM's life as a tester writes them, on libvirt's own test driver: no QEMU is needed for the words."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from robot.api import ExecutionResult

pytestmark = pytest.mark.integration

SUITE = """\
*** Settings ***
Library    ATPLibrary.Transport
Suite Setup    Connect To Host    here    uri=test:///default

*** Test Cases ***
Snapshots Are Taken Listed Reverted And Deleted
    Connect To VM    test
    Create Snapshot    clean    description=just installed
    Suspend VM
    Create Snapshot    later
    @{{snapshots}} =    Get Snapshots
    Should Be Equal    ${{snapshots}}[0][name]    clean
    Should Be Equal    ${{snapshots}}[0][description]    just installed
    Should Be Equal    ${{snapshots}}[1][parent]    clean
    Should Be Equal    ${{snapshots}}[1][state]    paused
    Revert To Snapshot    clean
    VM Should Be    running
    Delete Snapshot    later
    Run Keyword And Expect Error    VM 'test' on host 'here' should have a snapshot 'later' but has clean.
    ...    Revert To Snapshot    later
    Run Keyword And Expect Error    A snapshot can't be named '': give a name without '/'.
    ...    Create Snapshot    ${{EMPTY}}
    Delete Snapshot    clean

A VM Is Saved And Goes On
    Connect To VM    test
    Save VM
    VM Should Be    shutoff
    ${{had}} =    Discard Saved State
    Should Be True    ${{had}}
    ${{had}} =    Discard Saved State
    Should Not Be True    ${{had}}
    Run Keyword And Expect Error    VM 'test' on host 'here' should be on so that it can be saved but was shutoff*
    ...    Save VM
    Start VM
    Save VM    file={file}
    ${{name}} =    Restore VM    {file}    host=here
    Should Be Equal    ${{name}}    test
    VM Should Be    running

A VM Is Listed By Name And State
    @{{running}} =    Get VMs    name=t*    state=running
    Should Be Equal    ${{running}}    ${{{{["test"]}}}}
    @{{none}} =    Get VMs    name=other-*
    Should Be Empty    ${{none}}
    @{{none}} =    Get VMs    state=paused
    Should Be Empty    ${{none}}

A VM Is Described
    Connect To VM    test
    Get VM XML    operator=contains    expected=<name>test</name>
    Run Keyword And Expect Error    The XML of VM 'test' should contain 'spice' but is *
    ...    Get VM XML    test    contains    spice
    ${{xml}} =    Get VM XML    inactive=True
    Should Start With    ${{xml}}    <domain

A VM Is Switched Off And Its Log Says How
    Connect To VM    test
    ${{how}} =    Shut Down VM
    Should Be Equal    ${{how}}    power button (ACPI)
    Run Keyword And Expect Error    VM 'test' on host 'here' should be running so that it can shut down but was shutoff*
    ...    Shut Down VM
    Start VM

A VM Doesn't Move To Where It Is
    Connect To VM    test
    Run Keyword And Expect Error    VM 'test' should move to another host but is on 'here' already.
    ...    Migrate VM    here

What Can't Migrate Says So
    Connect To Host    there    uri=test:///default
    Run Keyword And Expect Error    VM 'test' on host 'here' should move to host 'there' but libvirt refused: *
    ...    Migrate VM    there    vm=test
"""


def test_the_words_do_what_they_say(tmp_path: Path) -> None:
    suite = tmp_path / "life.robot"
    suite.write_text(SUITE.format(file=tmp_path / "saved"), encoding="utf-8")
    config = tmp_path / "empty.yaml"
    config.write_text("{}", encoding="utf-8")
    command = [sys.executable, "-m", "robot", "-d", str(tmp_path), "--report", "NONE", str(suite)]
    ran = subprocess.run(
        command, env={**os.environ, "ATP_CONFIG": str(config)}, capture_output=True, text=True, timeout=60, check=False
    )
    tests = ExecutionResult(tmp_path / "output.xml").suite.tests
    assert {test.name: test.message for test in tests if not test.passed} == {}, ran.stdout
    assert len(tests) == 7
    assert ran.stderr == ""
