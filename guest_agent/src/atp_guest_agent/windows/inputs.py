"""The agent's system where that is Windows: input from `hooks`, and one wait for input, links and wake-ups.

Three threads meet here. The hooks' puts notes into a queue and sets an event. The agent's own waits for that event and for the
links' (a port's finished read or write, a socket's news) in one WaitForMultipleObjects, and does everything else. Windows's own
thread says that the process must end (Ctrl-C, log-off) and sets an event, too.
"""

from __future__ import annotations

from ctypes import byref, sizeof

from atp_guest_agent.codes import EV_ABS, EV_KEY
from atp_guest_agent.windows import mice, structures, win32
from atp_guest_agent.windows.hooks import DEVICES, INJECTED, KEY, Hooks
from atp_guest_agent.windows.raw_devices import InputDevice, find_devices, keyboards, programs
from atp_guest_agent.windows.scancodes import MADE_UP, evdev_code, of_scan_code_ex
from atp_guest_agent.windows.waiting import Waiting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from atp_guest_agent.codes import Event
    from atp_guest_agent.log import Log
    from atp_guest_agent.platform import Observer

MOST_EVENTS = 64  # in a batch
SETTLE_SECONDS = 2.0  # for the hooks' thread, which does next to nothing
UNHEARD_MS = 500  # input that is so much newer than what the hooks told last: they are gone
_MOUSE_KEYS = {1: 0x110, 2: 0x111, 4: 0x112, 5: 0x113, 6: 0x114}  # virtual keys of the buttons


class Windows(Waiting):
    """`platform.Platform` of one session's desktop. A secure desktop (log-on, lock screen, UAC) is another: unseen from here.

    `stop_event`: a handle; once it is set the agent ends (by the service that started it).
    """

    def __init__(self, api: win32.Win32, hooks: Hooks | None = None, stop_event: int | None = None) -> None:
        self.capabilities = ["grab", "hotplug", "injected"]
        self.grabbed = False
        super().__init__(api, stop_event)
        self._hooks = hooks or Hooks(api, self.wake)
        self._devices: list[InputDevice] = []
        self._known: dict[int, InputDevice] = {}  # mice, by raw input's handle
        self._next_device = 2
        self._down: dict[tuple[int, int], int] = {}  # (device, code) -> virtual key
        self._wheel = mice.Wheel()

    def start(self, observer: Observer, log: Log) -> None:
        """Raises OSError where Windows refuses the hooks."""
        self._observer = observer
        self._log = log
        context = self._api.SetProcessDpiAwarenessContext
        if context is not None:  # else the hooks' pixels are scaled ones
            context(win32.PER_MONITOR_AWARE_V2)
        self._keyboard, self._programs = keyboards(0), programs(1)
        self._devices = [self._keyboard, self._programs]
        for device in self._devices:
            device.held_by = self.held
        self._hooks.start()
        self._find_devices()

    def due(self) -> float | None:
        return None

    def close(self) -> None:
        self._hooks.stop()
        super().close()

    # input

    def devices(self) -> list[InputDevice]:
        return list(self._devices)

    def read(self) -> None:
        events: list[Event] = []
        notes: Any = self._hooks.notes
        for _ in range(len(notes)):
            kind, said = notes.popleft()
            if kind == KEY:
                self._take_key(said, events)
            elif kind == INJECTED:
                time_us, message, x, y, high = said
                screen = self._api.GetSystemMetrics(win32.SM_CXSCREEN), self._api.GetSystemMetrics(win32.SM_CYSCREEN)
                self._take_mouse(
                    self._programs, time_us, mice.of_hook(message, x, y, high, screen, self._wheel), events
                )
            elif kind == DEVICES:
                self._tell(events)
                events = []
                self._find_devices()
            else:
                self._take_packet(said, events)
            if len(events) >= MOST_EVENTS:
                self._tell(events)
                events = []
        self._tell(events)
        if self._hooks.lost:
            self._hooks.lost = False
            self._say_lost("the agent was too slow to take what the hooks told")

    def catch_up(self) -> None:
        """Windows changes a button's state before the hooks' thread has taken the mouse's packet."""
        is_settled = self._hooks.settle(SETTLE_SECONDS)
        self.read()
        if not is_settled:
            self._say_lost("the hooks' thread stood still")
        self.tend()

    def taken_by_others(self) -> dict[int, list[tuple[int, str]]] | None:
        """Windows doesn't tell which hook has swallowed what."""
        return None

    def grab(self, wanted: bool) -> None:
        """The hooks keep to themselves what they see: Windows passes it to nobody, but for Ctrl+Alt+Del, which no hook sees."""
        if wanted and not self.grabbed:
            down = [f"{code} of device {device.number}" for device in self._devices for code in device.held()]
            if down:
                raise ValueError(f"keys are down, and the others would never see them come up: {', '.join(down)}")
        self._hooks.swallow = self.grabbed = wanted

    def tend(self) -> bool:
        """See whether Windows has taken the hooks away: it knows of input that they didn't tell of."""
        last = structures.LASTINPUTINFO(cbSize=sizeof(structures.LASTINPUTINFO))
        if self._hooks.last_tick and self._api.GetLastInputInfo(byref(last)):
            unheard = (last.dwTime - self._hooks.last_tick) & 0xFFFFFFFF
            settled = (self._api.GetTickCount() - last.dwTime) & 0xFFFFFFFF
            if UNHEARD_MS < unheard < 1 << 31 and UNHEARD_MS < settled < 1 << 31:
                self._hooks.last_tick = last.dwTime
                self._hooks.hook_again()
                self._say_lost("Windows had input that the hooks weren't told of")
        return False

    def _say_lost(self, why: str) -> None:
        self._log.say(f"{why}: what came meanwhile isn't known")
        for device in self._devices:
            self._observer.overrun(device.number, device.held())

    def _tell(self, events: list[Event]) -> None:
        if events:
            self._observer.observe(events)

    def _take_key(self, said: Any, events: list[Event]) -> None:
        time_us, virtual, scan, flags = said
        if scan & MADE_UP:
            return
        injected = bool(flags & win32.LLKHF_INJECTED)
        device = self._programs if injected else self._keyboard
        if scan & 0xFF:
            code = evdev_code(scan, bool(flags & win32.LLKHF_EXTENDED), virtual)
        else:
            code = of_scan_code_ex(self._api.MapVirtualKeyW(virtual, win32.MAPVK_VK_TO_VSC_EX), virtual)
        self._edge(device, code, not flags & win32.LLKHF_UP, virtual, time_us, events)

    def _take_packet(self, said: Any, events: list[Event]) -> None:
        time_us, handle, flags, buttons, data, x, y = said
        device = self._known.get(handle)
        if device is None:
            self._find_devices()
            device = self._known.get(handle)
            if device is None:  # it is gone again
                return
        if mice.is_absolute(flags) and device.description.pointer != "absolute":
            device.becomes_absolute()
            self._observer.devices_changed(added=[device.number], removed=[])
        self._take_mouse(device, time_us, mice.of_packet(flags, buttons, data, x, y, device.wheel), events)

    def _take_mouse(self, device: InputDevice, time_us: int, said: Any, events: list[Event]) -> None:
        for kind, code, value in said:
            if kind == EV_KEY:
                virtual = next(key for key, button in _MOUSE_KEYS.items() if button == code)
                self._edge(device, code, bool(value), virtual, time_us, events)
            elif kind == EV_ABS:
                if device.position.get(code) != value:  # as evdev: an axis that stays is not told
                    device.position[code] = value
                    events.append((device.number, kind, code, value, time_us))
            else:
                events.append((device.number, kind, code, value, time_us))

    def _edge(
        self, device: InputDevice, code: int, down: bool, virtual: int, time_us: int, events: list[Event]
    ) -> None:
        """A press of what is down is what Windows makes of a key that is held: a repeat."""
        key = device.number, code
        value = (2 if key in self._down else 1) if down else 0
        if down:
            self._down[key] = virtual
        else:
            self._down.pop(key, None)
        events.append((device.number, EV_KEY, code, value, time_us))

    def held(self, device: InputDevice) -> list[int]:
        """What a device has pressed and Windows holds to be down; with nobody's name on it, what was down before the agent came."""
        for key, virtual in [*self._down.items()]:
            # While the hooks swallow, Windows knows of nothing that went down.
            if not self.grabbed and not self._api.GetAsyncKeyState(virtual) < 0:
                del self._down[key]
        mine = {code for number, code in self._down if number == device.number}
        if device is self._keyboard and not self.grabbed:
            known = set(self._down.values())
            for virtual in (
                *range(0x08, 0x10),
                *range(0x13, 0xFF),
            ):  # not VK_SHIFT and the like: each side has its own
                if virtual not in known and self._api.GetAsyncKeyState(virtual) < 0:
                    mine.add(of_scan_code_ex(self._api.MapVirtualKeyW(virtual, win32.MAPVK_VK_TO_VSC_EX), virtual))
        return sorted(mine)

    # devices that come and go

    def _find_devices(self) -> None:
        found = find_devices(self._api)
        self._keyboard.is_of([each for each in found if each.kind == win32.RIM_TYPEKEYBOARD])
        mice_now = {each.handle: each for each in found if each.kind == win32.RIM_TYPEMOUSE}
        gone = [handle for handle in self._known if handle not in mice_now]
        removed = [self._known.pop(handle).number for handle in gone]
        added = []
        for handle, each in mice_now.items():
            if handle not in self._known:
                device = InputDevice(self._next_device, each.path, each.description())
                self._next_device += 1
                device.held_by = self.held
                self._known[handle] = device
                added.append(device.number)
        self._devices = [self._keyboard, self._programs, *self._known.values()]
        if added or removed:
            self._observer.devices_changed(added=added, removed=removed)
