"""As whom the lab's libvirt daemons run. A user: as that user. Root has no session mode in libvirt, so it must be someone else.

Best is a user namespace in which root is called "nobody": the files stay root's and /dev/kvm stays usable. Where a container
forbids those, the daemons run as the real "nobody", and what they use is handed to it.
"""

from __future__ import annotations

import functools
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_PROBE_SECONDS = 20.0


@dataclass(frozen=True)
class DaemonUser:
    """`prefix` stands before a daemon's command. `owner` (uid, gid) is whose its files must be; None: ours, as they are made."""

    prefix: tuple[str, ...] = ()
    owner: tuple[int, int] | None = None

    def hand_over(self, paths: Iterable[Path]) -> None:
        """Give these files and directories to the daemon, where it isn't us."""
        if self.owner is not None:
            for path in paths:
                os.chown(path, *self.owner, follow_symlinks=False)

    def reachable(self, file: Path, directory: Path) -> Path:
        """The file, or a copy of it in `directory` where the daemon couldn't reach the original (below /root, say)."""
        if self.owner is None:
            return file
        directory.mkdir(mode=0o711, parents=True, exist_ok=True)
        copy = directory / file.name
        shutil.copyfile(file, copy)
        copy.chmod(0o444)
        return copy


def with_host_name(name: str) -> tuple[str, ...]:
    """What stands before a daemon's command to give it a host name of its own; nothing where that is forbidden.

    libvirt moves no VM between two daemons that say the same name.
    """
    if not can_name_hosts():
        return ()
    return (*_own_uts(), "sh", "-c", 'hostname "$0" && exec "$@"', name, *_back_from_root())


@functools.cache
def can_name_hosts() -> bool:
    """Whether a daemon can be given a host name of its own here; asks the kernel once."""
    command = [*_own_uts(), "sh", "-c", 'hostname "$0" && exec "$@"', "atp-probe", *_back_from_root(), "true"]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=_PROBE_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def _own_uts() -> tuple[str, ...]:
    """A user may name a host only as root of a user namespace."""
    return ("unshare", "--uts", *(() if os.geteuid() == 0 else ("--user", "--map-root-user")), "--")


def _back_from_root() -> tuple[str, ...]:
    """libvirt has no session mode for root: one that isn't root outside is itself again, in a namespace within."""
    if os.geteuid() == 0:
        return ()
    return ("unshare", "--user", f"--map-user={os.geteuid()}", f"--map-group={os.getegid()}", "--")


@functools.cache
def daemon_user() -> DaemonUser:
    """As whom daemons run here; asks the kernel once."""
    if os.geteuid() != 0:
        return DaemonUser()
    nobody = pwd.getpwnam("nobody")
    namespace = ("unshare", "--user", f"--map-user={nobody.pw_uid}", f"--map-group={nobody.pw_gid}", "--")
    try:
        subprocess.run([*namespace, "true"], check=True, capture_output=True, timeout=_PROBE_SECONDS)
    except (OSError, subprocess.SubprocessError):
        plain = ("setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups", "--")
        return DaemonUser(plain, (nobody.pw_uid, nobody.pw_gid))
    return DaemonUser(namespace)
