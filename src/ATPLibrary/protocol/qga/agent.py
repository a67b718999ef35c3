"""The guest agent. Source: QEMU Guest Agent protocol reference.

libvirt owns the port `org.qemu.guest_agent.0` and passes commands on. It synchronises with the agent before each of them and
throws away what an earlier, timed-out command answers late (that is what `guest-sync` is for), so this side must not.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ATPLibrary.errors import AgentAbsentError, AgentError, ChannelError, CommandError, VmStateError
from ATPLibrary.events import Event
from ATPLibrary.protocol.qga.command_lines import Family, Shell
from ATPLibrary.protocol.qga.execution import Command, ExecResult, OnOutput, run
from ATPLibrary.protocol.qga.freeze import Freeze
from ATPLibrary.runtime import deadline
from ATPLibrary.secrets import redact
from ATPLibrary.transport import Domain, HostState
from ATPLibrary.transport.domain_state import VmState

PORT = "org.qemu.guest_agent.0"
COMMAND_SECONDS = 10.0
# libvirt tells when the agent opens its port; when that event is missed, this long passes before it is asked again.
_READY_RETRY_SECONDS = 2.0
# libvirt sends what its socket's buffer takes at once (212,992 bytes, Linux' default) and then begins anew: the agent gets garbage.
# Measured with libvirt 9.0: 128 KiB of data in base64 arrive, 256 KiB don't.
LONGEST_COMMAND = 176 * 1024

# With those of "guest-get-...", commands that may be given again when the host's connection was lost meanwhile.
_ONLY_ASK = frozenset(
    {"guest-ping", "guest-info", "guest-sync", "guest-network-get-interfaces", "guest-fsfreeze-status"}
)

# virErrorNumber (libvirt/virterror.h)
_ARGUMENT_UNSUPPORTED = "74"
_AGENT_UNRESPONSIVE = "86"
_AGENT_UNSYNCED = "97"


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
        self.freeze = Freeze(self)
        self._family: Family | None = None
        self._environment: dict[str, str] | None = None

    def __repr__(self) -> str:
        return f"<Qga of {self.domain.name}>"

    async def close(self) -> None:
        """Thaw what is frozen. Nothing else is held open: libvirt owns the channel."""
        await self.freeze.close()

    async def ready(self, timeout: float) -> None:
        """Wait until the agent answers. What it can do then is another question: `can`."""
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

    async def is_back(self, timeout: float) -> bool:
        """After a `HostError`: wait until the host is connected again and the agent answers; False when the host is given up."""
        settled = (HostState.CONNECTED, HostState.BROKEN, HostState.CLOSED)
        state = await self.domain.host.wait_for_state(settled.__contains__, timeout, "be connected again")
        if state is not HostState.CONNECTED:
            return False
        await self.ready(timeout)
        return True

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

    async def can(self, name: str, timeout: float = COMMAND_SECONDS) -> bool:
        """Whether the agent knows a command and may carry it out: guests have lists of what is forbidden."""
        commands = (await self.info(timeout))["supported_commands"]
        return any(each["name"] == name and each["enabled"] for each in commands)

    async def family(self, timeout: float = COMMAND_SECONDS) -> Family:
        """Which kind of command lines the guest understands. Asked once; an agent too old to say so is on a POSIX system."""
        if self._family is None:
            try:
                told = await self.command("guest-get-osinfo", None, timeout)
            except CommandError:
                told = {}
            self._family = "windows" if told.get("id") == "mswindows" else "posix"
        return self._family

    async def environment(self, timeout: float = COMMAND_SECONDS) -> dict[str, str]:
        """The environment that commands get when none is given: the agent's own. Asked once."""
        if self._environment is None:
            if await self.family(timeout) == "windows":
                # /u: what `set` says to a pipe is UTF-16, whatever the code page.
                told = await self.exec(
                    ["cmd.exe", "/d", "/u", "/c", "set"], timeout=timeout, encoding="utf-16-le", ours=True
                )
                lines = told.stdout.splitlines()
            else:
                lines = (await self.exec(["env", "-0"], timeout=timeout, ours=True)).stdout.split("\0")
            self._environment = dict(line.split("=", 1) for line in lines if "=" in line[1:])
        return self._environment

    async def exec(
        self,
        command: str | Sequence[str],
        input: str | bytes | None = None,
        timeout: float = COMMAND_SECONDS,
        environment: Mapping[str, str] | None = None,
        *,
        directory: str | None = None,
        shell: Shell | None = None,
        encoding: str = "utf-8",
        on_output: OnOutput | None = None,
        ours: bool = False,
    ) -> ExecResult:
        """Run a command in the guest and wait for its end: a string by a shell, a list as it is (the program's path first).

        `shell` is `/bin/sh`, in a Windows `cmd`, unless said otherwise. `input` is what the command reads on its standard input.
        `environment` is put on top of the agent's own; `directory` is where it works. Its output is decoded as `encoding`, with
        U+FFFD for what isn't.

        `on_output(stream, text)` is called while the command runs, with what it has put out since ("stdout" or "stderr"); its
        output then goes through files in the guest's `/tmp`, and may be of any size. A Windows gives it all at the end. Without
        `on_output`, what comes after `LONGEST_OUTPUT` bytes is cut off and `truncated` says so; in a Windows more than 3 MiB end in
        an `AgentError`: libvirt drops an agent whose one answer is larger than some 4 MB. `ours` is for small commands of our own
        on which that care would be lost.

        `CommandError` when it can't be started. When it hasn't ended after `timeout` seconds (`DeadlineError`), and when the
        caller is cancelled, it is ended in the guest, with all that it has started.
        """
        what = Command(command, input, environment, directory, shell, encoding, ours)
        return await run(self, what, timeout, on_output)

    async def command(self, name: str, arguments: Mapping[str, Any] | None, timeout: float) -> Any:
        """Run any command of the agent and return its answer. `CommandError` when the agent refuses it."""
        text = json.dumps({"execute": name, "arguments": arguments} if arguments else {"execute": name})
        if len(text) > LONGEST_COMMAND:
            raise CommandError.about(
                self.subject, wanted=f"be told {name} in at most {LONGEST_COMMAND} bytes, as libvirt can carry",
                got=f"it would take {len(text)}", next_step="Write a file into the guest instead",
            )  # fmt: skip
        try:
            async with deadline(timeout, self.subject, wanted=f"answer {name}", got="did not"):
                only_asks = name in _ONLY_ASK or name.startswith("guest-get-")
                reply = await self.domain.agent_command(text, timeout, idempotent=only_asks)
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

    async def command_across_pauses(self, name: str, arguments: Mapping[str, Any] | None, timeout: float) -> Any:
        """As `command`, of a VM that somebody may pause meanwhile: it is asked again when it runs, within `timeout`."""
        end = time.monotonic() + timeout
        while True:
            try:
                return await self.command(name, arguments, max(0.001, end - time.monotonic()))
            except (VmStateError, AgentError) as error:
                # libvirt refuses it of a paused VM; one that is paused under the question may still get what asks twice.
                may_ask = isinstance(error, VmStateError) or name == "guest-exec-status"
                if not may_ask or (await self.domain.state(timeout)).state is not VmState.PAUSED:
                    raise
            left = max(0.001, end - time.monotonic())
            await self.domain.wait_until(lambda now: now is not VmState.PAUSED, "go on", left)

    def _explained(self, name: str, error: CommandError, timeout: float) -> AgentError | ChannelError | CommandError:
        _, _, description = error.description.rpartition(f"'{name}': ")
        said = redact(description)  # it may quote the command line
        # It was there a moment ago; that the guest was restarted since, `execution` has seen.
        if name == "guest-exec-status" and ("disappeared" in said or "not connected" in said):
            return AgentError.about(
                self.subject, wanted="tell a command's output",
                got="libvirt lost it: it has ended (output fills its memory), or was dropped since the output is over some 3 MiB",
                next_step="Restart the VM or the qemu-ga in it; let much output go into a file and read that",
            )  # fmt: skip
        if "not connected" in said:  # libvirt asked nobody
            return AgentAbsentError.about(
                self.subject, wanted=f"answer {name}", got=f"is not connected to its channel (libvirt: {said})",
                next_step="Check that qemu-ga runs in the guest; after a start it takes a while: 'Wait Until Guest Agent Is Ready'",
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
        got, next_step = _refusal(said)
        return CommandError.about(
            self.subject, wanted=f"carry out {name}", got=got, next_step=next_step,
            name=name, error_class=error.error_class, description=said,
        )  # fmt: skip

    def _has_connected(self, event: Event) -> bool:
        return event.kind == "libvirt.agent.connected" and event.data.get("uuid") == self.domain.uuid


def _refusal(description: str) -> tuple[str, str]:
    """What an agent's words mean, and what to do about it. (QEMU: qapi/qmp-dispatch.c, qga/main.c.)"""
    if "frozen" in description:
        return "the guest's file systems are frozen", "Thaw them first with 'Thaw Guest Filesystems'"
    if "has been disabled" in description or "is disabled" in description:
        return (
            f"the guest forbids it: {description}",
            "Take it off the agent's list there (block-rpcs in qemu-ga.conf, on RHEL /etc/sysconfig/qemu-ga) and restart qemu-ga",
        )
    if "has not been found" in description:
        return "doesn't know it", "Look what it knows with 'Get Guest Info'; a newer qemu-guest-agent may know more"
    if "not currently supported" in description:
        return "can't on this guest system", "Look for another way, such as 'Run Command'"
    return f"refused: {description}", ""
