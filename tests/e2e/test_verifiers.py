"""Verifiers of a real VM's input and commands, by their keywords, in a real run: what the guest's kernel saw is what is judged."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from robot.api import ExecutionResult

pytestmark = pytest.mark.e2e

SUITE = """\
*** Settings ***
Library    ATPLibrary
Suite Setup    Connect To VM    ${VM}

*** Test Cases ***
A Key That Was Pressed Is Verified Afterwards
    Press Keys    f5
    &{result} =    Verify Event    {"type": "keyboard", "action": "keypress", "key": "f5"}    looking_back=1 min
    Should Be True    $result.verified
    Length Should Be    ${result}[details][times_us]    2
    &{code} =    Verify Event    {"type": "keyboard", "action": "keyup", "key": 63}    looking_back=1 min
    Should Be Equal    ${code}[details][code]    ${63}

A Key That Was Not Pressed Is Not
    Run Keyword And Expect Error    'keyboard keypress f6' in VM * should take place within * s but did not.*
    ...    Verify Event    {"type": "keyboard", "action": "keypress", "key": "f6"}    looking_back=1 min    timeout=1 s
    Run Keyword And Expect Error    * verifier 'keyboard' says no: unknown key.*
    ...    Verify Event    {"type": "keyboard", "action": "keypress", "key": "anykey"}

The Mouse Is Judged Too
    Click    0.5    0.5
    Verify Event    {"type": "mouse", "action": "click", "key": "left"}    looking_back=1 min
    &{at} =    Verify Event
    ...    {"type": "mouse", "action": "move", "metadata": {"x": 16384, "y": 16384, "tolerance": 2}}    looking_back=1 min
    Should Be True    abs($at.details.x - 16384) <= 2

A Command Is Run And Judged
    &{result} =    Verify Event
    ...    {"type": "command", "key": "cat /proc/version", "metadata": {"output": "^Linux version"}}
    Should Contain    ${result}[details][stdout]    Linux
    ${output} =    Command Should Succeed In Guest    /bin/busybox    echo    two words    output=two words    operator===
    Should Be Equal    ${output}    two words
    Run Keyword And Expect Error
    ...    Command 'echo broken >&2; exit 4' should succeed but ended with exit code 4. Last seen: stderr 'broken'. The log *
    ...    Command Should Succeed In Guest    echo broken >&2; exit 4
    Run Keyword And Expect Error    Command 'no-such-program' * exit code 127. *Last seen: stderr * The guest has no such program*
    ...    Command Should Succeed In Guest    no-such-program
    Run Keyword And Expect Error    The output of 'echo a' * should contain 'b' but is 'a'.
    ...    Command Should Succeed In Guest    echo a    output=b

Text Is Typed With Its Proof
    ${proof} =    Type Text And Verify    echo Hello from ATP!\\n
    Should Start With    ${proof}    21 characters
    Should Contain    ${proof}    lost 0, duplicated 0, reordered 0
    Text Should Have Arrived
    ${proof} =    Type Text And Verify    é    layout=fr    retries=1
    Should Contain    ${proof}    lost 0
    Run Keyword And Expect Error    *'é' * 'us' *    Type Text And Verify    é
"""


def test_events_are_judged_by_what_the_guest_saw_and_did(ps2_vm: Any, tmp_path: Path) -> None:
    config, suite = tmp_path / "atp.yaml", tmp_path / "verifiers.robot"
    config.write_text(yaml.safe_dump({"hosts": {"here": {"uri": ps2_vm.uri}}}))
    suite.write_text(SUITE, encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-m", "robot", "-d", str(tmp_path), "-v", f"VM:{ps2_vm.name}", str(suite)],
        env={**os.environ, "ATP_CONFIG": str(config)}, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    tests = ExecutionResult(tmp_path / "output.xml").suite.tests
    assert {test.name: test.message for test in tests if not test.passed} == {}, ran.stdout
    assert len(tests) == 5
