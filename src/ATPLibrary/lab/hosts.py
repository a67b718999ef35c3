"""One lab host: a libvirt daemon of this user with directories of its own, so that several serve as several hosts on one machine.

The daemon runs in libvirt's session mode: nothing of the system's own libvirt is touched. `daemon_user` says as whom.
See docs/decisions/0003-two-hosts-on-one-machine.md.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import socket
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from socket import socket as Socket
from types import ModuleType
from typing import Any, TypeVar, cast

from ATPLibrary import runtime
from ATPLibrary.errors import DeadlineError, HostError, LabError
from ATPLibrary.lab import processes, reaper
from ATPLibrary.lab.daemon_user import daemon_user, with_host_name
from ATPLibrary.lab.processes import Process
from ATPLibrary.private_file import private_directory, write_private

T = TypeVar("T")

READY_SECONDS = 30.0
# libvirt asks every QEMU binary what it can (4 starts of QEMU) the first time; the answers are cached for all labs of the user.
CAPABILITIES_SECONDS = 120.0
BACKLOG = 64

# virDomainState (libvirt-domain.h) in words.
_STATES = {1: "running", 2: "blocked", 3: "paused", 4: "shutting down", 5: "shut off", 6: "crashed", 7: "suspended"}

_PORT_RANGES = 100
_PORTS_PER_RANGE = 200
_FIRST_PORT = 10_000  # below the kernel's ephemeral ports (32768), so that no outgoing connection sits on one

_QEMU_CONF = """\
# Written by ATPLibrary for a lab's host; lost when the lab ends.
stdio_handler = "file"
security_driver = "none"
remote_display_port_min = {first}
remote_display_port_max = {last}
migration_host = "{ip}"
migration_address = "{ip}"
"""

_LIBVIRTD_CONF = """\
# Written by ATPLibrary for a lab's host; lost when the lab ends.
host_uuid = "{id}"
log_outputs = "3:stderr"
"""


def short_directory(lab: Path) -> Path:
    """The directory for the sockets of the lab in directory `lab`, short because socket paths have at most 107 bytes."""
    return Path(f"/tmp/atp-{os.geteuid()}") / hashlib.sha256(bytes(lab.resolve())).hexdigest()[:8]


@dataclass(frozen=True)
class LabHost:
    """One daemon. `id` is its host UUID, `ip` where its VMs' displays listen, `directory` (short) holds all that is its own."""

    name: str
    id: str
    ip: str
    directory: Path
    log_directory: Path | None = None  # kept when the host ends; None: the log is in `directory` and goes with it

    @property
    def socket(self) -> Path:
        return self.directory / "r" / "libvirt" / "libvirt-sock"

    @property
    def uri(self) -> str:
        return f"qemu+unix:///session?socket={self.socket}"

    @property
    def host_name(self) -> str:
        """What the daemon says that its machine is called, where that can be. With a dot, libvirt looks no further for it."""
        return f"{self.name}.localhost"

    @property
    def log(self) -> Path:
        return (self.log_directory or self.directory) / f"libvirtd-{self.name}.log"

    @property
    def daemon_role(self) -> str:
        return f"libvirtd {self.name}"

    @property
    def reaper_role(self) -> str:
        return f"reaper {self.name}"

    @property
    def _pid_file(self) -> Path:
        return self.directory / "libvirtd.pid"

    def start(self) -> Process:
        """Start the daemon and return at once. Clients may connect from now on: their call is answered when it is ready.

        The process returned is the daemon's parent, which ends when it ends and as it ends (see `lab.reaper`).
        """
        self._write_configuration()
        # The socket exists before the daemon does (systemd's socket activation), so that nobody has to wait for it to appear.
        with self._listen() as listener:
            return processes.spawn(self.daemon_role, self._command(), self._environ(), self.log, listener)

    def wait_until_ready(self, process: Process, timeout: float = READY_SECONDS) -> None:
        """Wait until the daemon answers and knows its QEMU. `LabError` with the end of its log when it doesn't in time."""
        libvirt = _libvirt()

        try:
            connection = _answer(libvirt.open, self.uri, timeout=timeout, what=f"libvirtd of host '{self.name}'")
            try:
                what = f"libvirtd of host '{self.name}', asked what its QEMU can,"
                _answer(connection.getCapabilities, timeout=CAPABILITIES_SECONDS, what=what)
            finally:
                connection.close()
        except (libvirt.libvirtError, DeadlineError) as error:
            raise LabError.about(
                f"libvirtd of host '{self.name}' (pid {process.pid})",
                wanted="answer",
                waited=timeout,
                got=f"{processes.how_it_is(process)} ({error})",
                last_seen=last_lines(self.log),
                next_step=f"Its whole log: {self.log}. 'atp doctor' says what is missing",
            ) from error

    def processes(self) -> list[Process]:
        """This host's running daemon and QEMU processes. Found by command line: also after a crash of what started them."""
        return list(processes.find(self._role_of))

    def vms(self, timeout: float) -> dict[str, str] | None:
        """The host's VMs, name to state in libvirt's words; None when the daemon doesn't answer in `timeout` seconds."""
        libvirt = _libvirt()

        def ask() -> dict[str, str]:
            connection = libvirt.open(self.uri)
            try:
                return {
                    domain.name(): _STATES.get(domain.state()[0], "unknown") for domain in connection.listAllDomains()
                }
            finally:
                connection.close()

        try:
            return _answer(ask, timeout=timeout, what=f"libvirtd of host '{self.name}'")
        except (libvirt.libvirtError, DeadlineError):
            return None

    def define(self, xml: str, timeout: float) -> None:
        """Make a VM known to the host; it stays off. `LabError` with libvirt's words when it doesn't take it."""
        self._change("define a VM", lambda connection: connection.defineXML(xml), timeout)

    def remove(self, name: str, timeout: float) -> None:
        """Cut a VM's power and make the host forget it. No error where it knows no such VM; else `LabError`."""

        def ask(connection: Any) -> None:
            for domain in connection.listAllDomains():
                if domain.name() == name:
                    if domain.isActive():
                        domain.destroy()
                    domain.undefine()

        self._change(f"remove VM '{name}'", ask, timeout)

    def _change(self, what: str, change: Callable[[Any], object], timeout: float) -> None:
        libvirt = _libvirt()

        def ask() -> None:
            connection = libvirt.open(self.uri)
            try:
                change(connection)
            finally:
                connection.close()

        try:
            _answer(ask, timeout=timeout, what=f"libvirtd of host '{self.name}'")
        except libvirt.libvirtError as error:
            raise LabError.about(f"libvirtd of host '{self.name}'", wanted=what, got=f"said: {error}") from error

    def stop(self, grace: float = 5.0) -> None:
        """End the daemon, its VMs and what is left of either, and remove the directory. No error when nothing is there."""
        # The daemon stands still while its VMs end: it could start others. The reaper buries them, so it goes after them: where
        # process 1 buries nobody they would be listed for ever.
        running = self.processes()
        daemons = [process for process in running if process.role in (self.daemon_role, self.reaper_role)]
        processes.suspend(process for process in daemons if process.role == self.daemon_role)
        processes.end((process for process in running if process not in daemons), grace)
        processes.end(daemons, grace)
        processes.end(self.processes(), grace)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _listen(self) -> Socket:
        """The socket that the daemon is given; `_environ` says in LISTEN_FDNAMES which of its own it is."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.unlink(missing_ok=True)
        listener.bind(str(self.socket))
        self.socket.chmod(0o600)
        listener.listen(BACKLOG)
        return listener

    def _role_of(self, command: list[str]) -> str | None:
        if f"--pid-file={self._pid_file}" in command:  # also while it is still the shell that becomes libvirtd
            return self.reaper_role if reaper.__file__ in command[:4] else self.daemon_role
        is_qemu = any(Path(word).name.startswith("qemu-system-") for word in command[:2])
        return f"qemu {self.name}" if is_qemu and any(f"{self.directory}/" in word for word in command) else None

    def _command(self) -> list[str]:
        daemon = shutil.which("libvirtd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") or "libvirtd"
        command = [daemon, f"--pid-file={self._pid_file}", f"--config={self.directory / 'libvirtd.conf'}"]
        # The pid that libvirtd compares with LISTEN_PID is its own, not the reaper's.
        told = processes.told_its_pid([*with_host_name(self.host_name), *daemon_user().prefix, *command])
        return [sys.executable, "-I", "-S", reaper.__file__, *told]

    def _environ(self) -> dict[str, str]:
        return {
            "PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin",
            "HOME": str(self.directory),
            "XDG_RUNTIME_DIR": str(self.directory / "r"),
            "XDG_CONFIG_HOME": str(self.directory / "c"),
            "XDG_CACHE_HOME": str(self.directory / "k"),
            "XDG_DATA_HOME": str(self.directory / "d"),
            "LC_ALL": "C.UTF-8",  # libvirt shortens VM names by characters: without UTF-8 a VM named in Chinese can't start
            "LISTEN_FDNAMES": "libvirtd.socket",
        }

    def _write_configuration(self) -> None:
        user = daemon_user()
        for path in (self.directory.parent.parent, self.directory.parent, self.directory):
            _check_owner(private_directory(path))
            if user.owner is not None and path not in (self.directory, Path("/tmp")):
                path.chmod(0o711)  # the daemon must get through
        for name in ("r/libvirt", "c/libvirt", "k/libvirt/qemu/cache", "d"):
            (self.directory / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        capabilities = self.directory / "k/libvirt/qemu/cache/capabilities"
        if user.owner is None and not capabilities.is_symlink():
            capabilities.symlink_to(capabilities_cache())
        first = _FIRST_PORT + _PORTS_PER_RANGE * (int(self.directory.parent.name.encode().hex(), 16) % _PORT_RANGES)
        qemu = _QEMU_CONF.format(first=first, last=first + _PORTS_PER_RANGE - 1, ip=self.ip)
        write_private(self.directory / "c/libvirt/qemu.conf", qemu)
        write_private(self.directory / "libvirtd.conf", _LIBVIRTD_CONF.format(id=self.id))
        user.hand_over([self.directory, *self.directory.rglob("*")])


def last_lines(log: Path, count: int = 5) -> str:
    """The last lines of a log, on one line; empty when there is none."""
    with contextlib.suppress(OSError):
        return " | ".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:])
    return ""


def reach(uri: str, timeout: float) -> None:
    """Connect to a libvirt and close again. `HostError` when it refuses or doesn't answer in `timeout` seconds."""
    libvirt = _libvirt()

    def ask() -> None:
        libvirt.open(uri).close()

    try:
        _answer(ask, timeout=timeout, what=f"libvirt at {uri}")
    except DeadlineError as error:
        raise HostError(str(error)) from error
    except libvirt.libvirtError as error:
        raise HostError.about(f"libvirt at {uri}", wanted="answer", got=f"said: {error}") from error


def _libvirt() -> ModuleType:
    """libvirt, told not to write its errors to stderr: they come as exceptions."""
    import libvirt

    libvirt.registerErrorHandler(lambda context, error: None, None)
    return cast(ModuleType, libvirt)


def _answer(func: Callable[..., T], *args: Any, timeout: float, what: str) -> T:
    """Call a blocking libvirt function with a deadline."""
    workers = runtime.Workers("lab-host", 1)
    try:
        return runtime.wait(workers.call(func, *args, timeout=timeout, what=what), timeout + 1, what)
    finally:
        workers.close()


def capabilities_cache() -> Path:
    """Where libvirt keeps what it has asked QEMU (8 s), for all hosts of this user's."""
    base = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    path = Path(base) / "atp" / "libvirt-capabilities"
    path.mkdir(parents=True, exist_ok=True)
    return path


def _check_owner(directory: Path) -> None:
    """Sockets below a directory of somebody else in /tmp would be theirs."""
    status = directory.lstat()
    owner = daemon_user().owner
    ours = {os.geteuid(), owner[0]} if owner else {os.geteuid()}
    if stat.S_ISDIR(status.st_mode) and (status.st_uid in ours or directory == Path("/tmp")):
        return
    raise LabError.about(
        f"Directory '{directory}' for the lab's sockets",
        wanted="be a directory of this user",
        got="belongs to somebody else or is none",
        next_step="Remove it, or ask its owner to",
    )
