"""The two protocols of commands and answers, QMP and QGA, as `Protocol`s: JSON goes out, its answer comes back as JSON.

    {"execute": "query-status", "id": 1}   ->   {"return": {"status": "running"}, "id": 1}

A command is carried out when it is sent; `receive` hands out the answers in that order. What QEMU reports by itself is published
on the bus (`qmp.STOP`), whoever sends commands.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ATPLibrary.errors import ChannelError, CommandError, InputError
from ATPLibrary.protocol.interface import Protocol, ProtocolType

if TYPE_CHECKING:
    from ATPLibrary.protocol.qga import Qga
    from ATPLibrary.protocol.qmp import Mode, Qmp
    from ATPLibrary.transport import Domain

# Answers that nobody has received; one more is refused rather than kept.
UNREAD_ANSWERS = 1000


class CommandProtocol(Protocol):
    """What QMP and QGA have in common."""

    def __init__(self) -> None:
        self._answers: deque[bytes] = deque()
        self._domain: Domain | None = None

    async def connect(self, domain: Domain, timeout: float) -> None:
        await self._open(domain, timeout)
        self._domain = domain

    async def send(self, data: bytes, timeout: float) -> None:
        """Carry out one command. `InputError` when `data` isn't a JSON object with "execute"."""
        self._check_open()
        command = self._command(data)
        if len(self._answers) >= UNREAD_ANSWERS:
            raise ChannelError.about(
                self._subject, wanted="have its answers received", got=f"{len(self._answers)} wait unread",
                next_step="Receive an answer for each command that is sent",
            )  # fmt: skip
        try:
            answer = {"return": await self._execute(command["execute"], command.get("arguments"), timeout)}
        except CommandError as error:
            answer = {"error": {"class": error.error_class, "desc": error.description}}
        if "id" in command:
            answer["id"] = command["id"]
        self._answers.append(json.dumps(answer, ensure_ascii=False).encode())

    async def receive(self, timeout: float) -> bytes:
        """The answer to the oldest command whose answer wasn't received yet. `ChannelError` at once when there is none."""
        self._check_open()
        if not self._answers:
            raise ChannelError.about(
                self._subject, wanted="have an answer", got="every command's answer was received already",
                next_step="Send a command first",
            )  # fmt: skip
        return self._answers.popleft()

    async def disconnect(self) -> None:
        self._domain = None
        self._answers.clear()
        await self._close()

    @abstractmethod
    async def _open(self, domain: Domain, timeout: float) -> None: ...

    @abstractmethod
    async def _execute(self, command: str, arguments: Mapping[str, Any] | None, timeout: float) -> Any: ...

    @abstractmethod
    async def _close(self) -> None: ...

    @property
    def _subject(self) -> str:
        vm = f" to VM '{self._domain.name}'" if self._domain is not None else ""
        return f"Protocol '{self.protocol_type}'{vm}"

    def _check_open(self) -> None:
        if self._domain is None:
            raise ChannelError.about(self._subject, wanted="be connected", got="is not", next_step="Connect it first")

    def _command(self, data: bytes) -> dict[str, Any]:
        try:
            command = json.loads(data)
        except (ValueError, RecursionError) as error:
            reason = f"is not ({error})"
        else:
            if isinstance(command, dict) and isinstance(command.get("execute"), str):
                return command
            reason = f"is {data[:80]!r}"
        raise InputError.about(
            f"A command for {self.protocol_type}", wanted='be JSON such as {"execute": "query-status"}', got=reason
        )


class QmpProtocol(CommandProtocol):
    """QMP. `mode` is how it travels: "libvirt" unless said: QEMU serves one client of its dedicated socket at a time."""

    def __init__(self, mode: Mode = "libvirt") -> None:
        super().__init__()
        self._mode = mode
        self._qmp: Qmp | None = None

    @property
    def protocol_type(self) -> ProtocolType:
        return ProtocolType("qmp")

    async def _open(self, domain: Domain, timeout: float) -> None:
        from ATPLibrary.protocol.qmp import open_qmp

        self._qmp = await open_qmp(domain, self._mode, timeout)

    async def _execute(self, command: str, arguments: Mapping[str, Any] | None, timeout: float) -> Any:
        assert self._qmp is not None
        return await self._qmp.execute(command, arguments, timeout)

    async def _close(self) -> None:
        qmp, self._qmp = self._qmp, None
        if qmp is not None:
            await qmp.close()


class QgaProtocol(CommandProtocol):
    """QEMU's guest agent; connecting waits until it answers."""

    def __init__(self) -> None:
        super().__init__()
        self._qga: Qga | None = None

    @property
    def protocol_type(self) -> ProtocolType:
        return ProtocolType("qga")

    async def _open(self, domain: Domain, timeout: float) -> None:
        from ATPLibrary.protocol.qga import open_qga

        self._qga = await open_qga(domain, timeout)

    async def _execute(self, command: str, arguments: Mapping[str, Any] | None, timeout: float) -> Any:
        assert self._qga is not None
        return await self._qga.command(command, arguments, timeout)

    async def _close(self) -> None:
        self._qga = None
