"""Every keyword that speaks to a VM's QEMU obeys `[Timeout]` and Ctrl-C when that QEMU has stopped answering.

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
from pathlib import Path
from typing import Any

import pytest
import yaml
from robot.api import ExecutionResult

pytestmark = pytest.mark.e2e

CALLS = {
    "Receive From Channel": "com.vmagent.sock",
    "Shut Down VM": "",
    "Suspend VM": "",
    "Reboot VM": "",
    "Type Text": "Hello",
    "Press Keys": "enter",
    "Hold Key": "a",
    "Key Down": "a",
    "Key Up": "a",
    "Move Mouse": "0.5    0.5    verify=False",
    "Click": "",
    "Double Click": "",
    "Drag": "0    0    1    1    verify=False",
    "Scroll": "down",
    "Move Mouse By": "5    5    verify=False",
    "Touch": "0,0",
    "Take Screenshot": "",
    "Wait Until Screen Is Still": "",
    "Screen Should Match": "golden.png",
    "Wait Until Screen Contains": "x",
    "Execute QMP": "query-status",
    "Wait For QMP Event": "STOP",
    "Get QMP Events": "",
    "Run Command": "ls",
    "Command Should Succeed": "ls",
    "Command Output Should Be": "ls    x",
    "Wait Until Command Succeeds": "ls    timeout=5 min",
    "Guest Agent Should Be Ready": "",
    "Wait Until Guest Agent Is Ready": "",
    "Get Guest Info": "",
    "Guest Agent Should Support": "guest-exec",
    "Push File To Guest": "${CURDIR}    /tmp/x",
    "Pull File From Guest": "/tmp/x    ${TEMPDIR}/atp-never-pulled",
    "Read Guest File": "/tmp/x",
    "Write Guest File": "/tmp/x    text",
    "Get Guest OS": "",
    "Set Guest Password": "root    a-password",
    "Shut Down Guest": "",
    "Reboot Guest": "",
    "Freeze Guest Filesystems": "",
    "Thaw Guest Filesystems": "",
    "Wait Until Verifier Is Ready": "",
    "Verifier Should Be Ready": "",
    "No Key Should Be Down": "",
    "Get Input Devices": "",
}
TIMEOUT = 0.3
SIGNAL_AFTER = 0.3
STOPS_WITHIN = 5.0
WHOLE_RUN = 300.0


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
    timeouts = dict.fromkeys(("connect", "command", "agent", "boot", "platform"), 300)
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
        f"Test Setup    Connect To VM    {silent_vm.name}",
        "*** Test Cases ***",
    ]
    for keyword, arguments in CALLS.items():
        lines += [keyword, f"    [Timeout]    {TIMEOUT} s", f"    {keyword}    {arguments}".rstrip()]
        if "Channel" in keyword:  # the verifier's, which the next keywords need
            lines.append("    [Teardown]    Close Channel    com.vmagent.sock")
    path = tmp_path / "every_keyword.robot"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_every_keyword_obeys_the_test_timeout(world: dict[str, str], suite_file: Path, tmp_path: Path) -> None:
    output = tmp_path / "output.xml"
    command = [
        sys.executable,
        "-m",
        "robot",
        "--output",
        str(output),
        "--log",
        "NONE",
        "--report",
        "NONE",
        str(suite_file),
    ]
    subprocess.run(command, env=world, timeout=WHOLE_RUN, capture_output=True, check=False)
    tests = {test.name: test for test in ExecutionResult(output).suite.tests}
    wrong = {
        name: test.message for name, test in tests.items() if test.message != "Test timeout 300 milliseconds exceeded."
    }
    print(sorted(((test.body[0].elapsed_time.total_seconds(), name) for name, test in tests.items()), reverse=True)[:8])
    slow = {name: test.body[0].elapsed_time.total_seconds() for name, test in tests.items()}
    assert wrong == {}
    assert {name: seconds for name, seconds in slow.items() if seconds > TIMEOUT + STOPS_WITHIN} == {}
    assert tests.keys() == CALLS.keys()


def test_every_keyword_obeys_ctrl_c(world: dict[str, str], suite_file: Path, tmp_path: Path) -> None:
    script = Path(__file__).parents[1] / "integration" / "keywords" / "run_and_interrupt.py"
    command = [sys.executable, str(script), str(suite_file), str(tmp_path / "output.xml"), str(SIGNAL_AFTER), *CALLS]
    ran = subprocess.run(command, env=world, timeout=WHOLE_RUN, capture_output=True, text=True, check=True)
    answers: dict[str, Any] = {}
    for line in ran.stdout.splitlines():
        answers.update(json.loads(line))
    assert {name: a["message"] for name, a in answers.items() if a["message"] != "Execution terminated by signal"} == {}
    assert {name: a["seconds"] for name, a in answers.items() if a["seconds"] > SIGNAL_AFTER + STOPS_WITHIN} == {}
    assert answers.keys() == CALLS.keys()


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
