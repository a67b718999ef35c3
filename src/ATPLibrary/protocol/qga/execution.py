"""Running a command in the guest: its start, its output, its end, and that nothing of it is left when nobody waits any more.

The agent has no event for a command's end and gives the output of a captured one only then; so its end is asked for, soon at
first and then less often, and output that is wanted earlier goes into files (`streaming`).
"""

from __future__ import annotations

import asyncio
import base64
import codecs
import contextlib
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ATPLibrary import runtime
from ATPLibrary.errors import (
    AgentError,
    ATPError,
    CommandError,
    DeadlineError,
    HostError,
    InputError,
    VmNotFoundError,
    VmStateError,
)
from ATPLibrary.events import KEPT_PER_SOURCE, Event
from ATPLibrary.protocol.qga.command_lines import Family, Output, Shell, end_process, launch
from ATPLibrary.secrets import redact

if TYPE_CHECKING:
    from ATPLibrary.protocol.qga.agent import Qga
    from ATPLibrary.protocol.qga.streaming import OutputFiles

# What a command has put out since the last time: the stream ("stdout" or "stderr"), and the text.
OnOutput = Callable[[str, str], None]

FIRST_POLL_SECONDS = 0.01
SLOWEST_POLL_SECONDS = 0.5
POLL_GROWTH = 1.5
# How long whoever stops waiting for a command waits for its end in the guest; longer than that it goes on behind their back.
ENDING_SECONDS = 1.5
_LONGEST_ENDING_SECONDS = 30.0
# Events after which the guest runs nothing of what it ran before; a stop with one of these details takes it along.
_ENDINGS = frozenset({"qmp.RESET", "libvirt.reboot", "libvirt.lifecycle.stopped", "libvirt.lifecycle.crashed"})
_LIVES_ON = frozenset({"migrated", "saved"})
# libvirt answers that a VM is gone from a host before it says where to: so long its word may be behind.
_NEWS_SECONDS = 2.0
# guest-exec carries input in one command, which has to fit (see agent.LONGEST_COMMAND); base64 makes 4 characters of 3 bytes.
LONGEST_INPUT = 96 * 1024
# Bytes of stdout and of stderr that come in one answer. At 4 MiB of base64 libvirt drops the agent for good, and qemu-ga holds an
# answer several times over: for 2.5 MB the kernel of a small guest ended it.
LONGEST_OUTPUT = (1_000_000, 250_000)
NOT_FOUND = 127


@dataclass(frozen=True, slots=True)
class Command:
    """What is to run, and how: see `Qga.exec`."""

    command: str | Sequence[str]
    input: str | bytes | None = field(default=None, repr=False)
    environment: Mapping[str, str] | None = field(default=None, repr=False)
    directory: str | None = None
    shell: Shell | None = None
    encoding: str = "utf-8"
    ours: bool = False

    def __str__(self) -> str:
        text = self.command if isinstance(self.command, str) else " ".join(self.command)
        text = redact(text)
        return repr(text if len(text) <= 60 else text[:57] + "...")


@dataclass(frozen=True, slots=True)
class ExecResult:
    """How a command in the guest ended. `exit_code` is None when `signal` ended it; `truncated`: output is missing at the end,
    of the standard output where `stdout_truncated`."""

    exit_code: int | None
    signal: int | None
    stdout: str
    stderr: str
    truncated: bool
    duration_ms: float
    stdout_truncated: bool = False


async def run(qga: Qga, command: Command, timeout: float, on_output: OnOutput | None) -> ExecResult:
    """See `Qga.exec`."""
    try:
        codecs.lookup(command.encoding)
    except LookupError as error:
        raise InputError(
            f"The encoding '{command.encoding}' is none that Python knows: such as utf-8, gbk (Chinese Windows), cp850."
        ) from error
    started = time.monotonic()
    running: Running | None = None
    try:
        async with asyncio.timeout(timeout):
            running = await _prepare(qga, command, timeout, streamed=on_output is not None)
            await running.started()
            if running.files is not None and on_output is not None:
                status, output = await running.files.follow(running, on_output)
            else:
                status = await running.until_exited()
                output = _captured(status, command.encoding, running.output)
                if on_output is not None:
                    for stream, text in zip(("stdout", "stderr"), output[:2], strict=True):
                        if text:
                            on_output(stream, text)
    except TimeoutError as error:
        got, next_step = "the guest agent did not even start it", "Check that the guest isn't overloaded"
        if running is not None:
            ended = await running.end()
            if running.pid:
                got = f"still ran (process {running.pid} of the guest), and was {'ended' if ended else 'told to end'}"
                next_step = "Give it more time, or look at the guest's screen"
        raise DeadlineError.about(
            f"The command {command} in VM '{qga.domain.name}'",
            wanted="end",
            waited=timeout,
            got=got,
            next_step=next_step,
        ) from error
    except HostError as error:
        # Without a process id the error says whether the start was asked for.
        if running is None or await running.end() or not running.pid:
            raise
        may = f"The command {command} (process {running.pid} of the guest) may still run in VM '{qga.domain.name}'."
        raise HostError(f"{error} {may}") from error
    except BaseException:
        if running is not None:
            await running.end()
        raise
    if running.files is not None:
        await running.files.remove(timeout)
    stdout, stderr, cut = output
    if running.output is not None and status.get("exitcode") == NOT_FOUND and stderr.strip() == running.output.scratch:
        raise _not_found(qga, command)
    return ExecResult(
        exit_code=status.get("exitcode"),
        signal=status.get("signal"),
        stdout=stdout,
        stderr=stderr,
        truncated=any(cut),
        duration_ms=(time.monotonic() - started) * 1000,
        stdout_truncated=cut[0],
    )


async def _prepare(qga: Qga, command: Command, timeout: float, *, streamed: bool) -> Running:
    from ATPLibrary.protocol.qga.streaming import OutputFiles

    family = await qga.family(timeout)
    output, files = None, None
    if family == "posix" and not command.ours:
        output = Output(
            f"/tmp/.atp-{secrets.token_hex(8)}", None if streamed else (LONGEST_OUTPUT[0] + 1, LONGEST_OUTPUT[1] + 1)
        )
        files = OutputFiles(qga, output.scratch, command.encoding, timeout) if streamed else None
    how = launch(command.command, family, command.shell, command.directory, output)
    arguments: dict[str, Any] = {"path": how.path, "arg": list(how.arguments), "capture-output": True}
    if command.input is not None:
        data = command.input.encode(command.encoding) if isinstance(command.input, str) else command.input
        if len(data) > LONGEST_INPUT:
            raise InputError(
                f"The input of {command} has {len(data)} bytes, and the guest agent can be given {LONGEST_INPUT}: "
                "write a file into the guest with 'Write Guest File' and let the command read that."
            )
        arguments["input-data"] = base64.b64encode(data).decode()
    if command.environment is not None:
        # What guest-exec is given replaces everything, PATH too.
        merged = _merged(await qga.environment(timeout), command.environment, family)
        arguments["env"] = [f"{name}={value}" for name, value in merged.items()]
    return Running(qga, arguments, family, timeout, files=files, output=output)


def _not_found(qga: Qga, command: Command) -> CommandError:
    return CommandError.about(
        qga.subject, wanted=f"start {command.command[0]!r}", got="the guest has no such program, or may not run it",
        next_step="Give the program's path; a shell line is one argument",
        name="guest-exec", error_class="GenericError", description="No such file or directory",
    )  # fmt: skip


def _merged(base: Mapping[str, str], ours: Mapping[str, str], family: Family) -> dict[str, str]:
    """`base` with `ours` in place of what has the same name: to Windows, Path and PATH are the same."""
    same = str.upper if family == "windows" else str
    names = {same(name) for name in ours}
    return {**{name: value for name, value in base.items() if same(name) not in names}, **ours}


class Running:
    """A command in the guest. Its start is never given up half-way, so its process id is known whenever it runs."""

    def __init__(
        self,
        qga: Qga,
        arguments: dict[str, Any],
        family: Family,
        timeout: float,
        *,
        files: OutputFiles | None = None,
        output: Output | None = None,
        across_pauses: bool = False,
    ) -> None:
        self.qga = qga
        self.files = files
        self.output = output
        self.pid = 0
        self._family = family
        self._timeout = timeout
        self._exited = False
        self._began = time.time()
        tell = qga.command_across_pauses if across_pauses else qga.command
        self._starting = asyncio.ensure_future(tell("guest-exec", arguments, timeout))

    async def started(self) -> None:
        self.pid = (await asyncio.shield(self._starting))["pid"]

    async def status(self) -> dict[str, Any]:
        """guest-exec-status: once it says `exited` the agent has forgotten the command.

        The command goes on whatever becomes of the host's connection, so it is asked for again when host and agent are back.
        """
        arguments = {"pid": self.pid}
        lost: HostError | None = None
        while True:
            try:
                status: dict[str, Any] = await self.qga.command_across_pauses(
                    "guest-exec-status", arguments, self._timeout
                )
            except HostError as error:
                lost = error
                if not await self.qga.is_back(self._timeout):
                    raise
            except (AgentError, CommandError, VmStateError, VmNotFoundError) as error:
                if isinstance(error, VmNotFoundError):
                    await self._told()
                if (event := self._guest_s_move()) is not None:
                    raise AgentError.about(
                        self.qga.subject, wanted=f"tell the end of process {self.pid}",
                        got="the VM was moved or saved meanwhile; the process goes on with it, and nobody waits for its end",
                        last_seen=str(event), next_step="Let what a move may hit leave its result in a file of the guest",
                    ) from error  # fmt: skip
                if (event := self._guest_s_end()) is not None:
                    raise AgentError.about(
                        self.qga.subject, wanted=f"tell the end of process {self.pid}",
                        got="its guest was restarted or stopped meanwhile, and the process with it",
                        last_seen=str(event), next_step="Wait until the guest agent is ready, then run the command again",
                    ) from error  # fmt: skip
                if lost is None or not isinstance(error, CommandError):
                    raise
                raise HostError(
                    f"{lost} Process {self.pid} of the guest has ended, and its output and exit code went with that answer."
                ) from error
            else:
                self._exited = bool(status.get("exited"))
                return status

    async def until_exited(self) -> dict[str, Any]:
        pause = FIRST_POLL_SECONDS
        while True:
            await asyncio.sleep(pause)
            status = await self.status()
            if self._exited:
                return status
            pause = min(pause * POLL_GROWTH, SLOWEST_POLL_SECONDS)

    async def end(self) -> bool:
        """End the command in the guest; True when that is done in a moment, else it goes on by itself."""
        ending = runtime.spawn(self._end(), f"end a command in VM '{self.qga.domain.name}'")
        await asyncio.wait({ending}, timeout=ENDING_SECONDS)
        return ending.done() and not ending.cancelled() and ending.exception() is None

    async def _told(self) -> None:
        """Return when it is known what became of the guest, or soon."""
        domain = self.qga.domain
        ours = f"vm:{domain.name}"
        with domain.host.bus.subscribe(lambda event: event.source == ours) as news, contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_NEWS_SECONDS):
                while next(self._since_it_began(), None) is None:
                    await anext(news)

    def _guest_s_end(self) -> Event | None:
        """What ended the guest that the command ran in, if that happened."""
        return next((each for each in self._since_it_began() if each.data.get("detail") not in _LIVES_ON), None)

    def _guest_s_move(self) -> Event | None:
        """What took the guest away with the command in it, if that happened."""
        return next((each for each in self._since_it_began() if each.data.get("detail") in _LIVES_ON), None)

    def _since_it_began(self) -> Iterator[Event]:
        """What became of the VM's guest since the command began."""
        domain = self.qga.domain
        for event in domain.host.bus.recent(f"vm:{domain.name}", limit=KEPT_PER_SOURCE):
            if event.time >= self._began and event.kind in _ENDINGS and event.data.get("uuid") == domain.uuid:
                yield event

    async def _end(self) -> None:
        async with asyncio.timeout(_LONGEST_ENDING_SECONDS):
            try:
                await self.started()
            except ATPError:
                return  # it couldn't be started
            if not self._exited and self._guest_s_end() is None:  # else that number is another process's by now
                how = end_process(self.pid, self._family)
                arguments = {"path": how.path, "arg": list(how.arguments), "capture-output": True}
                killer = Running(self.qga, arguments, self._family, _LONGEST_ENDING_SECONDS, across_pauses=True)
                await killer.started()
                done = await killer.until_exited()
                if done.get("exitcode") != 0 and not (await self.status()).get("exited"):
                    raise AgentError.about(
                        f"Process {self.pid} of VM '{self.qga.domain.name}'",
                        wanted="be ended",
                        got=f"could not: {done}",
                    )
                with contextlib.suppress(
                    CommandError
                ):  # its end had been told already, to someone who was cancelled meanwhile
                    await self.until_exited()
            if self.files is not None:
                await self.files.remove(_LONGEST_ENDING_SECONDS)


def _captured(status: Mapping[str, Any], encoding: str, output: Output | None) -> tuple[str, str, tuple[bool, bool]]:
    """The text of both streams, and whether each was cut: by qemu-ga, or where one byte more came than is passed on."""
    limits = LONGEST_OUTPUT if output is not None else (sys.maxsize, sys.maxsize)
    texts, cut = [], []
    for name, limit in zip(("out", "err"), limits, strict=True):
        data = base64.b64decode(status.get(f"{name}-data") or "")
        cut.append(bool(status.get(f"{name}-truncated")) or len(data) > limit)
        texts.append(data[:limit].decode(encoding, "replace"))
    return texts[0], texts[1], (cut[0], cut[1])
