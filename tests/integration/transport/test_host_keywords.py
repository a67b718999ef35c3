"""The keywords about hosts, as a tester writes them, on libvirt's test driver and a host that is dead."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from robot.api import ExecutionResult

from ATPLibrary.lab.hosts import LabHost, short_directory

pytestmark = pytest.mark.integration

CONFIG = """\
hosts:
  good: {uri: 'test:///default', tags: [production]}
  dead: {uri: 'qemu+tcp://127.0.0.1:1/system', tags: [production]}
pool: {reconnect: {max_attempts: 2, max_delay: 600}}
"""
SUITE = """\
*** Settings ***
Library    ATPLibrary.Transport
Library    Collections

*** Test Cases ***
Hosts Have Tags
    ${all} =    Get Hosts    production
    Should Be Equal As Strings    ${all}    ['dead', 'good']
    @{tags} =    Create List    spare
    VAR    ${password: secret}    %{HOST_PASSWORD}
    Add Host    third    test:///default    tags=${tags}    username=me    password=${password}
    ${spare} =    Get Hosts    spare
    Should Be Equal As Strings    ${spare}    ['third']

A Wrong URI Is Named When The Host Is Added
    Run Keyword And Expect Error    *has 'tpc'. Did you mean 'tcp'*    Add Host    x    qemu+tpc://h/system
    Run Keyword And Expect Error    *name in 'keyfile=' a private key*'/no/such' can't be found*
    ...    Add Host    x    qemu+ssh://h/system?keyfile=/no/such
    Run Keyword And Expect Error    *name in 'pkipath=' a directory*'/no/such' can't be found*
    ...    Connect To Host    x    qemu+tls://h/system?pkipath=/no/such
    Run Keyword And Expect Error    Host 'x' should be known*    Get Host State    x

A VM Is Found Beside A Dead Host, And A Gap In A List Is No Answer
    VM Should Exist    test
    Run Keyword And Expect Error    VM 'tset' should exist on host good, third but does not. *. Not asked: Host 'dead' *
    ...    VM Should Exist    tset
    Run Keyword And Expect Error    Host 'dead' *    VM Should Exist    test    host=dead
    Run Keyword And Expect Error
    ...    The VMs of 1 of 3 hosts can't be listed: Host 'dead' *Name a host with host=, or * unreachable=skip.
    ...    Get VMs
    @{vms} =    Get VMs    unreachable=skip
    Should Be Equal    ${vms}    ${{["test", "test"]}}
    Run Keyword And Expect Error    Host 'dead' *    Get VMs    host=dead    unreachable=skip
    Run Keyword And Expect Error    VM 'test' should not exist on any host but libvirt of hosts 'good', 'third' lists it.*
    ...    VM Should Not Exist    test
    Run Keyword And Expect Error    VM 'tset' should not exist on any host but not every host could be asked. Host 'dead' *
    ...    VM Should Not Exist    tset
    VM Should Not Exist    tset    host=good

Work Goes To The Host That Lives
    FOR    ${i}    IN RANGE    4
        ${host} =    Choose Host    production    timeout=20 s
        Should Be Equal    ${host}    good
    END
    Get Host State    good    ==    connected
    Get Host State    dead    ==    broken
    Run Keyword And Expect Error    Host 'good' should be 'closed' but is 'connected'*    Get Host State    good    ==    closed
    Run Keyword And Expect Error    Host 'good' should be closed within 0.1 s but was connected*
    ...    Get Host State    good    ==    closed    timeout=0.1 s

A Broken Host Is Refused At Once And Tried When Asked For
    Run Keyword And Expect Error    *isn't tried for*    Get VMs    host=dead
    Run Keyword And Expect Error    *Connection refused*    Connect To Host    dead

A Drained Host Is Passed Over
    Drain Host    good
    ${host} =    Choose Host    spare    timeout=20 s
    Should Be Equal    ${host}    third
    Run Keyword And Expect Error    *'good' is drained*    Choose Host    production    timeout=5 s
    ${vms} =    Get VMs    host=good
    Should Contain    ${vms}    test
    Return Host To Service    good
    Choose Host    production    timeout=20 s

Statistics Tell What Was Asked
    Get VMs    host=good
    ${statistics} =    Get Host Statistics    good
    Should Be True    ${statistics}[requests] > 0
    Should Be True    ${statistics}[operations][list the VMs][p99_ms] > 0
    Should Be Equal As Integers    ${statistics}[connections]    1
    ${text} =    Get Host Metrics
    Should Contain    ${text}    atp_host_up{host="good"} 1
    Should Contain    ${text}    atp_host_up{host="dead"} 0
    Run Keyword And Expect Error    *Did you mean 'good'*    Get Host Statistics    godo
"""


def test_hosts_are_chosen_drained_and_measured_by_keywords(tmp_path: Path) -> None:
    (tmp_path / "atp.yaml").write_text(CONFIG)
    (tmp_path / "hosts.robot").write_text(SUITE)
    command = [sys.executable, "-m", "robot", "--log", "NONE", "--report", "NONE", "hosts.robot"]
    environ = {**os.environ, "HOST_PASSWORD": "secret words"}
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=100, check=False)
    result = ExecutionResult(str(tmp_path / "output.xml"))
    failed = {test.name: test.message for test in result.suite.tests if not test.passed}
    assert failed == {}, done.stdout + done.stderr
    assert result.statistics.total.passed == 7
    warned = [message.message for message in result.errors.messages]
    assert any("are missing in the list. Host 'dead'" in each for each in warned), warned
    assert "secret words" not in done.stdout + done.stderr + (tmp_path / "output.xml").read_text(encoding="utf-8")


def test_a_tester_sees_a_host_go_and_come_back_and_its_vm_elsewhere(tmp_path: Path) -> None:
    """In the log, too: what happened between two keywords is told by the next one."""
    (tmp_path / "atp.yaml").write_text(
        "pool: {min_connections_per_host: 2, heartbeat_interval: 0.2, "
        "reconnect: {max_attempts: 3, initial_delay: 0.05, max_delay: 0.5}}"
    )
    short = short_directory(tmp_path)
    short.mkdir(mode=0o700, parents=True)
    suite = Path(__file__).with_name("lost_hosts.robot")
    command = [
        sys.executable, "-m", "robot", "--report", "NONE", "-d", str(tmp_path), "-v", f"DIRECTORY:{short}", str(suite)
    ]  # fmt: skip
    try:
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False)
    finally:
        for name in ("a", "b"):
            LabHost(name, "", "127.0.0.2", short / name).stop()
        shutil.rmtree(short)
    result = ExecutionResult(str(tmp_path / "output.xml"))
    assert {test.name: test.message for test in result.suite.all_tests if not test.passed} == {}, (
        done.stdout + done.stderr
    )
    told = (tmp_path / "output.xml").read_text(encoding="utf-8")
    for words in (
        "Host 'rack-1' was lost: ",
        "Host 'rack-1' stays away: 3 attempts failed. It is tried each 0.5 s from now on",
        "Host 'rack-1' is connected again, ",
        "VM 'wanderer' is on host 'rack-2' now; it was on 'rack-1'.",
        "VM 'again' (11111111-2222-4222-8222-444444444444), which was connected, isn't on host 'rack-2' any more.",
    ):
        assert words in told
