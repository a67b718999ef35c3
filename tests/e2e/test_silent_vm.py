"""Keywords that speak to a VM's QEMU obey `[Timeout]` and Ctrl-C when that QEMU has stopped answering.

The VM is real, and its QEMU is stopped (SIGSTOP) before anything was opened: sockets accept, libvirt still knows the VM, and nobody
ever answers. The hosts and platforms that don't answer are in tests/integration/keywords.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from robot.api import ExecutionResult

pytestmark = pytest.mark.e2e

# At least one keyword for each way into the VM; all keywords meet silent hosts in tests/integration/keywords. Here each failed test
# costs 3 s more: so long is waited for the evidence of a VM that doesn't answer. So they run in three processes beside each other.
CALLS = {
    "Receive From Channel": "com.example.test",
    "Send Request To Channel": "com.example.test    x",
    "Open Protocol": "qga",
    "Type Text": "Hello    verify=False",
    "Drag": "0    0    1    1    verify=False",
    "Take Screenshot": "",
    "Wait Until Screen Contains": "x",
    "Wait For QMP Event": "STOP",
    "Push File To Guest": "${CURDIR}    /tmp/x",
    "Wait Until Verifier Is Ready": "",
    "Run Command": "ls",
    "Wait Until Guest Agent Is Ready": "",
    "Suspend VM": "",
}
TIMEOUT = 0.5
SIGNAL_AFTER = 0.3
STOPS_WITHIN = 5.0
WHOLE_RUN = 120.0


def qemu_of(uuid: str) -> int:
    """The process id of the VM's QEMU."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if uuid.encode() in command and b"qemu-system" in command.split(b"\0")[0]:
                return int(entry.name)
    raise LookupError(f"no QEMU of VM {uuid}")


@pytest.fixture
def silent_vm(running_vm: Any) -> Iterator[Any]:
    """A VM that was started a moment ago and whose QEMU doesn't answer any more."""
    import libvirt

    vm = running_vm("ps2", boot=False)
    connection = libvirt.open(vm.uri)
    connection.lookupByUUIDString(vm.uuid).create()
    pid = qemu_of(vm.uuid)
    os.kill(pid, signal.SIGSTOP)
    yield vm
    os.kill(pid, signal.SIGKILL)
    connection.close()


@pytest.fixture
def world(silent_vm: Any, tmp_path: Path) -> dict[str, str]:
    """The environment of a run, in which the keywords' own timeouts are too long to matter."""
    timeouts = dict.fromkeys(("connect", "command", "agent", "boot", "platform"), 20)
    config = {"hosts": {"lab-t": {"uri": silent_vm.uri}}, "timeouts": timeouts}
    path = tmp_path / "atp.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return {**os.environ, "ATP_CONFIG": str(path)}


@pytest.fixture
def suite_file(silent_vm: Any, tmp_path: Path) -> Path:
    """One test a keyword, named after it."""
    lines = [
        "*** Settings ***",
        "Library    ATPLibrary",
        # The first time takes longest, and is no part of a test's time.
        f"Suite Setup    Connect To VM    {silent_vm.name}",
        f"Test Setup    Connect To VM    {silent_vm.name}",
        "*** Test Cases ***",
    ]
    for keyword, arguments in CALLS.items():
        lines += [keyword, f"    [Timeout]    {TIMEOUT} s", f"    {keyword}    {arguments}".rstrip()]
        if keyword == "Send Request To Channel":
            lines.append("    [Setup]    Connect And Open The Channel")
        if "Channel" in keyword:  # the next one needs it closed
            lines.append("    [Teardown]    Close Channel    com.example.test")
    lines += [
        "*** Keywords ***",
        "Connect And Open The Channel",
        f"    Connect To VM    {silent_vm.name}",
        "    Open Channel    com.example.test    codec=lines",
    ]
    path = tmp_path / "silent.robot"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_keywords_obey_the_test_timeout(world: dict[str, str], suite_file: Path, tmp_path: Path) -> None:

    def run(names: list[str]) -> list[Any]:
        directory = tmp_path / names[0]
        options = [word for name in names for word in ("--test", name)]
        command = [sys.executable, "-m", "robot", "-d", str(directory), *options, str(suite_file)]
        subprocess.run(command, env=world, timeout=WHOLE_RUN, capture_output=True, check=False)
        return list(ExecutionResult(directory / "output.xml").suite.tests)

    # In their order: those of one channel come after each other, and it has one client at a time.
    names = [*CALLS]
    with ThreadPoolExecutor(3) as beside:
        tests = {test.name: test for part in beside.map(run, (names[:5], names[5:9], names[9:])) for test in part}
    assert tests.keys() == CALLS.keys()
    wrong = {
        name: test.message for name, test in tests.items() if test.message != "Test timeout 500 milliseconds exceeded."
    }
    assert wrong == {}
    seconds = {name: test.body[0].elapsed_time.total_seconds() for name, test in tests.items()}
    assert {name: took for name, took in seconds.items() if took > TIMEOUT + STOPS_WITHIN} == {}


def test_keywords_obey_ctrl_c(world: dict[str, str], suite_file: Path, tmp_path: Path) -> None:
    script = Path(__file__).parents[1] / "integration" / "keywords" / "run_and_interrupt.py"
    command = [sys.executable, str(script), str(suite_file), str(tmp_path / "output.xml"), str(SIGNAL_AFTER), *CALLS]
    ran = subprocess.run(command, env=world, timeout=WHOLE_RUN, capture_output=True, text=True, check=True)
    answers: dict[str, Any] = {}
    for line in ran.stdout.splitlines():
        answers.update(json.loads(line))
    assert answers.keys() == CALLS.keys()
    assert {name: a["message"] for name, a in answers.items() if a["message"] != "Execution terminated by signal"} == {}
    assert {name: a["seconds"] for name, a in answers.items() if a["seconds"] > SIGNAL_AFTER + STOPS_WITHIN} == {}


def test_what_was_seen_by_spice_of_a_qemu_that_is_frozen_by_now_proves_nothing(running_vm: Any, tmp_path: Path) -> None:
    import libvirt

    vm = running_vm("ps2", boot=False)
    connection = libvirt.open(vm.uri)
    connection.lookupByUUIDString(vm.uuid).create()
    pid = qemu_of(vm.uuid)
    config, suite = tmp_path / "atp.yaml", tmp_path / "frozen.robot"
    config.write_text(yaml.safe_dump({"hosts": {"lab-t": {"uri": vm.uri}}}), encoding="utf-8")
    suite.write_text(
        f"""\
*** Settings ***
Library    ATPLibrary

*** Test Cases ***
Frozen And Thawed
    Connect To VM    {vm.name}
    Take Screenshot    via=spice
    SPICE Channel Should Be    display    linked
    Evaluate    os.kill({pid}, signal.SIGSTOP)
    Run Keyword And Expect Error    *should be shown as it is now but can't be known: its QEMU did not answer within 1 s*
    ...    Take Screenshot    via=spice    timeout=1 s
    Run Keyword And Expect Error    *display:0*should be linked but can't be known: its QEMU did not answer within 1 s*
    ...    SPICE Channel Should Be    display    linked    timeout=1 s
    Evaluate    os.kill({pid}, signal.SIGCONT)
    Take Screenshot    via=spice
    SPICE Channel Should Be    display    linked
""",
        encoding="utf-8",
    )
    try:
        command = [sys.executable, "-m", "robot", "-d", str(tmp_path), str(suite)]
        environment = {**os.environ, "ATP_CONFIG": str(config)}
        subprocess.run(command, env=environment, timeout=WHOLE_RUN, capture_output=True, check=False)
        (test,) = ExecutionResult(tmp_path / "output.xml").suite.tests
        assert test.passed, test.message
    finally:
        os.kill(pid, signal.SIGKILL)
        connection.close()


@pytest.fixture
def freezable_daemon(lab_host: Any, tmp_path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The process id of a real libvirt daemon that the test may stop, and the environment of a run that uses it."""
    pid = next(process.pid for process in lab_host.processes() if process.role == lab_host.daemon_role)
    path = tmp_path / "atp.yaml"
    path.write_text(yaml.safe_dump({"hosts": {"lab-t": {"uri": lab_host.uri}}}), encoding="utf-8")
    yield pid, {**os.environ, "ATP_CONFIG": str(path)}
    os.kill(pid, signal.SIGCONT)


def test_a_connected_host_that_stops_answering_is_left_on_time(
    freezable_daemon: tuple[int, dict[str, str]], tmp_path: Path
) -> None:
    pid, environment = freezable_daemon
    suite = tmp_path / "frozen.robot"
    suite.write_text(
        f"""\
*** Settings ***
Library    ATPLibrary
Suite Setup    Connect And Freeze
Test Timeout    0.3 s

*** Test Cases ***
Get VMs
    Get VMs
Disconnect From Host
    Disconnect From Host    lab-t

*** Keywords ***
Connect And Freeze
    Connect To Host    lab-t
    Evaluate    os.kill({pid}, signal.SIGSTOP)
""",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "robot", "-d", str(tmp_path), str(suite)]
    subprocess.run(command, env=environment, timeout=WHOLE_RUN, capture_output=True, check=False)
    listing, leaving = ExecutionResult(tmp_path / "output.xml").suite.tests
    assert listing.message == "Test timeout 300 milliseconds exceeded."
    # Closing may end by itself or by the timeout, but it ends.
    assert leaving.passed or leaving.message == "Test timeout 300 milliseconds exceeded."
    assert max(test.elapsed_time.total_seconds() for test in (listing, leaving)) < TIMEOUT + STOPS_WITHIN
