"""A guest that goes wrong on demand. It speaks the agent's real protocol over a real UNIX socket and takes QMP's real
`input-send-event`; between the two stands a device queue of limited length, drained edge by edge, and a kernel that drops edges
which change nothing. Healthy behaviour is what the e2e tests show on a real guest: this one is for faults only.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

from ATPLibrary.errors import CommandError
from ATPLibrary.events import EventBus
from ATPLibrary.protocol.qmp import Command, Qmp
from ATPLibrary.protocol.qmp.edges import EVDEV_OF_QCODE
from ATPLibrary.transport import ByteChannel, socket_channel
from ATPLibrary.verifier import AgentSession
from ATPLibrary.verifier.pointer import BUTTONS

KEYBOARD = 1
TABLET = 2
PAGE = 1_000_000.0  # the guest's clock is this many us ahead


class FaultyGuest:
    """`async with FaultyGuest(directory)`. Change its attributes to make it fail."""

    def __init__(
        self, directory: Path, *, bus: str = "i8042", queue_length: int = 16, token: str | None = None
    ) -> None:
        self.socket = directory / "agent"
        self.events = EventBus()
        self.qmp = FaultyQmp(self)
        self.status = "running"
        self.dropped: set[int] = set()  # numbers of edges that vanish between queue and kernel
        self.doubled: set[int] = set()  # numbers of edges that the observer sees twice
        self.overrun_at: int | None = None  # this edge and the next two are lost to the observer, who says so
        self.gap_at: int | None = None  # the batch with this edge never arrives
        self.frozen_at: int | None = None  # the device is not read any more from this edge on
        self.die_at: int | None = None  # the agent ends, without a word, before this edge
        self.edge_seconds = 0.0005  # how long the kernel takes to read one edge
        self.answers_pings = True
        self.greets = True
        self.next_hello: dict[str, Any] = {}  # fields that are otherwise than they should be
        self.instead: dict[str, dict[str, Any]] = {}  # by the type of a request: what is answered, beside its id
        self.tablet_works = True
        self.pointer = {0: 0, 1: 0}  # where the guest has it: axis -> value
        self.tablet_range = 0x7FFF
        self.dies_when_all_is_seen = 0  # this many edges seen, and the agent is gone without a word
        self.token = token
        self.protocol = 1
        self.overflows = 0
        self.received: list[tuple[int, int]] = []  # edges that QEMU took: code, value
        self.commands: list[int] = []  # how many events each command had
        self.held: set[int] = set()
        self.hellos = 0
        self._bus = bus
        self._queue: deque[tuple[int, int]] = deque()
        self._queue_length = queue_length
        self._arrived = asyncio.Event()
        self._numbers = itertools.count()
        self._seq = 0
        self._writer: asyncio.StreamWriter | None = None
        self._watched = False

    async def __aenter__(self) -> FaultyGuest:
        self._server = await asyncio.start_unix_server(self._serve, self.socket)
        self._kernel = asyncio.create_task(self._drain())
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._kernel.cancel()
        self._server.close()
        if self._writer is not None:
            self._writer.close()
        await asyncio.gather(self._kernel, return_exceptions=True)

    def session(self, token: str | None = None) -> AgentSession:
        return AgentSession(self.open_channel, "faulty", self.events, token)

    async def open_channel(self) -> ByteChannel:
        return await socket_channel(self.socket, 2.0)

    def cut(self) -> None:
        """End the connection, as when QEMU closes the port."""
        assert self._writer is not None
        self._writer.close()
        self._writer = None

    def restart_agent(self) -> None:
        """Another agent process: it numbers from 0 and streams to nobody until it is greeted."""
        self._seq = 0
        self._watched = False

    def put_back(self) -> None:
        """As by `loadvm`: the agent doesn't know what it has sent lately, nor that anybody watches; what was queued is gone."""
        self._seq = max(0, self._seq - 5)
        self._watched = False
        self._queue.clear()
        self.held.clear()

    def say(self, data: bytes) -> None:
        assert self._writer is not None
        self._writer.write(data)

    def tell(self, **message: Any) -> None:
        self.say(json.dumps(message).encode() + b"\n")

    def observe(self, code: int, value: int) -> None:
        """The observer sees an edge that nobody sent."""
        self._batch([[KEYBOARD, 1, code, value, self.now_us()]])

    def now_us(self) -> int:
        return round(time.monotonic() * 1e6 + PAGE)

    def take(self, events: Sequence[Mapping[str, Any]]) -> None:
        """QEMU puts edges into the device's queue, and drops what it can't hold."""
        self.commands.append(len(events))
        if motions := [event["data"] for event in events if event["type"] == "abs"]:
            self._point(motions)
        for event in events:
            if event["type"] == "btn":
                code, value = BUTTONS[event["data"]["button"]], int(event["data"]["down"])
                self._batch([[TABLET, 1, code, value, self.now_us()]])
            if event["type"] != "key":
                continue
            edge = EVDEV_OF_QCODE[event["data"]["key"]["data"]], int(event["data"]["down"])
            self.received.append(edge)
            if len(self._queue) >= self._queue_length:
                self.overflows += 1
            else:
                self._queue.append(edge)
        self._arrived.set()

    def _point(self, motions: Sequence[Mapping[str, Any]]) -> None:
        """The tablet's report, and a kernel that tells only of axes that changed."""
        seen: list[list[int]] = []
        for motion in motions:
            axis = {"x": 0, "y": 1}[motion["axis"]]
            value = round(motion["value"] * self.tablet_range / 0x7FFF)
            if self.tablet_works and self.pointer[axis] != value:
                self.pointer[axis] = value
                seen.append([TABLET, 3, axis, value, self.now_us()])
        if seen:
            self._batch(seen)

    async def _drain(self) -> None:
        while True:
            while not self._queue:
                self._arrived.clear()
                await self._arrived.wait()
            await asyncio.sleep(self.edge_seconds)
            if not self._queue:  # it was put back meanwhile
                continue
            number = next(self._numbers)
            if self.frozen_at is not None and number >= self.frozen_at:
                await asyncio.Event().wait()
            code, value = self._queue.popleft()
            if number in self.dropped or (value == 1) == (code in self.held):
                continue
            (self.held.add if value else self.held.discard)(code)
            self._see(number, [KEYBOARD, 1, code, value, self.now_us()])

    def _see(self, number: int, event: list[int]) -> None:
        if self.die_at is not None and number >= self.die_at:
            self.answers_pings = self.greets = self._watched = False
        if self.overrun_at is not None and self.overrun_at <= number < self.overrun_at + 3:
            if number == self.overrun_at + 2:
                self.tell(
                    type="overrun", seq=self._next(), device=KEYBOARD, held=sorted(self.held), time_us=self.now_us()
                )
        elif number == self.gap_at:
            self._next()
        else:
            self._batch([event] * (2 if number in self.doubled else 1))
        if number + 1 == self.dies_when_all_is_seen:
            self.answers_pings = self.greets = self._watched = False

    def _batch(self, events: list[list[int]]) -> None:
        if self._watched and self._writer is not None:
            self.tell(type="observations", seq=self._next(), events=events, sent_us=self.now_us())

    def _next(self) -> int:
        self._seq += 1
        return self._seq - 1

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        while line := await reader.readline():
            if line.strip():
                self._answer(json.loads(line))

    def _answer(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "hello":
            self.hellos += 1
            if self.greets:
                self._watched = True
                self._greet(message["nonce"])
        elif not self.answers_pings:
            return
        elif kind in self.instead:
            self.tell(**{name: message[name] for name in ("id", "event_id") if name in message} | self.instead[kind])
        elif kind == "ping":
            now = self.now_us()
            self.tell(type="pong", id=message["id"], received_us=now, sent_us=now, realtime_us=0)
        elif kind == "watch":
            self.tell(type="watching", enabled=True, next_seq=self._seq)
        elif kind == "state":
            self.tell(
                type="state", id=message["id"], held=[[KEYBOARD, code] for code in self.held], dropped=0, skipped=0
            )
        elif kind == "expect":
            self.tell(type="result", event_id=message["event_id"], verified=True, timestamp=0, latency_ms=1, details={})

    def _greet(self, nonce: str) -> None:
        keyboard = {
            "id": KEYBOARD,
            "name": "keyboard",
            "bus": self._bus,
            "keyboard": True,
            "pointer": None,
            "absolute": None,
        }
        axes = {"0": [0, self.tablet_range], "1": [0, self.tablet_range]}
        tablet = {
            "id": TABLET,
            "name": "tablet",
            "bus": "usb",
            "keyboard": False,
            "pointer": "absolute",
            "absolute": axes,
        }
        hello = {
            "type": "hello",
            "nonce": nonce,
            "protocol": self.protocol,
            "agent": "atp-guest-agent",
            "version": "test",
            "vm_id": "faulty",
            "vm_id_source": "hostname",
            "boot_id": "1",
            "token": self.token,
            "capabilities": ["observe"],
            "devices": [keyboard, tablet],
            "next_seq": self._seq,
            "monotonic_us": self.now_us(),
            "realtime_us": 0,
        }
        self.tell(**hello | self.next_hello)


class FaultyQmp(Qmp):
    kind: Literal["direct", "libvirt"] = "direct"

    def __init__(self, guest: FaultyGuest) -> None:
        domain: Any = SimpleNamespace(name="faulty", uuid="", host=SimpleNamespace(name="here", bus=guest.events))
        super().__init__(domain)
        self._guest = guest

    async def execute(self, command: str, arguments: Mapping[str, Any] | None = None, timeout: float = 1.0) -> Any:
        await asyncio.sleep(0)
        return self._carry_out(command, arguments)

    def _carry_out(self, command: str, arguments: Mapping[str, Any] | None) -> Any:
        if command == "query-status":
            return {"status": self._guest.status}
        assert command == "input-send-event"
        if self._guest.status != "running":
            raise CommandError("QEMU refused: VM not running", command, "GenericError", "VM not running")
        assert arguments is not None
        self._guest.take(arguments["events"])
        return {}

    async def execute_many(self, commands: Sequence[Command], timeout: float = 1.0) -> list[Any]:
        return [self._carry_out(command, arguments) for command, arguments in commands]  # written at once, in order

    @property
    def is_open(self) -> bool:
        return True

    async def screenshot(self, timeout: float = 1.0) -> bytes:
        raise NotImplementedError

    async def close(self) -> None:
        return None
