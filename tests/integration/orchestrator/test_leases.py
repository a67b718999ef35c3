"""Real Robot processes beside each other never hold one VM at the same time, and leave none held."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml
from robot.api import ExecutionResult

pytestmark = pytest.mark.integration

PROCESSES = 4
TESTS = 3

# Appends a line to a file that all processes share, at once.
DIARY = """
import os, time
from robot.api.deco import keyword

@keyword
def note(word, vm=""):
    with open(os.environ["DIARY"], "a", encoding="utf-8") as file:
        file.write(f"{os.getpid()} {word} {vm}\\n")

@keyword
def wait_until_both_are_taken():
    until = time.monotonic() + 60
    while len({line.split()[-1] for line in open(os.environ["DIARY"], encoding="utf-8")}) < 2:
        assert time.monotonic() < until, "nobody took the other VM"
        time.sleep(0.01)
"""

SHARING = """\
*** Settings ***
Library    ATPLibrary.Transport
Library    {diary}

*** Test Cases ***
""" + "".join(
    f"""Work {number}
    ${{{{vm}}}} =    Lease VM    sales-*    timeout=60 s
    Note    begin    ${{{{vm}}}}
    Wait Until Both Are Taken
    Suspend VM
    Resume VM
    VM Should Be    running
    Note    end    ${{{{vm}}}}
"""
    for number in range(TESTS)
)

SCOPES = """\
*** Settings ***
Library    ATPLibrary.Transport
Suite Setup    Lease VM    sales-001

*** Test Cases ***
What A Suite Has Leased It Keeps
    ${{leases}} =    Get Leases
    Should Be Equal    ${{leases}}[0][vm]    sales-001
    Should Be Equal    ${{leases}}[0][scope]    ${{SUITE NAME}}
    Should Be True    ${{leases}}[0][mine]
    Lease VM    sales-*
    ${{leases}} =    Get Leases
    Length Should Be    ${{leases}}    2
    Run Keyword And Expect Error    A VM called 'sales-*' should be free but this process has leased all 2 already. *
    ...    Lease VM    sales-*

What A Test Has Leased Is Given Back
    ${{leases}} =    Get Leases
    Length Should Be    ${{leases}}    1
    Lease VM    sales-002
    Release VM
    ${{leases}} =    Get Leases
    Length Should Be    ${{leases}}    1
    Run Keyword And Expect Error    VM 'sales-002' should be leased by this process but leased are: 'sales-001'. *
    ...    Release VM    sales-002
    Run Keyword And Expect Error    A VM called 'hr-*' should exist but the VMs there are: sales-001, sales-002.
    ...    Lease VM    hr-*
"""

HOLDING = """\
*** Settings ***
Library    ATPLibrary.Transport
Library    {diary}

*** Test Cases ***
Hold
    Lease VM    sales-001
    Note    held
    VM Should Be    shutoff    timeout=60 s
"""

WAITING = """\
*** Settings ***
Library    ATPLibrary.Transport
Library    {diary}

*** Test Cases ***
Wait
    ${{leases}} =    Get Leases
    Note    sees    ${{leases}}[0][pid]
    Lease VM    sales-001    timeout=60 s
"""


@pytest.fixture
def world(tmp_path: Path, host_file: Path) -> dict[str, str]:
    """The environment of processes that share two VMs and a directory of leases."""
    (tmp_path / "Diary.py").write_text(DIARY, encoding="utf-8")
    config = tmp_path / "atp.yaml"
    config.write_text(yaml.safe_dump({"hosts": {"rack-1": {"uri": f"test://{host_file}"}}}), encoding="utf-8")
    return {
        **os.environ,
        "ATP_CONFIG": str(config),
        "ATP_LEASE_DIR": str(tmp_path / "leases"),
        "DIARY": str(tmp_path / "diary.txt"),
    }


def start(tmp_path: Path, world: dict[str, str], name: str, text: str) -> subprocess.Popen[str]:
    suite = tmp_path / f"{name}.robot"
    suite.write_text(text.format(diary=tmp_path / "Diary.py"), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "robot",
        "-d",
        str(tmp_path / name),
        "--log",
        "NONE",
        "--report",
        "NONE",
        str(suite),
    ]
    return subprocess.Popen(command, env=world, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def failures(tmp_path: Path, name: str) -> dict[str, str]:
    tests = ExecutionResult(tmp_path / name / "output.xml").suite.all_tests
    return {test.name: test.message for test in tests if not test.passed}


def test_processes_beside_each_other_never_hold_one_vm_together(tmp_path: Path, world: dict[str, str]) -> None:
    names = [f"run{number}" for number in range(PROCESSES)]
    runs = [start(tmp_path, world, name, SHARING) for name in names]
    try:
        said = [run.communicate(timeout=120)[0] for run in runs]
    finally:
        for run in runs:
            run.kill()
    assert {name: failures(tmp_path, name) for name in names} == {name: {} for name in names}, said
    holders: dict[str, str] = {}
    turns: Counter[str] = Counter()
    for line in Path(world["DIARY"]).read_text(encoding="utf-8").splitlines():
        pid, word, vm = line.split()
        if word == "begin":
            assert vm not in holders, f"{pid} got {vm} while {holders[vm]} had it"
            holders[vm] = pid
            turns[vm] += 1
        else:
            assert holders.pop(vm) == pid
    assert holders == {}
    assert turns.total() == PROCESSES * TESTS
    assert set(turns) == {"sales-001", "sales-002"}


def test_a_lease_lasts_as_long_as_the_test_or_suite_that_took_it(tmp_path: Path, world: dict[str, str]) -> None:
    run = start(tmp_path, world, "scopes", SCOPES)
    said, _ = run.communicate(timeout=60)
    assert failures(tmp_path, "scopes") == {}, said


def test_a_killed_process_s_vm_goes_to_who_waits_for_it(tmp_path: Path, world: dict[str, str]) -> None:
    diary = Path(world["DIARY"])
    os.mkfifo(diary)
    holder = start(tmp_path, world, "holding", HOLDING)
    waiter = None
    try:
        with diary.open(encoding="utf-8") as notes:  # opened and ended by the holder's note
            pid, word, *_ = notes.read().split()
        assert word == "held"
        waiter = start(tmp_path, world, "waiting", WAITING)
        with diary.open(encoding="utf-8") as notes:
            assert notes.read().split()[1:] == ["sees", pid]
        os.kill(int(pid), signal.SIGKILL)
        said, _ = waiter.communicate(timeout=60)
        assert failures(tmp_path, "waiting") == {}, said
    finally:
        for run in (holder, waiter):
            if run is not None:
                run.kill()
                run.communicate()
