"""Between an agent and the host, message by message: passes each on, or what a test makes of it.

The agent speaks lines on a UNIX socket, as on virtio-serial. The host has it as the same (it connects to `at`), or the agent dials
in to the verification service, over TCP or WebSocket, as a real one does. What goes wrong goes wrong on the host's side.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

from ATPLibrary.transport.byte_channel import end_now

LIMIT = 128 * 1024 * 1024
AGAIN_SECONDS = 0.05


class HostSide(Protocol):
    """What goes on towards the host, in whole messages."""

    async def send_bytes(self, data: bytes) -> None: ...
    async def receive_bytes(self) -> bytes: ...
    def send_raw(self, data: bytes) -> None: ...
    def close(self) -> None: ...
    def end(self) -> None: ...


# What becomes of a message of the agent's: the messages that go on in its place, perhaps none.
Edit = Callable[[bytes], list[bytes]]


def unchanged(message: bytes) -> list[bytes]:
    return [message]


class MessageProxy:
    """`async with MessageProxy(agent, at=path)`, or `dial=` for an agent that dials in, and again whenever it is cut."""

    def __init__(
        self, agent: Path, *, at: Path | None = None, dial: Callable[[], Awaitable[HostSide]] | None = None
    ) -> None:
        self.edit: Edit = unchanged
        self.dials = True  # False: once it is cut, it stays away
        self.host: HostSide | None = None  # the newest connection
        self._agent, self._at, self._dial = agent, at, dial
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> MessageProxy:
        if self._at is not None:
            self._server = await asyncio.start_unix_server(self._accepted, self._at, limit=LIMIT)
        else:
            self._tasks.add(asyncio.create_task(self._keep_dialling()))
        return self

    async def __aexit__(self, *failure: Any) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def dial_again(self) -> None:
        self.dials = True
        self._tasks.add(asyncio.create_task(self._keep_dialling()))

    def cut_after(self, data: bytes) -> None:
        """Send those bytes as they are, a part of a frame, and end the connection."""
        assert self.host is not None
        self.host.send_raw(data)
        self.host.close()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with contextlib.suppress(asyncio.CancelledError):
            await self._pass_on(Lines(reader, writer))

    async def _keep_dialling(self) -> None:
        assert self._dial is not None
        while self.dials:
            with contextlib.suppress(OSError):
                await self._pass_on(await self._dial())
            await asyncio.sleep(AGAIN_SECONDS)

    async def _pass_on(self, host: HostSide) -> None:
        agent = Lines(*await asyncio.open_unix_connection(self._agent, limit=LIMIT))
        self.host = host

        async def to_the_host() -> None:
            while True:
                for message in self.edit(await agent.receive_bytes()):
                    await host.send_bytes(message)

        async def to_the_agent() -> None:
            while True:
                await agent.send_bytes(await host.receive_bytes())

        ways = [asyncio.create_task(way()) for way in (to_the_host, to_the_agent)]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            agent.end()
            host.end()


class Lines:
    """A side that speaks lines."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def send_bytes(self, data: bytes) -> None:
        self._writer.write(data + b"\n")
        await self._writer.drain()

    async def receive_bytes(self) -> bytes:
        return (await self._reader.readuntil(b"\n"))[:-1]

    def send_raw(self, data: bytes) -> None:
        self._writer.write(data)

    def close(self) -> None:
        self._writer.close()

    def end(self) -> None:
        end_now(self._writer.transport)
