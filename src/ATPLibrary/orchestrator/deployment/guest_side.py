"""What both families of guests have in common: files that are pushed and proved, scripts that run, and what their answers mean."""

from __future__ import annotations

import hashlib
import os
import re
import socket
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ATPLibrary.errors import AgentError, VerificationError
from ATPLibrary.protocol.qga import GuestFiles
from ATPLibrary.secrets import redact

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.deployment.wish import GuestPython, Survey, Wish
    from ATPLibrary.protocol.qga import ExecResult, Qga
    from ATPLibrary.protocol.qga.command_lines import Shell

OLDEST_PYTHON = (3, 8)
AGENT, RUN, TOKEN = "agent.pyz", "run", "token"
_LONGEST_SAID = 600


class BusyError(AgentError):
    """Another deployment is at work in that guest, and nothing was done."""


class GuestSide(ABC):
    """One deployment's work in one guest. `name` is what its temporary files are called by; `timeout` is in seconds, each call's.

    `stage`, then `switch`, then `finish`; `undo` takes back whatever was done of it, and does no harm a second time. Errors are
    `ATPError`s.
    """

    separator = "/"
    pythons: tuple[str, ...] = ()  # where a Python is looked for, in words that an error can say

    def __init__(self, qga: Qga, name: str) -> None:
        self.qga = qga
        self.files = GuestFiles(qga)
        self.name = name
        self.vm = f"VM '{qga.domain.name}'"
        self.directory = ""

    @abstractmethod
    async def survey(self, python: str | None, port: str, timeout: float) -> Survey:
        """Look, and change nothing: `port` is the agent's. From then on `directory` is where the agent is or goes."""

    @abstractmethod
    def contents(self, survey: Survey, wish: Wish) -> dict[str, bytes]:
        """The files that make up the agent, by their names in its directory."""

    @abstractmethod
    async def try_out(self, survey: Survey, timeout: float) -> str:
        """What the new agent says when it is asked for its version: its standard output and error."""

    async def switch(self, timeout: float) -> None:
        """End the agent that runs, put the new files in its place and start the new one."""
        await self._script("switch", timeout)

    async def undo(self, timeout: float) -> None:
        """Bring back what was there before, running if it ran."""
        await self._script("undo", timeout)

    async def finish(self, timeout: float) -> None:
        """Forget what was there before."""
        await self._script("finish", timeout)

    async def why(self, timeout: float) -> str:
        """What can be seen of an agent that doesn't answer."""
        return said(await self._script("why", timeout), "; ")

    async def has_ended(self, timeout: float) -> bool:
        """Whether an agent that was started runs no more, as far as this guest tells."""
        return False

    async def remove(self, timeout: float) -> bool:
        """Take everything away. False when there was nothing."""
        told = dict(pairs((await self._script("remove", timeout)).stdout.splitlines()))
        self.refuse_a_second(told.get("busy", ""))
        return bool(told.get("removed"))

    def path(self, file: str) -> str:
        """Of a file in the agent's directory."""
        return f"{self.directory}{self.separator}{file}"

    @property
    def stage_directory(self) -> str:
        return self.path(f".new-{self.name}")

    async def stage(self, contents: dict[str, bytes], timeout: float) -> None:
        """Bring the new files beside the agent's place, where only the administrator reads them; prove that they are whole.

        `BusyError` where another deployment is at work.
        """
        told = await self._script("stage", timeout, f"process {os.getpid()} on {socket.gethostname()}")
        self.refuse_a_second(dict(pairs(told.stdout.splitlines())).get("busy", ""))
        for file, content in contents.items():
            await self.put(file, content, timeout)

    def refuse_a_second(self, busy: str) -> None:
        """`BusyError` where `busy` says in words who else deploys into this guest."""
        if busy:
            raise BusyError.about(
                self.vm,
                wanted="be changed by one deployment at a time",
                got=f"is being changed by another: {redact(busy)}",
                next_step="Wait until that one is done, then try again; of one that was killed nothing hinders after five minutes",
            )

    async def put(self, file: str, content: bytes, timeout: float) -> None:
        """One of the new files."""
        where = f"{self.stage_directory}{self.separator}{file}"
        await self.files.write(where, content, timeout)
        theirs = await self.files.checksum(where, timeout)
        ours = hashlib.sha256(content).hexdigest()
        if theirs.sha256 != ours:
            raise VerificationError.about(
                f"The agent's file '{file}'",
                wanted=f"arrive in {self.vm} with SHA-256 {ours}",
                got=f"{theirs.made_by} says {theirs.sha256}",
                next_step="Try again; look whether the guest's disk is full or broken",
            )

    async def has(self, contents: dict[str, bytes], timeout: float) -> bool:
        """Whether the guest's files are just these."""
        for file, content in contents.items():
            path = self.path(file)
            if not await self._exists(path, timeout):
                return False
            if (await self.files.checksum(path, timeout)).sha256 != hashlib.sha256(content).hexdigest():
                return False
        return True

    @abstractmethod
    async def _exists(self, path: str, timeout: float) -> bool: ...

    @abstractmethod
    async def _script(self, verb: str, timeout: float, *more: str) -> ExecResult:
        """Run that part of the family's script. `AgentError` says what it said when it failed."""

    async def _run(
        self, what: str, command: str | Sequence[str], timeout: float, shell: Shell | None = None
    ) -> ExecResult:
        """Run a script of ours. `AgentError` says what it said when it failed."""
        result = await self.qga.exec(command, timeout=timeout, shell=shell, ours=True)
        if result.exit_code != 0:
            ended = f"signal {result.signal}" if result.exit_code is None else f"exit code {result.exit_code}"
            raise AgentError.about(
                f"In {self.vm} the step '{what}'", wanted="succeed", got=f"failed with {ended}", last_seen=said(result)
            )
        return result


def said(result: ExecResult, between: str = " ") -> str:
    """A script's last words, with this between its lines."""
    words = between.join(
        " ".join(line.split()) for line in (result.stderr.strip() or result.stdout.strip()).splitlines()
    )
    return redact(words[-_LONGEST_SAID:])


def will_do(python: GuestPython) -> bool:
    """Whether the agent runs on it."""
    found = re.match(r"(\d+)\.(\d+)", python.version)
    return found is not None and (int(found[1]), int(found[2])) >= OLDEST_PYTHON


def pairs(lines: Iterable[str]) -> list[tuple[str, str]]:
    """`name=value` of each line that has them."""
    return [(name, value.strip()) for name, equals, value in (line.partition("=") for line in lines) if equals]


def version_in(words: str) -> str:
    """Of "atp-guest-agent 0.1.0"."""
    name, _, version = words.strip().partition(" ")
    return version.strip() if name == "atp-guest-agent" else ""
