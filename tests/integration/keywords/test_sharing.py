"""Several libraries in one run share one workspace, and the end of the run closes it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from robot.api import ExecutionResult

pytestmark = pytest.mark.integration

SHARING = """\
*** Settings ***
Library    ATPLibrary.Transport
Library    ATPLibrary.Verifier
Library    ATPLibrary.QGA
Library    {witness}

*** Test Cases ***
What One Library Connects The Others Use
    ATPLibrary.Transport.Connect To Host    here    uri=test:///default
    ATPLibrary.QGA.Connect To VM    test
    ${{before}} =    ATPLibrary.Verifier.Use VM    test
    Should Be Equal    ${{before}}    test
    Get VM State    test    ==    running    timeout=5 s
    Get VM State    test    !=    paused
    VM Should Be    running

A Tester Changes The State Of A VM
    Suspend VM
    VM Should Be    paused
    Resume VM
    Get VM State    test    !=    paused    timeout=5 s
    Destroy VM
    VM Should Be    shutoff
    Start VM
    VM Should Be    running

Sentences Say What Was Wanted And Got
    Run Keyword And Expect Error    VM 'test' should be 'paused' but is 'running'.    VM Should Be    paused
    Run Keyword And Expect Error    VM 'test' should be paused within 1 s but was running*
    ...    VM Should Be    paused    timeout=1 s
    VM Should Exist    test
    Run Keyword And Expect Error    VM 'test' should not exist on any host but *    VM Should Not Exist    test
    VM Should Not Exist    nobody
    Run Keyword And Expect Error    No text was typed into VM 'test' yet. *    Text Should Have Arrived
    Run Keyword And Expect Error    No input to VM 'test' was verified yet, *    Get Input Latency
    Run Keyword And Expect Error    There is no output to look at: *    Output Should Contain    x
    Run Keyword And Expect Error    VM 'other' should be connected but connected are: 'test'. *    Use VM    other
    Disconnect From VM
    Run Keyword And Expect Error    This keyword needs a VM and none is connected. *    VM Should Be    running
"""

# Looks at the process when the run has ended, from inside it.
WITNESS = """
from pathlib import Path
from ATPLibrary.orchestrator import Workspace

class Witness:
    ROBOT_LIBRARY_SCOPE = "GLOBAL"
    ROBOT_LISTENER_API_VERSION = 3
    def __init__(self):
        self.ROBOT_LIBRARY_LISTENER = self
    def close(self):
        Path(__file__).with_suffix(".seen").write_text(str(Workspace.existing()))
"""


def test_libraries_share_what_is_connected_and_the_end_closes_it(tmp_path: Path) -> None:
    witness = tmp_path / "Witness.py"
    witness.write_text(WITNESS, encoding="utf-8")
    suite = tmp_path / "sharing.robot"
    suite.write_text(SHARING.format(witness=witness), encoding="utf-8")
    config = tmp_path / "empty.yaml"
    config.write_text("{}", encoding="utf-8")
    command = [sys.executable, "-m", "robot", "-d", str(tmp_path), str(suite)]
    environment = {**os.environ, "ATP_CONFIG": str(config)}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    tests = ExecutionResult(tmp_path / "output.xml").suite.tests
    assert {test.name: test.message for test in tests if not test.passed} == {}
    assert len(tests) == 3
    assert ran.returncode == 0
    assert ran.stderr == ""
    assert (tmp_path / "Witness.seen").read_text(encoding="utf-8") == "None"
