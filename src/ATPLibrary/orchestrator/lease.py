"""Handing each VM to one process at a time on this machine: for pabot, and for suites that run beside each other.

A lease is the kernel's lock (flock) on a file of the VM's, so it ends with its process, however that dies. The file's text says
who holds it. Who waits for a VM is woken by inotify when a file is closed. The directory is `$ATP_LEASE_DIR`, else
`/tmp/atp-leases-UID`: every process of the user must see the same one. See docs/decisions/0013-leases.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import re
import stat
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ATPLibrary import runtime
from ATPLibrary.errors import ConfigError, VmStateError
from ATPLibrary.orchestrator.directory_watch import DirectoryWatch

if TYPE_CHECKING:
    from ATPLibrary.transport import Domain

# inotify tells of a file's closing a moment before the kernel takes its lock away: so soon is it looked at once more, then.
_AGAIN_SECONDS = 0.02
# Where inotify can't be had, or an event was missed, this long passes before the VMs are looked at again.
_LOOK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Lease:
    """A VM in the hands of process `pid`, since `since` (seconds since the epoch). `mine`: of this process.

    `scope` is the full name of the test or suite at whose end it is given back; empty: at the end of the run.
    """

    vm: str
    uuid: str
    host: str
    pid: int
    scope: str
    since: float
    mine: bool = False

    def __str__(self) -> str:
        moment = time.strftime("%H:%M:%S", time.localtime(self.since))
        return f"'{self.vm}' by process {self.pid}{f' ({self.scope})' if self.scope else ''} since {moment}"


class LeaseBook:
    """The leases of this machine's user, and those that this process holds. Coroutines run on one asyncio loop."""

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory if directory is not None else lease_directory()
        self._held: dict[str, tuple[Lease, IO[str]]] = {}  # by UUID; the open file is the lock

    @property
    def held(self) -> list[Lease]:
        """What this process holds, in the order it was taken."""
        return [lease for lease, _ in self._held.values()]

    async def take(self, candidates: Iterable[Domain], what: str, scope: str, timeout: float) -> Domain:
        """The first of `candidates` that is free, leased from now on; waits until one is.

        `what` names them in a sentence. `VmStateError` at once when this process holds them all, `DeadlineError` after
        `timeout` seconds with who holds them. Waiting processes are served in no order.
        """
        wanted = list(candidates)
        others = [domain for domain in wanted if domain.uuid not in self._held]
        if not others:
            raise VmStateError.about(
                what,
                wanted="be free",
                got=f"this process has leased {'it' if len(wanted) == 1 else f'all {len(wanted)}'} already",
                next_step="Give it back with 'Release VM', or ask for others",
            )
        self._prepare()
        # Opened once each: the closing of a file is what wakes those who wait, and a try must wake nobody.
        with contextlib.ExitStack() as opened, DirectoryWatch(self._directory, read=True) as watch:
            files = {domain.uuid: opened.enter_context(self._open(domain)) for domain in others}
            async with runtime.deadline(
                timeout,
                what,
                wanted="be free",
                got=f"{'it is' if len(others) == 1 else f'all {len(others)} are'} leased",
                last_seen=lambda: self._holders(others),
                next_step="Wait longer, use fewer processes, or add VMs",
            ):
                looked_at = others
                while True:
                    for domain in looked_at:
                        if _lock(files[domain.uuid]):
                            # A second descriptor of the same lock: the first one is closed here with the others.
                            self._hold(
                                domain, scope, os.fdopen(os.dup(files[domain.uuid].fileno()), "r+", encoding="utf-8")
                            )
                            return domain
                    names = await _next_change(watch)
                    changed = [domain for domain in others if _file_name(domain.uuid) in names]
                    looked_at = changed if names else others

    def release(self, uuid: str) -> Lease | None:
        """Give a VM back; None when this process doesn't hold it."""
        held = self._held.pop(uuid, None)
        if held is None:
            return None
        lease, file = held
        _give_up(file)
        return lease

    def of_scope(self, scope: str) -> list[Lease]:
        """What this process holds until the end of that test or suite."""
        return [lease for lease in self.held if lease.scope == scope]

    def all(self) -> list[Lease]:
        """Every lease on this machine, by the VM's name."""
        if not self._directory.is_dir():
            return []
        found = [lease for path in self._directory.glob("*.lease") if (lease := self._read(path)) is not None]
        return sorted(found, key=lambda lease: (lease.vm, lease.uuid))

    def _open(self, domain: Domain) -> IO[str]:
        path = self._directory / _file_name(domain.uuid)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        return os.fdopen(os.open(path, flags, 0o600), "r+", encoding="utf-8")

    def _hold(self, domain: Domain, scope: str, file: IO[str]) -> None:
        lease = Lease(domain.name, domain.uuid, domain.host.name, os.getpid(), scope, time.time(), mine=True)
        try:
            file.seek(0)
            file.truncate(0)
            json.dump(asdict(replace(lease, mine=False)), file)
            file.flush()
        except BaseException as error:
            _give_up(file)
            if isinstance(error, OSError):
                raise ConfigError.about(
                    f"The lease of VM '{domain.name}'", wanted=f"be written to '{self._directory}'",
                    got=f"was not: {error.strerror}", next_step="Make room there, or set ATP_LEASE_DIR to another directory",
                ) from error  # fmt: skip
            raise
        self._held[domain.uuid] = (lease, file)

    def _read(self, path: Path) -> Lease | None:
        """The lease of that file, if somebody holds it. What a dead process wrote counts for nothing: its lock is gone."""
        try:
            with path.open(encoding="utf-8") as file:
                text = file.read()
                if not text:
                    return None
                values: Mapping[str, Any] = json.loads(text)
                lease = Lease(**{**values, "mine": values["uuid"] in self._held})
                if not lease.mine:
                    with contextlib.suppress(BlockingIOError):
                        # Shared, so that two who look don't see each other.
                        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                        return None
                return lease
        except (OSError, ValueError, TypeError, KeyError):
            return None  # being written, or not ours

    def _holders(self, domains: Iterable[Domain]) -> str:
        wanted = {domain.uuid for domain in domains}
        return "; ".join(str(lease) for lease in self.all() if lease.uuid in wanted) or "they were free just now"

    def _prepare(self) -> None:
        """The directory must be this user's own: a lock in somebody else's could be held, or removed, by anyone."""
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            status = self._directory.lstat()
        except OSError as error:
            raise ConfigError.about(
                f"The directory of leases '{self._directory}'", wanted="be made", got=f"was not: {error.strerror}",
                next_step="Set ATP_LEASE_DIR to one that all test processes may write",
            ) from error  # fmt: skip
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            raise ConfigError.about(
                f"The directory of leases '{self._directory}'", wanted="be this user's own", got="belongs to somebody else",
                next_step="Remove it, or set ATP_LEASE_DIR to another one for all test processes",
            )  # fmt: skip


def lease_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the leases are: one place for every process of the user, also for those started by cron or in a service."""
    if explicit := environ.get("ATP_LEASE_DIR"):
        return Path(explicit).expanduser().absolute()
    return Path(f"/tmp/atp-leases-{os.geteuid()}")


async def _next_change(watch: DirectoryWatch) -> set[str]:
    """The names of the files that something happened to; empty: all must be looked at."""
    try:
        async with asyncio.timeout(_LOOK_SECONDS):
            names = await watch.changed()
    except TimeoutError:
        return set()
    await asyncio.sleep(_AGAIN_SECONDS)
    return names


def _give_up(file: IO[str]) -> None:
    with contextlib.suppress(OSError):
        file.truncate(0)
    fcntl.flock(file, fcntl.LOCK_UN)  # before the closing that wakes those who wait
    with contextlib.suppress(OSError):  # what it still holds can't be written, but it is closed
        file.close()


def _lock(file: IO[str]) -> bool:
    """Take the file's lock if it is free."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _file_name(uuid: str) -> str:
    return f"{re.sub(r'[^0-9A-Za-z-]', '_', uuid)}.lease"
