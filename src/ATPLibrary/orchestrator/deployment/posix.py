"""The agent in a Linux guest: its directory, and systemd's unit where systemd runs. `posix.sh` is what is done there."""

from __future__ import annotations

import re
import shlex
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ATPLibrary.orchestrator.deployment.guest_side import (
    AGENT,
    RUN,
    TOKEN,
    GuestSide,
    pairs,
    said,
    version_in,
    will_do,
)
from ATPLibrary.orchestrator.deployment.wish import GuestPython, Survey, Wish
from ATPLibrary.secrets import redact

if TYPE_CHECKING:
    from ATPLibrary.protocol.qga import ExecResult, Qga

# The first that has an agent, else the first that can have one.
DIRECTORIES = ("/usr/local/lib/atp-agent", "/opt/atp-agent", "/var/lib/atp-agent")
UNIT_FILE = "/etc/systemd/system/atp-agent.service"
# In a guest's PATH, then where it may be that qemu-ga has another PATH; patterns are the guest's shell's.
PYTHONS = (
    "python3",
    "/usr/bin/python3",
    "/usr/local/bin/python3",
    "/usr/bin/python3.[0-9]*",
    "/usr/local/bin/python3.[0-9]*",
    "/opt/python*/bin/python3",
    "/usr/libexec/platform-python",
)
# Without `site` (-S) and the tester's environment (-I) the agent starts sooner, and alike everywhere.
_PYTHON_OPTIONS = "-I -S"

_RUN = """#!/bin/sh
# Made by ATPLibrary's 'Deploy Agent'; 'Remove Agent' takes it away again.
exec {command}
"""
# Of the unit that the agent brings.
_EXEC_START = re.compile(r"^ExecStart=.*$", re.MULTILINE)


class PosixGuest(GuestSide):
    pythons = PYTHONS

    def __init__(
        self, qga: Qga, name: str, directories: tuple[str, ...] = DIRECTORIES, unit_file: str = UNIT_FILE
    ) -> None:
        super().__init__(qga, name)
        self.directory = directories[0]
        self._directories = directories
        self._unit_file = unit_file
        self._has_systemd = False

    async def survey(self, python: str | None, port: str, timeout: float) -> Survey:
        looked_for = self.pythons if python is None else (python,)
        result = await self._script("survey", timeout, port, *looked_for, directory=":".join(self._directories))
        told = pairs(result.stdout.splitlines())
        facts = dict(told)
        tried = tuple(GuestPython.parse(value) for name, value in told if name == "python")
        self.directory = facts["directory"] or self.directory
        self._has_systemd = "systemd" in facts
        obstacle = ""
        if facts["kernel"] != "Linux":
            obstacle = f"its kernel is {facts['kernel']}, and the agent reads Linux' input devices"
        elif facts["user"] != "0":
            obstacle = "its qemu-ga isn't root, whom the agent must be to read input devices"
        elif "memory" in facts:
            obstacle = f"it has {int(facts['memory']) / 1024:.1f} MiB of memory left, and to try an agent beside what runs takes 8"
        elif not facts["directory"]:
            obstacle = f"none of {', '.join(self._directories)} can be written"
        return Survey(
            directory=self.directory,
            tried=tried,
            python=next((each for each in tried if will_do(each)), None),
            keeper="systemd" if self._has_systemd else "",
            is_installed="installed" in facts,
            is_running=bool(facts.get("running")),
            version=version_in(facts.get("version", "")),
            holder=redact(facts.get("holder", "")),
            busy=facts.get("busy", ""),
            obstacle=obstacle,
        )

    def contents(self, survey: Survey, wish: Wish) -> dict[str, bytes]:
        assert survey.python is not None
        words = [survey.python.path, *_PYTHON_OPTIONS.split(), self.path(AGENT), "--port", wish.port, *wish.arguments]
        contents = {AGENT: wish.package.content}
        if wish.token is not None:
            words += ["--token-file", self.path(TOKEN)]
            contents[TOKEN] = wish.token.reveal().encode()
        contents[RUN] = _RUN.format(command=shlex.join(words)).encode()
        return contents

    async def try_out(self, survey: Survey, timeout: float) -> str:
        assert survey.python is not None
        ask = self._command("try", self.directory, survey.python.path)
        words = said(await self.qga.exec([*ask, "--version"], timeout=timeout, ours=True))
        if self._has_systemd and version_in(words):
            told = await self._run("try", [*ask, "--systemd-unit"], timeout)
            unit = _EXEC_START.sub(f"ExecStart=/bin/sh {self.path(RUN)}", told.stdout)
            await self.put("unit", unit.encode(), timeout)
        return words

    async def has_ended(self, timeout: float) -> bool:
        return (await self._script("why", timeout)).stdout.startswith("it doesn't run")

    async def _exists(self, path: str, timeout: float) -> bool:
        return (await self.qga.exec(["test", "-e", path], timeout=timeout, ours=True)).exit_code == 0

    async def _script(self, verb: str, timeout: float, *more: str, directory: str | None = None) -> ExecResult:
        return await self._run(verb, self._command(verb, directory or self.directory, *more), timeout)

    def _command(self, verb: str, directory: str, *more: str) -> list[str]:
        return ["/bin/sh", "-c", _text(), "sh", verb, directory, self._unit_file, self.name, *more]


@cache
def _text() -> str:
    return Path(__file__).with_name("posix.sh").read_text(encoding="utf-8")
