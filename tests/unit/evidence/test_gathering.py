from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ATPLibrary import events
from ATPLibrary.errors import ChannelError
from ATPLibrary.keywords.evidence import gathering
from ATPLibrary.keywords.evidence.gathering import CONSOLE_LINES, console_tail, gather
from ATPLibrary.keywords.evidence.model import Missing
from ATPLibrary.transport.domain_state import DomainState, VmState

pytestmark = pytest.mark.unit


class Vm:
    """A VM of which everything can be had; tests take parts away."""

    def __init__(self, console: Path | None = None) -> None:
        self.name = "win11"
        self.source = "vm:win11"
        self.reports: list[Any] = []
        self.domain: Any = self
        self._console = console

    async def qmp(self, timeout: float) -> Any:
        return SimpleNamespace(screenshot=self.by_qmp)

    async def by_qmp(self, timeout: float) -> bytes:
        return b"by QMP"

    async def screenshot(self, timeout: float) -> bytes:
        return b"by libvirt"

    async def state(self, timeout: float) -> Any:
        return DomainState(VmState.PAUSED, "I/O error")

    async def description(self, timeout: float) -> Any:
        return SimpleNamespace(console_log=self._console)


async def test_every_part_is_had(tmp_path: Path) -> None:
    (tmp_path / "console").write_text("login:\n")
    events.bus().publish(events.Event("vm:win11", "qmp.STOP"))
    [evidence] = await gather([Vm(tmp_path / "console")])
    assert (evidence.state, evidence.screen, evidence.console) == ("paused (I/O error)", b"by QMP", ("login:",))
    assert "qmp.STOP" in evidence.events[-1]


async def test_libvirt_gives_the_screen_that_qmp_cannot() -> None:
    vm = Vm()

    async def refuse(timeout: float) -> bytes:
        raise ChannelError("The monitor is closed.\nTwice.")

    vm.by_qmp = refuse  # type: ignore[method-assign]
    [evidence] = await gather([vm])
    assert evidence.screen == b"by libvirt"
    vm.screenshot = refuse  # type: ignore[method-assign]
    [evidence] = await gather([vm])
    assert evidence.screen == Missing("by QMP: The monitor is closed. Twice; by libvirt: The monitor is closed. Twice.")


async def test_a_vm_without_a_console_file_says_so() -> None:
    [evidence] = await gather([Vm()])
    assert evidence.console == Missing("the VM's serial console isn't written to a file")


async def test_a_part_that_will_not_be_cancelled_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    released = asyncio.Event()
    vm = Vm()

    async def deaf(timeout: float) -> Any:
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                continue
        raise RuntimeError("late and of no interest")

    monkeypatch.setattr(gathering, "STATE_SECONDS", 0.05)
    vm.state = deaf  # type: ignore[method-assign]
    [evidence] = await gather([vm])
    assert evidence.state == Missing("no answer within 0.05 s")
    assert evidence.screen == b"by QMP"
    released.set()


async def test_when_nobody_gives_the_screen_each_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    vm = Vm()

    async def silent(timeout: float) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(gathering, "QMP_SECONDS", 0.02)
    monkeypatch.setattr(gathering, "LIBVIRT_SECONDS", 0.01)
    vm.by_qmp = vm.screenshot = silent  # type: ignore[method-assign]
    [evidence] = await gather([vm])
    assert evidence.screen == Missing("by QMP: no answer within 0.02 s; by libvirt: no answer within 0.01 s")


def test_the_parts_deadlines_fit_into_the_whole() -> None:
    assert gathering.QMP_SECONDS + gathering.LIBVIRT_SECONDS < gathering.SCREEN_SECONDS < gathering.WHOLE_SECONDS


async def test_a_caller_that_is_cancelled_takes_its_parts_along() -> None:
    vm = Vm()
    ended = asyncio.Event()

    async def slow(timeout: float) -> Any:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    vm.state = slow  # type: ignore[method-assign]
    task = asyncio.create_task(gather([vm]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(ended.wait(), 5)


def test_the_console_is_its_last_lines_without_escapes(tmp_path: Path) -> None:
    log = tmp_path / "console"
    log.write_bytes(
        b"x" * 100_000
        + b"\n"
        + b"".join(b"line %d\r\n" % number for number in range(100))
        + b"\x1b[2J\x1b[1;31mred\x1b[0m\x1b]0;title\x07 \x00bell\x07 \xff\xe4\xb8\xad\n"
        + b"10 %\r50 %\r100 %\r\n"
        + b"y" * 1000
        + b"\n\n\n"
    )
    lines = console_tail(log)
    assert len(lines) == CONSOLE_LINES
    assert lines[-4:-1] == ("line 99", "red bell \ufffd中", "100 %")
    assert lines[-1] == "y" * 199 + "…"


def test_an_empty_console_is_empty(tmp_path: Path) -> None:
    (tmp_path / "console").touch()
    assert console_tail(tmp_path / "console") == ()


def test_registering_the_listener_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from ATPLibrary.keywords import evidence\n"
        "assert evidence.listener() is evidence.listener()\n"
        "heavy = ['PIL', 'robot', 'libvirt', 'qemu', 'pydantic', 'httpx', 'ATPLibrary.orchestrator.workspace']\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_clock_is_read_when_the_look_begins() -> None:
    before = time.time()
    [evidence] = asyncio.run(gather([Vm()]))
    assert before <= evidence.time <= time.time()
