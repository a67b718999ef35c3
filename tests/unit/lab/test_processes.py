from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ATPLibrary.errors import LabError
from ATPLibrary.lab import processes
from ATPLibrary.lab.processes import Process

pytestmark = pytest.mark.unit

ENVIRON = {"PATH": os.defpath}


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Process]:
    process = processes.spawn("sleeper", ["sleep", "600"], ENVIRON, tmp_path / "log")
    yield process
    processes.end([process])


def test_a_process_is_known_by_pid_and_start_time(sleeper: Process) -> None:
    assert sleeper.alive
    assert not replace(sleeper, started=sleeper.started + 1).alive


def test_a_process_outlives_its_starters_session(sleeper: Process) -> None:
    assert os.getsid(sleeper.pid) == sleeper.pid


def test_end_ends_it_and_says_how(sleeper: Process) -> None:
    assert processes.exit_status(sleeper) == ""
    assert processes.wait([sleeper], 0.05) == [sleeper]
    processes.end([sleeper])
    assert not sleeper.alive
    assert processes.exit_status(sleeper) == "was killed by SIGTERM"
    processes.end([sleeper])


def test_how_a_process_ended_is_told_in_words(tmp_path: Path) -> None:
    process = processes.spawn("short", ["sh", "-c", "echo to-the-log; exit 3"], ENVIRON, tmp_path / "log")
    assert processes.wait([process], 10) == []
    assert processes.exit_status(process) == "ended with exit status 3"
    assert (tmp_path / "log").read_text() == "to-the-log\n"


def test_a_process_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    ready, other = socket.socketpair()
    script = "import signal, os, time; signal.signal(15, signal.SIG_IGN); os.write(3, b'x'); time.sleep(600)"
    process = processes.spawn("deaf", [sys.executable, "-c", script], ENVIRON, tmp_path / "log", other)
    ready.settimeout(20)
    assert ready.recv(1) == b"x"
    processes.end([process], grace=0.2)
    assert not process.alive
    ready.close()
    other.close()


def test_a_stopped_process_is_ended_too(sleeper: Process) -> None:
    os.kill(sleeper.pid, signal.SIGSTOP)
    processes.end([sleeper])
    assert not sleeper.alive


def test_a_pid_that_belongs_to_another_process_now_is_never_signalled(sleeper: Process) -> None:
    processes.end([replace(sleeper, started=sleeper.started - 1)])
    assert sleeper.alive


def test_a_program_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"The lab's ghost should start as '/no/such' but could not: No such file"):
        processes.spawn("ghost", ["/no/such"], ENVIRON, tmp_path / "log")


def test_a_listener_arrives_as_descriptor_three_with_the_right_pid(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.listen()
        script = "import os, socket; s = socket.socket(fileno=3); c, _ = s.accept(); "
        script += (
            "c.sendall(f\"{os.getpid()} {os.environ['LISTEN_PID']} {os.environ['LISTEN_FDS']}\".encode()); c.close()"
        )
        process = processes.spawn(
            "server", processes.told_its_pid([sys.executable, "-c", script]), ENVIRON, tmp_path / "log", listener
        )
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(str(tmp_path / "socket"))
        assert client.recv(100).decode() == f"{process.pid} {process.pid} 1"
    processes.end([process])


def test_processes_are_found_by_their_command_line(tmp_path: Path) -> None:
    mark = f"mark-{uuid.uuid4()}"
    with subprocess.Popen(["sh", "-c", "exec sleep 600", mark]) as stranger:
        stranger.kill()
    process = processes.spawn(
        "marked", [sys.executable, "-c", "import signal; signal.pause()", mark], ENVIRON, tmp_path / "log"
    )
    try:
        found = list(processes.find(lambda command: "found" if mark in command else None))
        assert found == [replace(process, role="found")]
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        processes.end([process])
