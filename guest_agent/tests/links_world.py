"""A world in which the agent dials: services on loopback that speak with lengths, and a port that a host may open."""

from __future__ import annotations

import json
import os
import pty
import socket
import time
import tty

from agent_world import IDENTITY, KEYBOARD, PATIENCE, Plugboard, hasty
from atp_guest_agent.agent import Agent
from atp_guest_agent.links.address import Address
from atp_guest_agent.linux import Linux
from atp_guest_agent.log import Log
from atp_guest_agent.port import Port


class Service:
    """A TCP service that listens, or doesn't (yet, or any more) at a port of its own."""

    def __init__(self):
        self._listener = None
        self.port = 0
        self.listen()

    @property
    def address(self):
        return Address(f"tcp://127.0.0.1:{self.port}")

    def listen(self):
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", self.port))
        self._listener.listen()
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]

    def accept(self):
        """A connection that has been made, or None."""
        try:
            return self._listener.accept()[0]
        except BlockingIOError:
            return None

    def close(self):
        if self._listener is not None:
            self._listener.close()
            self._listener = None


class Connection:
    """The service's end of a connection: messages with their lengths."""

    def __init__(self, stream, turn):
        self.stream = stream
        self.stream.setblocking(False)
        self._turn = turn
        self._data = b""

    def send(self, message):
        data = json.dumps(message).encode()
        self.send_bytes(len(data).to_bytes(4, "big") + data)

    def send_bytes(self, data):
        until = time.monotonic() + PATIENCE
        while data:
            try:
                data = data[self.stream.send(data) :]
            except BlockingIOError:
                self._turn()
            assert time.monotonic() < until, "the agent didn't take what was sent"

    def receive(self, kind):
        message = self.receive_any()
        assert message["type"] == kind, message
        return message

    def receive_any(self):
        until = time.monotonic() + PATIENCE
        while (message := self._message()) is None:
            assert self._pump(), "the agent closed the connection"
            assert time.monotonic() < until, "no message came"
        return message

    def greet(self, nonce="n1", watch=False):
        self.send({"type": "hello", "nonce": nonce, "protocol": 1, "watch": watch})
        return self.receive("hello")

    def is_silent(self, turns=20):
        for _ in range(turns):
            assert self._pump(), "the agent closed the connection"
        return not self._data

    def is_closed(self):
        """Whether the agent has ended it."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if not self._pump():
                return True
        return False

    def close(self):
        self.stream.close()

    def _pump(self):
        self._turn()
        try:
            data = self.stream.recv(1 << 20)
        except BlockingIOError:
            return True
        except ConnectionResetError:
            return False
        self._data += data
        return bool(data)

    def _message(self):
        if len(self._data) < 4:
            return None
        size = int.from_bytes(self._data[:4], "big")
        if len(self._data) < 4 + size:
            return None
        message, self._data = json.loads(self._data[4 : 4 + size]), self._data[4 + size :]
        return message


class DialWorld:
    """An agent with a keyboard, a port (a serial line, whose host comes and goes with `plug` and `pull`) and services."""

    def __init__(self, directory):
        self.directory = directory
        self.board = Plugboard()
        self.board.plugged = {"/dev/input/event0": KEYBOARD}
        self.log_path = directory / "log"
        self.services = []
        self._connections = []  # which stay open though a test keeps no name for them
        self.agent = None
        self.link = directory / "line"
        self.master = -1

    def service(self):
        self.services.append(Service())
        return self.services[-1]

    def start(self, *addresses, port=None, identify=None, **more):
        self.links = hasty(port, addresses, **more)
        self.platform = Linux(self.board)
        self.agent = Agent(self.links, self.platform, IDENTITY, Log(str(self.log_path)), identify=identify)
        return self

    def line(self):
        """A port that isn't there until `plug`."""
        return Port(str(self.link))

    def plug(self):
        """A host opens the port. Returns its end."""
        self.master, slave = pty.openpty()
        tty.setraw(self.master)
        os.set_blocking(self.master, False)
        self.link.symlink_to(os.ttyname(slave))
        os.close(slave)
        self.agent.turn(0)
        return self.master

    def pull(self):
        self.link.unlink()
        os.close(self.master)
        self.master = -1

    def turn(self):
        self.agent.turn(0)

    def until(self, found, what):
        deadline = time.monotonic() + PATIENCE
        while not (answer := found()):
            assert time.monotonic() < deadline, f"{what} didn't come"
            self.agent.turn(0.01)
        return answer

    def dialled(self, service):
        """The connection that the agent makes to that service."""
        self._connections.append(Connection(self.until(service.accept, "a connection"), self.turn))
        return self._connections[-1]

    def key(self, code, value):
        self.board.opened["/dev/input/event0"].key(code, value)
        self.agent.turn(0)

    def log(self):
        return self.log_path.read_text()

    def close(self):
        if self.agent is not None:
            self.agent.close()
        for each in (*self._connections, *self.services):
            each.close()
        if self.master >= 0:
            os.close(self.master)
