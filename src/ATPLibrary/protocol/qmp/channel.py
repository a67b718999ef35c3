"""One interface to a VM's QMP, whichever way it travels. Source: QEMU `docs/interop/qmp-spec`, QMP reference."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Literal

from ATPLibrary.errors import CommandError
from ATPLibrary.events import Event
from ATPLibrary.transport import Domain

Command = tuple[str, Mapping[str, Any] | None]

COMMAND_SECONDS = 10.0


class Qmp(ABC):
    """A VM's QMP. Cancelling a call, or its deadline, leaves the channel in order: the late reply is thrown away.

    What QEMU reports by itself is published on the bus: kind `qmp.STOP`, `qmp.POWERDOWN`, ..., with its data.
    """

    __slots__ = ("__weakref__", "domain", "is_open")

    kind: Literal["direct", "libvirt"]

    def __init__(self, domain: Domain, *, is_open: bool = True) -> None:
        self.domain = domain
        # False once it was closed, or QEMU or its host ended it: for good, open another.
        self.is_open = is_open

    def __repr__(self) -> str:
        return f"<Qmp {self.kind} of {self.domain.name}>"

    @abstractmethod
    async def execute(
        self, command: str, arguments: Mapping[str, Any] | None = None, timeout: float = COMMAND_SECONDS
    ) -> Any:
        """Run one command and return what QEMU answered.

        `CommandError` when QEMU refuses, `DeadlineError` after `timeout` seconds, `ChannelError` when the channel ended.
        """

    def begin(
        self, command: str, arguments: Mapping[str, Any] | None = None, timeout: float = COMMAND_SECONDS
    ) -> asyncio.Future[Any]:
        """As `execute`, written before this returns where that can be: `answer` says what came of it once the future is done."""
        return asyncio.ensure_future(self.execute(command, arguments, timeout))

    def answer(self, command: str, begun: asyncio.Future[Any], timeout: float) -> Any:
        """What QEMU answered to what was begun so. Raises as `execute`."""
        return begun.result()

    @abstractmethod
    async def execute_many(self, commands: Sequence[Command], timeout: float = COMMAND_SECONDS) -> list[Any]:
        """Run commands in order and return their answers in order. All are run; then the first refusal, if any, is raised."""

    @abstractmethod
    async def screenshot(self, timeout: float = COMMAND_SECONDS) -> bytes:
        """The screen of the first display, as PNG."""

    @abstractmethod
    async def close(self) -> None:
        """Give the channel up; a second time does nothing. Ends within a moment whatever QEMU does."""

    def query_status(self, timeout: float = COMMAND_SECONDS) -> Awaitable[str]:
        """QEMU's run state: "running", "paused", "prelaunch", ... (`RunState` in the QMP reference). Raises as `execute`."""
        return self._status(timeout)

    async def _status(self, timeout: float) -> str:
        return str((await self.execute("query-status", timeout=timeout))["status"])

    @property
    def subject(self) -> str:
        """What starts a sentence about this channel."""
        return f"QMP ({self.kind}) of VM '{self.domain.name}'"

    def refused(self, command: str, error: Any) -> CommandError:
        """The error for a reply's `error` member."""
        fields = error if isinstance(error, Mapping) else {}
        description = str(fields.get("desc", error))
        return CommandError.about(
            self.subject, wanted=f"carry out '{command}'", got=f"QEMU refused: {description}",
            name=command, error_class=str(fields.get("class", "")), description=description,
        )  # fmt: skip

    def publish(self, name: str, data: Any) -> None:
        """Put an event of QEMU's on the bus; from any thread."""
        details = {"host": self.domain.host.name, "uuid": self.domain.uuid} | (data if isinstance(data, dict) else {})
        self.domain.host.bus.publish(Event(f"vm:{self.domain.name}", f"qmp.{name}", details))
