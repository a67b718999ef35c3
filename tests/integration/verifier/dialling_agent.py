"""A small agent that dials in, over each way, in the service's own messages: for what a healthy agent in a guest doesn't do."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import time
from types import TracebackType
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from ATPLibrary.transport.byte_channel import end_now

DEVICE = {
    "id": 1, "path": "/dev/input/event0", "name": "AT keyboard", "bus": "i8042", "bustype": 17, "vendor": 1, "product": 1,
    "phys": "", "keyboard": True, "pointer": None, "absolute": None,
}  # fmt: skip


class Dialled:
    """One connection to the service: whole messages, or bytes."""

    def __init__(self, way: str, address: str, tls: ssl.SSLContext | None = None) -> None:
        self.way = way
        self._address, self._tls = address, tls
        self._web: ClientConnection | None = None

    async def __aenter__(self) -> Dialled:
        if self.way == "websocket":
            self._web = await connect(self._address, ssl=self._tls, max_size=None, ping_interval=None, compression=None)
        elif self.way == "unix":
            self.reader, self.writer = await asyncio.open_unix_connection(self._address)
        else:
            host, _, port = self._address.rpartition(":")
            self.reader, self.writer = await asyncio.open_connection(host.strip("[]"), int(port), ssl=self._tls)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    async def send(self, message: dict[str, Any]) -> None:
        await self.send_bytes(json.dumps(message).encode())

    async def send_bytes(self, data: bytes) -> None:
        """One message with any content."""
        if self._web is not None:
            await self._web.send(data)
            return
        self.writer.write(data + b"\n" if self.way == "unix" else len(data).to_bytes(4, "big") + data)
        await self.writer.drain()

    async def receive(self) -> dict[str, Any]:
        """`EOFError` or `OSError` at the end."""
        async with asyncio.timeout(10):
            message = json.loads(await self.receive_bytes())
        assert isinstance(message, dict)
        return message

    async def receive_bytes(self) -> bytes:
        """One message, whenever it comes. `EOFError` or `OSError` at the end."""
        if self._web is not None:
            from websockets.exceptions import ConnectionClosed

            try:
                data = await self._web.recv(decode=False)
            except ConnectionClosed as error:
                raise EOFError from error
            return bytes(data)
        if self.way == "unix":
            return await self.reader.readuntil(b"\n")
        return await self.reader.readexactly(int.from_bytes(await self.reader.readexactly(4), "big"))

    @property
    def _transport(self) -> Any:
        return self._web.transport if self._web is not None else self.writer.transport

    def send_raw(self, data: bytes) -> None:
        """Any bytes, in no frame."""
        self._transport.write(data)

    def close(self) -> None:
        """End it, after what was sent, without a word of the protocol."""
        self._transport.close()

    def end(self) -> None:
        """End it now."""
        end_now(self._transport)

    async def until_end(self) -> list[dict[str, Any]]:
        """What still comes until the service has closed."""
        messages = []
        with contextlib.suppress(EOFError, OSError):
            while True:
                messages.append(await self.receive())
        return messages


class DiallingAgent:
    """`async with` it: dials in and answers as an agent does. `heard` has what the service and the session said."""

    def __init__(
        self, way: str, address: str, vm_id: str, token: str | None, tls: ssl.SSLContext | None = None
    ) -> None:
        self.boot_id = "boot"
        self.clock_us = 0  # its guest's clock is this much ahead of ours
        self.line = Dialled(way, address, tls)
        self.heard: list[dict[str, Any]] = []
        self.ended = asyncio.Event()
        self.end: BaseException | None = None  # how it ended
        self.is_still = False  # it hears all, and says nothing
        self._vm_id, self._token = vm_id, token
        self._seq = time.monotonic_ns() // 1_000_000

    async def __aenter__(self) -> DiallingAgent:
        await self.line.__aenter__()
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *failure: Any) -> None:
        self._task.cancel()
        await asyncio.wait((self._task,))
        await self.line.__aexit__(None, None, None)

    async def key(self, code: int) -> None:
        """Report a key down and up."""
        now = time.monotonic_ns() // 1000
        events = [[1, 1, code, 1, now], [1, 1, code, 0, now]]
        seq, self._seq = self._seq, self._seq + 1
        await self.line.send({"type": "observations", "seq": seq, "events": events, "sent_us": now})

    async def _run(self) -> None:
        try:
            while True:
                message = await self.line.receive()
                self.heard.append(message)
                if not self.is_still and (answer := self._answer(message)) is not None:
                    await self.line.send(answer)
        except (EOFError, OSError, TimeoutError) as error:
            self.end = error
        self.ended.set()

    def _answer(self, message: dict[str, Any]) -> dict[str, Any] | None:
        now = time.monotonic_ns() // 1000 + self.clock_us
        kind = message["type"]
        if kind == "hello":
            said = hello(message["nonce"], self._vm_id, self._token, next_seq=self._seq)
            return {**said, "boot_id": self.boot_id, "monotonic_us": now}
        if kind == "ping":
            return {"type": "pong", "id": message["id"], "received_us": now, "sent_us": now, "realtime_us": now}
        if kind == "watch":
            return {"type": "watching", "enabled": message["enabled"], "next_seq": self._seq}
        if kind == "state":
            return {"type": "state", "id": message["id"], "held": [], "absolute": [], "dropped": 0, "skipped": 0}
        return None


def hello(nonce: str, vm_id: str, token: str | None, next_seq: int = 1) -> dict[str, Any]:
    now = time.monotonic_ns() // 1000
    return {
        "type": "hello", "nonce": nonce, "protocol": 1, "agent": "atp-guest-agent", "version": "0.1", "vm_id": vm_id,
        "vm_id_source": "option", "boot_id": "boot", "token": token, "capabilities": ["observe", "state", "fence"],
        "devices": [DEVICE], "next_seq": next_seq, "monotonic_us": now, "realtime_us": now,
    }  # fmt: skip
