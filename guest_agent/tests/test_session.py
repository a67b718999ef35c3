"""The conversation with the host, over a real UNIX socket."""

from __future__ import annotations

import json
import time

import pytest

from agent_world import KEYBOARD, TABLET

pytestmark = pytest.mark.unit

A, ENTER = 30, 28


def now_ms():
    return time.time_ns() // 1000000


def test_hello_says_who_where_and_what(world):
    world.start({"/dev/input/event0": KEYBOARD, "/dev/input/event1": TABLET})
    hello = world.greet(nonce="abc")
    assert hello["nonce"] == "abc"
    assert (hello["protocol"], hello["agent"]) == (1, "atp-guest-agent")
    assert (hello["vm_id"], hello["vm_id_source"], hello["boot_id"], hello["token"]) == (
        "vm-7",
        "dmi_serial",
        "boot-1",
        "s3cret",
    )
    assert {"observe", "expect.keyboard", "expect.mouse", "state"} <= set(hello["capabilities"])
    keyboard, tablet = hello["devices"]
    assert keyboard == {
        "id": 0, "path": "/dev/input/event0", "name": "AT Translated Set 2 keyboard", "bus": "i8042", "bustype": 17, "vendor": 1,
        "product": 1, "phys": "isa0060/serio0/input0", "keyboard": True, "pointer": None, "absolute": None,
    }  # fmt: skip
    assert (tablet["bus"], tablet["keyboard"], tablet["pointer"]) == ("usb", False, "absolute")
    assert tablet["absolute"] == {"0": [0, 32767], "1": [0, 32767]}
    assert abs(hello["monotonic_us"] - time.monotonic_ns() // 1000) < 10**7
    assert abs(hello["realtime_us"] - time.time_ns() // 1000) < 10**7


def test_a_ping_is_answered_with_both_clocks(world):
    world.start().greet()
    pong = world.host.ask({"type": "ping", "id": 5}, "pong")
    assert pong["id"] == 5
    assert 0 <= pong["sent_us"] - pong["received_us"] < 10**7


def test_edges_arrive_in_order_numbered_with_the_kernels_time_and_without_syn_and_msc(world):
    seq = world.start().greet()["next_seq"]
    device = world.device()
    device.emit((4, 4, 30), (1, A, 1), (0, 0, 0), time_us=1_000_001)
    world.host.turn()
    device.emit((1, A, 2), (0, 0, 1), (1, A, 0), (0, 0, 0), time_us=2_000_002)
    first, second = world.host.receive("observations"), world.host.receive("observations")
    assert first["events"] == [[0, 1, A, 1, 1_000_001]]
    assert second["events"] == [[0, 1, A, 2, 2_000_002], [0, 1, A, 0, 2_000_002]]
    assert (first["seq"], second["seq"]) == (seq, seq + 1)
    assert first["sent_us"] <= second["sent_us"]


def test_a_batch_of_two_devices_is_in_the_order_of_kernel_time(world):
    world.start({"/dev/input/event0": KEYBOARD, "/dev/input/event1": TABLET}).greet()
    world.device("/dev/input/event0").emit((1, A, 1), (0, 0, 0), time_us=30)
    world.device("/dev/input/event0").emit((1, A, 0), (0, 0, 0), time_us=50)
    world.device("/dev/input/event1").emit((3, 0, 7), (0, 0, 0), time_us=40)
    assert [event[4] for event in world.host.receive("observations")["events"]] == [30, 40, 50]


def test_input_before_the_first_hello_is_not_sent(world):
    world.start()
    world.device().key(A, 1)
    world.host.silence()
    assert world.greet()["type"] == "hello"
    world.host.silence()


def test_watch_off_keeps_observations_back_and_takes_no_numbers(world):
    seq = world.start().greet(watch=False)["next_seq"]
    world.device().key(A, 1)
    world.host.silence()
    assert world.host.ask({"type": "watch", "enabled": True}, "watching") == {
        "type": "watching",
        "enabled": True,
        "next_seq": seq,
    }
    world.device().key(A, 0)
    assert world.host.receive("observations")["seq"] == seq


def test_state_stands_behind_every_event_that_it_knows_of(world, monkeypatch):
    """The kernel changes its picture, and then hands on the event: one between the two reads of the agent's."""
    world.start({"/dev/input/event0": KEYBOARD, "/dev/input/event1": TABLET}).greet()
    keyboard = world.device()
    keyboard.key(A, 1)
    world.host.receive("observations")
    looked_at = keyboard.held

    def held():
        keyboard.key(A, 0)
        return looked_at()

    monkeypatch.setattr(keyboard, "held", held)
    world.host.send({"type": "state", "id": 3})
    assert [event[:4] for event in world.host.receive("observations")["events"]] == [[0, 1, A, 0]]
    assert world.host.receive("state")["held"] == []


@pytest.mark.parametrize(
    ("question", "answer"), [({"type": "ping", "id": 1}, "pong"), ({"type": "watch", "enabled": True}, "watching")]
)
def test_an_answer_stands_behind_all_that_the_kernel_had_however_much(world, monkeypatch, question, answer):
    world.start({"/dev/input/event0": KEYBOARD, "/dev/input/event1": TABLET}).greet()
    keyboard, tablet, read = world.device(), world.device("/dev/input/event1"), world.platform.read
    later = iter([True])

    def before_the_question():
        read()
        for number in range(100) if next(later, False) else ():
            keyboard.key(A, number % 2)
            tablet.emit((3, 0, number), (0, 0, 0))

    monkeypatch.setattr(world.platform, "read", before_the_question)
    world.host.send_bytes(json.dumps(question).encode() + b"\n")
    events = world.host.receive("observations")["events"]
    assert len(events) == 200
    assert [event[4] for event in events] == sorted(event[4] for event in events)
    world.host.receive(answer)


def test_what_came_before_an_expectation_does_not_fulfil_it(world, monkeypatch):
    world.start().greet()
    device, read, later = world.device(), world.platform.read, iter([True])

    def before_the_question():
        read()
        if next(later, False):
            device.key(A, 1)

    monkeypatch.setattr(world.platform, "read", before_the_question)
    event = {"type": "keyboard", "action": "keydown", "key": "a"}
    world.host.send_bytes(
        json.dumps({"type": "expect", "event_id": "e", "event": event, "timeout_ms": 20}).encode() + b"\n"
    )
    world.host.receive("observations")
    assert world.host.receive("result")["details"]["reason"] == "timeout"


def test_an_overrun_that_is_read_before_an_answer_is_told_before_it(world, monkeypatch):
    world.start().greet()
    device, read, later = world.device(), world.platform.read, iter([True])

    def before_the_question():
        read()
        if next(later, False):
            device.emit((1, A, 1), (0, 0, 0), (0, 3, 0), (0, 0, 0))
            device.down = {A}

    monkeypatch.setattr(world.platform, "read", before_the_question)
    world.host.send_bytes(b'{"type":"ping","id":1}\n')
    assert world.host.receive("observations")["events"][0][:4] == [0, 1, A, 1]
    assert world.host.receive("overrun")["held"] == [A]
    world.host.receive("pong")


def test_state_tells_what_is_down_and_what_went_wrong(world):
    world.start({"/dev/input/event0": KEYBOARD, "/dev/input/event1": TABLET}).greet(watch=False)
    world.device().key(A, 1)
    world.device().lights = {0: 0, 1: 1}
    world.device("/dev/input/event1").lights = {1: 1}  # no keyboard: its lights mean something else
    world.device("/dev/input/event1").key(0x110, 1)
    world.host.send_bytes(b"no json\n\xff\xfe\n")
    assert world.host.ask({"type": "state", "id": 3}, "state") == {
        "type": "state", "id": 3, "held": [[0, A], [1, 0x110]], "absolute": [[1, 0, 0], [1, 1, 0]], "leds": [[0, 0, 0], [0, 1, 1]],
        "dropped": 0, "skipped": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("line", "about"),
    [
        (b'{"type":"dance"}', "dance"),
        (b"[1,2]", None),
        (b'{"no":"type"}', None),
        (b'{"type":7}', None),
        (b'{"type":"ping"}', "ping"),
        (b'{"type":"ping","id":true}', "ping"),
        (b'{"type":"hello"}', "hello"),
        (b'{"type":"watch","enabled":1}', "watch"),
        (b'{"type":"state","id":"x"}', "state"),
        (b'{"type":"expect"}', "expect"),
        (b'{"type":"expect","event_id":"e","event":5}', "expect"),
        (b'{"type":"expect","event_id":"e","timeout_ms":-1,"event":{}}', "expect"),
        (b'{"type":"expect","event_id":"e","timeout_ms":1e999,"event":{}}', "expect"),
        (
            b'{"type":"expect","event_id":"e","event":{"type":"mouse","action":"wheel","metadata":{"delta":"up"}}}',
            "expect",
        ),
        (b'{"type":"expect","event_id":"e","event":{"type":"mouse","action":"move","metadata":{"x":1e300}}}', "expect"),
        (b'{"type":"cancel","event_id":"nobody"}', "cancel"),
    ],
)
def test_a_message_that_makes_no_sense_gets_one_error_and_harms_nothing(world, line, about):
    world.start().greet()
    world.host.send_bytes(line + b"\n")
    assert world.host.receive("error")["about"] == about
    assert world.host.ask({"type": "ping", "id": 1}, "pong")["id"] == 1


def test_a_fault_of_the_agents_own_is_told_to_the_host_and_the_session_goes_on(world, monkeypatch):
    world.start().greet()
    monkeypatch.setattr(world.device(), "held", lambda: 1 / 0)
    assert "ZeroDivisionError" in world.host.ask({"type": "state", "id": 4}, "error")["message"]
    assert world.host.ask({"type": "ping", "id": 1}, "pong")["id"] == 1


def test_a_line_over_ten_mebibytes_is_refused_and_the_next_is_answered(world):
    world.start().greet()
    for _ in range(11):
        world.host.send_bytes(b"x" * (1 << 20))
    assert "10 MiB" in world.host.receive("error")["message"]
    world.host.send_bytes(b"\n")
    assert world.host.ask({"type": "ping", "id": 1}, "pong")["id"] == 1


def expectation(kind, action, key=None, timestamp=None, timeout_ms=60_000, **metadata):
    event = {"type": kind, "action": action, "key": key, "timestamp": timestamp, "metadata": metadata}
    return {"type": "expect", "event_id": f"{kind}.{action}", "event": event, "timeout_ms": timeout_ms}


@pytest.mark.parametrize(
    ("wanted", "events"),
    [
        (expectation("keyboard", "keydown", "a"), [(1, A, 1)]),
        (expectation("keyboard", "keydown", "KEY_A"), [(1, A, 1)]),
        (expectation("keyboard", "keyup", A), [(1, A, 0)]),
        (expectation("keyboard", "keypress", "enter"), [(1, ENTER, 1), (1, ENTER, 2), (1, ENTER, 0)]),
        (expectation("mouse", "buttondown", "left"), [(1, 0x110, 1)]),
        (expectation("mouse", "buttonup", "right"), [(1, 0x111, 0)]),
        (expectation("mouse", "click", "middle"), [(1, 0x112, 1), (1, 0x112, 0)]),
        (expectation("mouse", "move", x=100, y=200), [(3, 0, 100), (3, 1, 200)]),
        (expectation("mouse", "move", x=100, y=0), [(3, 0, 100)]),  # y is at 0 already: the kernel doesn't repeat it
        (expectation("mouse", "move", x=100, y=200, tolerance=3), [(3, 0, 98), (3, 1, 203)]),
        (expectation("mouse", "move", y=200), [(3, 1, 200)]),
        (expectation("mouse", "move", dx=-5, dy=3), [(2, 0, -3), (2, 1, 3), (2, 0, -2)]),
        (expectation("mouse", "wheel", delta=-2), [(2, 8, -1), (2, 8, -1)]),
        (expectation("mouse", "wheel", delta=1, horizontal=True), [(2, 6, 1)]),
    ],
)
def test_an_expectation_is_verified_at_its_last_event(world, wanted, events):
    world.start({"/dev/input/event0": TABLET}).greet(watch=False)
    world.host.send(wanted)
    for event in events[:-1]:
        world.device().emit(event, (0, 0, 0))
    world.host.silence()
    time_us = world.device().emit(events[-1], (0, 0, 0))
    result = world.host.receive("result")
    assert (result["event_id"], result["verified"]) == (wanted["event_id"], True)
    assert result["details"]["times_us"][-1] == time_us
    assert abs(result["timestamp"] - now_ms()) < 10_000
    assert 0 <= result["latency_ms"] < 10_000
    world.host.silence()


@pytest.mark.parametrize(
    ("wanted", "events"),
    [
        (expectation("keyboard", "keydown", "a", timeout_ms=30), [(1, A, 0), (1, A, 2), (1, 31, 1)]),
        (expectation("keyboard", "keypress", "a", timeout_ms=30), [(1, A, 0), (1, A, 1)]),
        (expectation("mouse", "wheel", delta=2, timeout_ms=30), [(2, 8, 1), (2, 8, -1)]),
        (expectation("mouse", "move", x=5, y=5, timeout_ms=30), [(3, 0, 5), (3, 1, 6)]),
        (expectation("mouse", "click", "left", timeout_ms=30), []),
    ],
)
def test_an_expectation_that_is_not_met_in_time_says_so_and_what_came_instead(world, wanted, events):
    world.start().greet(watch=False)
    world.host.send(wanted)
    for event in events:
        world.device().emit(event, (0, 0, 0))
    result = world.host.receive("result")
    assert (result["verified"], result["latency_ms"], result["details"]["reason"]) == (False, None, "timeout")
    assert all(event[1:4] in [list(sent) for sent in events] for event in result["details"]["observed"])
    world.host.silence()


def test_what_came_instead_is_told_up_to_twenty_events(world):
    world.start().greet(watch=False)
    world.host.send(expectation("keyboard", "keydown", "a", timeout_ms=30))
    for code in range(50, 80):
        world.device().key(code, 1)
    observed = world.host.receive("result")["details"]["observed"]
    assert [event[2] for event in observed] == list(range(50, 70))


def test_an_event_that_came_before_the_request_counts_if_it_is_after_the_timestamp(world):
    world.start().greet(watch=False)
    before_ms = now_ms()
    time_us = world.device().key(A, 1)
    world.host.silence()
    result = world.host.ask(expectation("keyboard", "keydown", "a", timestamp=before_ms - 50), "result")
    assert result["verified"]
    assert result["details"]["times_us"] == [time_us]
    assert 50 <= result["latency_ms"] < 10_000


def test_an_event_before_the_timestamp_does_not_count(world):
    world.start().greet(watch=False)
    world.device().key(A, 1)
    world.host.silence()
    late = expectation("keyboard", "keydown", "a", timestamp=now_ms() + 60_000, timeout_ms=20)
    assert world.host.ask(late, "result")["details"] == {"reason": "timeout", "observed": []}


def test_without_a_timestamp_only_what_comes_after_the_request_counts(world):
    world.start().greet(watch=False)
    world.device().key(A, 1)
    world.host.silence()
    assert not world.host.ask(expectation("keyboard", "keydown", "a", timeout_ms=20), "result")["verified"]


def test_where_the_pointer_was_before_the_timestamp_counts_as_where_it_is(world):
    world.start({"/dev/input/event0": TABLET}).greet(watch=False)
    tablet = world.device()
    tablet.emit((3, 0, 70), (3, 1, 80), (0, 0, 0), time_us=1)
    tablet.position = {0: 1, 1: 1}  # moved on since
    tablet.emit((3, 0, 71), (0, 0, 0))
    world.host.silence()
    assert world.host.ask(expectation("mouse", "move", timestamp=now_ms() - 5000, x=71, y=80), "result")["verified"]


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (expectation("keyboard", "keydown", "nosuchkey"), "unknown key"),
        (expectation("keyboard", "keydown", 9999), "unknown key"),
        (expectation("keyboard", "keydown", None), "unknown key"),
        (expectation("mouse", "click", "a"), "unknown key"),
        (expectation("mouse", "hover"), "unsupported"),
        (expectation("mouse", "move"), "unsupported"),
        (expectation("screen", "keydown", "a"), "unsupported"),
    ],
)
def test_what_cannot_be_checked_is_refused_at_once(world, wanted, reason):
    world.start().greet(watch=False)
    result = world.host.ask(wanted, "result")
    assert (result["verified"], result["details"]["reason"]) == (False, reason)


def test_a_cancelled_expectation_is_answered_once(world):
    world.start().greet(watch=False)
    world.host.send(expectation("keyboard", "keydown", "a"))
    result = world.host.ask({"type": "cancel", "event_id": "keyboard.keydown"}, "result")
    assert (result["verified"], result["details"]["reason"]) == (False, "cancelled")
    world.device().key(A, 1)
    world.host.silence()


def test_an_event_id_that_is_open_is_refused_and_the_open_one_goes_on(world):
    world.start().greet(watch=False)
    world.host.send(expectation("keyboard", "keydown", "a"))
    assert world.host.ask(expectation("keyboard", "keydown", "b"), "error")["event_id"] == "keyboard.keydown"
    world.device().key(A, 1)
    assert world.host.receive("result")["verified"]


def test_a_new_hello_forgets_the_old_sessions_expectations(world):
    world.start().greet(watch=False)
    world.host.send(expectation("keyboard", "keydown", "a"))
    world.greet(nonce="n2", watch=False)
    world.device().key(A, 1)
    world.host.silence()


def test_observations_come_before_the_result_they_bring(world):
    world.start().greet()
    world.host.send(expectation("keyboard", "keydown", "a"))
    world.device().key(A, 1)
    assert [world.host.receive()["type"] for _ in range(2)] == ["observations", "result"]


def test_every_line_that_the_agent_sends_is_ascii_json(world):
    world.start({"/dev/input/event0": KEYBOARD}).greet(nonce='木"\\\n\ud83d\ude00')
    for line in world.host.raw.split(b"\n"):
        if line:
            assert json.loads(line.decode("ascii"))["nonce"] == '木"\\\n\U0001f600'
