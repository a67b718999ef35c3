"""Devices that come, go, overrun, and speak in halves."""

from __future__ import annotations

import errno
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_world import KEYBOARD, TABLET
from atp_guest_agent import linux as linux_module
from atp_guest_agent.description import Description
from atp_guest_agent.evdev import INPUT_EVENT, InputDirectory

pytestmark = pytest.mark.unit

A, B, C = 30, 48, 46
SYN, DROPPED = (0, 0, 0), (0, 3, 0)


def test_after_syn_dropped_the_torn_packet_is_discarded_and_the_held_keys_are_told(world):
    seq = world.start().greet()["next_seq"]
    device = world.device()
    device.down = {A, B}
    device.emit((1, A, 1), SYN, DROPPED, (1, C, 1), SYN, time_us=7)
    before, overrun = world.host.receive("observations"), world.host.receive("overrun")
    assert before["events"] == [[0, 1, A, 1, 7]]
    assert (overrun["seq"], overrun["device"], overrun["held"], overrun["dropped"]) == (seq + 1, 0, [A, B], 0)
    device.emit((1, A, 0), SYN, time_us=9)
    after = world.host.receive("observations")
    assert (after["seq"], after["events"]) == (seq + 2, [[0, 1, A, 0, 9]])


def test_a_gap_that_spans_reads_ends_at_its_syn_report(world):
    world.start().greet()
    device = world.device()
    device.emit(DROPPED, (1, A, 1))
    world.host.silence()
    device.emit((1, B, 1))
    world.host.silence()
    device.down = {B}
    device.emit(SYN)
    assert world.host.receive("overrun")["held"] == [B]


def test_two_gaps_in_one_read_are_one_overrun(world):
    world.start().greet()
    device = world.device()
    device.emit(DROPPED, SYN, (1, A, 1), SYN, DROPPED, (1, A, 0), SYN)
    assert world.host.receive("overrun")["held"] == []
    world.host.silence()


def test_events_that_come_in_halves_are_put_together(world):
    world.start().greet()
    device = world.device()
    data = INPUT_EVENT.pack(1, 5, 1, A, 1) + INPUT_EVENT.pack(1, 5, 0, 0, 0)
    for byte in data:
        os.write(device.writer, bytes([byte]))
        world.host.turn()
    assert world.host.receive("observations")["events"] == [[0, 1, A, 1, 1000005]]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([0, 1, 2, 3, 4, 17]), st.integers(0, 5), st.integers(-3, 3)), max_size=80),
    st.data(),
)
def test_any_events_in_any_chunks_are_reported_in_order_and_none_of_a_gap(tmp_path_factory, events, data):
    from agent_world import World

    world = World(tmp_path_factory.mktemp("world"))
    try:
        world.start().greet()
        raw = b"".join(INPUT_EVENT.pack(0, number, *event) for number, event in enumerate(events))
        while raw:
            size = data.draw(st.integers(1, len(raw)))
            os.write(world.device().writer, raw[:size])
            raw = raw[size:]
            world.host.pump()
        world.host.send({"type": "ping", "id": 1})
        seen = []
        while (message := world.host.receive())["type"] != "pong":
            seen += message.get("events", [])
    finally:
        world.close()
    times = [event[4] for event in seen]
    assert times == sorted(set(times))
    for _, kind, code, value, number in seen:
        assert events[number] == (kind, code, value)
        assert kind in (1, 2, 3)
    if (0, 3) not in [event[:2] for event in events]:
        assert times == [number for number, event in enumerate(events) if event[0] in (1, 2, 3)]


def test_a_device_that_is_unplugged_is_reported_after_its_last_events_and_its_id_is_not_used_again(world):
    seq = world.start({"/dev/input/event0": KEYBOARD, "/dev/input/event1": TABLET}).greet()["next_seq"]
    del world.board.plugged["/dev/input/event1"]
    tablet = world.device("/dev/input/event1")
    tablet.emit((1, 0x110, 1), SYN)
    tablet.unplug()
    assert world.host.receive("observations")["events"][0][0] == 1
    gone = world.host.receive("devices")
    assert (gone["seq"], gone["added"], gone["removed"], [device["id"] for device in gone["devices"]]) == (
        seq + 1,
        [],
        [1],
        [0],
    )
    world.board.plugged["/dev/input/event1"] = TABLET
    world.platform._rescan()
    came = world.host.receive("devices")
    assert (came["added"], came["removed"], [device["id"] for device in came["devices"]]) == ([2], [], [0, 2])
    world.device("/dev/input/event1").key(0x110, 1)
    assert world.host.receive("observations")["events"][0][0] == 2


def test_a_device_that_is_replaced_at_the_same_path_is_found(world, monkeypatch):
    monkeypatch.setattr(linux_module, "RESCAN_SECONDS", 0.0)
    world.start().greet()
    world.device().unplug()
    news = world.host.receive("devices")
    assert (news["removed"], news["added"]) == ([0], [1])


def test_a_device_whose_node_is_not_ready_is_tried_again(world, monkeypatch):
    monkeypatch.setattr(linux_module, "RESCAN_SECONDS", 0.0)
    world.start().greet()
    world.board.plugged["/dev/input/event5"] = OSError(errno.EACCES, "Permission denied")
    world.platform._rescan()
    world.host.silence()
    world.board.plugged["/dev/input/event5"] = TABLET
    assert world.host.receive("devices")["added"] == [1]


def test_a_device_that_never_gets_ready_is_left_alone_after_a_while(world, monkeypatch):
    monkeypatch.setattr(linux_module, "RESCAN_SECONDS", 0.0)
    world.start().greet()
    world.board.plugged["/dev/input/event5"] = OSError(errno.EACCES, "Permission denied")
    world.platform._rescan()
    world.host.silence(turns=2 * linux_module.MAX_RESCANS)
    assert world.agent._patience(None) is None
    assert world.log_path.read_text().count("event5") == 1


def test_a_fault_while_reading_a_device_is_one_log_line_and_the_device_is_opened_anew(world, monkeypatch):
    monkeypatch.setattr(linux_module, "RESCAN_SECONDS", 0.0)
    world.start().greet()

    def burst(events):
        raise RuntimeError("surprise")

    monkeypatch.setattr(world.device(), "read", burst)
    world.device().key(A, 1)
    news = world.host.receive("devices")
    assert (news["removed"], news["added"]) == ([0], [1])
    assert world.log_path.read_text().count("surprise") == 1
    world.device().key(A, 0)
    assert world.host.receive("observations")["events"][0][:4] == [1, 1, A, 0]


@pytest.mark.parametrize(
    ("fields", "bus", "keyboard", "pointer"),
    [
        ({"phys": "virtio4/input0", "bustype": 6, "keys": frozenset(range(256))}, "virtio", True, None),
        ({"phys": "usb-1/input0", "bustype": 3, "keys": frozenset(range(256))}, "usb", True, None),
        ({"bustype": 0x19, "keys": frozenset((116,))}, "other", False, None),  # power button
        ({"bustype": 0x11, "keys": frozenset((0x110,)), "relative": frozenset((0, 1, 8))}, "i8042", False, "relative"),
        (
            {"phys": "virtio5/input0", "keys": frozenset((0x110,)), "ranges": {0: (0, 9), 1: (0, 9)}},
            "virtio",
            False,
            "absolute",
        ),
        ({"ranges": {0: (0, 9), 1: (0, 9)}}, "other", False, None),  # an accelerometer
    ],
)
def test_what_a_device_is_shows_in_its_bits(fields, bus, keyboard, pointer):
    message = Description(**fields).message(1, "/dev/input/event1")
    assert (message["bus"], message["keyboard"], message["pointer"]) == (bus, keyboard, pointer)


def test_input_nodes_are_listed_by_number_and_a_missing_directory_is_empty(tmp_path):
    for name in ("event10", "event2", "mouse0", "js0", "eventx", "by-id"):
        (tmp_path / name).touch()
    assert InputDirectory(str(tmp_path)).paths() == [f"{tmp_path}/event2", f"{tmp_path}/event10"]
    assert InputDirectory(str(tmp_path / "nothing")).paths() == []
