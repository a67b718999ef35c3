"""A monitor that speaks QMP over a real UNIX socket and misbehaves on demand."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest_asyncio

from ATPLibrary.events import EventBus
from ATPLibrary.protocol.qmp.direct import DirectQmp
from ATPLibrary.transport import Domain, HostConnection

UUID = "11111111-2222-3333-4444-555555555555"
GREETING = {"QMP": {"version": {"qemu": {"major": 7, "minor": 2, "micro": 0}, "package": ""}, "capabilities": []}}

Answer = Callable[["Monitor", dict[str, Any]], Awaitable[None]]


class Monitor:
    """The server. What it does with a command is `answer(monitor, command)`; without one it answers as QEMU does."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "qmp"
        self.answer: Answer = Monitor.answer_well
        self.greeting = json.dumps(GREETING).encode() + b"\r\n"
        self.received: list[dict[str, Any]] = []
        self._writer: asyncio.StreamWriter | None = None
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, str(self.path))

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self.hang_up()

    async def send(self, message: dict[str, Any]) -> None:
        await self.send_bytes(json.dumps(message).encode() + b"\r\n")

    async def send_bytes(self, data: bytes) -> None:
        assert self._writer is not None
        self._writer.write(data)
        with contextlib.suppress(OSError):
            await self._writer.drain()

    def hang_up(self) -> None:
        if self._writer is not None:
            self._writer.close()

    async def answer_well(self, command: dict[str, Any]) -> None:
        answers: dict[str, Any] = {"query-uuid": {"UUID": UUID}, "query-status": {"status": "running", "running": True}}
        if command["execute"] in answers or command["execute"] in ("qmp_capabilities", "stop"):
            await self.send({"return": answers.get(command["execute"], {}), "id": command.get("id")})
        else:
            text = f"The command {command['execute']} has not been found"
            await self.send({"error": {"class": "CommandNotFound", "desc": text}, "id": command.get("id")})

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        await self.send_bytes(self.greeting)
        decoder = json.JSONDecoder()
        text = ""
        while data := await reader.read(65536):  # QEMU needs no newline after a command
            text += data.decode()
            while text := text.lstrip():
                try:
                    command, end = decoder.raw_decode(text)
                except ValueError:
                    break
                text = text[end:]
                self.received.append(command)
                if command["execute"] in ("qmp_capabilities", "query-uuid"):
                    await self.answer_well(command)
                else:
                    await self.answer(self, command)


@pytest_asyncio.fixture
async def monitor() -> AsyncIterator[Monitor]:
    """A listening monitor that behaves."""
    directory = Path(tempfile.mkdtemp(prefix="atp-qmp-"))
    monitor = Monitor(directory)
    await monitor.start()
    yield monitor
    await monitor.stop()
    shutil.rmtree(directory)


@pytest_asyncio.fixture
async def domain() -> Domain:
    """A VM on a host that nobody has connected."""
    return Domain(HostConnection("lab", "qemu:///session", EventBus()), "win11", UUID)


@pytest_asyncio.fixture
async def qmp(monitor: Monitor, domain: Domain) -> AsyncIterator[DirectQmp]:
    """An open channel to that monitor."""
    qmp = DirectQmp(domain, monitor.path)
    await qmp.open(5)
    yield qmp
    await qmp.close()
