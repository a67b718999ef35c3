"""QMP through libvirt's own monitor: works on every host that libvirt reaches."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from ATPLibrary.errors import ATPError, ChannelError, CommandError
from ATPLibrary.protocol.qmp.channel import COMMAND_SECONDS, Command, Qmp
from ATPLibrary.runtime import deadline
from ATPLibrary.transport import Domain, HostState

if TYPE_CHECKING:
    import libvirt

    from ATPLibrary.transport.registration import Registration

_CLOSE_SECONDS = 2.0


class LibvirtQmp(Qmp):
    kind: Literal["libvirt"] = "libvirt"

    def __init__(self, domain: Domain) -> None:
        super().__init__(domain)
        self._events: Registration | None = None
        self._listening: asyncio.Task[None] | None = None
        # Workers are several: without this, two callers' commands could overtake each other.
        self._turn = asyncio.Lock()

    async def open(self, timeout: float) -> None:
        """Make sure that the VM answers, and ask libvirt for QEMU's events, where it has them."""
        async with deadline(timeout, self.subject, wanted="open", got="did not"):
            await self.query_status(timeout)
            await self._listen(timeout)
        self._listening = asyncio.get_running_loop().create_task(self._stay_listening(), name=f"{self.subject} events")

    async def execute(
        self, command: str, arguments: Mapping[str, Any] | None = None, timeout: float = COMMAND_SECONDS
    ) -> Any:
        if not self.is_open:
            raise ChannelError.about(self.subject, wanted="be open", got="was closed here", next_step="Open it again")
        message = {"execute": command, "arguments": arguments} if arguments else {"execute": command}
        async with deadline(timeout, self.subject, wanted=f"answer '{command}'", got="did not"), self._turn:
            text = await self.domain.monitor_command(
                json.dumps(message, separators=(",", ":")), timeout, idempotent=command.startswith("query-")
            )
        try:
            reply = json.loads(text)
        except ValueError as error:
            raise ChannelError.about(
                self.subject, wanted=f"answer '{command}' in JSON", got=f"answered {text[:80]!r}"
            ) from error
        if isinstance(reply, dict) and "return" in reply:
            return reply["return"]
        got = "with a reply that has neither 'return' nor 'error'"
        raise self.refused(command, reply.get("error", got) if isinstance(reply, dict) else got)

    async def execute_many(self, commands: Sequence[Command], timeout: float = COMMAND_SECONDS) -> list[Any]:
        answers: list[Any] = []
        refusal: CommandError | None = None
        async with deadline(timeout, self.subject, wanted=f"answer {len(commands)} commands", got="did not"):
            for command, arguments in commands:
                try:
                    answers.append(await self.execute(command, arguments, timeout))
                except CommandError as error:
                    refusal = refusal or error
        if refusal is not None:
            raise refusal
        return answers

    async def screenshot(self, timeout: float = COMMAND_SECONDS) -> bytes:
        from ATPLibrary.protocol.qmp.screen import as_png

        return await as_png(await self.domain.screenshot(timeout), timeout)

    async def close(self) -> None:
        self.is_open = False
        if self._listening is not None:
            self._listening.cancel()
        events, self._events = self._events, None
        if events is not None:
            await events.end(_CLOSE_SECONDS)

    async def _listen(self, timeout: float) -> None:
        """Ask libvirt for QEMU's events, where it has them."""
        try:
            self._events = await self.domain.host.register(
                self.domain, "tell QEMU's events", self._register, _deregister, timeout=timeout
            )
        except ATPError as error:
            self.publish("no-events", {"reason": str(error)})

    async def _stay_listening(self) -> None:
        """What was asked for has gone with its connection: ask again when the host is connected again."""
        host = self.domain.host
        with host.bus.subscribe(lambda event: event.kind == "host.connected", f"host:{host.name}") as news:
            while self._events is not None:
                if not self._events.lives and host.state is HostState.CONNECTED:
                    await self._listen(COMMAND_SECONDS)
                await anext(news)

    def _register(self, domain: libvirt.virDomain) -> int:
        import libvirt_qemu

        number: int = libvirt_qemu.qemuMonitorEventRegister(domain.connect(), domain, None, self._happened, None, 0)
        return number

    def _happened(
        self,
        _connection: object,
        _domain: object,
        event: str,
        _seconds: int,
        _micros: int,
        details: str | None,
        _: object,
    ) -> None:
        """In libvirt's event thread."""
        try:
            data = json.loads(details) if details else {}
        except ValueError:
            data = {"details": details}
        self.publish(event, data)


def _deregister(connection: libvirt.virConnect, number: int) -> None:
    import libvirt_qemu

    libvirt_qemu.qemuMonitorEventDeregister(connection, number)
