"""A world for the agent: input devices fed with the kernel's own bytes through pipes, and the host's end of its port."""

from __future__ import annotations

import errno
import json
import os
import socket
import time

from atp_guest_agent.agent import Agent
from atp_guest_agent.codes import EV_KEY, EV_SYN
from atp_guest_agent.description import Description
from atp_guest_agent.evdev import INPUT_EVENT, SYN_REPORT, InputDevice
from atp_guest_agent.identity import Identity
from atp_guest_agent.links.chooser import Links
from atp_guest_agent.linux import Linux
from atp_guest_agent.log import Log
from atp_guest_agent.port import Port

PATIENCE = 30.0
IDENTITY = Identity("vm-7", "dmi_serial", "boot-1", "s3cret")

KEYBOARD = Description(
    name="AT Translated Set 2 keyboard",
    phys="isa0060/serio0/input0",
    bustype=0x11,
    vendor=1,
    product=1,
    keys=frozenset(range(1, 120)),
)
TABLET = Description(
    name="QEMU USB Tablet",
    phys="usb-0000:00:01.2-1/input0",
    bustype=3,
    vendor=0x627,
    product=1,
    keys=frozenset((0x110, 0x111, 0x112)),
    relative=frozenset((8,)),
    ranges={0: (0, 32767), 1: (0, 32767)},
)


class PipeDevice(InputDevice):
    """A device whose kernel is the test: it writes struct input_event, and says which keys are down."""

    def __init__(self, number, path, description):
        fd, self.writer = os.pipe2(os.O_NONBLOCK)
        super().__init__(number, path, fd, description)
        self.down = set()
        self.position = {}
        self.grabbed = False
        self.grabbed_by_another = False
        self.lights = {}

    def emit(self, *events, time_us=None):
        """Write (type, code, value) events with one time."""
        time_us = time.monotonic_ns() // 1000 if time_us is None else time_us
        os.write(
            self.writer, b"".join(INPUT_EVENT.pack(time_us // 1000000, time_us % 1000000, *event) for event in events)
        )
        return time_us

    def key(self, code, value, time_us=None):
        (self.down.add if value else self.down.discard)(code)
        return self.emit((EV_KEY, code, value), (EV_SYN, SYN_REPORT, 0), time_us=time_us)

    def unplug(self):
        os.close(self.writer)
        self.writer = -1

    def held(self):
        if self.writer < 0:
            raise OSError(errno.ENODEV, "No such device")
        return sorted(self.down)

    resynchronise = held

    def grab(self, wanted):
        if self.writer < 0:
            raise OSError(errno.ENODEV, "No such device")
        if self.grabbed_by_another or wanted == self.grabbed:
            raise OSError(*((errno.EBUSY, "Device or resource busy") if wanted else (errno.EINVAL, "Invalid argument")))
        self.grabbed = wanted

    def axis(self, code):
        return self.position.get(code, 0)

    def leds(self):
        if self.writer < 0:
            raise OSError(errno.ENODEV, "No such device")
        return sorted(self.lights.items())

    def close(self):
        super().close()
        if self.writer >= 0:
            os.close(self.writer)


class Plugboard:
    """Stands for /dev/input: what is plugged in by path."""

    def __init__(self):
        self.plugged = {}
        self.opened = {}

    def paths(self):
        return list(self.plugged)

    def open(self, path, number):
        description = self.plugged[path]
        if isinstance(description, OSError):
            raise description
        self.opened[path] = PipeDevice(number, path, description)
        return self.opened[path]


def hasty(port, addresses=(), **more):
    """Links that try again at once."""
    return Links(port, list(addresses), first_seconds=0.0, longest_seconds=0.0, **more)


class World:
    """An Agent that connects to a UNIX socket, the host's end of it, and input devices."""

    def __init__(self, directory):
        self.path = str(directory / "port")
        self.board = Plugboard()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        self.listener.settimeout(PATIENCE)
        self.log_path = directory / "log"
        self.agent = None
        self.platform = None
        self.host = None

    def start(self, devices=None, **options):
        """Start the agent with these devices ({path: Description}) and connect the host's end."""
        self.board.plugged = dict(devices or {"/dev/input/event0": KEYBOARD})
        self.platform = Linux(self.board)
        log = Log(str(self.log_path))
        self.agent = Agent(hasty(Port(self.path)), self.platform, IDENTITY, log, **options)
        self.connect()
        return self

    def connect(self):
        """Take the connection that the agent makes to the host."""
        self.agent.turn(0)
        self.host = HostEnd(self.listener.accept()[0], self.agent)
        return self.host

    def device(self, path="/dev/input/event0"):
        return self.board.opened[path]

    def greet(self, **fields):
        return self.host.greet(**fields)

    def close(self):
        if self.agent is not None:
            self.agent.close()
        if self.host is not None:
            self.host.close()
        self.listener.close()


class HostEnd:
    """The host's end of a stream: sends lines, reads messages, and lets the agent turn meanwhile."""

    def __init__(self, stream, agent=None):
        self.stream = stream
        self.agent = agent
        self.stream.setblocking(False)
        self.raw = b""
        self._rest = b""
        self._messages = []

    def send(self, *messages):
        self.send_bytes(b"".join(json.dumps(message).encode() + b"\n" for message in messages))

    def send_bytes(self, data):
        until = time.monotonic() + PATIENCE
        while data:
            try:
                data = data[self.stream.send(data) :]
            except BlockingIOError:
                self.pump()
            self.turn()
            assert time.monotonic() < until, "the agent didn't take what was sent"

    def turn(self):
        if self.agent is not None:
            self.agent.turn(0)

    def pump(self):
        """Let the agent turn once and take what came."""
        self.turn()
        try:
            data = self.stream.recv(1 << 20)
        except BlockingIOError:
            if self.agent is None:
                time.sleep(0.001)
            return
        assert data, "the agent closed the connection"
        self.raw += data
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._messages += [json.loads(line) for line in lines if line.strip()]

    def receive(self, kind=None):
        """The next message; with `kind`, which must be its type."""
        until = time.monotonic() + PATIENCE
        while not self._messages:
            self.pump()
            assert time.monotonic() < until, f"no {kind or 'message'} came"
        message = self._messages.pop(0)
        assert kind is None or message["type"] == kind, message
        return message

    def silence(self, turns=20):
        """Nothing more comes."""
        for _ in range(turns):
            self.pump()
        assert self._messages == []

    def greet(self, **fields):
        self.send({"type": "hello", "nonce": "n1", "protocol": 1, **fields})
        return self.receive("hello")

    def ask(self, message, kind):
        self.send(message)
        return self.receive(kind)

    def close(self):
        self.stream.close()
