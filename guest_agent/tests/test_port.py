"""The line to the host breaks anywhere, and the conversation goes on."""

from __future__ import annotations

import errno
import json
import os
import pty
import socket
import time
import tty

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_world import IDENTITY, KEYBOARD, HostEnd, Plugboard, World, hasty
from atp_guest_agent import port as port_module
from atp_guest_agent.agent import Agent
from atp_guest_agent.links.chooser import QUEUE_LIMIT, Links
from atp_guest_agent.linux import Linux
from atp_guest_agent.log import Log
from atp_guest_agent.port import Port

pytestmark = pytest.mark.unit

A = 30
CONVERSATION = (
    b'\n{"type":"hello","nonce":"old","protocol":1}\n{"type":"ping","id":1}\n{"type":"state","id":2}\n'
    b'{"type":"expect","event_id":"e1","event":{"type":"keyboard","action":"keydown","key":"b"},"timeout_ms":60000}\n'
)


def test_the_first_byte_is_a_newline_that_cuts_off_what_was_written_before(world):
    world.start().greet()
    assert world.host.raw.startswith(b"\n")


def test_closing_and_opening_at_every_byte_of_what_the_host_sends_converges(world):
    world.start()
    for cut in range(len(CONVERSATION) + 1):
        world.host.send_bytes(CONVERSATION[:cut])
        world.host.turn()
        world.host.close()
        world.agent.turn(0)
        host = world.connect()
        host.send_bytes(b"\n")
        hello = host.ask({"type": "hello", "nonce": f"new{cut}", "protocol": 1}, "hello")
        assert hello["nonce"] == f"new{cut}"
        world.device().key(A, 1)
        assert host.receive("observations")["seq"] == hello["next_seq"]
        world.device().key(48, 1)  # "b", which an expectation of the old session waited for
        assert host.receive("observations")["seq"] == hello["next_seq"] + 1
        host.silence(turns=2)


def test_closing_at_every_byte_of_what_the_agent_sends_converges(world):
    """The host reads n bytes and goes: what the agent says to the next host is whole lines."""
    world.start()
    world.greet()
    length = len(world.host.raw)
    for count in range(1, length, 7):
        world.host.send_bytes(CONVERSATION)
        until = time.monotonic() + 10
        got = b""
        while len(got) < count and time.monotonic() < until:
            try:
                got += world.host.stream.recv(count - len(got))
            except BlockingIOError:
                world.host.turn()
        world.host.close()
        world.agent.turn(0)
        host = world.connect()
        assert host.greet(nonce=f"n{count}")["nonce"] == f"n{count}"
        assert host.ask({"type": "ping", "id": count}, "pong")["id"] == count


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400), st.data())
def test_random_bytes_in_random_chunks_never_stop_the_conversation(tmp_path_factory, noise, data):
    world = World(tmp_path_factory.mktemp("world"))
    try:
        world.start()
        while noise:
            size = data.draw(st.integers(1, len(noise)))
            world.host.send_bytes(noise[:size])
            noise = noise[size:]
        world.host.send_bytes(b"\n")
        world.host.send({"type": "hello", "nonce": "after", "protocol": 1})
        while (message := world.host.receive())["type"] != "hello":
            assert message["type"] == "error"
        assert message["nonce"] == "after"
    finally:
        world.close()


class VirtioLine:
    """A virtio-serial port as Linux behaves: an absent host reads as the end of the file and takes nothing; the file stays open."""

    def __init__(self, monkeypatch):
        self.agent_end, self.host_end = socket.socketpair()
        self.agent_end.setblocking(False)
        self.host_end.setblocking(False)
        self.present = True
        self.system = (os.read, os.write)
        monkeypatch.setattr(port_module.os, "read", self.read)
        monkeypatch.setattr(port_module.os, "write", self.write)
        monkeypatch.setattr(port_module, "find", lambda name: "/dev/null")
        monkeypatch.setattr(port_module.os, "open", lambda *_: self.agent_end.fileno())

    def read(self, fd, size):
        if fd != self.agent_end.fileno():
            return self.system[0](fd, size)
        try:
            return self.system[0](fd, size)
        except BlockingIOError:
            if self.present:
                raise
            return b""

    def write(self, fd, data):
        if fd == self.agent_end.fileno() and not self.present:
            raise BlockingIOError(errno.EAGAIN, "the host side is closed")
        return self.system[1](fd, data)


@pytest.fixture
def virtio(monkeypatch, tmp_path):
    line = VirtioLine(monkeypatch)
    port = Port()
    port.open()
    yield line, port
    line.agent_end.close()
    line.host_end.close()


def test_an_absent_host_is_away_and_the_port_stays_open(virtio):
    line, port = virtio
    line.present = False
    assert port.read() == b""
    assert (port.state, port.fd >= 0) == (Port.MISSING, True)
    port.give_up()
    assert (port.state, port.present) == (Port.AWAY, False)
    assert port.read() == b""
    assert port.state == Port.AWAY
    line.present = True
    assert port.read() == b""
    assert port.state == Port.CONNECTED


def test_half_a_line_is_cut_off_before_the_next_session_speaks(virtio):
    line, port = virtio
    long_line = b"x" * 4_000_000 + b"\n"
    port.put(long_line)
    assert 0 < port.queued < len(long_line)
    port.clear()
    received = b""
    port.put(b"next\n")
    while not received.endswith(b"next\n"):
        received += line.host_end.recv(1 << 20)
        port.flush()
    first, half, following, end = received.split(b"\n")
    assert (first, set(half), following, end) == (b"", {ord("x")}, b"next", b"")


def test_what_waits_for_an_absent_host_is_not_lost_when_it_was_not_cleared(virtio):
    line, port = virtio
    line.present = False
    port.put(b"one\n")
    port.put(b"two\n")
    assert port.queued == 8
    line.present = True
    port.flush()
    assert line.host_end.recv(100) == b"\none\ntwo\n"


def test_a_host_that_does_not_read_costs_whole_batches_which_are_counted_and_told(world):
    seq = world.start().greet()["next_seq"]
    device = world.device()
    value = 0
    while world.agent._session._dropped < 10:
        value ^= 1
        device.key(A, value)
        world.agent.turn(0)
        assert world.agent._links.queued < QUEUE_LIMIT + 4096
    dropped = world.agent._session._dropped
    numbers = []
    while True:
        message = world.host.receive()
        numbers.append(message["seq"])
        if message["type"] == "overrun":
            break
        assert message["type"] == "observations"
    assert (message["device"], message["dropped"], message["held"]) == (None, dropped, [A] if value else [])
    assert numbers == list(range(seq, seq + len(numbers)))
    device.key(A, 0)
    assert world.host.receive("observations")["seq"] == numbers[-1] + 1
    assert world.host.ask({"type": "state", "id": 1}, "state")["dropped"] == dropped


def test_a_host_that_asks_and_does_not_listen_is_not_heard_until_it_does(world):
    world.start().greet()
    question = json.dumps({"type": "state", "id": 1}).encode() + b"\n"
    sent = 0
    for _ in range(4000):
        try:
            sent += world.host.stream.send(question * 200)
        except BlockingIOError:
            pass
        world.agent.turn(0)
        assert world.agent._links.queued < 3 * QUEUE_LIMIT
    world.host.send_bytes(b"\n")  # ends the question that may be cut in the middle
    world.host.send({"type": "ping", "id": 9})
    while world.host.receive()["type"] != "pong":
        pass


def test_a_host_that_comes_back_without_a_hello_is_told_what_it_missed(world):
    world.start().greet()
    world.agent._links._open_at = time.monotonic() + 1000
    world.host.close()
    world.agent.turn(0)
    for value in (1, 0, 1):
        world.device().key(A, value)
        world.agent.turn(0)
    world.agent._links._open_at = 0.0
    overrun = world.connect().receive("overrun")
    assert (overrun["device"], overrun["held"], overrun["dropped"]) == (None, [A], 3)


def test_a_host_that_is_heard_before_the_kernel_says_it_is_there_gets_its_answer(virtio, tmp_path):
    """Data and "the host opened the port" travel in different virtqueues: a busy guest sees them in either order."""
    line, _ = virtio
    line.present = False
    port = Port()
    agent = Agent(Links(port), Linux(Plugboard()), IDENTITY, Log(str(tmp_path / "log")))
    try:
        for half in (b'\n{"type":"hello","non', b'ce":"early","protocol":1}\n'):
            line.host_end.send(half)
            agent.turn(0)
            agent.turn(0)
        line.present = True
        agent._links.serve(port)  # the kernel wakes it now that the port can be written
        hello = json.loads(line.host_end.recv(4096).strip())
        assert hello["nonce"] == "early"
        assert port.state == Port.CONNECTED
    finally:
        port.fd = -1
        agent.close()


def test_what_waits_for_a_host_that_stays_away_is_thrown_away_and_counted(virtio, tmp_path, monkeypatch):
    monkeypatch.setattr(port_module, "MISSING_SECONDS", 0.0)
    line, _ = virtio
    board = Plugboard()
    board.plugged = {"/dev/input/event0": KEYBOARD}
    port = Port()
    agent = Agent(Links(port), Linux(board), IDENTITY, Log(str(tmp_path / "log")))
    try:
        line.host_end.send(b'{"type":"hello","nonce":"n"}\n')
        agent.turn(0)
        line.present = False
        board.opened["/dev/input/event0"].key(A, 1)
        agent.turn(0)
        assert port.queued
        agent._links.serve(port)
        for _ in range(3):
            agent.turn(0)
        assert (port.state, port.queued, agent._session._dropped) == (Port.AWAY, 0, 1)
    finally:
        port.fd = -1
        agent.close()


def test_an_idle_agent_with_an_absent_host_does_not_wake(virtio, tmp_path, monkeypatch):
    monkeypatch.setattr(port_module, "MISSING_SECONDS", 0.0)
    line, _ = virtio
    line.present = False
    port = Port()
    agent = Agent(Links(port), Linux(Plugboard()), IDENTITY, Log(str(tmp_path / "log")))
    try:
        agent.turn(0)
        agent._links.serve(port)  # the kernel reports a hang-up
        for _ in range(4):
            agent.turn(0)
        assert port.state == Port.AWAY
        started = time.monotonic()
        agent.turn(0.2)
        assert time.monotonic() - started >= 0.15
    finally:
        port.fd = -1
        agent.close()


def test_a_serial_line_is_made_raw_and_carries_the_conversation(tmp_path):
    master, slave = pty.openpty()
    tty.setraw(master)
    board = Plugboard()
    board.plugged = {"/dev/input/event0": KEYBOARD}
    agent = Agent(Links(Port(os.ttyname(slave))), Linux(board), IDENTITY, Log(str(tmp_path / "log")))
    with PtyStream(master) as stream:
        agent.turn(0)
        host = HostEnd(stream, agent)
        assert host.greet(nonce="\x03\x04 raw")["nonce"] == "\x03\x04 raw"
        board.opened["/dev/input/event0"].key(A, 1)
        assert host.receive("observations")["events"][0][2] == A
    agent.close()
    os.close(slave)


class PtyStream:
    """A pty's master with a socket's manners."""

    def __init__(self, fd):
        self.fd = fd

    def setblocking(self, flag):
        os.set_blocking(self.fd, flag)

    def send(self, data):
        return os.write(self.fd, data)

    def recv(self, size):
        return os.read(self.fd, size)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)


def test_a_port_that_is_no_port_is_one_log_line_and_is_tried_again(tmp_path):
    (tmp_path / "file").touch()
    agent = Agent(hasty(Port(str(tmp_path / "file"))), Linux(Plugboard()), IDENTITY, Log(str(tmp_path / "log")))
    for _ in range(20):
        agent.turn(0)
    agent.close()
    assert (tmp_path / "log").read_text().count("can't be waited for") == 1


def test_a_port_is_found_by_name_without_udev(tmp_path, monkeypatch):
    (tmp_path / "vport1p1").mkdir()
    (tmp_path / "vport1p1" / "name").write_text("org.qemu.guest_agent.0\n")
    (tmp_path / "vport1p2").mkdir()
    (tmp_path / "vport1p2" / "name").write_text("com.vmagent.sock\n")
    monkeypatch.setattr(port_module, "_VIRTIO_PORTS", str(tmp_path))
    assert port_module.find("com.vmagent.sock") == "/dev/vport1p2"
    assert port_module.find("/some/path") == "/some/path"
    with pytest.raises(FileNotFoundError):
        port_module.find("nobody")
