"""Many VMs' sockets in one process: QMP as QEMU speaks it, and the guest agent of docs/agent-protocol.md behind the same keyboard.

`python -m tests.bench.many.peers DIRECTORY COUNT` binds every VM's two sockets, prints a line, and serves until its input
ends. A key that is sent by `input-send-event` comes back as an observation, through a PS/2 queue as small as QEMU's: what doesn't
fit is dropped silently, as there.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ATPLibrary.protocol.qmp.edges import EVDEV_OF_QCODE

from .limits import raise_descriptor_limit
from .names import agent_socket, name_of, qmp_socket, uuid_of

PS2_BYTES = 16
BACKLOG = 4
EV_KEY = 1
KEYBOARD = {
    "id": 1, "path": "/dev/input/event0", "name": "AT Translated Set 2 keyboard", "bus": "i8042", "bustype": 17, "vendor": 1,
    "product": 1, "phys": "isa0060/serio0/input0", "keyboard": True, "pointer": None, "absolute": None,
}  # fmt: skip
GREETING = {
    "QMP": {
        "version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "an emulated peer of the benchmark"},
        "capabilities": ["oob"],
    }
}

_encode = json.JSONEncoder(separators=(",", ":")).encode
_scan = json.JSONDecoder().raw_decode


def _now_us() -> int:
    return time.monotonic_ns() // 1000


class Vm:
    """What both sockets of one VM share: the keyboard, and whether the agent streams what it sees."""

    def __init__(self, number: int) -> None:
        self.name = name_of(number)
        self.uuid = uuid_of(number)
        self.agent: AgentPort | None = None
        self.next_seq = _now_us() // 1000
        self.held: set[int] = set()

    def input(self, events: list[Mapping[str, Any]]) -> None:
        """The keys of one command arrive in the guest, as far as the keyboard's queue holds them."""
        now, seen = _now_us(), []
        for event in events[:PS2_BYTES]:
            code, down = EVDEV_OF_QCODE[event["data"]["key"]["data"]], event["data"]["down"]
            if down == (code in self.held):
                continue  # Linux tells changes only
            (self.held.add if down else self.held.discard)(code)
            seen.append([KEYBOARD["id"], EV_KEY, code, int(down), now])
        if seen and self.agent is not None and self.agent.watched:
            self.agent.send({"type": "observations", "seq": self.next_seq, "events": seen, "sent_us": _now_us()})
            self.next_seq += 1


class Port(asyncio.Protocol):
    """One client's connection."""

    transport: asyncio.Transport

    def __init__(self, vm: Vm) -> None:
        self.vm = vm
        self._rest = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def send(self, message: Mapping[str, Any]) -> None:
        self.transport.write(f"{_encode(message)}\n".encode())


class MonitorPort(Port):
    """QMP (QEMU docs/interop/qmp-spec): commands may follow each other with or without a line's end between them."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._negotiated = False
        self.send(GREETING)

    def data_received(self, data: bytes) -> None:
        text = (self._rest + data.decode()).lstrip()
        while text:
            try:
                command, end = _scan(text)
            except ValueError:
                break
            self._run(command)
            text = text[end:].lstrip()
        self._rest = text

    def _run(self, command: Mapping[str, Any]) -> None:
        name = command.get("execute")
        answer: dict[str, Any]
        if self._negotiated == (name == "qmp_capabilities"):
            text = f"The command {name} has not been found"
            answer = {"error": {"class": "CommandNotFound", "desc": text}}
        elif name == "qmp_capabilities":
            self._negotiated = True
            answer = {"return": {}}
        elif name == "query-status":
            answer = {"return": {"status": "running", "singlestep": False, "running": True}}
        elif name == "query-uuid":
            answer = {"return": {"UUID": self.vm.uuid}}
        elif name == "input-send-event":
            self.vm.input(command["arguments"]["events"])
            answer = {"return": {}}
        else:
            text = f"The command {name} has not been found"
            answer = {"error": {"class": "CommandNotFound", "desc": text}}
        if "id" in command:
            answer["id"] = command["id"]
        self.send(answer)


class AgentPort(Port):
    """The guest's agent."""

    watched = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.vm.agent = self

    def connection_lost(self, exc: Exception | None) -> None:
        if self.vm.agent is self:
            self.vm.agent = None

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data.decode()).split("\n")
        for line in lines:
            if line:
                self._answer(json.loads(line))

    def _answer(self, message: Mapping[str, Any]) -> None:
        received = _now_us()
        clocks = {"realtime_us": time.time_ns() // 1000}
        match message["type"]:
            case "hello":
                self.watched = bool(message.get("watch", True))
                self.send(
                    {
                        "type": "hello", "nonce": message["nonce"], "protocol": 1, "agent": "atp-guest-agent", "version": "1.0",
                        "vm_id": self.vm.uuid, "vm_id_source": "dmi_uuid", "boot_id": self.vm.uuid, "token": None,
                        "capabilities": ["observe", "state"], "devices": [KEYBOARD], "next_seq": self.vm.next_seq,
                        "monotonic_us": received, **clocks,
                    }
                )  # fmt: skip
            case "ping":
                pong = {"type": "pong", "id": message["id"], "received_us": received, "sent_us": _now_us()}
                self.send(pong | clocks)
            case "watch":
                self.watched = message["enabled"]
                self.send({"type": "watching", "enabled": self.watched, "next_seq": self.vm.next_seq})
            case "state":
                held = [[KEYBOARD["id"], code] for code in sorted(self.vm.held)]
                self.send({"type": "state", "id": message["id"], "held": held, "dropped": 0, "skipped": 0})
            case other:
                self.send({"type": "error", "message": f"unknown type {other}", "about": other})


async def serve(directory: Path, count: int) -> None:
    loop = asyncio.get_running_loop()
    for number in range(count):
        vm = Vm(number)
        ports: list[tuple[Path, Callable[[Vm], Port]]] = [
            (qmp_socket(directory, number), MonitorPort),
            (agent_socket(directory, number), AgentPort),
        ]
        for path, port in ports:
            await loop.create_unix_server(lambda port=port, vm=vm: port(vm), str(path), backlog=BACKLOG)  # type: ignore[misc]
    print('"ready"', flush=True)
    await asyncio.to_thread(sys.stdin.buffer.read)


if __name__ == "__main__":
    raise_descriptor_limit()
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
