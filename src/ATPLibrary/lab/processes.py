"""The lab's processes: start them so that they outlive us, know them again after a crash, end only them.

A pid alone says nothing after a while: the kernel gives it to another process. A process is its pid and its start time. Waiting
for an end uses pidfds (pidfd_open(2)): no polling, and a signal can't hit a process that took over the pid.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ATPLibrary.errors import LabError

LISTEN_DESCRIPTOR = 3  # where a process that is given a listening socket finds it (sd_listen_fds(3))

_ENDING_SECONDS = 1.0


@dataclass(frozen=True)
class Process:
    """One process. `started` is its start in clock ticks since boot (field 22 of /proc/PID/stat, proc(5))."""

    role: str
    pid: int
    started: int

    @property
    def alive(self) -> bool:
        """It runs: not ended, not a zombie, and its pid wasn't given to another."""
        return _start_time(self.pid) == self.started


def spawn(
    role: str, command: Sequence[str], environ: Mapping[str, str], log: Path, listener: socket.socket | None = None
) -> Process:
    """Start a process in a session of its own, its output in `log` (begun anew), `listener` as its descriptor 3."""
    anew = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), anew, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    if listener is not None:
        actions.append((os.POSIX_SPAWN_DUP2, listener.fileno(), LISTEN_DESCRIPTOR))
    try:
        pid = os.posix_spawnp(
            command[0],
            list(command),
            dict(environ),
            file_actions=actions,
            setsid=True,
            setsigmask=(),
            setsigdef=(signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGHUP),
        )
    except OSError as error:
        raise LabError.about(
            f"The lab's {role}",
            wanted=f"start as '{command[0]}'",
            got=f"could not: {error.strerror}",
            next_step="'atp doctor' says what is missing",
        ) from error
    _CHILDREN[pid] = ""
    return of_pid(role, pid)


def told_its_pid(command: Sequence[str]) -> list[str]:
    """The command, told as by systemd that descriptor 3 is its listening socket (sd_listen_fds(3)).

    A shell sets LISTEN_PID and becomes the command, which keeps the pid.
    """
    return ["/bin/sh", "-c", 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"', "sh", *command]


def of_pid(role: str, pid: int) -> Process:
    """The process that has this pid now: ourselves, or a child that nobody has reaped."""
    started = _start_time(pid, zombies=True)
    if started is None:
        raise LabError.about(f"Process {pid} ({role})", wanted="exist", got="does not")
    return Process(role, pid, started)


# Our own children, and how they ended in words (empty: not reaped yet). Others' children are reaped by their parents.
_CHILDREN: dict[int, str] = {}


def exit_status(process: Process) -> str:
    """How it ended, in words; empty while it runs. Only for our own children; of others it says no more than "ended"."""
    if process.alive:
        return ""
    if _CHILDREN.get(process.pid) == "":
        pid, status = os.waitpid(process.pid, os.WNOHANG)
        if pid != 0:
            code = os.waitstatus_to_exitcode(status)
            words = f"ended with exit status {code}" if code >= 0 else f"was killed by {signal.Signals(-code).name}"
            _CHILDREN[process.pid] = words
    return _CHILDREN.get(process.pid) or "ended"


def how_it_is(process: Process) -> str:
    """What to say of a process whose connection broke or stayed silent. One that ends closes its sockets a moment before."""
    wait([process], _ENDING_SECONDS)
    return exit_status(process) or "runs but doesn't answer"


def wait(some: Iterable[Process], timeout: float) -> list[Process]:
    """Wait until they have ended; return those that still run after `timeout` seconds."""
    with contextlib.ExitStack() as stack:
        return list(_wait(_open_all(some, stack), timeout).values())


def suspend(some: Iterable[Process]) -> None:
    """Let them stand still (SIGSTOP). `end` ends them all the same."""
    with contextlib.ExitStack() as stack:
        for descriptor, process in _open_all(some, stack).items():
            _signal(descriptor, process, signal.SIGSTOP)


def kill(some: Iterable[Process], grace: float = 5.0) -> None:
    """End them at once, with SIGKILL, as a machine's failure would. Raises as `end`."""
    _end(some, grace, (signal.SIGKILL,))


def end(some: Iterable[Process], grace: float = 5.0) -> None:
    """End them all: SIGTERM together, SIGKILL for those that still run after `grace` seconds, and wait until all are gone.

    Not an error when some have ended already. `LabError` names those that can't be signalled or don't go even then.
    """
    _end(some, grace, (signal.SIGTERM, signal.SIGKILL))


def _end(some: Iterable[Process], grace: float, numbers: Sequence[signal.Signals]) -> None:
    with contextlib.ExitStack() as stack:
        descriptors = _open_all(some, stack)
        for number in numbers:
            for descriptor, process in descriptors.items():
                _signal(descriptor, process, number)
                if number is signal.SIGTERM:  # a stopped process only hears SIGKILL and SIGCONT
                    _signal(descriptor, process, signal.SIGCONT)
            descriptors = _wait(descriptors, grace)
        if descriptors:
            raise LabError.about(
                "The lab's " + ", ".join(f"{process.role} (pid {process.pid})" for process in descriptors.values()),
                wanted="end after SIGKILL",
                got="still runs",
                waited=grace,
                next_step="It hangs in the kernel: see 'cat /proc/PID/stack' and the kernel's log",
            )


def _wait(descriptors: dict[int, Process], grace: float) -> dict[int, Process]:
    """Return those that still run after `grace` seconds."""
    poll = select.poll()
    running = dict(descriptors)
    for descriptor in running:
        poll.register(descriptor, select.POLLIN)
    deadline = time.monotonic() + grace
    while running and (left := deadline - time.monotonic()) > 0:
        for descriptor, _ in poll.poll(left * 1000):
            poll.unregister(descriptor)
            exit_status(running.pop(descriptor))
    return running


def _open_all(some: Iterable[Process], stack: contextlib.ExitStack) -> dict[int, Process]:
    """Each running process by its pidfd; `stack` closes them."""
    descriptors: dict[int, Process] = {}
    for process in some:
        descriptor = _open(process)
        if descriptor is not None:
            stack.callback(os.close, descriptor)
            descriptors[descriptor] = process
    return descriptors


def _open(process: Process) -> int | None:
    """A pidfd of the process, or None when it has ended. The start time is read after opening: then the pid can't be another's."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return None
    if not process.alive:
        os.close(descriptor)
        exit_status(process)
        return None
    return descriptor


def _signal(descriptor: int, process: Process, number: signal.Signals) -> None:
    try:
        signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        pass
    except PermissionError as error:
        raise LabError.about(
            f"The lab's {process.role} (pid {process.pid})",
            wanted="end",
            got="belongs to another user",
            next_step="Run 'atp lab down' as the user who started the lab",
        ) from error


def find(role_of: Callable[[list[str]], str | None]) -> Iterator[Process]:
    """This user's processes (root: everybody's) for whose command line `role_of` gives a role."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):  # it ended while we looked
            if os.geteuid() not in (0, entry.stat().st_uid):
                continue
            command = (entry / "cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
            role = role_of(command)
            started = _start_time(int(entry.name))
            if role is not None and started is not None:
                yield Process(role, int(entry.name), started)


def _start_time(pid: int, zombies: bool = False) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name before may hold spaces and brackets
    if fields[0] in "ZX" and not zombies:
        return None
    return int(fields[19])
