"""An SSH server of this user's own on loopback, by which a lab's host is reached as a remote one is: `qemu+ssh`.

It knows one user, ourselves, and one key, its own; nothing of the system's SSH or of ~/.ssh is touched. Needs openssh-server, and
netcat-openbsd for the socket of a daemon that isn't the system's.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urlencode

from ATPLibrary.errors import LabError
from ATPLibrary.lab import processes
from ATPLibrary.lab.hosts import LabHost, last_lines
from ATPLibrary.lab.ports import free_port
from ATPLibrary.lab.processes import Process
from ATPLibrary.private_file import private_directory, write_private

READY_SECONDS = 10.0
_KEYGEN_SECONDS = 20.0
# Where sshd as root locks in what handles a stranger's bytes; Debian makes it when the system's own sshd starts.
_PRIVILEGE_SEPARATION = Path("/run/sshd")

_CONFIGURATION = """\
# Written by ATPLibrary for a lab; lost when the lab ends.
ListenAddress 127.0.0.1
Port {port}
HostKey {directory}/host_key
AuthorizedKeysFile {directory}/authorized_keys
PidFile none
UsePAM {pam}
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
{more}
LogLevel VERBOSE
"""


class LabSshd:
    """`more` are lines for its configuration (sshd_config(5); the first of a kind counts). Keys are made at the first start."""

    def __init__(self, directory: Path, more: Iterable[str] = ()) -> None:
        self.directory = directory
        self.more = tuple(more)
        self.user = getpass.getuser()
        self.port = 0
        self.key = directory / "key"
        self.known_hosts = directory / "known_hosts"
        self.log = directory / "sshd.log"
        self._listener: Process | None = None

    def uri(self, host: LabHost, **parameters: str | Path) -> str:
        """`host` through this server; `parameters` are put into the URI in the place of ours, or beside them."""
        query = {"socket": host.socket, "keyfile": self.key, "known_hosts": self.known_hosts} | parameters
        return f"qemu+ssh://{self.user}@127.0.0.1:{self.port}/session?{urlencode(query, safe='/')}"

    def start(self) -> None:
        """Start it and wait until it listens: on the same port each time. `LabError` with the end of its log when it doesn't."""
        private_directory(self.directory)
        if not self.key.exists():
            self._make_keys()
        self.port = self.port or free_port()
        pam = "yes" if _is_locked(self.user) else "no"
        configuration = _CONFIGURATION.format(
            port=self.port, directory=self.directory, pam=pam, more="\n".join(self.more)
        )
        write_private(self.directory / "sshd_config", configuration)
        public = (self.directory / "host_key.pub").read_text().split()
        write_private(self.known_hosts, f"[127.0.0.1]:{self.port} {public[0]} {public[1]}\n")
        if os.geteuid() == 0:
            _PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
        # sshd starts itself anew for each connection, and wants its whole path for that.
        command = [str(_sshd()), "-D", "-e", "-f", str(self.directory / "sshd_config")]
        self._listener = processes.spawn("sshd", command, {"PATH": os.environ.get("PATH", os.defpath)}, self.log)
        self._wait_until_ready(self._listener)

    def processes(self) -> list[Process]:
        """The server and what it has started for those who are logged in."""
        if self._listener is None or not self._listener.alive:
            return []
        return [self._listener, *_descendants(self._listener.pid)]

    def stop(self) -> None:
        """End it and everybody's session at once; a second time does nothing."""
        running, self._listener = self.processes(), None
        processes.end(running)

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        """It and its sessions stand still meanwhile: connections stay, and nobody answers."""
        running = [process for process in self.processes() if process.role == "sshd" or _is_sshd(process.pid)]
        processes.suspend(running)
        try:
            yield
        finally:
            for process in running:
                if process.alive:
                    os.kill(process.pid, signal.SIGCONT)

    def _wait_until_ready(self, process: Process) -> None:
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end and process.alive:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1.0) as connection:
                if connection.recv(4) == b"SSH-":
                    return
            processes.wait([process], 0.02)
        got = processes.how_it_is(process)
        self.stop()
        raise LabError.about(
            "The lab's sshd", wanted="listen", waited=READY_SECONDS, got=got, last_seen=last_lines(self.log),
            next_step="Check that openssh-server is installed",
        )  # fmt: skip

    def _make_keys(self) -> None:
        for name in ("key", "host_key"):
            make_key(self.directory / name)
        shutil.copyfile(self.directory / "key.pub", self.directory / "authorized_keys")


def make_key(file: Path, passphrase: str = "") -> Path:
    """A new key pair, `file` and `file`.pub. ssh-keygen takes a passphrase as an argument: not one that matters."""
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", str(file)]
    subprocess.run(command, check=True, capture_output=True, timeout=_KEYGEN_SECONDS)
    return file


def is_installed() -> bool:
    return _sshd() is not None and shutil.which("ssh") is not None and shutil.which("nc") is not None


def _is_locked(user: str) -> bool:
    """Whether its password is locked (shadow(5)). Without PAM such a user isn't let in, by a key either; PAM in its turn wants
    more than a container may give. Only root can look, and only root's sshd does."""
    with contextlib.suppress(OSError):
        for line in Path("/etc/shadow").read_text(errors="replace").splitlines():
            name, _, rest = line.partition(":")
            if name == user:
                return rest.startswith("!")
    return False


def _sshd() -> str | None:
    return shutil.which("sshd", path="/usr/sbin:/usr/bin:/sbin:/bin")


def _is_sshd(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().startswith("sshd")
    return False


def _descendants(pid: int) -> list[Process]:
    found: list[Process] = []
    with contextlib.suppress(OSError, LabError):  # ended while we looked
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            with contextlib.suppress(LabError):
                found.append(processes.of_pid("sshd session", int(child)))
            found += _descendants(int(child))
    return found
