"""The agent as it is shipped: one file, run as a process of its own."""

from __future__ import annotations

import os
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from agent_world import HostEnd

pytestmark = pytest.mark.integration

PROJECT = Path(__file__).resolve().parent.parent
ALLOWED = {"__future__", "_signal", "_socket", "errno", "fcntl", "os", "select", "struct", "sys", "time"}
DIALLING = {"_sha1", "binascii"}
BEHIND_OS = {"_collections_abc", "_stat", "_struct", "abc", "genericpath", "io", "os.path", "posixpath", "stat", "zlib"}


class Process:
    """The .pyz on a UNIX socket."""

    def __init__(self, pyz, directory, *arguments, command=None):
        self.path = str(directory / "port")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        self.listener.settimeout(30)
        command = command or [sys.executable, str(pyz)]
        self.process = subprocess.Popen([*command, "--port", self.path, *arguments], stderr=subprocess.PIPE, text=True)
        self.host = self.accept()

    def accept(self):
        self.host = HostEnd(self.listener.accept()[0])
        return self.host

    def close(self):
        self.process.kill()
        self.process.wait(10)
        self.process.stderr.close()
        self.host.close()
        self.listener.close()


@pytest.fixture
def process(pyz, tmp_path):
    made = Process(pyz, tmp_path, "--vm-id", "vm-9")
    yield made
    made.close()


def test_the_process_says_hello_and_survives_the_host_coming_back(process):
    assert process.host.greet()["vm_id"] == "vm-9"
    process.host.send_bytes(b'{"type":"pi')
    process.host.close()
    host = process.accept()
    host.send_bytes(b"\n")
    assert host.greet(nonce="again")["nonce"] == "again"
    assert host.ask({"type": "ping", "id": 3}, "pong")["id"] == 3


def test_sigterm_says_bye_and_exits_cleanly(process):
    process.host.greet()
    process.process.send_signal(signal.SIGTERM)
    assert process.host.receive("bye")["reason"] == "signal 15"
    assert process.process.wait(30) == 0


def test_sigterm_ends_an_agent_whose_host_does_not_listen(process):
    process.host.greet()
    question = b'{"type":"ping","id":1}\n' * 1000
    until = time.monotonic() + 3
    while time.monotonic() < until:
        try:
            process.host.stream.send(question)
        except BlockingIOError:
            break
    process.process.send_signal(signal.SIGTERM)
    assert process.process.wait(30) == 0


def test_an_idle_agent_uses_no_cpu(process):
    process.host.greet()

    def ticks():
        fields = Path(f"/proc/{process.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    def switches():
        status = Path(f"/proc/{process.process.pid}/status").read_text()
        return int(status.split("\nvoluntary_ctxt_switches:")[1].split()[0])

    process.host.ask({"type": "ping", "id": 1}, "pong")
    before, woken = ticks(), switches()
    assert process.process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.process.wait(0.5)
    # A loop that spins would take some 50 ticks and thousands of switches; the kernel may announce a device or two meanwhile.
    assert ticks() - before <= 5
    assert switches() - woken <= 50


def test_memory_stays_bounded_under_a_hundred_megabyte_line(process):
    process.host.greet()
    chunk = b'{"type":"ping","id":' + b"1" * (1 << 20)
    for _ in range(100):
        process.host.send_bytes(chunk)
    process.host.send_bytes(b"\n")
    assert "10 MiB" in process.host.receive("error")["message"]
    assert process.host.ask({"type": "ping", "id": 3}, "pong")["id"] == 3
    peak = Path(f"/proc/{process.process.pid}/status").read_text().split("VmHWM:")[1].split()[0]
    assert int(peak) < 64 * 1024, f"{peak} KiB"


def test_the_same_source_gives_the_same_bytes(pyz, tmp_path):
    subprocess.run(
        [sys.executable, str(PROJECT / "build.py"), str(tmp_path / "again.pyz")], check=True, capture_output=True
    )
    assert (tmp_path / "again.pyz").read_bytes() == pyz.read_bytes()


@pytest.mark.parametrize("kept", [".py", ".pyc"])
def test_it_runs_from_its_byte_code_and_from_its_source(pyz, tmp_path, kept):
    half = tmp_path / "half.pyz"
    with zipfile.ZipFile(pyz) as whole, zipfile.ZipFile(half, "w") as archive:
        for name in whole.namelist():
            if name.endswith(kept):
                archive.writestr(name, whole.read(name))
    done = subprocess.run([sys.executable, str(half), "--version"], check=True, capture_output=True, text=True)
    assert done.stdout.startswith("atp-guest-agent ")


@pytest.mark.parametrize("dials", [False, True])
def test_it_imports_only_what_the_readme_lists(pyz, dials):
    more = "links.dialled, links.lookup, links.websocket" if dials else "links.chooser"
    modules = "__main__, agent, linux, identity, log, expectations, " + more
    code = (
        "import sys; before = set(sys.modules); sys.path.insert(0, sys.argv[1]); import "
        + ", ".join(f"atp_guest_agent.{name}" for name in modules.split(", "))
        + ("; atp_guest_agent.links.websocket.accept_of(b'')" if dials else "")
        + "; print(*sorted(set(sys.modules) - before))"
    )
    out = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(pyz)], check=True, capture_output=True, text=True
    ).stdout
    loaded = {name for name in out.split() if not name.startswith("atp_guest_agent")}
    allowed = ALLOWED | DIALLING if dials else ALLOWED
    assert loaded <= allowed | BEHIND_OS, loaded
    readme = (PROJECT / "README.md").read_text()
    assert all(f"`{name}`" in readme for name in allowed)


def old_python():
    """A Python 3.8 that starts (pyenv's stand-ins for versions that aren't chosen don't)."""
    for path in [*Path.home().glob(".pyenv/versions/3.8.*/bin/python3.8"), shutil.which("python3.8")]:
        if path is not None and subprocess.run([path, "-c", ""], check=False, capture_output=True).returncode == 0:
            return str(path)
    return None


def test_it_runs_on_the_oldest_python_that_it_promises(pyz, tmp_path):
    found = old_python()
    if found is None:
        pytest.skip("no Python 3.8 here")
    process = Process(pyz, tmp_path, command=[found, str(pyz)])
    try:
        process.host.greet()
        wanted = {"type": "keyboard", "action": "keydown", "key": "a"}
        result = process.host.ask({"type": "expect", "event_id": "e", "event": wanted, "timeout_ms": 1}, "result")
        assert result["details"]["reason"] == "timeout"
    finally:
        process.close()


def test_the_source_is_python_3_8():
    import ast

    for file in (PROJECT / "src").rglob("*.py"):
        ast.parse(file.read_text(), feature_version=(3, 8))


def test_a_wrong_option_is_one_sentence_and_the_usage(pyz):
    done = subprocess.run([sys.executable, str(pyz), "--nope"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "unknown argument '--nope'" in done.stderr
    missing = subprocess.run(
        [sys.executable, str(pyz), "--token-file", "/nowhere"], capture_output=True, text=True, check=False
    )
    assert missing.returncode == 1
    assert "/nowhere" in missing.stderr
    assert "Traceback" not in missing.stderr


def test_the_kernel_announces_devices_on_the_socket_that_the_agent_listens_to():
    """Uevents need a network namespace with the kernel's group: say so where there is none."""
    from atp_guest_agent.uevents import Uevents

    trigger = Path("/sys/class/mem/null/uevent")
    if os.geteuid() != 0 or not os.access(trigger, os.W_OK):
        pytest.skip("only root can make the kernel announce a device again")
    uevents = Uevents()
    try:
        trigger.write_text("change")
        until = time.monotonic() + 20
        seen = set()
        while b"mem" not in seen and time.monotonic() < until:
            seen |= uevents.subsystems()
        assert b"mem" in seen
    finally:
        uevents.close()


def test_build_can_be_imported(tmp_path):
    built = runpy.run_path(str(PROJECT / "build.py"))["build"](tmp_path / "sub" / "agent.pyz")
    assert built.stat().st_mode & 0o111
