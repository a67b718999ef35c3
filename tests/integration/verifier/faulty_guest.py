"""A guest that goes wrong on demand. It speaks the agent's real protocol over a real UNIX socket and takes QMP's real
`input-send-event`; between the two stands a device queue of limited length, drained edge by edge, and a kernel that drops edges
which change nothing. Healthy behaviour is what the e2e tests show on a real guest: this one is for faults only.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

from ATPLibrary.errors import CommandError
from ATPLibrary.events import EventBus
from ATPLibrary.protocol.qmp import Command, Qmp
from ATPLibrary.protocol.qmp.edges import EVDEV_OF_QCODE
from ATPLibrary.transport import ByteChannel, socket_channel
from ATPLibrary.verifier import AgentSession
from ATPLibrary.verifier.pointer_units import BUTTONS

KEYBOARD = 1
TABLET = 2
MOUSE = 3
LOCKS = {58: 1, 69: 0, 70: 2}  # the key's code -> its LED
WHEEL = {"wheel-up": (8, 1), "wheel-down": (8, -1), "wheel-left": (6, -1), "wheel-right": (6, 1)}
PAGE = 1_000_000.0  # the guest's clock is this many us ahead


class FaultyGuest:
    """`async with FaultyGuest(directory)`. Change its attributes to make it fail."""

    def __init__(
        self,
        directory: Path,
        *,
        bus: str = "i8042",
        queue_length: int = 16,
        token: str | None = None,
        name: str = "faulty",
    ) -> None:
        self.name = name
        self.socket = directory / "agent"
        self.events = EventBus()
        self.qmp = FaultyQmp(self)
        self.status = "running"
        self.dropped: set[int] = set()  # numbers of edges that vanish between queue and kernel
        self.doubled: set[int] = set()  # numbers of edges that the observer sees twice
        self.swapped: set[int] = set()  # numbers of edges that the guest gets after the next one
        self.repeats_at: int | None = None  # the key of this edge repeats three times before the next
        self.overrun_at: int | None = None  # this edge and the next two are lost to the observer, who says so
        self.gap_at: int | None = None  # the batch with this edge never arrives
        self.frozen_at: int | None = None  # the device is not read any more from this edge on
        self.die_at: int | None = None  # the agent ends, without a word, before this edge
        self.edge_seconds = 0.0005  # how long the kernel takes to read one edge
        self.answers_pings = True
        self.unanswered = asyncio.Event()  # something was asked that got no answer
        self.is_still = False  # the agent's process is stopped: it reads and says nothing
        self.has_port_open: bool | None = None  # as QEMU tells of the port; None: it doesn't
        self.clock_us = PAGE  # the guest's clock is this much ahead of ours
        self.wall_us = 1.7e15  # and its CLOCK_REALTIME of that
        self.version = "test"
        self.greets = True
        self.next_hello: dict[str, Any] = {}  # fields that are otherwise than they should be
        self.instead: dict[str, dict[str, Any]] = {}  # by the type of a request: what is answered, beside its id
        self.tablet_works = True
        self.stalls: dict[int, float] = {}  # before this edge is read, nothing is for so many seconds
        self.stalled: list[int] = []  # at the end of each stall: how many edges wait in the device
        self.while_stalled: Callable[[int], None] = lambda number: None
        self.deaf_from: int | None = (
            None  # all that comes is thrown away, from this edge on until the agent is asked something
        )
        self.deaf_for_good = False  # and after that too
        self.seen: list[tuple[int, int]] = []  # edges that the kernel saw: code, value
        self.grabbed = False  # whether others in the guest get nothing of its input
        self.grabs: list[bool] = []  # what was asked of that
        self.others_got: list[tuple[int, int]] = []  # edges that they got: code, value
        self.taken_by: tuple[int, str] | None = None  # the program that has the keyboard to itself: process id, name
        self.leds: dict[int, int] | None = {0: 0, 1: 0, 2: 0}  # LED -> lit; None: an agent that doesn't tell
        self.lock_keys_work = True
        self.mouse: list[tuple[int, int]] = []  # relative events that the guest's kernel saw: code, value
        self.mouse_factor = 1.0  # what the guest makes of each count
        self.pointer = {0: 0, 1: 0}  # where the guest has it: axis -> value
        self.tablet_range = 0x7FFF
        self.dies_when_all_is_seen = 0  # this many edges seen, and the agent is gone without a word
        self.token = token
        self.protocol = 1
        self.overflows = 0
        self.received: list[tuple[int, int]] = []  # edges that QEMU took: code, value
        self.commands: list[int] = []  # how many events each command had
        self.held: set[int] = set()
        self.before_taking: Callable[[], None] = lambda: None  # called once, before QEMU takes what is sent next
        self.unread: list[
            list[int]
        ] = []  # events that the kernel has and the agent hasn't read: it reads at its next answer
        self.hellos = 0
        self._bus = bus
        self._queue: deque[tuple[int, int]] = deque()
        self._queue_length = queue_length
        self._arrived = asyncio.Event()
        self._paused = asyncio.Event()  # set while it isn't
        self._paused.set()
        self._numbers = itertools.count()
        self._is_deaf = False
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
        return AgentSession(self.open_channel, self.name, self.events, token, self.port_state)

    async def port_state(self, timeout: float) -> bool | None:
        return self.has_port_open

    async def open_channel(self) -> ByteChannel:
        return await socket_channel(self.socket, 2.0)

    def cut(self) -> None:
        """End the connection, as when QEMU closes the port."""
        assert self._writer is not None
        self._writer.close()
        self._writer = None

    def pause(self, seconds: float) -> None:
        """The VM stands still for so long, and nobody tells."""
        self._paused.clear()
        self._stopped_us = self.now_us()
        asyncio.get_running_loop().call_later(seconds, self._resume)

    def _resume(self) -> None:
        self.clock_us += self._stopped_us - round(time.monotonic() * 1e6 + self.clock_us)
        self._paused.set()

    def kill_agent(self) -> None:
        """Its process is gone, and the port is closed in the guest."""
        self.is_still, self.has_port_open, self._watched = True, False, False

    def start_agent(self, version: str = "test") -> None:
        """A new process, in the same boot: it streams to nobody until it is greeted."""
        self.is_still, self.has_port_open, self._watched = False, True, False
        self._seq, self.version = self.now_us() // 1000, version

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
        if self._writer is not None:
            self.say(json.dumps(message).encode() + b"\n")

    def observe(self, code: int, value: int, ago: float = 0.0) -> None:
        """The observer sees an edge that nobody sent, and that the kernel saw so many seconds before."""
        self._batch([[KEYBOARD, 1, code, value, self.now_us() - round(ago * 1e6)]])

    def do_unread(self, code: int, value: int, device: int = KEYBOARD) -> None:
        """Somebody else presses or lets go of a key, and the agent hasn't read of it yet."""
        (self.held.add if value else self.held.discard)(code)
        self.unread.append([device, 1, code, value, self.now_us()])

    def read_on(self) -> None:
        unread, self.unread = self.unread, []
        if unread:
            self._batch(unread)

    def now_us(self) -> int:
        return round(time.monotonic() * 1e6 + self.clock_us)

    def take(self, events: Sequence[Mapping[str, Any]]) -> None:
        """QEMU puts edges into the device's queue, and drops what it can't hold."""
        happens_first, self.before_taking = self.before_taking, lambda: None
        happens_first()
        self.commands.append(len(events))
        if motions := [event["data"] for event in events if event["type"] == "abs"]:
            self._point(motions)
        for event in events:
            if event["type"] == "rel":
                code, value = {"x": 0, "y": 1}[event["data"]["axis"]], round(event["data"]["value"] * self.mouse_factor)
                if value:
                    self.mouse.append((code, value))
                    self._batch([[MOUSE, 2, code, value, self.now_us()]])
                continue
            if event["type"] == "btn" and event["data"]["button"].startswith("wheel-"):
                if event["data"]["down"]:
                    code, value = WHEEL[event["data"]["button"]]
                    self.mouse.append((code, value))
                    self._batch([[MOUSE, 2, code, value, self.now_us()]])
                continue
            if event["type"] == "btn":
                code, value = BUTTONS[event["data"]["button"]], int(event["data"]["down"])
                if (value == 1) == (code in self.held):
                    continue
                (self.held.add if value else self.held.discard)(code)
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
            await self._paused.wait()
            if not self._queue:  # it was put back meanwhile
                continue
            number = next(self._numbers)
            if stall := self.stalls.get(number):
                await asyncio.sleep(stall)
                self.stalled.append(len(self._queue))
                self.while_stalled(number)
            if self.frozen_at is not None and number >= self.frozen_at:
                await asyncio.Event().wait()
            if number in self.swapped:
                while len(self._queue) < 2:
                    self._arrived.clear()
                    await self._arrived.wait()
                self._queue[0], self._queue[1] = self._queue[1], self._queue[0]
            code, value = self._queue.popleft()
            if number == self.deaf_from:
                self._is_deaf = True
            if self._is_deaf:
                continue
            if number in self.dropped or (value == 1) == (code in self.held):
                continue
            (self.held.add if value else self.held.discard)(code)
            if self.leds is not None and value and code in LOCKS and self.lock_keys_work:
                self.leds[LOCKS[code]] ^= 1
            self.seen.append((code, value))
            if not self.grabbed:
                self.others_got.append((code, value))
            if self.taken_by is not None:
                continue
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
            if number == self.repeats_at:
                self._batch([[KEYBOARD, 1, event[2], 2, self.now_us()]] * 3)
        if number + 1 == self.dies_when_all_is_seen:
            self.answers_pings = self.greets = self._watched = False

    def _batch(self, events: list[list[int]]) -> None:
        if self._watched and self._writer is not None and not self.is_still:
            self.tell(type="observations", seq=self._next(), events=events, sent_us=self.now_us())

    def _next(self) -> int:
        self._seq += 1
        return self._seq - 1

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        with contextlib.suppress(OSError):
            while line := await reader.readline():
                await self._paused.wait()
                if line.strip():
                    self._answer(json.loads(line))
        if self._writer is writer:
            self._writer, self.grabbed = None, False
        writer.close()

    def _answer(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if self.is_still:
            return
        self._is_deaf = self._is_deaf and self.deaf_for_good
        is_fenced = "fence" in self.next_hello.get("capabilities", ["fence"])
        if is_fenced or kind != "state":
            self.read_on()
        if kind == "hello":
            self.hellos += 1
            self.grabbed = False
            if self.greets:
                self._watched = True
                self._greet(message["nonce"])
        elif not self.answers_pings:
            self.unanswered.set()
        elif kind in self.instead:
            self.tell(**{name: message[name] for name in ("id", "event_id") if name in message} | self.instead[kind])
        elif kind == "ping":
            now = self.now_us()
            self.tell(
                type="pong", id=message["id"], received_us=now, sent_us=now, realtime_us=round(now + self.wall_us)
            )
        elif kind == "watch":
            self.tell(type="watching", enabled=True, next_seq=self._seq)
        elif kind == "grab":
            self.grabs.append(message["enabled"])
            if message["enabled"] and self.held:
                self.tell(type="error", about="grab", message="keys are down")
                return
            self.grabbed = message["enabled"]
            self.tell(type="grabbing", enabled=self.grabbed)
        elif kind == "state":
            held = [[KEYBOARD, code] for code in self.held]
            lights = {} if self.leds is None else {"leds": [[KEYBOARD, led, lit] for led, lit in self.leds.items()]}
            theirs: dict[str, Any] = {}
            if message.get("grabs"):
                theirs = {"taken": [], "openers": []}
                if self.taken_by is not None:
                    theirs = {"taken": [KEYBOARD], "openers": [[KEYBOARD, *self.taken_by]]}
            self.tell(type="state", id=message["id"], held=held, dropped=0, skipped=0, **lights, **theirs)
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
        mouse = tablet | {"id": MOUSE, "name": "mouse", "bus": "i8042", "pointer": "relative", "absolute": None}
        hello = {
            "type": "hello",
            "nonce": nonce,
            "protocol": self.protocol,
            "agent": "atp-guest-agent",
            "version": self.version,
            "vm_id": self.name,
            "vm_id_source": "hostname",
            "boot_id": "1",
            "token": self.token,
            "capabilities": ["observe", "grab", "fence"],
            "devices": [keyboard, tablet, mouse],
            "next_seq": self._seq,
            "monotonic_us": self.now_us(),
            "realtime_us": round(self.now_us() + self.wall_us),
        }
        self.tell(**hello | self.next_hello)


class FaultyQmp(Qmp):
    kind: Literal["direct", "libvirt"] = "direct"

    def __init__(self, guest: FaultyGuest) -> None:
        domain: Any = SimpleNamespace(name=guest.name, uuid="", host=SimpleNamespace(name="here", bus=guest.events))
        super().__init__(domain)
        self._guest = guest

    async def execute(self, command: str, arguments: Mapping[str, Any] | None = None, timeout: float = 1.0) -> Any:
        await asyncio.sleep(0)
        return self._carry_out(command, arguments)

    def begin(
        self, command: str, arguments: Mapping[str, Any] | None = None, timeout: float = 1.0
    ) -> asyncio.Future[Any]:
        """Written before it returns, as a direct QMP does."""
        begun: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        try:
            begun.set_result(self._carry_out(command, arguments))
        except CommandError as error:
            begun.set_exception(error)
        return begun

    def _carry_out(self, command: str, arguments: Mapping[str, Any] | None) -> Any:
        if command == "query-status":
            return {"status": self._guest.status}
        if command == "query-mice":
            return []
        assert command == "input-send-event"
        if self._guest.status != "running":
            raise CommandError("QEMU refused: VM not running", command, "GenericError", "VM not running")
        assert arguments is not None
        self._guest.take(arguments["events"])
        return {}

    async def execute_many(self, commands: Sequence[Command], timeout: float = 1.0) -> list[Any]:
        return [self._carry_out(command, arguments) for command, arguments in commands]  # written at once, in order

    async def screenshot(self, timeout: float = 1.0) -> bytes:
        raise NotImplementedError

    async def close(self) -> None:
        return None
