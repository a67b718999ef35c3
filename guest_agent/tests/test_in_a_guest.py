"""The agent in a real guest: a real kernel's devices, and a real virtio-serial port."""

from __future__ import annotations

import shutil
import time

import pytest

from guest_world import Guest

pytestmark = pytest.mark.e2e

PATIENCE = 30.0  # for what a busy guest's shell does
KEY_A, KEY_B, KEY_D, KEY_E = 30, 48, 32, 18
CONVERSATION = (
    b'\n{"type":"hello","nonce":"old","protocol":1}\n{"type":"ping","id":1}\n{"type":"state","id":2}\n'
    b'{"type":"expect","event_id":"e1","event":{"type":"keyboard","action":"keydown","key":"b"},"timeout_ms":60000}\n'
)


@pytest.fixture(scope="module")
def guest():
    image = pytest.importorskip(
        "ATPLibrary.lab.image", reason="the lab's guest image is built by ATPLibrary, which isn't installed"
    )
    if shutil.which("qemu-system-x86_64") is None:
        pytest.skip("qemu-system-x86_64 isn't installed")
    made = Guest(image.build(print))
    yield made
    made.close()


@pytest.fixture(autouse=True)
def session(guest):
    """Each test begins with a session of its own."""
    guest.host.close()
    guest.connect()
    guest.hello = guest.greet("fresh")


def codes(host, count):
    """(code, value) of the next `count` key events, and their batches' numbers."""
    seen, numbers = [], []
    while len(seen) < count:
        message = host.receive()
        assert message["type"] in ("observations", "devices"), message
        numbers.append(message["seq"])
        seen += [(code, value) for _, kind, code, value, _ in message.get("events", []) if kind == 1]
    return seen, numbers


def test_it_knows_its_vm_and_its_token(guest):
    assert (guest.hello["vm_id"], guest.hello["vm_id_source"]) == ("agent-test", "dmi_serial")
    assert guest.hello["token"] == "t0ken"
    assert "hotplug" in guest.hello["capabilities"]


def test_two_thousand_edges_arrive_in_order_once(guest):
    seen, numbers = [], [guest.hello["next_seq"] - 1]
    for start in range(0, 2000, 10):
        for edge in range(start, start + 10):
            guest.edge("a", edge % 2 == 0)
        more, batches = codes(guest.host, 10)
        seen += more
        numbers += batches
    assert seen == [(KEY_A, 1), (KEY_A, 0)] * 1000
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_no_edge_follows_a_state_that_knew_of_it(guest):
    """Asked while the edge is on its way, sooner and later: what the kernel's picture has the agent has told."""
    knew = 0
    for number in range(100):
        value = 1 - number % 2
        guest.edge("a", bool(value))
        for _ in range(number % 8):
            guest.qmp("query-status")  # some tenths of a millisecond
        guest.host.send({"type": "state", "id": number})
        seen, told = [], None
        while told is None or not seen:
            message = guest.host.receive()
            if message["type"] == "state":
                assert message["id"] == number
                told = bool(message["held"])
                knew += told == bool(value)
                assert seen or told != bool(value), f"edge {number} came behind a state that knew of it"
            else:
                seen += [(code, value) for _, kind, code, value, _ in message["events"] if kind == 1]
        assert seen == [(KEY_A, value)]
    assert knew


def test_the_host_may_close_and_open_the_port_at_every_byte(guest):
    for cut in range(0, len(CONVERSATION) + 1):
        guest.host.socket.sendall(CONVERSATION[:cut])
        guest.host.close()
        host = guest.connect()
        hello = guest.greet(f"after {cut}")
        guest.edge("b", True)
        guest.edge("b", False)
        seen, numbers = codes(host, 2)
        assert (seen, numbers[0]) == ([(KEY_B, 1), (KEY_B, 0)], hello["next_seq"])


def test_a_host_that_closes_in_the_middle_of_what_the_agent_says_gets_whole_answers_next_time(guest):
    for count in range(1, 400, 7):
        guest.host.send({"type": "hello", "nonce": "cut", "protocol": 1})
        guest.edge("a", True)
        guest.edge("a", False)
        guest.host.socket.recv(count)
        guest.host.close()
        host = guest.connect()
        guest.greet(f"whole {count}")
        host.send({"type": "ping", "id": count})
        assert host.until("pong", id=count)


def test_what_the_kernel_drops_is_an_overrun_that_says_what_is_held(guest):
    pid = guest.shell("cat /run/atp-agent.pid").strip()
    guest.shell(f"kill -STOP {pid}")
    for edge in range(301):
        guest.edge("d", edge % 2 == 0)
        guest.qmp("query-status")  # gives the guest time to take each: its own queue must not be what overflows
    guest.shell(f"kill -CONT {pid}")
    overrun = guest.host.until("overrun")
    assert (overrun["held"], overrun["dropped"]) == ([KEY_D], 0)
    guest.edge("d", False)
    assert codes(guest.host, 1) == ([(KEY_D, 0)], [overrun["seq"] + 1])


def test_a_keyboard_that_is_plugged_in_is_heard_and_one_pulled_out_is_told(guest):
    guest.qmp("device_add", driver="usb-kbd", id="plugged", bus="usb.0")
    while True:
        came = guest.host.until("devices")
        new = [device for device in came["devices"] if device["id"] in came["added"]]
        if any(device["keyboard"] and device["bus"] == "usb" for device in new):
            break
    number = came["added"][-1]
    guest.qmp("device_del", id="plugged")
    assert number in guest.host.until("devices")["removed"]


def test_an_expectation_is_verified_by_the_guests_own_clock(guest):
    wanted = {"type": "keyboard", "action": "keypress", "key": "e", "timestamp": guest.hello["realtime_us"] // 1000}
    guest.edge("e", True)
    guest.edge("e", False)
    guest.host.send({"type": "expect", "event_id": "x", "event": wanted, "timeout_ms": 20_000})
    result = guest.host.until("result", event_id="x")
    assert result["verified"]
    assert result["details"]["code"] == KEY_E
    assert result["latency_ms"] >= 0


def test_an_idle_agent_whose_host_is_away_does_not_wake(guest):
    pid = guest.shell("cat /run/atp-agent.pid").strip()
    guest.host.close()
    count = f"grep ^voluntary /proc/{pid}/status | tr -dc 0-9"
    guest.shell("sleep 1.5")  # in the first second it makes sure that the host is gone
    before = int(guest.shell(count))
    guest.shell("sleep 2")
    assert int(guest.shell(count)) - before <= 1
    guest.connect()
    assert guest.greet("back")


def press(guest, keys):
    for key in keys:
        guest.edge(key, True)
        guest.edge(key, False)


def typed(guest, keys):
    """Type, and return what the agent says that the kernel saw: (code, value)."""
    press(guest, keys)
    return codes(guest.host, 2 * len(keys))[0]


def console_made(guest, name):
    return guest.shell(f"[ -e /tmp/{name} ] && echo yes").strip() == "yes"


def wait_until_console_made(guest, name):
    end = time.monotonic() + PATIENCE
    while not console_made(guest, name):  # nothing announces what a shell does
        assert time.monotonic() < end, f"the console's shell made no /tmp/{name}"


@pytest.fixture
def console(guest):
    """A guest whose console's shell, which has the keyboard, is in /tmp and at an empty line, whatever was typed before."""
    typed(guest, ["ret", "c", "d", "spc", "slash", "t", "m", "p", "ret"])
    guest.shell("rm -f /tmp/seen /tmp/unseen /tmp/again")
    return guest


def touch(name):
    return ["t", "o", "u", "c", "h", "spc", *name, "ret"]


def test_with_a_grab_the_consoles_shell_sees_nothing_and_without_it_everything(console):
    guest = console
    assert guest.hello["grabbed"] is False
    typed(guest, touch("seen"))
    wait_until_console_made(guest, "seen")
    guest.host.send({"type": "grab", "enabled": True})
    guest.host.until("grabbing", enabled=True)
    typed(guest, touch("unseen"))  # the agent sees all of it
    guest.host.send({"type": "grab", "enabled": False})
    guest.host.until("grabbing", enabled=False)
    typed(guest, touch("again"))
    wait_until_console_made(guest, "again")  # and what went before it, had it arrived, was made before
    assert not console_made(guest, "unseen")


@pytest.mark.parametrize("end", ["a new session", "the host goes", "the agent is killed"])
def test_a_grab_ends_with_its_session_and_with_the_agent(console, end):
    guest = console
    guest.host.send({"type": "grab", "enabled": True})
    guest.host.until("grabbing", enabled=True)
    if end == "the agent is killed":
        guest.shell(
            "pid=$(cat /run/atp-agent.pid); kill -9 $pid; while kill -0 $pid 2>/dev/null; do usleep 10000; done"
        )
    elif end == "the host goes":
        guest.host.close()
        guest.shell("sleep 1.5")  # in the first second the agent makes sure that the host is gone
    else:
        guest.greet("new")
    press(guest, touch("again"))
    wait_until_console_made(guest, "again")
    if end == "the host goes":
        guest.connect()
    guest._wait_for_hello()
