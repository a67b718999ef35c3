"""The agent on Windows, off Windows: its logic against functions that behave as Windows's and have their signatures."""

from __future__ import annotations

import json
import struct
import threading
import time
import uuid
from ctypes import sizeof

import pytest

from agent_world import IDENTITY
from atp_guest_agent.agent import Agent
from atp_guest_agent.links.chooser import Links
from atp_guest_agent.log import Log
from atp_guest_agent.windows import mice, smbios, structures, win32
from atp_guest_agent.windows.hooks import Hooks
from atp_guest_agent.windows.inputs import Windows
from atp_guest_agent.windows.pipe import Pipe
from atp_guest_agent.windows.scancodes import KEY_UNKNOWN, evdev_code, known_codes, of_scan_code_ex
from fake_win32 import KEYBOARD, MOUSE, TABLET, USERS_DESKTOP, FakeWindows, FilePipe

pytestmark = pytest.mark.unit

PATIENCE = 30.0
VK_A, A, LEFT_SHIFT = 0x41, 30, 42
EXTENDED, INJECTED = win32.LLKHF_EXTENDED, win32.LLKHF_INJECTED


class World:
    """An agent on a fake Windows, its port, and the host's end of that."""

    def __init__(self, log_path, **options):
        self.windows = FakeWindows()
        self.windows.pipe = FilePipe()
        self.platform = Windows(self.windows.api)
        self.log_path = log_path
        links = Links(Pipe(self.windows.api, "com.vmagent.sock"), first_seconds=0.0)
        self.agent = Agent(links, self.platform, IDENTITY, Log(str(log_path)), **options)
        self.raw, self.messages = b"", []

    def turn(self):
        self.agent.turn(0.01)
        self.raw += self.windows.host_hears()
        *lines, self.raw = self.raw.split(b"\n")
        self.messages += [json.loads(line) for line in lines if line.strip()]

    def receive(self, kind):
        end = time.monotonic() + PATIENCE
        while not self.messages:
            assert time.monotonic() < end, f"no {kind} came"
            self.turn()
        message = self.messages.pop(0)
        assert message["type"] == kind, message
        return message

    def ask(self, message, kind):
        self.windows.host_says(json.dumps(message).encode() + b"\n")
        return self.receive(kind)

    def greet(self, **fields):
        self.agent.turn(0)
        return self.ask({"type": "hello", "nonce": "n", "protocol": 1, **fields}, "hello")

    def events(self, count):
        seen = []
        while len(seen) < count:
            seen += self.receive("observations")["events"]
        return seen

    def held(self):
        return self.ask({"type": "state", "id": 1}, "state")["held"]

    def close(self):
        self.agent.close()
        assert self.windows.faults == []
        assert self.windows.hooks == {}


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path / "log")
    yield made
    made.close()


def said(events):
    return [tuple(event[:4]) for event in events]


def test_the_structures_have_the_sizes_that_64_bit_windows_gives_them():
    sizes = {
        structures.KBDLLHOOKSTRUCT: 24, structures.MSLLHOOKSTRUCT: 32, structures.MSG: 48, structures.RAWINPUT: 48,
        structures.RAWINPUTHEADER: 24,
        structures.RAWINPUTDEVICE: 16, structures.OVERLAPPED: 32, structures.STARTUPINFOW: 104, structures.PROCESS_INFORMATION: 24,
        structures.JOB_LIMITS: 144, structures.SERVICE_STATUS: 28, structures.TIMEOFDAY: 48, structures.WNDCLASSW: 72,
    }  # fmt: skip
    assert {kind: sizeof(kind) for kind in sizes} == sizes


def test_it_greets_with_its_keyboards_its_programs_and_each_mouse(world):
    hello = world.greet()
    assert {"observe", "expect.keyboard", "expect.mouse", "state", "grab", "hotplug"} <= set(hello["capabilities"])
    devices = [(each["id"], each["bus"], each["keyboard"], each["pointer"]) for each in hello["devices"]]
    assert devices == [
        (0, "i8042", True, None),
        (1, "other", True, "absolute"),
        (2, "i8042", False, "relative"),
        (3, "usb", False, "absolute"),
    ]
    assert hello["devices"][3]["absolute"] == {"0": [0, 32767], "1": [0, 32767]}
    assert (hello["devices"][3]["vendor"], hello["devices"][3]["product"]) == (0x627, 1)


def test_keys_arrive_in_order_with_the_agents_clock_and_injected_ones_by_themselves(world):
    before = world.greet()["monotonic_us"]
    world.windows.key(VK_A, 0x1E, True)
    world.windows.key(VK_A, 0x1E, False)
    world.windows.key(0x25, 0x4B, True, EXTENDED | INJECTED)
    events = world.events(3)
    assert said(events) == [(0, 1, A, 1), (0, 1, A, 0), (1, 1, 105, 1)]
    times = [event[4] for event in events]
    assert before <= times[0] <= times[1] <= times[2] <= world.ask({"type": "ping", "id": 1}, "pong")["sent_us"]


def test_a_press_of_what_is_down_is_a_repeat_and_what_is_held_is_told(world):
    world.greet()
    for _ in range(3):
        world.windows.key(VK_A, 0x1E, True)
    assert [event[3] for event in world.events(3)] == [1, 2, 2]
    assert world.held() == [[0, A]]
    world.windows.key(VK_A, 0x1E, False)
    world.events(1)
    assert world.held() == []


def test_what_was_down_before_the_agent_came_is_held_by_a_keyboard(world):
    world.windows.down.add(0xA0)  # left shift
    world.greet()
    assert world.held() == [[0, LEFT_SHIFT]]


def test_a_state_stands_behind_the_edges_that_windows_knew_of(world, monkeypatch):
    """A hook is called while the keys are looked at, and Windows has counted a button whose packet waits behind what was posted."""
    world.greet()
    world.windows.key(VK_A, 0x1E, True)
    world.windows.packet(MOUSE, buttons=0x1)
    world.events(2)
    in_the_way, looked_at = threading.Event(), world.platform.held

    def held(device):
        if device.number == 0:
            world.windows.key(VK_A, 0x1E, False)
            world.windows.queues[world.platform._hooks._thread_id].put(lambda: in_the_way.wait(PATIENCE))
            world.windows.packet(MOUSE, buttons=0x2)
            world.windows.when_posted = in_the_way.set
        return looked_at(device)

    for device in world.platform.devices():
        monkeypatch.setattr(device, "held_by", held)
    seen = world.ask({"type": "state", "id": 1}, "observations")["events"]
    assert said(seen) == [(0, 1, A, 0), (2, 1, 0x110, 0)]
    assert world.receive("state")["held"] == []


@pytest.mark.parametrize(("kind", "more"), [("ping", {"id": 1}), ("watch", {"enabled": True})])
def test_an_answer_stands_behind_a_packet_that_waits_for_the_hooks_thread(world, kind, more):
    world.greet()
    in_the_way = threading.Event()
    world.windows.queues[world.platform._hooks._thread_id].put(lambda: in_the_way.wait(PATIENCE))
    world.windows.packet(MOUSE, buttons=0x1)
    world.windows.when_posted = in_the_way.set
    assert said(world.ask({"type": kind, **more}, "observations")["events"]) == [(2, 1, 0x110, 1)]
    world.receive({"ping": "pong", "watch": "watching"}[kind])


def test_a_hooks_thread_that_stands_still_makes_what_it_has_unknown(world, monkeypatch):
    from atp_guest_agent.windows import inputs

    monkeypatch.setattr(inputs, "SETTLE_SECONDS", 0.05)
    world.greet()
    in_the_way = threading.Event()
    world.windows.queues[world.platform._hooks._thread_id].put(lambda: in_the_way.wait(PATIENCE))
    assert world.ask({"type": "ping", "id": 1}, "overrun")["device"] == 0
    assert [world.receive("overrun")["device"] for _ in range(3)] == [1, 2, 3]
    world.receive("pong")
    assert "stood still" in world.log_path.read_text()
    in_the_way.set()


def test_a_release_that_no_hook_told_of_leaves_nothing_held(world):
    world.greet()
    world.windows.key(VK_A, 0x1E, True)
    world.events(1)
    world.windows.down.clear()
    assert world.held() == []


def test_what_the_layout_makes_up_is_no_key(world):
    """AltGr brings a left Ctrl that nobody has pressed."""
    world.greet()
    world.windows.key(0xA2, 0x21D, True)
    world.windows.key(0xA5, 0x38, True, EXTENDED)
    assert said(world.events(1)) == [(0, 1, 100, 1)]


def test_a_key_that_a_program_injects_by_its_name_alone_has_its_code(world):
    world.greet()
    for vk, code in ((VK_A, A), (0xA3, 97), (0xAD, 113), (0xE7, KEY_UNKNOWN)):
        world.windows.key(vk, 0, True, INJECTED)
        assert said(world.events(1)) == [(1, 1, code, 1)]


@pytest.mark.parametrize(
    ("scan", "extended", "vk", "code"),
    [
        (0x45, False, 0x13, 119), (0x45, True, 0x90, 69), (0x45, False, 0x90, 69), (0x46, True, 3, 119), (0x46, False, 0x91, 70),
        (0x36, True, 0xA1, 54), (0x36, False, 0xA1, 54), (0x1C, True, 13, 96), (0x37, True, 0x2C, 99), (0x54, False, 0x2C, 99),
        (0x47, False, 0x24, 71), (0x47, True, 0x24, 102), (0x56, False, 0xE2, 86), (0x64, False, 0x7C, 183),
        (0x7D, False, 0xDC, 124), (0, False, 0, KEY_UNKNOWN), (0x7F, True, 0xFF, KEY_UNKNOWN),
    ],
)  # fmt: skip
def test_keys_that_need_a_second_look_have_their_codes(scan, extended, vk, code):
    assert evdev_code(scan, extended, vk) == code


def test_plain_keys_have_the_kernels_codes_which_are_set_1s():
    for scan in range(1, 84):
        if scan != 0x45:
            assert evdev_code(scan, False, 0) == scan
    assert of_scan_code_ex(0xE04B, 0x25) == 105
    assert of_scan_code_ex(0x1E, VK_A) == A


def test_every_key_that_qemu_can_press_has_a_code_but_two_of_sun_keyboards():
    edges = pytest.importorskip(
        "ATPLibrary.protocol.qmp.edges", reason="QEMU's key names are ATPLibrary's, which isn't installed"
    )
    missing = {qcode for qcode, code in edges.EVDEV_OF_QCODE.items() if code not in known_codes()}
    assert missing == {"open", "paste"}  # a PS/2 keyboard sends for them what a USB one sends for F13 and F14


def test_a_tablet_tells_its_own_values_and_only_the_axes_that_changed(world):
    world.greet()
    for value in (0, 1, 16384, 32766, 32767):
        world.windows.packet(TABLET, win32.MOUSE_MOVE_ABSOLUTE, x=value * 65535 // 32767, y=0)
        events = [event for event in said(world.events(1)) if event[2] == 0]
        assert events == [(3, 3, 0, value)]
    assert world.ask({"type": "state", "id": 1}, "state")["absolute"] == [[3, 0, 32767], [3, 1, 0]]


def test_every_value_of_a_tablet_comes_back_from_windowss_scale():
    wheel = mice.Wheel()
    for value in range(0, 32768, 7):
        (_, _, x), _ = mice.of_packet(1, 0, 0, value * 65535 // 32767, 0, wheel)
        assert x == value


def test_a_mouse_tells_counts_buttons_and_whole_notches(world):
    world.greet()
    world.windows.packet(MOUSE, buttons=0x1, x=3, y=-2)
    world.windows.packet(MOUSE, buttons=0x2 | 0x4 | 0x100)
    world.windows.packet(MOUSE, buttons=0x400, data=-60)
    world.windows.packet(MOUSE, buttons=0x400, data=-180)
    assert said(world.events(7)) == [
        (2, 2, 0, 3), (2, 2, 1, -2), (2, 1, 0x110, 1), (2, 1, 0x110, 0), (2, 1, 0x111, 1), (2, 1, 0x114, 1), (2, 2, 8, -2),
    ]  # fmt: skip


def test_what_a_program_does_with_the_mouse_is_told_once_in_parts_of_the_screen(world):
    world.greet()
    world.windows.mouse_hook(win32.WM_MOUSEMOVE, 512, 0)
    world.windows.mouse_hook(0x201)
    world.windows.mouse_hook(0x20B, high=2)
    world.windows.mouse_hook(win32.WM_MOUSEHWHEEL, high=120)
    world.windows.mouse_hook(win32.WM_MOUSEMOVE, 5, 5, flags=0)  # a mouse's own: raw input tells of it
    world.windows.mouse_hook(0x202)
    assert said(world.events(6)) == [
        (1, 3, 0, 16400), (1, 3, 1, 21), (1, 1, 0x110, 1), (1, 1, 0x114, 1), (1, 2, 6, 1), (1, 1, 0x110, 0),
    ]  # fmt: skip


def test_a_mouse_that_sends_places_is_told_to_be_a_tablet(world):
    world.greet()
    world.windows.packet(MOUSE, win32.MOUSE_MOVE_ABSOLUTE, x=65535, y=65535)
    while (message := world.messages.pop(0) if world.messages else world.turn()) is None or message[
        "type"
    ] != "devices":
        pass
    assert message["devices"][2]["pointer"] == "absolute"


def test_a_mouse_that_is_plugged_in_is_told_and_one_that_goes_too(world):
    world.greet()
    world.windows.devices[0x20001] = (0, "\\\\?\\HID#VID_1AF4&PID_0003#1")
    world.windows.post(win32.WM_INPUT_DEVICE_CHANGE)
    came = world.receive("devices")
    assert (came["added"], came["removed"], came["devices"][-1]["bus"]) == ([4], [], "virtio")
    del world.windows.devices[0x20001]
    world.windows.post(win32.WM_INPUT_DEVICE_CHANGE)
    assert world.receive("devices")["removed"] == [4]


def test_a_grab_keeps_keys_from_everybody_and_ends_with_its_session(world):
    world.greet()
    assert world.windows.key(VK_A, 0x1E, True) is False
    error = world.ask({"type": "grab", "enabled": True}, "observations")
    assert said(error["events"]) == [(0, 1, A, 1)]
    assert f"{A} of device 0" in world.receive("error")["message"]
    world.windows.key(VK_A, 0x1E, False)
    world.events(1)
    world.ask({"type": "grab", "enabled": True}, "grabbing")
    assert world.windows.key(VK_A, 0x1E, True) is True
    assert world.windows.mouse_hook(0x201) is True
    assert said(world.events(2)) == [(0, 1, A, 1), (1, 1, 0x110, 1)]
    assert world.held() == [[0, A], [1, 0x110]]  # Windows knows of neither
    world.greet()
    assert world.windows.key(VK_A, 0x1E, False) is False


def test_hooks_that_windows_has_taken_away_are_set_anew_and_what_was_missed_is_unknown(world):
    seq = world.greet()["next_seq"]
    world.windows.key(VK_A, 0x1E, True)
    world.events(1)
    procedures = dict(world.windows.hooks)
    world.windows.hooks.clear()
    world.windows.hooks.update(procedures)  # as they were: what Windows does to hooks that were slow shows nowhere
    world.platform._hooks.last_tick -= 1400
    world.windows.input_tick = world.windows.GetTickCount() - 600  # ... but in this: there was input since
    overrun = world.ask({"type": "ping", "id": 1}, "overrun")
    assert (overrun["seq"], overrun["device"], overrun["held"]) == (seq + 1, 0, [A])
    assert [world.receive("overrun")["device"] for _ in range(3)] == [1, 2, 3]
    world.receive("pong")  # it would have said that nothing is missing before it
    assert "weren't told" in world.log_path.read_text()


def test_a_hook_only_notes_what_came(world):
    """Windows waits for it: nothing is decided, formatted or sent there."""
    world.greet()
    before = len(world.windows.host_hears())
    for _ in range(200):
        world.windows.key(VK_A, 0x1E, True)
    assert len(world.platform._hooks.notes) == 200
    assert len(world.windows.host_hears()) == before
    assert len(world.events(200)) == 200


def test_notes_that_nobody_takes_are_dropped_and_told(world, monkeypatch):
    from atp_guest_agent.windows import hooks

    monkeypatch.setattr(hooks, "MOST_NOTES", 10)
    world.greet()
    for _ in range(20):
        world.windows.key(VK_A, 0x1E, True)
    assert len(world.events(10)) == 10
    assert [world.receive("overrun")["device"] for _ in range(4)] == [0, 1, 2, 3]


def test_hooks_are_set_on_the_desktop_that_the_agent_was_started_on():
    """Not on that of the process that started it, which Wine gives to each further thread: nobody types there."""
    windows = FakeWindows()
    windows.desktops[windows.GetCurrentThreadId()] = USERS_DESKTOP
    hooks = Hooks(windows.api, lambda: None)
    hooks.start()
    hooks.stop()
    assert windows.hooked_desktops == [USERS_DESKTOP] * 2


def test_a_windows_that_refuses_hooks_is_one_error(tmp_path):
    windows = FakeWindows()
    windows.refuses_hooks = True
    with pytest.raises(OSError, match="refuses an input hook"):
        Windows(windows.api).start(None, Log(str(tmp_path / "log")))


def test_a_port_whose_host_leaves_is_opened_again(world):
    world.greet()
    world.windows.host_leaves()
    for _ in range(3):
        world.agent.turn(0.01)
    world.windows.pipe = FilePipe()
    end = time.monotonic() + PATIENCE
    while world.windows.pipe.read is None:
        world.agent.turn(0.01)
        assert time.monotonic() < end
    assert world.ask({"type": "hello", "nonce": "again"}, "hello")["nonce"] == "again"
    world.windows.key(VK_A, 0x1E, True)
    assert said(world.events(1)) == [(0, 1, A, 1)]


def test_a_host_that_does_not_read_holds_the_agent_back_and_gets_whole_lines_afterwards(world):
    world.greet()
    world.windows.pipe.takes = False
    for number in range(300):
        world.windows.key(VK_A, 0x1E, number % 2 == 0)
        world.agent.turn(0)
    world.windows.pipe.takes = True
    with world.windows.lock:
        world.windows._serve_pipe()
    assert len(world.events(300)) == 300


def test_an_agent_at_rest_is_woken_by_nothing(world):
    world.greet()
    for _ in range(3):
        world.agent.turn(0)
    assert world.agent._patience(None) is None
    started = time.monotonic()
    world.agent.turn(0.2)
    assert time.monotonic() - started >= 0.19


def test_log_off_ends_the_agent_with_a_word(world):
    world.greet()
    world.agent.stop_on_signals()
    import threading

    running = threading.Thread(target=world.agent.run)
    running.start()
    assert world.windows.console_handler(5) == 1  # returns once the agent has ended
    running.join(PATIENCE)
    assert b'"bye"' in world.windows.host_hears()
    world.agent.close = lambda: None


def table(*structures):
    return struct.pack("<BBBBI", 0, 3, 0, 0, 0) + b"".join(structures) + bytes((127, 4, 0, 0, 0, 0))


def structure(kind, body, *strings):
    head = bytes((kind, 4 + len(body), 0, 0))
    return head + body + (b"\0".join(strings) + b"\0\0" if strings else b"\0\0")


UUID = uuid.UUID("4c4c4544-0042-3510-8052-b4c04f564433")
SYSTEM = structure(1, bytes((1, 2, 0, 3)) + UUID.bytes_le + bytes(3), b"QEMU", b"PC", b"vm-42")
CHASSIS = structure(3, bytes((1, 1, 0, 0, 2)) + bytes(8), b"QEMU", b"atp-token:t0ken")


def test_who_it_is_stands_in_the_firmwares_table(monkeypatch):
    monkeypatch.setenv("COMPUTERNAME", "DESK-7")
    windows = FakeWindows()
    windows.firmware = table(structure(0, bytes(20), b"SeaBIOS"), SYSTEM, CHASSIS)
    found = smbios.find(windows.api)
    assert (found.vm_id, found.vm_id_source, found.token) == ("vm-42", "dmi_serial", "t0ken")
    windows.firmware = table(structure(1, bytes((0, 0, 0, 0)) + UUID.bytes_le + bytes(3)))
    assert (smbios.find(windows.api).vm_id, smbios.find(windows.api).vm_id_source) == (str(UUID), "dmi_uuid")
    windows.firmware = b""
    assert (smbios.find(windows.api).vm_id, smbios.find(windows.api).vm_id_source) == ("DESK-7", "hostname")
    assert smbios.find(windows.api, "mine").vm_id == "mine"
    assert windows.faults == []


def test_a_clock_that_is_set_leaves_the_boot_what_it_was():
    windows = FakeWindows()
    before = smbios.boot_id(windows.api)
    windows.boot_time += 36_000_000_000  # what Windows does when somebody sets the clock an hour forward
    windows.boot_bias += 36_000_000_000
    assert smbios.boot_id(windows.api) == before
    windows.boot_time += 1
    assert smbios.boot_id(windows.api) != before


@pytest.mark.parametrize("cut", range(0, len(SYSTEM + CHASSIS), 3))
def test_a_torn_table_is_read_as_far_as_it_goes(cut):
    smbios.parse((SYSTEM + CHASSIS)[:cut])
    smbios.parse(bytes((1, 0)) * cut)


def test_a_keyboards_name_tells_its_bus(world):
    world.windows.devices[KEYBOARD] = (1, "\\\\?\\HID#VID_0627&PID_0001#7")
    world.windows.post(win32.WM_INPUT_DEVICE_CHANGE)
    for _ in range(5):
        world.agent.turn(0.01)
    assert world.greet()["devices"][0]["bus"] == "usb"
