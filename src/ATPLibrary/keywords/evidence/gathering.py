"""Asks connected VMs, all at once and each part under its own deadline, what they look like now. Never raises.

The protocols below are all that evidence needs of a connected VM; `orchestrator.Machine` provides them.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Coroutine, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ATPLibrary import events, runtime
from ATPLibrary.keywords.evidence import spice
from ATPLibrary.keywords.evidence.model import Missing, VmEvidence

if TYPE_CHECKING:
    from ATPLibrary.transport import DomainDescription, DomainState
    from ATPLibrary.verifier import InputReport

T = TypeVar("T")

# The parts run beside each other, so the slowest decides: the caller waits about SCREEN_SECONDS for a dead host.
STATE_SECONDS = 2.0
CONSOLE_SECONDS = 2.0
SPICE_SECONDS = 2.5
QMP_SECONDS = 2.0
LIBVIRT_SECONDS = 1.3  # after QMP didn't give the screen
SCREEN_SECONDS = 3.6
WHOLE_SECONDS = 4.5

CONSOLE_LINES = 40
CONSOLE_BYTES = 16 * 1024
LINE_CHARACTERS = 200
EVENTS = 20
INPUTS = 3

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

# Reading a file can block for ever on a dead network mount: never on the loop.
_WORKERS = runtime.Workers("evidence", 2)


class Screenshooter(Protocol):
    async def screenshot(self, timeout: float) -> bytes: ...


class Domain(Screenshooter, Protocol):
    async def state(self, timeout: float) -> DomainState: ...

    async def description(self, timeout: float) -> DomainDescription: ...


class Machine(Protocol):
    """A connected VM. `source` is who it is on the event bus; `reports` are its newest input reports, oldest first."""

    @property
    def name(self) -> str: ...

    @property
    def source(self) -> str: ...

    @property
    def domain(self) -> Domain: ...

    @property
    def reports(self) -> Iterable[InputReport]: ...

    async def qmp(self, timeout: float) -> Screenshooter: ...


async def gather(machines: Sequence[Machine]) -> tuple[VmEvidence, ...]:
    """What each of `machines` looks like, in that order, within `WHOLE_SECONDS`. Runs on `runtime`'s loop."""
    return tuple(await asyncio.gather(*(_gather_one(machine) for machine in machines)))


async def _gather_one(machine: Machine) -> VmEvidence:
    taken = time.time()
    recent, inputs = remembered(machine)
    state, screen, console, spiced = await asyncio.gather(
        _part(machine.domain.state(timeout=STATE_SECONDS), STATE_SECONDS),
        _part(_screen(machine), SCREEN_SECONDS),
        _part(_console(machine.domain), CONSOLE_SECONDS),
        _part(spice.look(machine), SPICE_SECONDS),
    )
    if isinstance(state, Missing):
        return VmEvidence(machine.name, taken, state, screen, console, recent, inputs, spiced)
    if isinstance(screen, Missing) and not state.state.is_active:
        screen = Missing(f"the VM is {state.state.value}")
    return VmEvidence(machine.name, taken, str(state), screen, console, recent, inputs, spiced)


def remembered(machine: Machine) -> tuple[tuple[str, ...], tuple[InputReport, ...]]:
    """What is in memory of a VM: its last events and inputs."""
    recent = events.bus().recent(machine.source, limit=EVENTS)
    return tuple(str(event) for event in recent), tuple(machine.reports)[-INPUTS:]


async def _part(coro: Coroutine[Any, Any, T], seconds: float) -> T | Missing:
    """The coroutine's result, or why there is none. Doesn't wait for one that won't be cancelled."""
    task = asyncio.get_running_loop().create_task(coro)
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        task.cancel()
    if not task.done():
        task.add_done_callback(_look_away)
        return Missing(f"no answer within {seconds:g} s")
    if task.cancelled():
        return Missing("it was cancelled")
    if (error := task.exception()) is not None:
        return Missing(one_line(str(error) or type(error).__name__))
    return task.result()


def _look_away(task: asyncio.Task[Any]) -> None:
    """Retrieve a late task's error, so that asyncio doesn't print it on the tester's console."""
    if not task.cancelled():
        task.exception()


async def _screen(machine: Machine) -> bytes:
    """By QMP, else by libvirt: a QMP channel that the failure broke must not take the picture with it."""
    by_qmp = await _part(_screen_by_qmp(machine), QMP_SECONDS)
    if not isinstance(by_qmp, Missing):
        return by_qmp
    by_libvirt = await _part(machine.domain.screenshot(timeout=SCREEN_SECONDS), LIBVIRT_SECONDS)
    if not isinstance(by_libvirt, Missing):
        return by_libvirt
    raise _NoScreen(f"by QMP: {by_qmp.why.rstrip('.')}; by libvirt: {by_libvirt.why}")


class _NoScreen(Exception):
    pass


async def _screen_by_qmp(machine: Machine) -> bytes:
    qmp = await machine.qmp(timeout=QMP_SECONDS)
    return await qmp.screenshot(timeout=QMP_SECONDS)


async def _console(domain: Domain) -> tuple[str, ...]:
    description = await domain.description(timeout=CONSOLE_SECONDS)
    if description.console_log is None:
        raise _NoConsole("the VM's serial console isn't written to a file")
    return await _WORKERS.call(
        console_tail, description.console_log, timeout=CONSOLE_SECONDS, what=f"Reading {description.console_log}"
    )


class _NoConsole(Exception):
    pass


def console_tail(path: Path) -> tuple[str, ...]:
    """The last `CONSOLE_LINES` lines of a serial console's file, without escape sequences and control characters."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - CONSOLE_BYTES))
            text = file.read(CONSOLE_BYTES).decode("utf-8", errors="replace")
    except OSError as error:
        raise _NoConsole(f"{path} can't be read on this machine ({error.strerror})") from error
    lines = [_plain(line) for line in text.split("\n")]
    if size > CONSOLE_BYTES and len(lines) > 1:
        lines = lines[1:]  # its beginning was cut off
    while lines and not lines[-1]:
        lines.pop()
    return tuple(lines[-CONSOLE_LINES:])


def _plain(line: str) -> str:
    line = _ESCAPES.sub("", line.rstrip("\r"))
    # A carriage return inside a line means that it was written over: what was written last is what stood there.
    line = _CONTROLS.sub("", line.rsplit("\r", 1)[-1]).rstrip()
    return line if len(line) <= LINE_CHARACTERS else line[: LINE_CHARACTERS - 1] + "…"


def one_line(text: str, limit: int = 300) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
