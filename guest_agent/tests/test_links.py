"""The agent finds its host by itself: the port where a host has it open, else the addresses in their order."""

from __future__ import annotations

import json
import os
import select
import socket
import time

import pytest

from agent_world import IDENTITY
from atp_guest_agent.identity import Identity
from atp_guest_agent.lines import MAX_LINE
from atp_guest_agent.links import dialled
from atp_guest_agent.links.address import Address
from atp_guest_agent.links.backoff import BackOff
from links_world import DialWorld

pytestmark = pytest.mark.unit

A = 30


@pytest.fixture
def world(tmp_path):
    made = DialWorld(tmp_path)
    yield made
    made.close()


def test_it_says_nothing_until_it_is_greeted_and_then_all(world):
    service = world.service()
    line = world.start(service.address).dialled(service)
    world.key(A, 1)
    assert line.is_silent()
    assert line.greet(watch=False)["token"] == "s3cret"
    world.key(A, 0)
    assert line.is_silent()
    hello = line.greet("n2", watch=True)
    world.key(A, 1)
    batch = line.receive("observations")
    assert (batch["seq"], batch["events"][0][2:4]) == (hello["next_seq"], [A, 1])


def test_addresses_are_tried_in_their_order_until_one_answers(world):
    first, second = world.service(), world.service()
    first.close()
    line = world.start(first.address, second.address).dialled(second)
    line.greet()
    assert f"tcp://127.0.0.1:{first.port}: Connection refused" in world.log()
    first.listen()
    assert line.is_silent()  # a connection that works stays
    line.close()
    world.dialled(first).greet()  # and the next one begins from the first again


def test_a_service_that_was_in_use_and_is_started_again_is_found_again(world):
    service = world.service()
    line = world.start(service.address).dialled(service)
    line.greet(watch=True)
    world.key(A, 1)
    line.receive("observations")
    service.close()
    line.close()
    for _ in range(5):
        world.agent.turn(0.01)
    world.key(A, 0)  # between two sessions: nobody's
    service.listen()
    line = world.dialled(service)
    assert line.is_silent()
    hello = line.greet("n2", watch=True)
    world.key(A, 1)
    assert line.receive("observations")["seq"] == hello["next_seq"]


def test_a_host_that_opens_the_port_is_taken_when_the_connection_has_no_session(world):
    service = world.service()
    line = world.start(service.address, port=world.line()).dialled(service)
    line.greet(watch=False)
    master = world.plug()
    assert line.is_closed()
    os.write(master, b'\n{"type":"hello","nonce":"serial","protocol":1}\n')
    said = b""

    def answered():
        nonlocal said
        try:
            said += os.read(master, 65536)
        except BlockingIOError:
            return False
        return said.endswith(b"}\n")

    world.until(answered, "the answer")
    assert json.loads(said.strip())["nonce"] == "serial"
    assert service.accept() is None  # nothing is dialled meanwhile
    world.pull()
    world.dialled(service).greet()


def test_a_session_is_not_left_for_the_port_before_it_is_over(world):
    service = world.service()
    line = world.start(service.address, port=world.line()).dialled(service)
    line.greet(watch=True)
    master = world.plug()
    os.write(master, b'\n{"type":"hello","nonce":"serial","protocol":1}\n')
    world.key(A, 1)
    assert line.receive("observations")["events"][0][2] == A
    said = world.until(lambda: select.select([master], [], [], 0)[0] and os.read(master, 100), "what opening it says")
    assert said == b"\n"  # the hello isn't heard yet
    line.greet("n2", watch=False)  # the session is over, and the connection idle
    assert line.is_closed()

    def answered():
        try:
            return b"serial" in os.read(master, 65536)
        except BlockingIOError:
            return False

    world.until(answered, "the answer on the port")


def test_after_a_refusal_the_token_is_read_anew_before_the_next_dialling(world):
    service = world.service()
    tokens = iter(["s3cret", "s3cret", "rotated", "rotated"])
    line = world.start(
        service.address, identify=lambda: Identity("vm-7", "dmi_serial", "boot-1", next(tokens))
    ).dialled(service)
    for _ in range(2):
        assert line.greet()["token"] == "s3cret"
        line.send({"type": "refused", "reason": "not admitted"})
        line.close()
        line = world.dialled(service)
    assert line.greet()["token"] == "rotated"
    assert world.log().count("refused: not admitted") == 1


def test_from_a_link_that_what_it_read_has_closed_nothing_more_comes():
    link = dialled.DialledLink(Address("ws://127.0.0.1:1"))
    link.state = link.CONNECTED
    link.close("the other side closed it, code 1000")
    assert link.receive() is None
    assert link.why == "the other side closed it, code 1000"


def test_a_token_that_cannot_be_read_is_told_and_the_last_one_kept(world):
    def unreadable():
        raise PermissionError(13, "Permission denied", "/etc/token")

    service = world.service()
    line = world.start(service.address, identify=unreadable).dialled(service)
    assert line.greet()["token"] == IDENTITY.token
    assert "/etc/token" in world.log()


@pytest.mark.parametrize("bytes_sent", [(MAX_LINE + 1).to_bytes(4, "big"), b"\xff\xff\xff\xff"])
def test_a_message_over_10_mib_ends_the_connection_and_another_is_made(world, bytes_sent):
    service = world.service()
    line = world.start(service.address).dialled(service)
    line.greet()
    line.send_bytes(bytes_sent)
    assert line.is_closed()
    world.dialled(service).greet()
    assert "10 MiB" in world.log()


def test_a_service_that_never_greets_is_left_for_the_next_one(world, monkeypatch):
    monkeypatch.setattr(dialled, "OPEN_SECONDS", 0.05)
    silent, good = world.service(), world.service()
    world.start(silent.address, good.address).dialled(silent)
    monkeypatch.setattr(dialled, "OPEN_SECONDS", 20.0)
    world.dialled(good).greet()
    assert "no hello came" in world.log()


def test_a_connection_that_never_comes_about_is_left_for_the_next_one(world, monkeypatch):
    monkeypatch.setattr(dialled, "OPEN_SECONDS", 0.05)
    good = world.service()
    deaf = socket.socket()
    deaf.bind(("127.0.0.1", 0))
    deaf.listen(0)
    fillers = []
    for _ in range(3):  # until its backlog is full and the kernel drops what asks
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(deaf.getsockname())
        fillers.append(filler)
    try:
        line = world.start(Address(f"tcp://127.0.0.1:{deaf.getsockname()[1]}"), good.address).dialled(good)
        line.greet()
        assert "no answer came" in world.log()
    finally:
        for each in (*fillers, deaf):
            each.close()


def test_names_are_looked_up_beside_the_loop(world):
    service = world.service()
    line = world.start(Address(f"tcp://localhost:{service.port}")).dialled(service)
    line.greet()


def test_a_name_that_nobody_knows_is_told_and_the_next_address_tried(world):
    service = world.service()
    world.start(Address("tcp://nobody.invalid"), service.address).dialled(service).greet()
    assert "the name nobody.invalid isn't known" in world.log()


def test_a_peer_that_vanishes_without_a_word_is_for_the_kernel_to_notice(world):
    service = world.service()
    world.start(service.address).dialled(service).greet()
    ours = world.links._dialled._socket
    assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    for name, value in dialled.KEEPALIVE:
        assert ours.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) == value


def test_an_idle_connection_wakes_nobody(world):
    service = world.service()
    world.start(service.address, port=None).dialled(service).greet()
    world.turn()
    assert world.agent._patience(None) is None
    started = time.monotonic()
    world.agent.turn(0.2)
    assert time.monotonic() - started >= 0.15


def test_a_port_that_never_comes_is_waited_for_without_asking_again(world):
    """The kernel announces ports by name; where it does, asking is given up after a while."""
    from atp_guest_agent.port import Port

    world.start(port=Port("no.such.port"))
    if "hotplug" not in world.platform.capabilities:
        pytest.skip("this kernel announces nothing here (no netlink socket for uevents)")
    for _ in range(30):
        world.turn()
    assert world.agent._patience(None) is None
    world.links.announced()
    assert world.agent._patience(None) == 0.0


def test_what_is_half_sent_when_a_new_session_begins_goes_out_whole(world):
    service = world.service()
    line = world.start(service.address).dialled(service)
    line.greet(watch=True)
    value = 0
    while not world.links._dialled._out:  # until the kernel's buffers are full
        value ^= 1
        world.key(A, value)
    line.send({"type": "hello", "nonce": "n2", "protocol": 1, "watch": False})
    world.turn()
    while line.receive_any()["type"] != "hello":
        pass
    assert line.is_silent()


def test_a_service_that_does_not_read_costs_whole_batches_which_are_counted_and_told(world):
    service = world.service()
    line = world.start(service.address).dialled(service)
    seq = line.greet(watch=True)["next_seq"]
    value = 0
    while world.agent._session._dropped < 10:
        value ^= 1
        world.key(A, value)
    numbers = []
    while True:
        message = line.receive_any()
        numbers.append(message["seq"])
        if message["type"] == "overrun":
            break
    assert message["dropped"] == world.agent._session._dropped
    assert numbers == list(range(seq, seq + len(numbers)))


def test_any_bytes_from_a_service_end_in_another_connection(world):
    service = world.service()
    line = world.start(service.address).dialled(service)
    for noise in (b"\0\0\0\1{", b"\0\0\0\0", b"\0\0\0\3abc", b"\0\0\0\4null", b"\0\0\0\2[]"):
        line.send_bytes(noise)
    line.send({"type": "hello", "nonce": "after", "protocol": 1, "watch": False})
    while (message := line.receive_any())["type"] != "hello":
        assert message["type"] == "error"
    line.send_bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert line.is_closed()
    world.dialled(service).greet()


def test_unix_sockets_are_dialled_and_speak_lines(world, tmp_path):
    path = str(tmp_path / "service")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        listener.setblocking(False)
        world.start(Address(f"unix://{path}"))

        def accepted():
            try:
                return listener.accept()[0]
            except BlockingIOError:
                return None

        with world.until(accepted, "a connection") as stream:
            stream.sendall(b'{"type":"hello","nonce":"n","protocol":1,"watch":false}\n')
            stream.setblocking(False)
            said = b""

            def answered():
                nonlocal said
                try:
                    said += stream.recv(65536)
                except BlockingIOError:
                    return False
                return said.endswith(b"\n")

            world.until(answered, "the answer")
            assert json.loads(said)["nonce"] == "n"


def test_a_service_that_stays_away_fills_no_log(world):
    first, second = world.service(), world.service()
    first.close()
    second.close()
    world.start(first.address, second.address)
    for _ in range(500):
        world.agent.turn(0.001)
    assert len(world.log().splitlines()) == 2


def test_no_deadline_is_of_the_wall_clock():
    """It may be set while the agent waits: only what is said to the host in `realtime_us` is of it."""
    sources = os.path.dirname(dialled.__file__)
    for name in os.listdir(sources):
        if name.endswith(".py"):
            with open(f"{sources}/{name}", encoding="utf-8") as file:
                assert "import time" not in file.read(), name


def test_waits_grow_to_a_limit_and_no_two_agents_wait_alike():
    waits = BackOff(0.5, 15.0)
    times = [waits.next() for _ in range(12)]
    for number, seconds in enumerate(times):
        due = min(0.5 * 2**number, 15.0)
        assert due / 2 <= seconds <= due
    assert len(set(times[5:])) > 1
    waits.reset()
    assert waits.next() <= 0.5


def test_tls_without_an_ssl_module_is_said_once_and_the_address_left_out(world, monkeypatch):
    import builtins

    real = builtins.__import__

    def without_ssl(name, *rest):
        if name == "ssl":
            raise ImportError("No module named '_ssl'")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_ssl)
    service = world.service()
    line = world.start(Address("wss://127.0.0.1:1"), service.address).dialled(service)
    monkeypatch.setattr(builtins, "__import__", real)
    line.greet()
    line.close()
    world.dialled(service).greet()
    assert world.log().count("can't speak TLS") == 1
