"""A protocol that somebody else wrote, in a package of its own: discovered, used by keywords in a real run, and unloaded.

The package lies in a directory as pip leaves it (module and dist-info), and it asks a real libvirt about the VM (the test driver).
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
"""Asks libvirt: a message is the name of a virDomain method, its answer what that returns."""
import sys
from ATPLibrary.errors import CommandError
from ATPLibrary.protocol.interface import Protocol, ProtocolType


class LibvirtQuestions(Protocol):
    def __init__(self, prefix=""):
        self.prefix, self.domain, self.answers = prefix, None, []

    @property
    def protocol_type(self):
        return ProtocolType("libvirt-questions")

    async def connect(self, domain, timeout):
        self.domain = domain
        await self.send(b"name", timeout)
        self.answers.clear()

    async def send(self, data, timeout):
        method = data.decode()
        answer = await self.domain.call(f"answer {method}", lambda handle: getattr(handle, method)(), timeout=timeout)
        self.answers.append(f"{self.prefix}{answer}".encode())

    async def receive(self, timeout):
        if not self.answers:
            raise CommandError("nothing there", name="receive")
        return self.answers.pop(0)

    async def disconnect(self):
        print("the plug-in was disconnected", file=sys.__stdout__)
'''
SUITE = """\
*** Settings ***
Library    ATPLibrary

*** Test Cases ***
A Protocol Of Somebody Else Is Discovered And Used
    @{known} =    List Protocols
    Should Contain    ${known}    questions
    Connect To Host    here    uri=test:///default
    Connect To VM    test
    Open Protocol    questions    prefix=it is${SPACE}
    Send To Protocol    questions    name
    ${name} =    Receive From Protocol    questions
    Should Be Equal    ${name}    it is test
    ${loaded} =    Evaluate    "questions_plugin" in sys.modules
    Should Be True    ${loaded}

It Is Open Once Unless It Has Another Name
    Run Keyword And Expect Error    Protocol 'questions' of VM 'test' should be closed, to be opened but is open. *
    ...    Open Protocol    questions
    Open Protocol    questions    alias=second
    Send To Protocol    second    UUIDString
    ${uuid} =    Receive From Protocol    second    form=bytes
    Should Be Equal    ${uuid}    6695eb01-f6a4-8304-79aa-97f2502e193f    type=bytes
    Close Protocol    second
    Run Keyword And Expect Error    Protocol 'second' of VM 'test' should be open but open are: questions. *
    ...    Receive From Protocol    second

Its Errors Name It And The VM
    Run Keyword And Expect Error    Protocol 'questions' of VM 'test': nothing there    Receive From Protocol    questions
    Run Keyword And Expect Error    Protocol 'questions' of VM 'test' failed: AttributeError: *no attribute 'nonsense'. Look into *
    ...    Send To Protocol    questions    nonsense

It Is Unloaded
    Close Protocol    questions
    Unregister Protocol    questions
    ${loaded} =    Evaluate    "questions_plugin" in sys.modules
    Should Not Be True    ${loaded}

It Is Used Again And Closed At The End Of The Run
    Open Protocol    questions

A Class Is Registered In The Run And Taken Back
    Register Protocol    mine    questions_plugin:LibvirtQuestions
    Open Protocol    mine
    Unregister Protocol    mine
    Run Keyword And Expect Error    Protocol 'mine' should be known but is not. *    Open Protocol    mine
    Run Keyword And Expect Error    Protocol 'qmp' should be free to register but is taken by *
    ...    Register Protocol    qmp    questions_plugin:LibvirtQuestions

A VM Without It Says So
    Run Keyword And Expect Error    VM 'test' *    Open Protocol    qga
    Run Keyword And Expect Error    *virtio-serial port of VM 'test' but is not*
    ...    Open Protocol    virtio-serial    channel=com.example
    Run Keyword And Expect Error    Protocol 'virtio-serial' should take the options * missing a required argument: 'channel'. *
    ...    Open Protocol    virtio-serial
    Run Keyword And Expect Error    Codec 'jsn' should be known but is not. Did you mean 'json'?
    ...    Open Channel    com.example    codec=jsn
"""


def test_a_third_party_protocol_is_discovered_used_by_keywords_and_unloaded(tmp_path: Path) -> None:
    site = tmp_path / "site"
    metadata = site / "atp_questions-0.1.dist-info"
    metadata.mkdir(parents=True)
    (site / "questions_plugin.py").write_text(PLUGIN, encoding="utf-8")
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: atp-questions\nVersion: 0.1\n")
    (metadata / "entry_points.txt").write_text("[atp.protocols]\nquestions = questions_plugin:LibvirtQuestions\n")
    suite, config = tmp_path / "plugin.robot", tmp_path / "empty.yaml"
    suite.write_text(SUITE, encoding="utf-8")
    config.write_text("{}", encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-m", "robot", "-d", str(tmp_path), str(suite)],
        env={**os.environ, "ATP_CONFIG": str(config), "PYTHONPATH": str(site)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    tests = ExecutionResult(tmp_path / "output.xml").suite.tests
    assert {test.name: test.message for test in tests if not test.passed} == {}
    assert len(tests) == 7
    assert ran.stderr == ""
    # Two were closed by the keyword, two were left to the run's end.
    assert ran.stdout.count("the plug-in was disconnected") == 4
    log = (tmp_path / "output.xml").read_text(encoding="utf-8")
    assert "questions: questions_plugin:LibvirtQuestions (package atp-questions 0.1)" in log
