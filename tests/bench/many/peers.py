"""Many VMs' sockets in one process: QMP as QEMU speaks it, and the guest agent of docs/agent-protocol.md behind the same keyboard.

`python -m tests.bench.many.peers DIRECTORY COUNT` binds every VM's two sockets, prints a line, and serves until its input
ends. A key that is sent by `input-send-event` comes back as an observation, through a PS/2 queue as small as QEMU's: what doesn't
fit is dropped silently, as there.

It waits on bare epoll and answers the shortest command without parsing it: a peer must cost less than the caller that is measured,
or the caller sleeps between two answers, and what it costs is waking up. It waits rather than spins: a spinning peer would take a
processor from everything else, and while the caller is at work the next answers are ready anyway.
"""

from __future__ import annotations

import json
import re
import select
import socket
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ATPLibrary.protocol.qmp.edges import EVDEV_OF_QCODE

from .limits import raise_descriptor_limit
from .names import agent_socket, name_of, qmp_socket, uuid_of

PS2_BYTES = 16
BACKLOG = 4
MOST_BYTES = 256 * 1024
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

QUERY_STATUS = re.compile(rb'\{"execute":"query-status","id":(\d+)\}\s*')
RUNNING = {"status": "running", "singlestep": False, "running": True}

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


class Port:
    """One client's connection."""

    def __init__(self, vm: Vm, client: socket.socket) -> None:
        self.vm = vm
        self.client = client
        self._rest = ""

    def data_received(self, data: bytes) -> None:
        raise NotImplementedError

    def connection_lost(self) -> None:
        """The client has gone."""

    def send(self, message: Mapping[str, Any]) -> None:
        self.write(f"{_encode(message)}\n".encode())

    def write(self, data: bytes) -> None:
        """Clients of this benchmark read all that they are sent: what doesn't fit ends the run, with an error that says so."""
        try:
            sent = self.client.send(data)
        except BlockingIOError:
            sent = 0
        except (BrokenPipeError, ConnectionResetError):
            return  # it has gone, which the next read tells
        if sent < len(data):
            raise BufferError(f"{self.vm.name}: {len(data) - sent} bytes too many for a client that doesn't read")


class MonitorPort(Port):
    """QMP (QEMU docs/interop/qmp-spec): commands may follow each other with or without a line's end between them."""

    def __init__(self, vm: Vm, client: socket.socket) -> None:
        super().__init__(vm, client)
        self._negotiated = False
        self._running = f'{{"return":{_encode(RUNNING)},"id":'.encode()
        self.send(GREETING)

    def data_received(self, data: bytes) -> None:
        if self._negotiated and not self._rest and (asked := QUERY_STATUS.fullmatch(data)):
            self.write(b"%s%s}\n" % (self._running, asked[1]))
            return
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
            answer = {"return": RUNNING}
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

    def __init__(self, vm: Vm, client: socket.socket) -> None:
        super().__init__(vm, client)
        self.vm.agent = self

    def connection_lost(self) -> None:
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
                        "capabilities": ["observe", "state", "fence"], "devices": [KEYBOARD], "next_seq": self.vm.next_seq,
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


class Peers:
    """Every VM's listening sockets and connections, by descriptor."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._listening: dict[int, tuple[socket.socket, Callable[[socket.socket], Port]]] = {}
        self._ports: dict[int, Port] = {}

    def listen(self, path: Path, port: Callable[[socket.socket], Port]) -> None:
        path.unlink(missing_ok=True)  # of peers that served in this directory before
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(path))
        server.listen(BACKLOG)
        self._listening[server.fileno()] = server, port
        self._epoll.register(server, select.EPOLLIN)

    def serve(self, until: int) -> None:
        """Until the descriptor `until` has something to read, or has ended."""
        self._epoll.register(until, select.EPOLLIN)
        ports = self._ports
        while True:
            for descriptor, _ in self._epoll.poll():
                if (port := ports.get(descriptor)) is not None:
                    self._read(descriptor, port)
                elif descriptor == until:
                    return
                else:
                    self._accept(*self._listening[descriptor])

    def _accept(self, server: socket.socket, port: Callable[[socket.socket], Port]) -> None:
        client, _ = server.accept()
        client.setblocking(False)
        self._ports[client.fileno()] = port(client)
        self._epoll.register(client, select.EPOLLIN)

    def _read(self, descriptor: int, port: Port) -> None:
        try:
            data = port.client.recv(MOST_BYTES)
        except ConnectionResetError:
            data = b""
        if data:
            port.data_received(data)
            return
        del self._ports[descriptor]
        self._epoll.unregister(descriptor)
        port.client.close()
        port.connection_lost()


def serve(directory: Path, count: int) -> None:
    peers = Peers()
    for number in range(count):
        vm = Vm(number)
        peers.listen(qmp_socket(directory, number), partial(MonitorPort, vm))
        peers.listen(agent_socket(directory, number), partial(AgentPort, vm))
    print('"ready"', flush=True)
    peers.serve(sys.stdin.fileno())


if __name__ == "__main__":
    raise_descriptor_limit()
    serve(Path(sys.argv[1]), int(sys.argv[2]))
