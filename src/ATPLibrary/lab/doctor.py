"""What the lab and the library need from this machine, checked one by one, each with the command that puts it right.

`essentials()` are the quick ones that `Lab.up` asks first; `examine()` is all that `atp doctor` shows.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from ATPLibrary.errors import ATPError, LabError
from ATPLibrary.lab import server_process
from ATPLibrary.lab.daemon_user import can_name_hosts, daemon_user

_SYSTEM_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
_COMMAND_SECONDS = 20.0
_DISK_MIB = 1500  # packages, image and overlays
_MEMORY_MIB = 1000  # two desktops, two daemons, the platform server

# Command, the Debian package that has it, what the lab does with it.
_COMMANDS = (
    ("qemu-system-x86_64", "qemu-system-x86", "runs the VMs"),
    ("qemu-img", "qemu-utils", "makes linked clones"),
    ("libvirtd", "libvirt-daemon", "is the lab's hosts"),
    ("apt-get", "apt", "fetches the guest's packages"),
    ("dpkg-deb", "dpkg", "unpacks the guest's packages"),
    ("mke2fs", "e2fsprogs", "makes the guest's disk"),
    ("debugfs", "e2fsprogs", "makes the guest's disk"),
)
_MODULES = ("fastapi", "uvicorn", "sqlalchemy")


class Level(Enum):
    OK = "ok"
    NOTE = "note"  # works, but you should know
    MISSING = "missing"


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `fix` is what to do, as a command where there is one; empty when nothing needs doing."""

    name: str
    level: Level
    said: str
    fix: str = ""

    def as_json(self) -> dict[str, str]:
        return {"name": self.name, "level": self.level.value, "said": self.said, "fix": self.fix}


def require_essentials() -> None:
    """Raise a `LabError` that names everything the lab can't start without, and the fixes."""
    missing = [finding for finding in essentials() if finding.level is Level.MISSING]
    if missing:
        raise LabError.about(
            "This machine",
            wanted="have what the lab needs",
            got="misses " + "; ".join(f"{finding.name} ({finding.said})" for finding in missing),
            next_step="Run: " + " && ".join(dict.fromkeys(finding.fix for finding in missing)),
        )


def essentials() -> list[Finding]:
    """The checks that take no time."""
    return [
        *_commands(),
        _qemu_driver(),
        _libvirt_python(),
        *_modules(),
        _daemon_user(),
        _host_names(),
        _process_descriptors(),
    ]


def examine(lab_directory: Path, environ: dict[str, str]) -> Iterator[Finding]:
    """All checks, one after the other; the slowest takes a few seconds."""
    yield _python()
    yield from essentials()
    yield _spice()
    yield _accelerator()
    yield from _space(lab_directory)
    yield _memory()
    yield _port(lab_directory)
    yield _lab(lab_directory)
    yield from _configured_hosts(environ)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("Python", Level.OK, f"{version} ({sys.executable})")  # an older one could not have imported this


def _commands() -> Iterator[Finding]:
    for command, package, purpose in _COMMANDS:
        path = shutil.which(command, path=_SYSTEM_PATH)
        if path:
            yield Finding(command, Level.OK, path)
        else:
            yield Finding(command, Level.MISSING, f"not installed; it {purpose}", install(package))


def _qemu_driver() -> Finding:
    drivers = (
        list(Path("/usr").glob("lib*/**/libvirt/connection-driver/libvirt_driver_qemu.so")) if _is_debian() else []
    )
    if drivers or not _is_debian():
        return Finding(
            "libvirt's QEMU driver", Level.OK, str(drivers[0]) if drivers else "not looked for: not a Debian system"
        )
    return Finding("libvirt's QEMU driver", Level.MISSING, "not installed", install("libvirt-daemon-driver-qemu"))


def _is_debian() -> bool:
    return Path("/etc/debian_version").exists()


def _libvirt_python() -> Finding:
    try:
        import libvirt
    except ImportError as error:
        fix = f"{install('libvirt-dev', 'pkg-config', 'gcc', 'python3-dev')} && {sys.executable} -m pip install libvirt-python"
        return Finding("libvirt-python", Level.MISSING, f"can't be imported: {error}", fix)
    version = libvirt.getVersion()
    return Finding(
        "libvirt-python",
        Level.OK,
        f"works with libvirt {version // 1_000_000}.{version // 1000 % 1000}.{version % 1000}",
    )


def _modules() -> Iterator[Finding]:
    missing = [module for module in _MODULES if importlib.util.find_spec(module) is None]
    if missing:
        fix = f"{sys.executable} -m pip install 'robotframework-atp[lab]'"
        yield Finding(
            "Python packages", Level.MISSING, f"without {', '.join(missing)} the platform server can't run", fix
        )
    else:
        yield Finding("Python packages", Level.OK, ", ".join(_MODULES))


def _daemon_user() -> Finding:
    """Root's libvirt daemons run as somebody else; without user namespaces that costs something."""
    user = daemon_user()
    name = "user of the lab's hosts"
    if not user.prefix:
        return Finding(name, Level.OK, "yourself")
    if user.owner is None:
        return Finding(name, Level.OK, "root, in a user namespace")
    said = "'nobody', because user namespaces are forbidden here: no KVM, and a slower start"
    return Finding(
        name, Level.NOTE, said, "run the lab as an ordinary user, or allow unshare(CLONE_NEWUSER) in the container"
    )


def _host_names() -> Finding:
    name = "names of the lab's hosts"
    if can_name_hosts():
        return Finding(name, Level.OK, "each host has its own")
    said = f"both say '{socket.gethostname()}', because unshare(CLONE_NEWUTS) is forbidden here: VMs can't migrate between them"
    return Finding(
        name, Level.NOTE, said, "allow it in the container (as a user: with user namespaces), or run as root"
    )


def _process_descriptors() -> Finding:
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError as error:
        said = f"pidfd_open: {error.strerror}"
        return Finding(
            "Linux kernel", Level.MISSING, said, "use Linux 5.3 or later, and a container that allows pidfd_open"
        )
    return Finding("Linux kernel", Level.OK, os.uname().release)


def _spice() -> Finding:
    """Debian and others ship QEMU's SPICE as a module of its own."""
    try:
        done = subprocess.run(
            ["qemu-system-x86_64", "-spice", "help"],
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return Finding("SPICE in QEMU", Level.MISSING, f"QEMU can't be asked: {error}", install("qemu-system-x86"))
    if "addr=" in done.stdout:
        return Finding("SPICE in QEMU", Level.OK, "QEMU has it")
    said = (done.stderr or done.stdout).strip().splitlines()
    return Finding("SPICE in QEMU", Level.MISSING, said[0] if said else "QEMU lacks it", install("qemu-system-common"))


def _accelerator() -> Finding:
    """What is known without booting a probe guest; `atp lab up` boots one when /dev/kvm could work."""
    device = Path("/dev/kvm")
    if not device.exists():
        return Finding(
            "accelerator", Level.NOTE, "tcg: there is no /dev/kvm, so VMs run several times slower than with KVM"
        )
    if not os.access(device, os.R_OK | os.W_OK):
        fix = "sudo usermod --append --groups kvm $USER  # then log in again"
        return Finding("accelerator", Level.NOTE, "tcg: /dev/kvm is there, but this user may not open it", fix)
    return Finding(
        "accelerator", Level.NOTE, "/dev/kvm is there; 'atp lab up' boots a probe guest to see whether it works"
    )


def _space(lab_directory: Path) -> Iterator[Finding]:
    for name, path in (("disk space of the lab", lab_directory), ("disk space for sockets and clones", Path("/tmp"))):
        existing = next(parent for parent in (path, *path.parents) if parent.exists())
        free = shutil.disk_usage(existing).free >> 20
        wanted = _DISK_MIB if path == lab_directory else 200
        said = f"{free} MiB free in {existing}"
        if free >= wanted:
            yield Finding(name, Level.OK, said)
        else:
            yield Finding(
                name, Level.MISSING, f"{said}, {wanted} needed", f"make room in {existing}, or set ATP_LAB_DIR"
            )


def _memory() -> Finding:
    fields = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    free = int(fields["MemAvailable"].split()[0]) >> 10
    if free >= _MEMORY_MIB:
        return Finding("memory", Level.OK, f"{free} MiB available")
    return Finding("memory", Level.NOTE, f"{free} MiB available; two desktops want {_MEMORY_MIB}", "end other programs")


def _port(lab_directory: Path) -> Finding:
    port = server_process.PREFERRED_PORT
    name = f"port {port}"
    if server_process.find(lab_directory):
        return Finding(name, Level.OK, "the lab is up")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((server_process.ADDRESS, port))
        except OSError:
            return Finding(name, Level.NOTE, "taken by another program; the lab's platform will use a free port")
    return Finding(name, Level.OK, "free")


def _lab(lab_directory: Path) -> Finding:
    from ATPLibrary.lab.lab import Lab

    status = Lab(lab_directory).status()
    if status.condition == "broken":
        return Finding("lab", Level.NOTE, f"broken: {' '.join(status.problems)}", "atp lab down")
    return Finding("lab", Level.OK, f"{status.condition} ({lab_directory})")


def _configured_hosts(environ: dict[str, str]) -> Iterable[Finding]:
    """The hosts of the configuration that a suite would use now."""
    from ATPLibrary import config
    from ATPLibrary.lab.hosts import reach

    try:
        settings = config.load(environ=environ)
    except ATPError as error:
        return [Finding("configuration", Level.MISSING, str(error), "correct that file")]
    findings = []
    for name, host in settings.hosts.items():
        try:
            reach(host.uri, timeout=5.0)
        except ATPError as error:
            findings.append(Finding(f"host {name}", Level.NOTE, str(error), "is the host on, and the URI right?"))
        else:
            findings.append(Finding(f"host {name}", Level.OK, host.uri))
    return findings


def install(*packages: str) -> str:
    """The command that installs Debian packages, as this user must type it."""
    sudo = "" if os.geteuid() == 0 else "sudo "
    return f"{sudo}apt-get install -y --no-install-recommends {' '.join(packages)}"
