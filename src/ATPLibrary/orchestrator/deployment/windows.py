"""The agent in a Windows guest: its directory, and the service that it can be itself. `windows.ps1` is what is done there."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ATPLibrary.orchestrator.deployment.guest_side import AGENT, RUN, TOKEN, GuestSide, pairs, said, version_in, will_do
from ATPLibrary.orchestrator.deployment.wish import GuestPython, Survey, Wish
from ATPLibrary.protocol.qga.command_lines import powershell_text

if TYPE_CHECKING:
    from ATPLibrary.protocol.qga import ExecResult

# In words: what `windows.ps1` looks at.
PYTHONS = (
    "the installations for all users in the registry (HKLM\\SOFTWARE\\Python)",
    "%ProgramFiles%\\Python3*",
    "C:\\Python3*",
)


class WindowsGuest(GuestSide):
    separator = "\\"
    pythons = PYTHONS

    async def survey(self, python: str | None, port: str, timeout: float) -> Survey:
        result = await self._script("survey", timeout, python or "")
        told = pairs(result.stdout.splitlines())
        facts = dict(told)
        tried = tuple(GuestPython.parse(value) for name, value in told if name == "python")
        self.directory = facts["directory"]
        is_running = "running" in facts
        is_administrator = facts.get("administrator") == "True"
        return Survey(
            directory=self.directory,
            tried=tried,
            python=next((each for each in tried if will_do(each)), None),
            keeper="service ATPGuestAgent",
            is_installed="installed" in facts,
            is_running=is_running,
            version=version_in(facts.get("version", "")),
            holder="" if is_running else await self._holder(port, timeout),
            busy=facts.get("busy", ""),
            obstacle="" if is_administrator else "its qemu-ga is no administrator, whom the agent's service takes",
        )

    def contents(self, survey: Survey, wish: Wish) -> dict[str, bytes]:
        assert survey.python is not None
        contents = {AGENT: wish.package.content}
        lines = [survey.python.path, "--port", wish.port, *wish.arguments, "--log", self.path("log")]
        if wish.token is not None:
            lines += ["--token-file", self.path(TOKEN)]
            contents[TOKEN] = wish.token.reveal().encode()
        contents[RUN] = "".join(f"{line}\r\n" for line in lines).encode()
        return contents

    async def try_out(self, survey: Survey, timeout: float) -> str:
        assert survey.python is not None
        command = [survey.python.path, "-I", "-S", f"{self.stage_directory}\\{AGENT}", "--version"]
        return said(await self.qga.exec(command, timeout=timeout, ours=True))

    async def _exists(self, path: str, timeout: float) -> bool:
        command = f"if (Test-Path -LiteralPath {powershell_text(path)}) {{ 'yes' }}"
        return "yes" in (await self.qga.exec(command, timeout=timeout, shell="powershell", ours=True)).stdout

    async def _holder(self, port: str, timeout: float) -> str:
        """Windows doesn't say who has a port open; libvirt says whether somebody has."""
        channel = (await self.qga.domain.description(timeout, refresh=True)).channels.get(port)
        return "that Windows doesn't name" if channel is not None and channel.state == "connected" else ""

    async def _script(self, verb: str, timeout: float, *more: str) -> ExecResult:
        # Nothing secret is in here: it stands in a command line.
        values = {"verb": verb, "name": self.name, "given": "".join(more)}
        head = "".join(f"${name} = {powershell_text(value)}\n" for name, value in values.items())
        return await self._run(verb, head + _text(), timeout, shell="powershell")


@cache
def _text() -> str:
    """The script without its comments: a command line has a length that it must not exceed."""
    lines = Path(__file__).with_name("windows.ps1").read_text(encoding="utf-8").splitlines()
    return "\n".join(line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#"))
