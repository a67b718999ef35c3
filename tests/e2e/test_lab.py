"""`atp lab` as a user runs it: up, down, status; killed, interrupted, broken; beside another.

VMs are real QEMU processes that are started paused: they cost no boot.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import libvirt
import pytest

from ATPLibrary import config
from ATPLibrary.lab import processes
from ATPLibrary.lab.hosts import short_directory
from ATPLibrary.lab.lab import Lab
from ATPLibrary.lab.machine import MachineSpec, create_overlay, domain_xml
from ATPLibrary.lab.processes import Process
from ATPLibrary.lab.settings import LabSettings
from ATPLibrary.lab.state import LabState

pytestmark = pytest.mark.e2e

COMMAND_SECONDS = 300  # an image may have to be built first
ATP = [sys.executable, "-c", "from ATPLibrary.cli import main; main()"]


def atp(directory: Path, *words: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [*ATP, "lab", *words, "--dir", str(directory)]
    env = {**os.environ, **(environ or {})}
    return subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False, env=env)


def condition(directory: Path) -> str:
    answer = json.loads(atp(directory, "status", "--json").stdout)["condition"]
    assert isinstance(answer, str)
    return answer


def paused_vm(directory: Path, host_name: str = "lab-a", name: str = "测试桌面池-001") -> Process:
    """A real QEMU of the lab, started paused; the process."""
    settings = LabSettings.load(directory)
    host = next(host for host in settings.hosts if host.name == host_name)
    spec = MachineSpec(
        name=name,
        uuid=str(uuid.uuid4()),
        image=settings.image,
        accelerator=settings.accelerator,
        directory=host.directory,
        listen=host.ip,
    )
    create_overlay(spec)
    connection = libvirt.open(host.uri)
    try:
        connection.defineXML(domain_xml(spec)).createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)
    finally:
        connection.close()
    return next(p for lab_host in Lab(directory).hosts() for p in lab_host.processes() if p.role == f"qemu {host_name}")


def undefine(lab: Lab, name: str) -> None:
    """Take a VM of `paused_vm` that has ended out of libvirt again: who compares it with the platform would find it."""
    host = next(host for host in lab.hosts() if host.name == "lab-a")
    connection = libvirt.open(host.uri)
    try:
        domain = connection.lookupByName(name)
        with contextlib.suppress(libvirt.libvirtError):  # libvirt may not have noticed its end
            domain.destroy()
        domain.undefine()
    finally:
        connection.close()


def everything_of(directory: Path) -> list[Process]:
    state = LabState.load(directory)
    found = [process for host in Lab(directory).hosts() for process in host.processes()]
    return [*found, *(state.running() if state else [])]


def assert_nothing_is_left(directory: Path) -> None:
    assert everything_of(directory) == []
    assert not short_directory(directory).exists()
    left = {path.name for path in directory.iterdir()}
    assert left <= {"lock", "platform.log", "libvirtd-lab-a.log", "libvirtd-lab-b.log"}


@pytest.fixture
def starting(lab_directory: Path) -> Iterator[subprocess.Popen[str]]:
    """`atp lab up`, running; its progress is on stderr."""
    # A shell's background jobs ignore SIGINT, and hand that down: also to us, perhaps.
    command = ["env", "--default-signal=INT", *ATP, "lab", "up", "--dir", str(lab_directory)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as up:
        yield up
        up.kill()


def wait_for_line(process: subprocess.Popen[str], text: str) -> None:
    assert process.stderr is not None
    seen = []
    for line in process.stderr:
        seen.append(line)
        if text in line:
            return
    pytest.fail(f"'atp lab up' never said {text!r}: {''.join(seen)}")


def test_up_status_down_in_an_empty_directory(lab_directory: Path) -> None:
    up = atp(lab_directory, "up")
    assert up.returncode == 0, up.stderr
    assert "Accelerator: " in up.stderr
    assert str(lab_directory / "config.yaml") in up.stdout

    status = json.loads(atp(lab_directory, "status", "--json").stdout)
    assert status["condition"] == "up"
    assert {host["name"]: host["vms"] for host in status["hosts"]} == {"lab-a": {}, "lab-b": {}}
    roles = ["libvirtd lab-a", "libvirtd lab-b", "platform", "reaper lab-a", "reaper lab-b"]
    assert sorted(process["role"] for process in status["processes"]) == roles

    settings = config.load(lab_directory / "config.yaml", environ={})
    assert {name: host.ip for name, host in settings.hosts.items()} == {"lab-a": "127.0.0.2", "lab-b": "127.0.0.3"}
    assert settings.platform_settings().url == status["url"]
    assert settings.platform_settings().password
    assert (lab_directory / "config.yaml").stat().st_mode & 0o777 == 0o600
    port = urlsplit(status["url"]).port
    connection = http.client.HTTPConnection("127.0.0.1", port or 0, timeout=10)
    connection.request("GET", "/")
    assert connection.getresponse().status < 500
    connection.close()

    vm = paused_vm(lab_directory, "lab-b")
    assert "测试桌面池-001 (paused)" in atp(lab_directory, "status").stdout
    down = atp(lab_directory, "down")
    assert down.returncode == 0, down.stderr
    assert not vm.alive
    assert_nothing_is_left(lab_directory)
    assert atp(lab_directory, "status", "--quiet").returncode == 3
    assert atp(lab_directory, "down").returncode == 0


def test_up_when_it_is_up_says_so_and_changes_nothing(lab_directory: Path) -> None:
    assert atp(lab_directory, "up").returncode == 0
    before = everything_of(lab_directory)
    again = atp(lab_directory, "up")
    assert again.returncode == 0
    assert "already up" in again.stderr
    assert everything_of(lab_directory) == before


@pytest.mark.parametrize(
    "moment",
    ["Accelerator", "Starting libvirt host lab-a", "Starting libvirt host lab-b", "Starting the platform", "is up"],
)
@pytest.mark.parametrize("remedy", ["up", "down"])
def test_after_up_was_killed_half_way_up_and_down_both_recover(
    lab_directory: Path, starting: subprocess.Popen[str], moment: str, remedy: str
) -> None:
    wait_for_line(starting, moment)
    starting.kill()
    starting.wait(timeout=30)
    left = everything_of(lab_directory)
    done = atp(lab_directory, remedy)
    assert done.returncode == 0, done.stderr
    if moment != "is up":
        assert not any(process.alive for process in left)
    if remedy == "up":
        assert condition(lab_directory) == "up"
        assert atp(lab_directory, "down").returncode == 0
    assert_nothing_is_left(lab_directory)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_up_takes_down_what_it_started(
    lab_directory: Path, starting: subprocess.Popen[str], number: signal.Signals
) -> None:
    wait_for_line(starting, "Starting libvirt host lab-b")
    starting.send_signal(number)
    assert starting.wait(timeout=60) == 130
    assert_nothing_is_left(lab_directory)


def test_a_lab_whose_parts_were_killed_is_broken_and_up_mends_it(lab_directory: Path) -> None:
    assert atp(lab_directory, "up").returncode == 0
    vm = paused_vm(lab_directory)
    for process in everything_of(lab_directory):
        if process != vm and process.role in ("libvirtd lab-a", "platform"):
            os.kill(process.pid, signal.SIGKILL)
            processes.end([process])
    assert vm.alive, "QEMU outlives its libvirtd"
    status = atp(lab_directory, "status")
    assert status.returncode == 3
    assert "libvirtd lab-a" in status.stdout
    assert "Run 'atp lab up'" in status.stdout
    assert atp(lab_directory, "up").returncode == 0
    assert not vm.alive
    assert condition(lab_directory) == "up"


@pytest.mark.parametrize("remedy", ["up", "down"])
def test_after_every_process_was_killed_up_and_down_both_recover(lab_directory: Path, remedy: str) -> None:
    assert atp(lab_directory, "up").returncode == 0
    paused_vm(lab_directory)
    for process in everything_of(lab_directory):
        with contextlib.suppress(ProcessLookupError):  # a reaper ends with its daemon
            os.kill(process.pid, signal.SIGKILL)
    assert condition(lab_directory) == "broken"
    assert atp(lab_directory, remedy).returncode == 0
    if remedy == "up":
        assert condition(lab_directory) == "up"
        assert atp(lab_directory, "down").returncode == 0
    assert_nothing_is_left(lab_directory)


def test_down_works_when_nothing_answers(lab_directory: Path) -> None:
    assert atp(lab_directory, "up").returncode == 0
    vm = paused_vm(lab_directory)
    for process in everything_of(lab_directory):
        os.kill(process.pid, signal.SIGSTOP)
    down = atp(lab_directory, "down")
    assert down.returncode == 0, down.stderr
    assert not vm.alive
    assert_nothing_is_left(lab_directory)


def test_down_works_without_the_state_file(lab_directory: Path) -> None:
    assert atp(lab_directory, "up").returncode == 0
    vm = paused_vm(lab_directory)
    for name in ("state.json", "lab.json"):
        (lab_directory / name).unlink()
    assert condition(lab_directory) == "broken"
    assert atp(lab_directory, "down").returncode == 0
    assert not vm.alive
    assert_nothing_is_left(lab_directory)


def test_two_labs_side_by_side_do_not_touch_each_other(lab_directory: Path, lab: Lab) -> None:
    name = "another lab's"  # in the lab that other tests use too
    vm = paused_vm(lab.directory, name=name)
    try:
        assert atp(lab_directory, "up").returncode == 0
        urls = {json.loads(atp(d, "status", "--json").stdout)["url"] for d in (lab_directory, lab.directory)}
        assert len(urls) == 2
        mine = paused_vm(lab_directory)
        assert atp(lab_directory, "down").returncode == 0
        assert not mine.alive
        assert vm.alive
        assert condition(lab.directory) == "up"
    finally:
        processes.end([vm])
        undefine(lab, name)


def test_when_the_usual_port_is_taken_the_platform_uses_another(lab_directory: Path) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 8088))
            taken.listen()
        except OSError:
            pass  # somebody else has it, which is as good
        assert atp(lab_directory, "up").returncode == 0
        url = json.loads(atp(lab_directory, "status", "--json").stdout)["url"]
    assert urlsplit(url).port not in (None, 8088)


def test_only_one_up_or_down_at_a_time(lab_directory: Path) -> None:
    lab_directory.mkdir()
    with (lab_directory / "lock").open("w") as lock:
        lock.write("4711")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused = atp(lab_directory, "up")
    assert refused.returncode == 3
    assert "process 4711 is at it" in refused.stderr
    assert everything_of(lab_directory) == []


def test_an_up_that_fails_takes_down_what_it_started_and_says_why(lab_directory: Path) -> None:
    lab_directory.mkdir()
    (lab_directory / "platform.log").mkdir()  # the platform server can't write its log
    failed = atp(lab_directory, "up")
    assert failed.returncode == 3
    assert "The lab's platform should start" in failed.stderr
    assert_nothing_is_left(lab_directory)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's daemons need a user namespace")
def test_root_without_user_namespaces_has_a_lab_that_runs_as_nobody(lab_directory: Path, tmp_path: Path) -> None:
    forbidden = tmp_path / "bin" / "unshare"
    forbidden.parent.mkdir()
    forbidden.write_text("#!/bin/sh\necho 'unshare: unshare failed: Operation not permitted' >&2\nexit 1\n")
    forbidden.chmod(0o755)
    up = atp(lab_directory, "up", environ={"PATH": f"{forbidden.parent}:{os.environ['PATH']}"})
    assert up.returncode == 0, up.stderr
    vm = paused_vm(lab_directory)
    assert Path(f"/proc/{vm.pid}").stat().st_uid == pwd.getpwnam("nobody").pw_uid
    assert condition(lab_directory) == "up"
    assert atp(lab_directory, "down").returncode == 0
    assert not vm.alive
    assert_nothing_is_left(lab_directory)


def test_down_finds_a_lab_whose_directory_was_deleted(lab_directory: Path) -> None:
    assert atp(lab_directory, "up").returncode == 0
    processes_then = everything_of(lab_directory)
    shutil.rmtree(lab_directory)
    assert atp(lab_directory, "down").returncode == 0
    assert not any(process.alive for process in processes_then)
    assert_nothing_is_left(lab_directory)
