"""A verifier that somebody else wrote, in a package of its own: discovered, used by a keyword in a real run, and unloaded.

The package lies in a directory as pip leaves it (module and dist-info); what it judges is a file of this machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from robot.api import ExecutionResult

pytestmark = pytest.mark.integration

PLUGIN = '''
"""Judges whether a file says that a VM has done something: the event's key is the file, its action the word."""
import time
from pathlib import Path
from ATPLibrary.verifier.verifiers.interface import Verifier, VerifyResult, new_event_id


class Ledger(Verifier):
    verifier_type = "ledger"

    async def verify(self, event, guest, timeout):
        lines = Path(event.key).read_text().splitlines()
        seen = f"{guest.name} {event.action}" in lines
        details = {"lines": len(lines)} if seen else {"reason": "the ledger doesn't say so", "lines": len(lines)}
        return VerifyResult(new_event_id(), seen, time.time() * 1000, None, details)


class Wrong(Verifier):
    verifier_type = "wrong"

    async def verify(self, event, guest, timeout):
        return {"verified": True}
'''
SUITE = """\
*** Settings ***
Library    ATPLibrary.Verifier

*** Test Cases ***
A Verifier Of Somebody Else Is Discovered And Used
    Get Verifiers    contains    ledger
    Connect To VM    test
    &{result} =    Verify Event    {"type": "ledger", "action": "started", "key": "LEDGER"}
    Should Be True    $result.verified
    Should Be Equal As Integers    ${result}[details][lines]    2
    ${loaded} =    Evaluate    "ledger_plugin" in sys.modules
    Should Be True    ${loaded}

An Event That Did Not Take Place Fails And Says Why
    VAR    &{event}    type=ledger    action=exploded    key=LEDGER
    Run Keyword And Expect Error
    ...    'ledger exploded LEDGER' in VM 'test' should * but verifier 'ledger' says no: the ledger doesn't say so. *"lines": 2*
    ...    Verify Event    ${event}
    &{result} =    Verify Event    ${event}    must_be_verified=False
    Should Not Be True    ${result}[verified]
    Should Be Equal    ${result}[latency_ms]    ${None}

Its Errors Name It And The VM
    Run Keyword And Expect Error    Verifier 'ledger' of VM 'test' failed: FileNotFoundError: * Look into *
    ...    Verify Event    {"type": "ledger", "key": "/no/such/file"}
    Register Verifier    wrong    ledger_plugin:Wrong
    Run Keyword And Expect Error    Verifier 'wrong' of VM 'test' should return a VerifyResult but returned a dict. *
    ...    Verify Event    {"type": "wrong"}

It Is Unloaded
    Unregister Verifier    ledger
    ${loaded} =    Evaluate    "ledger_plugin" in sys.modules
    Should Not Be True    ${loaded}

A Class Is Registered In The Run And Taken Back
    Register Verifier    book    ledger_plugin:Ledger
    验证事件    {"type": "book", "action": "started", "key": "LEDGER"}
    Unregister Verifier    book
    Run Keyword And Expect Error    Verifier 'book' should be known but is not. *    Verify Event    {"type": "book"}
    Run Keyword And Expect Error    Verifier 'command' should be free to register but is taken by *
    ...    Register Verifier    command    ledger_plugin:Ledger
    Run Keyword And Expect Error    * is not derived from it. Derive the class from Verifier.
    ...    Register Verifier    mine    decimal:Decimal

What Makes No Sense Is Refused
    Run Keyword And Expect Error    An event should be a dictionary, or an object as JSON but '{"type": ' is not: *
    ...    Verify Event    {"type":${SPACE}
    Run Keyword And Expect Error    The event has a timestamp, so 'looking_back' says nothing*
    ...    Verify Event    {"type": "keyboard", "timestamp": 5}    looking_back=1 s
"""


def test_a_third_party_verifier_is_discovered_used_by_keywords_and_unloaded(tmp_path: Path) -> None:
    site = tmp_path / "site"
    metadata = site / "atp_ledger-0.1.dist-info"
    metadata.mkdir(parents=True)
    (site / "ledger_plugin.py").write_text(PLUGIN, encoding="utf-8")
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: atp-ledger\nVersion: 0.1\n")
    (metadata / "entry_points.txt").write_text("[atp.verifiers]\nledger = ledger_plugin:Ledger\n")
    ledger = tmp_path / "ledger.txt"
    ledger.write_text("test started\nother stopped\n")
    suite, config = tmp_path / "plugin.robot", tmp_path / "empty.yaml"
    suite.write_text(SUITE.replace("LEDGER", str(ledger)), encoding="utf-8")
    config.write_text("hosts: {simulated: {uri: 'test:///default'}}", encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-m", "robot", "-d", str(tmp_path), str(suite)],
        env={**os.environ, "ATP_CONFIG": str(config), "PYTHONPATH": str(site)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    tests = ExecutionResult(tmp_path / "output.xml").suite.tests
    assert {test.name: test.message for test in tests if not test.passed} == {}
    assert len(tests) == 6
    assert ran.stderr == ""
    log = (tmp_path / "output.xml").read_text(encoding="utf-8")
    assert "ledger: ledger_plugin:Ledger (package atp-ledger 0.1)" in log
