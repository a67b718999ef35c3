"""Every keyword obeys `[Timeout]` and Ctrl-C, whatever its peer does: here no peer ever answers.

The keywords are found in the libraries, so a new one can't be forgotten: it must stand in `CALLS`, or in `WAIT_FOR_NOTHING` with
the reason. Robot Framework really runs each, with a real test timeout and a real SIGINT. The VMs' own channels (QMP, QGA,
virtio-serial of a QEMU that doesn't answer) are in tests/e2e/test_silent_vm.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from robot.api import ExecutionResult
from robot.libdocpkg import LibraryDocumentation
from tests.integration.keywords.platform_calls import PLATFORM_CALLS

# The first test of either kind waits for the run of all keywords: minutes, on a busy machine more than a test has elsewhere.
pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]

# Connect to a host that never answers.
HOST_CALLS = {
    "Connect To Host": "silent",
    "Choose Host": "",
    "Get Host State": "silent    ==    connected    timeout=5 min",
    "Disconnect From VM": "any",
    "Connect To VM": "any",
    "Get VMs": "",
    "VM Should Exist": "any",
    "VM Should Not Exist": "any",
    "Get VM State": "any",
    "VM Should Be": "running    vm=any",
    "Start VM": "any",
    "Shut Down VM": "any",
    "Destroy VM": "any",
    "Suspend VM": "any",
    "Resume VM": "any",
    "Reboot VM": "any",
    "Get Console Text": "any",
    "Create Snapshot": "clean    vm=any",
    "Get Snapshots": "any",
    "Revert To Snapshot": "clean    vm=any",
    "Delete Snapshot": "clean    vm=any",
    "Save VM": "any",
    "Restore VM": "/tmp/any.save    host=silent",
    "Discard Saved State": "any",
    "Migrate VM": "silent    vm=any",
    "Get VM XML": "any",
    "Get VM Stats": "any",
    "Get VM Accelerator": "vm=any",
    "Lease VM": "any",
    "Type Text": "Hello    vm=any",
    "Type Text And Verify": "Hello    vm=any",
    "Press Keys": "enter    vm=any",
    "Hold Key": "a    vm=any",
    "Key Down": "a    vm=any",
    "Set Keyboard Layout": "de    vm=any",
    "Lock Keys Should Be": "caps=off    vm=any",
    "Set Lock Keys": "caps=off    vm=any",
    "Get Lock Keys": "any",
    "Mouse Should Be At": "0.5    0.5    vm=any",
    "Start Watching Input": "any",
    "Stop Watching Input": "any",
    "Get Observed Input": "vm=any",
    "Key Should Have Arrived": "a    vm=any",
    "Text Should Have Arrived In Order": "a    vm=any",
    "No Input Should Arrive": "1 s    vm=any",
    "Drag Should Match": "0,0    1,1    vm=any",
    "Key Up": "a    vm=any",
    "Release All Keys": "any",
    "Move Mouse": "0.5    0.5    vm=any",
    "Click": "vm=any",
    "Double Click": "vm=any",
    "Drag": "0    0    1    1    vm=any",
    "Scroll": "down    vm=any",
    "Move Mouse By": "5    5    vm=any",
    "Mouse Button Down": "vm=any",
    "Mouse Button Up": "vm=any",
    "Drag Along": "0,0    1,1    vm=any",
    "Touch": "0,0    vm=any",
    "Take Screenshot": "vm=any",
    "Wait Until Screen Changes": "vm=any",
    "Wait Until Screen Is Still": "vm=any",
    "Screen Should Match": "golden.png    vm=any",
    "Screen Region Should Be": "0,0,9,9    golden.png    vm=any",
    "Wait Until Screen Matches": "golden.png    vm=any",
    "Get Screen Text": "any",
    "Screen Should Contain": "x    vm=any",
    "Screen Should Not Contain": "x    vm=any",
    "Wait Until Screen Contains": "x    vm=any",
    "Execute QMP": "query-status    vm=any",
    "Wait For QMP Event": "STOP    vm=any",
    "Get QMP Events": "vm=any",
    "Run Command": "ls    vm=any",
    "Command Should Succeed": "ls    vm=any",
    "Command Should Succeed In Guest": "ls    vm=any",
    "Command Output Should Be": "ls    x    vm=any",
    "Wait Until Command Succeeds": "ls    vm=any    timeout=5 min",
    "Guest Agent Should Be Ready": "any",
    "Wait Until Guest Agent Is Ready": "any",
    "Get Guest Info": "any",
    "Guest Agent Should Support": "guest-exec    vm=any",
    "Push File To Guest": "${CURDIR}    /tmp/x    vm=any",
    "Pull File From Guest": "/tmp/x    ${TEMPDIR}/atp-never-pulled    vm=any",
    "Read Guest File": "/tmp/x    vm=any",
    "Write Guest File": "/tmp/x    text    vm=any",
    "Get Guest File Checksum": "/tmp/x    vm=any",
    "Get Guest OS": "any",
    "Get Guest Interfaces": "any",
    "Get Guest Users": "any",
    "Get Guest Filesystems": "any",
    "Get Guest Disks": "any",
    "Get Guest CPUs": "any",
    "Set Guest CPU": "0    online=True    vm=any",
    "Get Guest Time": "any",
    "Set Guest Time": "vm=any",
    "Set Guest Password": "root    ${PASSWORD}    vm=any",
    "Shut Down Guest": "any",
    "Reboot Guest": "any",
    "Freeze Guest Filesystems": "vm=any",
    "Thaw Guest Filesystems": "any",
    "Open Channel": "some.channel    vm=any",
    "Send To Channel": "some.channel    x    vm=any",
    "Receive From Channel": "some.channel    vm=any",
    "Close Channel": "some.channel    vm=any",
    "Get Channels": "any",
    "Get SPICE Address": "any",
    "Connect To SPICE": "any",
    "Disconnect From SPICE": "any",
    "Open SPICE Channel": "display    vm=any",
    "Close SPICE Channel": "display    vm=any",
    "Get SPICE Channels": "vm=any",
    "SPICE Channel Should Be": "display    linked    vm=any",
    "Get SPICE Monitors": "vm=any",
    "Prefer SPICE Compression": "display    glz    vm=any",
    "Get SPICE Statistics": "display    vm=any",
    "Expect SPICE Message": "display    MARK    vm=any",
    "Send SPICE Message": "inputs    KEY_DOWN    code=30    vm=any",
    "Truncate Next Message": "inputs    KEY_DOWN    vm=any",
    "Corrupt Next Message": "inputs    KEY_DOWN    vm=any",
    "Delay Next Message": "inputs    KEY_DOWN    vm=any",
    "Drop Next Message": "inputs    KEY_DOWN    vm=any",
    "Reconnect Channel": "display    vm=any",
    "SPICE Ticket Should Be Refused": "vm=any",
    "Start Session Recording": "${TEMPDIR}/atp-never-recorded    vm=any",
    "Stop Session Recording": "any",
    "Withhold Acknowledgements": "display    vm=any",
    "Drop Channel": "display    vm=any",
    "Get Cursor": "vm=any",
    "Cursor Should Be Visible": "vm=any",
    "Save Cursor": "vm=any",
    "Attach USB Device": "keyboard    vm=any",
    "Detach USB Device": "keyboard    vm=any",
    "USB Device Should Be Attached": "keyboard    vm=any",
    "Type On USB Keyboard": "x    vm=any",
    "Write To USB Serial Line": "x    vm=any",
    "Expect On USB Serial Line": "x    vm=any",
    "Open SPICE Port": "vm=any",
    "Close SPICE Port": "vm=any",
    "Write To SPICE Port": "x    vm=any",
    "Expect On SPICE Port": "x    vm=any",
    "SPICE Port Should Be": "opened    vm=any",
    "Share Folder": "${TEMPDIR}    vm=any",
    "Stop Sharing Folder": "vm=any",
    "Get Shared Folder Requests": "vm=any",
    "Insert Smartcard": "vm=any",
    "Remove Smartcard": "vm=any",
    "Get Smartcard Commands": "vm=any",
    "Get SPICE Streams": "vm=any",
    "Codec Should Be Streamed": "MJPEG    vm=any",
    "Get Codec Matrix": "MJPEG    vm=any",
    "Get SPICE Sound": "vm=any",
    "Tone Should Be Heard": "440    vm=any",
    "Silence Should Be Heard": "vm=any",
    "Start Audio Recording": "vm=any",
    "Stop Audio Recording": "vm=any",
    "Send Tone": "440    vm=any",
    "Play Audio Into Guest": "${CURDIR}/any.wav    vm=any",
    "Start Screen Recording": "vm=any",
    "Stop Screen Recording": "vm=any",
    "Start Live View": "vm=any",
    "Stop Live View": "vm=any",
    "Start RTSP Stream": "vm=any",
    "Stop RTSP Stream": "vm=any",
    "SPICE Agent Should Be Connected": "vm=any",
    "Get SPICE Agent Capabilities": "vm=any",
    "Get SPICE Agent Statistics": "vm=any",
    "Withhold Agent Tokens": "vm=any",
    "Set Resolution": "800x600    vm=any",
    "Resolution Should Become": "800x600    vm=any",
    "Set Monitors": "800x600    vm=any",
    "Set Clipboard": "text    vm=any",
    "Clear Clipboard": "vm=any",
    "Get Clipboard": "vm=any",
    "Clipboard Should Be": "text    vm=any",
    "Send File": "${CURDIR}    vm=any",
    "Send Request To Channel": "some.channel    x    vm=any",
    "Open Protocol": "qmp    vm=any",
    "Send To Protocol": "qmp    {}    vm=any",
    "Receive From Protocol": "qmp    vm=any",
    "Close Protocol": "qmp    vm=any",
    "Wait Until Verifier Is Ready": "any",
    "Verifier Should Be Ready": "any",
    "Disconnect From Verifier": "any",
    "Create Agent Token": "any",
    "Deploy Agent": "any",
    "Remove Agent": "any",
    "Get Agent Version": "any",
    "Rotate Agent Token": "any",
    "Verify Event": '{"type": "command", "key": "ls"}    vm=any',
    "No Key Should Be Down": "any",
    "Get Input Devices": "any",
}
CALLS = {**HOST_CALLS, **PLATFORM_CALLS}
WAIT_FOR_NOTHING = {
    "Disconnect From Host": "this host isn't connected; one that is and has stopped answering is in tests/e2e/test_silent_vm.py",
    "Get Hosts": "reads the configuration",
    "Add Host": "connects nothing",
    "Remove Host": "closes it in the background",
    "Get Host Events": "looks at what is remembered",
    "Drain Host": "connects nothing",
    "Return Host To Service": "connects nothing",
    "Get Host Statistics": "looks at what is remembered",
    "Get Host Metrics": "looks at what is remembered",
    "Reload Configuration": "reads a file",
    "Get Platform Findings": "looks at what is remembered",
    "Get Platform Sessions": "looks at what is remembered",
    "Platform Findings Should Be Empty": "looks at what is remembered",
    "Switch Platform Session": "chooses among what is open",
    "Get Created Things": "looks at what is remembered",
    "Remove Created Things": "removes what was made, which is nothing here; tests/unit/orchestrator/test_creations.py has the rest",
    "Set Closing Level": "remembers it",
    "Get Leases": "reads what processes of this machine wrote",
    "Release VM": "gives back what is held, which is nothing here",
    "Start Verification Service": "listens; tests/integration/verifier/test_service.py has what may stand in its way",
    "Stop Verification Service": "ends within its own bound, whatever agents do: tests/integration/verifier/test_service.py",
    "Get Connected Agents": "looks at what is remembered",
    "Get Web Verifier Address": "needs the service; tests/integration/keywords/test_verification_service.py",
    "Get Input Latency": "computes from what is remembered",
    "Input Should Have Arrived": "looks at what is remembered",
    "Keep Input Journal": "remembers it",
    "Save Input Timeline": "writes what is remembered",
    "Replay Session": "ends within its own deadline; tests/unit/spice/test_recordings.py",
    "Show Input Timeline": "shows what is remembered",
    "List Protocols": "looks at what is installed and registered",
    "Register Protocol": "imports a module",
    "Unregister Protocol": "forgets a name",
    "Get Verifiers": "looks at what is installed and registered",
    "Register Verifier": "imports a module",
    "Unregister Verifier": "forgets a name",
    "Register Codec": "imports a module",
    "Unregister Codec": "forgets a name",
    "Output Should Contain": "looks at what is remembered",
    "Text Should Have Arrived": "looks at what is remembered",
    "Use VM": "chooses among what is connected",
}
# The Chinese ones are the same methods: tests/unit/keywords/test_chinese.py.
KEYWORDS = sorted(keyword.name for keyword in LibraryDocumentation("ATPLibrary").keywords if keyword.name.isascii())

# Seconds. The keyword's own timeouts in this world are 300 s: what ends it sooner is Robot's timeout or the signal.
TIMEOUT = 0.15
SIGNAL_AFTER = 0.15
STOPS_WITHIN = 4.0
# So many processes have the keywords between them: they wait far longer than they work.
SLICES = 4
# Each keyword gets its time, and Robot a little for each test.
WHOLE_RUN = 60.0 + len(CALLS) * (TIMEOUT + 0.6)


@dataclass(frozen=True)
class Stopped:
    status: str
    message: str
    seconds: float | None


@pytest.fixture(scope="module")
def suite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One test a keyword, named after it."""
    lines = [
        "*** Settings ***",
        "Library    ATPLibrary",
        "Suite Setup    Log In To Platform    forgetful",
        f"Test Timeout    {TIMEOUT} s",
        "*** Variables ***",
        "${PASSWORD: secret}    %{PATH}",
        "*** Test Cases ***",
    ]
    for keyword, arguments in CALLS.items():
        lines += [keyword, f"    {keyword}    {arguments}".rstrip()]
    path = tmp_path_factory.mktemp("suite") / "every_keyword.robot"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def sliced() -> list[list[str]]:
    """The keywords' names, for each process its own."""
    return [[*CALLS][number::SLICES] for number in range(SLICES)]


def environment(config: Path) -> dict[str, str]:
    return {**os.environ, "ATP_CONFIG": str(config)}


@pytest.fixture(scope="module")
def timed_out(suite_file: Path, silent_world: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Stopped]:
    """Robot with all of them under the test timeout."""

    def run(names: list[str]) -> dict[str, Stopped]:
        output = tmp_path_factory.mktemp("timeout") / "output.xml"
        options = ["--output", str(output), "--log", "NONE", "--report", "NONE"]
        options += [word for name in names for word in ("--test", name)]
        command = [sys.executable, "-m", "robot", *options, str(suite_file)]
        subprocess.run(command, env=environment(silent_world), timeout=WHOLE_RUN, capture_output=True, check=False)
        return {
            test.name: Stopped(test.status, test.message, test.body[0].elapsed_time.total_seconds())
            for test in ExecutionResult(output).suite.tests
        }

    with ThreadPoolExecutor(SLICES) as all_of_them:
        return {name: stopped for part in all_of_them.map(run, sliced()) for name, stopped in part.items()}


@pytest.fixture(scope="module")
def interrupted(suite_file: Path, silent_world: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Stopped]:
    script = Path(__file__).parent / "run_and_interrupt.py"

    def run(names: list[str]) -> str:
        output = tmp_path_factory.mktemp("interrupt") / "output.xml"
        command = [sys.executable, str(script), str(suite_file), str(output), str(SIGNAL_AFTER), *names]
        return subprocess.run(
            command, env=environment(silent_world), timeout=WHOLE_RUN, capture_output=True, text=True, check=True
        ).stdout

    answers: dict[str, Any] = {}
    with ThreadPoolExecutor(SLICES) as all_of_them:
        for printed in all_of_them.map(run, sliced()):
            for line in printed.splitlines():
                answers.update(json.loads(line))
    return {name: Stopped(**answer) for name, answer in answers.items()}


def test_every_keyword_of_every_library_is_called_here_or_waits_for_nothing() -> None:
    assert sorted([*CALLS, *WAIT_FOR_NOTHING]) == KEYWORDS


@pytest.mark.parametrize("keyword", CALLS)
def test_a_keyword_obeys_the_test_timeout(timed_out: dict[str, Stopped], keyword: str) -> None:
    stopped = timed_out[keyword]
    assert stopped.status == "FAIL"
    assert stopped.message == "Test timeout 150 milliseconds exceeded."
    assert stopped.seconds is not None
    assert stopped.seconds < TIMEOUT + STOPS_WITHIN


@pytest.mark.parametrize("keyword", CALLS)
def test_a_keyword_obeys_ctrl_c(interrupted: dict[str, Stopped], keyword: str) -> None:
    stopped = interrupted[keyword]
    assert stopped.status == "FAIL"
    assert stopped.message == "Execution terminated by signal"
    assert stopped.seconds is not None
    assert SIGNAL_AFTER * 0.9 < stopped.seconds < SIGNAL_AFTER + STOPS_WITHIN


def test_a_run_against_silent_peers_ends_when_it_is_interrupted(
    suite_file: Path, silent_world: Path, tmp_path: Path
) -> None:
    """The process itself goes, although threads of it still wait in libvirt's C code."""
    command = [sys.executable, "-m", "robot", "-d", str(tmp_path), "--test", "Connect To VM"]
    text = (
        suite_file.read_text(encoding="utf-8")
        .replace("Test Timeout", "# Test Timeout")
        .replace("Suite Setup", "# Suite Setup")
    )
    file = tmp_path / "no_timeout.robot"
    file.write_text(text, encoding="utf-8")
    marker = tmp_path / "started"
    listener = tmp_path / "Started.py"
    listener.write_text(
        "ROBOT_LISTENER_API_VERSION = 3\n"
        f"def start_library_keyword(data, implementation, result):\n    open({str(marker)!r}, 'w').close()\n"
    )
    process = subprocess.Popen(
        [*command, "--listener", str(listener), str(file)],
        env=environment(silent_world),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 30
        while not marker.exists():
            assert time.monotonic() < deadline, "Robot never started the keyword"
            time.sleep(0.02)
        process.send_signal(2)
        process.wait(timeout=30)
    finally:
        process.kill()
        process.wait()
    (test,) = ExecutionResult(tmp_path / "output.xml").suite.tests
    assert test.message == "Execution terminated by signal"
