"""Exclusive input: taken whole or not at all, told, and given back whenever its session ends."""

from __future__ import annotations

import errno

import pytest

from agent_world import KEYBOARD, TABLET
from atp_guest_agent import openers
from atp_guest_agent.description import Description

pytestmark = pytest.mark.unit

A = 30
BUTTON = Description(name="Power Button", bustype=0x19, keys=frozenset((116,)))
DEVICES = {"/dev/input/event0": KEYBOARD, "/dev/input/event1": TABLET, "/dev/input/event2": BUTTON}


def grabbed(world):
    return [path for path, device in world.board.opened.items() if device.grabbed]


def ask(world, enabled, kind="grabbing"):
    return world.host.ask({"type": "grab", "enabled": enabled}, kind)


def test_a_grab_takes_keyboards_and_pointers_and_leaves_the_power_button(world):
    hello = world.start(DEVICES).greet()
    assert "grab" in hello["capabilities"]
    assert hello["grabbed"] is False
    assert grabbed(world) == []
    assert ask(world, True)["enabled"] is True
    assert grabbed(world) == ["/dev/input/event0", "/dev/input/event1"]
    world.device().key(A, 1)
    assert world.host.receive("observations")["events"][0][:4] == [0, 1, A, 1]
    assert ask(world, True)["enabled"] is True  # asked for twice: once is enough for the kernel
    assert ask(world, False)["enabled"] is False
    assert grabbed(world) == []


def test_a_new_hello_gives_back_what_the_session_before_it_took(world):
    world.start(DEVICES).greet()
    ask(world, True)
    assert world.greet(nonce="n2")["grabbed"] is False
    assert grabbed(world) == []


def test_a_host_that_goes_away_leaves_the_input_to_everybody(world):
    world.start(DEVICES).greet()
    ask(world, True)
    world.host.close()
    for _ in range(3):
        world.agent.turn(0)
    assert grabbed(world) == []


def test_a_key_that_is_down_refuses_the_grab_by_name_and_takes_nothing(world):
    world.start(DEVICES).greet(watch=False)
    world.device().key(A, 1)
    error = ask(world, True, "error")
    assert error["about"] == "grab"
    assert f"{A} of device 0" in error["message"]
    assert grabbed(world) == []
    world.device().key(A, 0)
    assert ask(world, True)["enabled"]


def test_a_device_that_somebody_else_has_grabbed_refuses_all_by_name(world):
    world.start(DEVICES).greet()
    world.device("/dev/input/event1").grabbed_by_another = True
    error = ask(world, True, "error")
    assert "QEMU USB Tablet" in error["message"]
    assert "busy" in error["message"]
    assert grabbed(world) == []


def test_what_somebody_else_has_grabbed_is_told_when_asked_for_and_nothing_is_kept(world):
    world.start(DEVICES).greet()
    world.device("/dev/input/event1").grabbed_by_another = True
    assert world.host.ask({"type": "state", "id": 1, "grabs": True}, "state")["taken"] == [1]
    assert grabbed(world) == []
    assert "taken" not in world.host.ask({"type": "state", "id": 2}, "state")
    world.device("/dev/input/event1").grabbed_by_another = False
    assert world.host.ask({"type": "state", "id": 3, "grabs": True}, "state")["taken"] == []
    ask(world, True)
    assert world.host.ask({"type": "state", "id": 4, "grabs": True}, "state")["taken"] == []
    assert grabbed(world) == ["/dev/input/event0", "/dev/input/event1"], "its own grab stays"


def test_who_has_it_open_is_told_with_it(world, monkeypatch):
    world.start(DEVICES).greet()
    world.device("/dev/input/event1").grabbed_by_another = True
    asked = []

    def has_open(paths):
        asked.append(paths)
        return {"/dev/input/event1": [(312, "evtest"), (7, "cat")]}

    monkeypatch.setattr(openers, "openers", has_open)
    answer = world.host.ask({"type": "state", "id": 1, "grabs": True}, "state")
    assert answer["openers"] == [[1, 312, "evtest"], [1, 7, "cat"]]
    assert asked == [["/dev/input/event1"]]
    world.device("/dev/input/event1").grabbed_by_another = False
    assert world.host.ask({"type": "state", "id": 2, "grabs": True}, "state")["openers"] == []
    assert len(asked) == 1, "nobody is looked for where nothing is taken"


def test_the_programs_that_have_a_device_open_are_found_in_proc(tmp_path):
    device, other = tmp_path / "event0", tmp_path / "event1"
    for number, name, paths in (("12", "evtest", [device, other]), ("7", "cat", [device]), ("8", "sh", [])):
        (tmp_path / number / "fd").mkdir(parents=True)
        (tmp_path / number / "comm").write_text(name + "\n")
        for fd, path in enumerate(paths):
            (tmp_path / number / "fd" / str(fd)).symlink_to(path)
    (tmp_path / "meminfo").write_text("")
    (tmp_path / "9").mkdir()  # it has just ended
    found = openers.openers([str(device)], str(tmp_path))
    assert found == {str(device): [(7, "cat"), (12, "evtest")]}


def test_a_keyboard_that_comes_later_is_taken_too(world):
    world.start({"/dev/input/event0": KEYBOARD}).greet()
    ask(world, True)
    world.board.plugged["/dev/input/event5"] = TABLET
    world.platform._rescan()
    world.host.receive("devices")
    assert grabbed(world) == ["/dev/input/event0", "/dev/input/event5"]


def test_a_device_that_vanishes_while_it_is_grabbed_hinders_nobody(world):
    world.start(DEVICES).greet()
    ask(world, True)
    world.device("/dev/input/event1").unplug()
    assert world.host.receive("devices")["removed"] == [1]
    ask(world, False)
    assert not world.device().grabbed
    assert ask(world, True)["enabled"]


def test_the_option_grabs_for_a_session_that_watches_and_for_no_other(world):
    assert world.start(DEVICES, grab=True).greet(watch=False)["grabbed"] is False
    assert grabbed(world) == []
    assert world.greet(nonce="n2")["grabbed"] is True
    assert grabbed(world) == ["/dev/input/event0", "/dev/input/event1"]
    world.greet(nonce="n3", watch=False)
    world.device().grabbed_by_another = True
    assert world.greet(nonce="n4")["grabbed"] is False  # greeted all the same, and told


@pytest.mark.parametrize("enabled", [None, 1, "yes"])
def test_a_grab_that_says_neither_is_an_error(world, enabled):
    world.start().greet()
    assert "true or false" in ask(world, enabled, "error")["message"]


def test_the_kernels_number_for_a_busy_device_is_in_the_refusal(world):
    world.start({"/dev/input/event0": KEYBOARD}).greet()
    world.device().grabbed_by_another = True
    with pytest.raises(OSError, match="busy") as refused:
        world.platform.grab(True)
    assert refused.value.errno == errno.EBUSY
