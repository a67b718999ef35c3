"""A Robot library with VMs made of real pictures, console files and input reports, for faults that a healthy VM won't have.

It registers evidence's listener as ATPLibrary's libraries do, and puts its VMs into the process's real workspace.
"""

from __future__ import annotations

import asyncio
import io
import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from robot.libraries.BuiltIn import BuiltIn

from ATPLibrary import events, secrets
from ATPLibrary.keywords import evidence
from ATPLibrary.orchestrator import Workspace
from ATPLibrary.transport import DomainState, VmState


class BenchDomain:
    def __init__(self, console: Path) -> None:
        self._console = console

    async def state(self, timeout: float) -> Any:
        return DomainState(VmState.RUNNING, "booted")

    async def description(self, timeout: float) -> Any:
        return SimpleNamespace(console_log=self._console)

    async def screenshot(self, timeout: float) -> bytes:
        return picture("by libvirt", "PPM")


class BenchVm:
    """A connected VM. Every picture that is taken of it is counted, so that a test can say how often it was looked at."""

    def __init__(self, name: str, console: Path) -> None:
        self.name = name
        self.source = f"vm:{name}"
        self.domain: Any = BenchDomain(console)
        self.reports: list[Any] = []
        self.looks = 0

    async def qmp(self, timeout: float) -> Any:
        return self

    async def screenshot(self, timeout: float) -> bytes:
        self.looks += 1
        return picture(f"{self.name} look {self.looks}", "PNG")


class DeadHostVm(BenchVm):
    """Nothing of it ever answers, and it doesn't even listen when it is told to stop."""

    def __init__(self, name: str, console: Path) -> None:
        super().__init__(name, console)
        self.domain = self

    async def qmp(self, timeout: float) -> Any:
        await self._never()

    async def state(self, timeout: float) -> Any:
        await self._never()

    async def description(self, timeout: float) -> Any:
        await self._never()

    async def screenshot(self, timeout: float) -> bytes:
        await self._never()
        return b""

    async def _never(self) -> None:
        deaf_until = time.monotonic() + 30
        while time.monotonic() < deaf_until:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                continue


class BrokenVm(BenchVm):
    """QMP is gone, the picture is none, the console is elsewhere."""

    def __init__(self, name: str, console: Path) -> None:
        super().__init__(name, Path("/nowhere/console.log"))

    async def qmp(self, timeout: float) -> Any:
        raise ConnectionResetError("the monitor went away\nwith a second line")


class GarbledVm(BenchVm):
    async def screenshot(self, timeout: float) -> bytes:
        return b"\x89PNG\r\n\x1a\nand then nothing that makes sense"


KINDS = {"well": BenchVm, "dead": DeadHostVm, "broken": BrokenVm, "garbled": GarbledVm}


def picture(text: str, kind: str) -> bytes:
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (720, 400), "black")
    draw = ImageDraw.Draw(image)
    for row in range(20):
        draw.text((4, 4 + 18 * row), f"root@guest:~# {text} {row} {'abcdefghij' * 6}", fill="white")
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


class EvidenceBench:
    ROBOT_LIBRARY_SCOPE = "GLOBAL"
    ROBOT_LIBRARY_LISTENER = evidence.listener()

    def connect_bench_vm(self, name: str, kind: str = "well") -> None:
        console = Path(os.environ["BENCH_DIRECTORY"]) / f"{len(name)}-console.log"
        console.write_bytes(b"".join(b"\x1b[32mboot line %d\x1b[0m\r\n" % number for number in range(60)))
        workspace = Workspace.current()
        machine: Any = KINDS[kind](name, console)
        workspace.machines[("bench", name)] = machine
        workspace.current_machine = machine
        events.bus().publish(events.Event(machine.source, "libvirt.lifecycle.started", {"detail": "<booted> & more"}))
        events.bus().publish(events.Event("host:bench", "connected"))

    def disconnect_bench_vms(self) -> None:
        if (workspace := Workspace.existing()) is not None:
            workspace.machines.clear()
            workspace.current_machine = None

    def bench_vm_was_looked_at(self, name: str) -> int:
        machine: Any = Workspace.current().machines["bench", name]
        return int(machine.looks)

    def type_at_bench(self, name: str, text: str, lose: int = -1) -> None:
        """Type `text`, of which edge number `lose` gets lost."""
        from ATPLibrary.verifier.matcher import Matcher
        from ATPLibrary.verifier.observation import EV_KEY, Observation
        from ATPLibrary.verifier.report import build_report

        matcher = Matcher()
        for number in range(2 * len(text)):
            character, value = text[number // 2], 1 - number % 2
            code = 1 + ord(character) % 200
            moment = 100.0 + number / 100
            matcher.inject((EV_KEY, code, value), moment, f"key {'down' if value else 'up'} {character}")
            if number != lose:
                matcher.observe(Observation(1, "i8042", EV_KEY, code, value, 0, moment + 0.004))
        matcher.finish()
        report = build_report(f"text {text!r}", matcher, characters=len(text), clock=None)
        machine: Any = Workspace.current().machines["bench", name]
        machine.reports.append(report)
        report.raise_if_bad()

    def know_secret(self, value: str) -> None:
        self._secret = secrets.Secret(value)

    def sleep_until_stopped(self, seconds: float = 30) -> None:
        from ATPLibrary import runtime

        Path(os.environ["BENCH_DIRECTORY"], "sleeping").touch()
        runtime.wait(asyncio.sleep(seconds), seconds + 5, "Sleeping")

    def retry_quietly(self, name: str, *args: Any) -> None:
        """Runs a keyword and passes whatever becomes of it, as other people's libraries do."""
        BuiltIn().run_keyword_and_ignore_error(name, *args)
