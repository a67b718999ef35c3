"""The guest agent. Source: QEMU Guest Agent protocol reference.

libvirt owns the port `org.qemu.guest_agent.0` and passes commands on. It synchronises with the agent before each of them and
throws away what an earlier, timed-out command answers late (that is what `guest-sync` is for), so this side must not.
"""

from __future__ import annotations

import asyncio
import base64
import json
import math
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ATPLibrary.errors import AgentError, ChannelError, CommandError, DeadlineError, VmStateError
from ATPLibrary.events import Event
from ATPLibrary.runtime import deadline
from ATPLibrary.secrets import redact
from ATPLibrary.transport import Domain

if TYPE_CHECKING:
    import libvirt

PORT = "org.qemu.guest_agent.0"
COMMAND_SECONDS = 10.0
# The agent tells of a command's end only when asked. The first question comes soon, the later ones less and less often.
FIRST_POLL_SECONDS = 0.01
SLOWEST_POLL_SECONDS = 0.5
POLL_GROWTH = 1.5
# libvirt tells when the agent opens its port; when that event is missed, this long passes before it is asked again.
_READY_RETRY_SECONDS = 2.0

# virErrorNumber (libvirt/virterror.h)
_ARGUMENT_UNSUPPORTED = "74"
_AGENT_UNRESPONSIVE = "86"
_AGENT_UNSYNCED = "97"


@dataclass(frozen=True, slots=True)
class ExecResult:
    """How a command in the guest ended. `exit_code` is None when `signal` ended it; `truncated`: output is missing at the end."""

    exit_code: int | None
    signal: int | None
    stdout: str
    stderr: str
    truncated: bool
    duration_ms: float


async def open_qga(domain: Domain, timeout: float = COMMAND_SECONDS) -> Qga:
    """Wait until the guest agent answers (a slow guest takes minutes after its start) and return it.

    `ChannelError` at once when the VM has no port for one, `AgentError` when it doesn't answer in `timeout` seconds.
    """
    channels = (await domain.description(timeout, refresh=True)).channels
    if PORT not in channels:
        raise ChannelError.about(
            f"VM '{domain.name}'", wanted=f"have the guest agent's channel {PORT}", got="has not",
            next_step="Add it to the domain XML",
        )  # fmt: skip
    qga = Qga(domain)
    await qga.ready(timeout)
    return qga


class Qga:
    """A VM's guest agent. It serves one command at a time; libvirt makes callers wait for each other."""

    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        self.subject = f"The guest agent of VM '{domain.name}'"

    def __repr__(self) -> str:
        return f"<Qga of {self.domain.name}>"

    async def close(self) -> None:
        """Nothing is held open: libvirt owns the channel."""

    async def ready(self, timeout: float) -> None:
        """Wait until the agent answers. What it can do then is another question: `info`."""
        last: AgentError | None = None
        with self.domain.host.bus.subscribe(self._has_connected) as connected:
            try:
                async with asyncio.timeout(timeout):
                    while True:
                        try:
                            return await self.ping(timeout)
                        except AgentError as error:
                            last = error
                        try:
                            async with asyncio.timeout(_READY_RETRY_SECONDS):
                                await anext(connected)
                        except TimeoutError:
                            continue  # the outer deadline, if it was that, is raised below
            except TimeoutError as error:
                raise AgentError.about(
                    self.subject, wanted="be ready", got="is not", waited=timeout, last_seen=str(last or error),
                    next_step="Check that the guest has started and runs qemu-ga (`Get Console Text`, or the screen)",
                ) from error  # fmt: skip

    async def sync(self, timeout: float = COMMAND_SECONDS) -> None:
        """Make sure that answers belong to questions: the agent must give a random number back."""
        number = random.randrange(1, 2**31)
        answer = await self.command("guest-sync", {"id": number}, timeout)
        if answer != number:
            raise AgentError.about(self.subject, wanted=f"answer guest-sync with {number}", got=f"answered {answer!r}")

    async def ping(self, timeout: float = COMMAND_SECONDS) -> None:
        """The agent answers."""
        await self.command("guest-ping", None, timeout)

    async def info(self, timeout: float = COMMAND_SECONDS) -> dict[str, Any]:
        """What the agent is and can: `version`, and `supported_commands` with `name` and `enabled`."""
        return dict(await self.command("guest-info", None, timeout))

    async def exec(
        self,
        command: str | Sequence[str],
        input: str | bytes | None = None,
        timeout: float = COMMAND_SECONDS,
        environment: Mapping[str, str] | None = None,
    ) -> ExecResult:
        """Run a command in the guest and wait for its end: a string by `/bin/sh -c`, a list as it is (the program's path first).

        `input` is what it reads on its standard input. Output is decoded as UTF-8, with U+FFFD for what isn't. `CommandError`
        when it can't be started; `DeadlineError` when it hasn't ended after `timeout` seconds (it runs on in the guest).
        libvirt drops an agent whose one answer is larger than some 4 MB: more than 3 MiB of output end in an `AgentError`.
        """
        argv = ["/bin/sh", "-c", command] if isinstance(command, str) else list(command)
        if not argv or not argv[0]:
            raise CommandError(
                "The command to run in the guest is empty: give a shell line, or a list with the program's path first."
            )
        arguments: dict[str, Any] = {"path": argv[0], "arg": argv[1:], "capture-output": True}
        if input is not None:
            data = input.encode() if isinstance(input, str) else input
            arguments["input-data"] = base64.b64encode(data).decode()
        if environment is not None:
            arguments["env"] = [f"{name}={value}" for name, value in environment.items()]
        started = time.monotonic()
        pid = 0
        try:
            async with asyncio.timeout(timeout):
                pid = (await self.command("guest-exec", arguments, timeout))["pid"]
                status = await self._until_exited(pid, timeout)
        except TimeoutError as error:
            raise DeadlineError.about(
                f"The command {_short(argv)} in VM '{self.domain.name}'", wanted="end", waited=timeout,
                got=f"still runs (process {pid} of the guest)" if pid else "the guest agent did not even start it",
                next_step="Give it more time, or look at the guest's screen",
            ) from error  # fmt: skip
        return ExecResult(
            exit_code=status.get("exitcode"),
            signal=status.get("signal"),
            stdout=_decoded(status.get("out-data")),
            stderr=_decoded(status.get("err-data")),
            truncated=bool(status.get("out-truncated") or status.get("err-truncated")),
            duration_ms=(time.monotonic() - started) * 1000,
        )

    async def command(self, name: str, arguments: Mapping[str, Any] | None, timeout: float) -> Any:
        """Run any command of the agent and return its answer. `CommandError` when the agent refuses it."""
        message = {"execute": name, "arguments": arguments} if arguments else {"execute": name}
        text = json.dumps(message)
        # libvirt counts whole seconds. Its time is up before ours, so that its error (which says more) is the one we see.
        seconds = max(1, math.floor(timeout))

        def ask(handle: libvirt.virDomain) -> str:
            import libvirt_qemu

            return str(libvirt_qemu.qemuAgentCommand(handle, text, seconds, 0))

        try:
            async with deadline(timeout, self.subject, wanted=f"answer {name}", got="did not"):
                reply = await self.domain.call(f"ask its guest agent ({name})", ask, timeout=timeout)
        except CommandError as error:
            raise self._explained(name, error, timeout) from error
        except VmStateError as error:
            now = await self.domain.state(timeout)  # libvirt says "not running" of a paused VM too
            raise VmStateError.about(
                f"VM '{self.domain.name}'",
                wanted=f"be running so that its guest agent can answer {name}",
                got=f"was {now}",
            ) from error
        try:
            return json.loads(reply)["return"]
        except (ValueError, KeyError, TypeError) as error:
            raise AgentError.about(
                self.subject, wanted=f"answer {name} with its result", got=f"answered {reply[:80]!r}"
            ) from error

    async def _until_exited(self, pid: int, timeout: float) -> dict[str, Any]:
        pause = FIRST_POLL_SECONDS
        while True:
            await asyncio.sleep(pause)
            status: dict[str, Any] = await self.command("guest-exec-status", {"pid": pid}, timeout)
            if status.get("exited"):
                return status
            pause = min(pause * POLL_GROWTH, SLOWEST_POLL_SECONDS)

    def _explained(self, name: str, error: CommandError, timeout: float) -> AgentError | ChannelError | CommandError:
        said = redact(error.description)  # it may quote the command line
        if name == "guest-exec-status" and "disappeared" in said:
            return AgentError.about(
                self.subject, wanted="tell a command's output", got="libvirt dropped it, as it does when output is over some 3 MiB",
                next_step="Restart the VM or the qemu-ga in it; then let the command write into a file, or give less output",
            )  # fmt: skip
        if error.error_class in (_AGENT_UNRESPONSIVE, _AGENT_UNSYNCED):
            return AgentError.about(
                self.subject, wanted=f"answer {name}", waited=timeout, got=f"did not: {said}",
                next_step="Check that qemu-ga runs in the guest; after a start it takes a while",
            )  # fmt: skip
        if error.error_class == _ARGUMENT_UNSUPPORTED:
            return ChannelError.about(
                f"VM '{self.domain.name}'", wanted="have a guest agent channel", got=f"has none: {said}",
                next_step=f"Add the channel {PORT} to its XML",
            )  # fmt: skip
        _, _, description = said.rpartition(f"'{name}': ")
        return CommandError.about(
            self.subject, wanted=f"carry out {name}", got=f"refused: {description}",
            name=name, error_class=error.error_class, description=description,
        )  # fmt: skip

    def _has_connected(self, event: Event) -> bool:
        return event.kind == "libvirt.agent.connected" and event.data.get("uuid") == self.domain.uuid


def _decoded(data: str | None) -> str:
    return base64.b64decode(data or "").decode("utf-8", "replace")


def _short(argv: list[str]) -> str:
    text = argv[2] if argv[:2] == ["/bin/sh", "-c"] and len(argv) == 3 else " ".join(argv)
    text = redact(text)
    return repr(text if len(text) <= 60 else text[:57] + "...")
