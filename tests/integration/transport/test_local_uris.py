"""`qemu:///system` and `qemu:///session` for real, with daemons that see nothing of the machine's own and end with the test."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from robot.api import ExecutionResult

from ATPLibrary.lab import processes
from ATPLibrary.lab.daemon_user import daemon_user

pytestmark = pytest.mark.integration

SUITE = """\
*** Settings ***
Library    ATPLibrary

*** Test Cases ***
It Answers
    Connect To Host    here    uri={uri}    timeout=30 s
    ${{vms}} =    Get VMs
    Should Be Empty    ${{vms}}
"""
# In mount and process namespaces of its own: nothing is seen outside, and the daemon ends with them.
SYSTEM = """\
set -e
cp /etc/passwd /etc/group "$1"
grep -q ^libvirt-qemu: /etc/passwd || echo libvirt-qemu:x:64055:64055::/nonexistent:/bin/false >>"$1/passwd"
grep -q ^libvirt-qemu: /etc/group || echo libvirt-qemu:x:64055: >>"$1/group"
grep -q ^kvm: /etc/group || echo kvm:x:64056: >>"$1/group"
mount --bind "$1/passwd" /etc/passwd
mount --bind "$1/group" /etc/group
for directory in /run /var/lib /var/cache /var/log /etc/libvirt; do mount -t tmpfs none $directory; done
mkdir /var/log/libvirt
PATH=$PATH:/usr/sbin libvirtd --daemon --pid-file /run/libvirtd.pid
shift
exec "$@"
"""


@pytest.fixture
def short() -> Iterator[Path]:
    """A directory for sockets. A daemon that libvirt has started there is ended."""
    with tempfile.TemporaryDirectory(prefix="atp-u-", dir="/tmp") as directory:
        yield Path(directory)
        pid_file = Path(directory, "libvirt", "libvirtd.pid")
        if pid_file.is_file():
            processes.end([processes.of_pid("libvirtd", int(pid_file.read_text()))])


def run(directory: Path, uri: str, *prefix: str, **environ: str) -> None:
    (directory / "suite.robot").write_text(SUITE.format(uri=uri), encoding="utf-8")
    (directory / "empty.yaml").write_text("{}")
    command = [
        *prefix, sys.executable, "-m", "robot", "-d", str(directory), "--log", "NONE", "--report", "NONE",
        str(directory / "suite.robot"),
    ]  # fmt: skip
    environment = {**os.environ, "ATP_CONFIG": str(directory / "empty.yaml"), **environ}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert (directory / "output.xml").is_file(), ran.stdout + ran.stderr
    (test,) = ExecutionResult(directory / "output.xml").suite.tests
    assert test.message == "", ran.stderr
    assert test.passed


def test_a_user_s_session_is_started_by_libvirt(tmp_path: Path, short: Path) -> None:
    if daemon_user().owner is not None:
        pytest.skip("root has no session, and may not make a user namespace here in which it isn't root")
    run(tmp_path, "qemu:///session", *daemon_user().prefix, HOME=str(short), XDG_RUNTIME_DIR=str(short))


def test_the_system_s_libvirtd_is_reached(tmp_path: Path) -> None:
    unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    allowed = shutil.which("unshare") is not None and os.geteuid() == 0
    if not allowed or subprocess.run([*unshare, "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("only root may start a system libvirtd, in a mount namespace where it disturbs nobody")
    run(tmp_path, "qemu:///system", *unshare, "bash", "-c", SYSTEM, "bash", str(tmp_path))
