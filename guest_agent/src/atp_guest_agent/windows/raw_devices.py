"""Input devices as Windows lists them. Their names tell the bus and, of most, vendor and product."""

from __future__ import annotations

import ctypes
from ctypes import byref, sizeof

from atp_guest_agent.codes import ABS_X, ABS_Y, BUS_I8042, BUS_USB, REL_HWHEEL, REL_WHEEL, REL_X, REL_Y
from atp_guest_agent.description import Description
from atp_guest_agent.windows import mice, structures, win32
from atp_guest_agent.windows.scancodes import known_codes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

QEMU_USB, VIRTIO = 0x0627, 0x1AF4
_RANGES = {ABS_X: (0, mice.RANGE), ABS_Y: (0, mice.RANGE)}
_RELATIVE = frozenset((REL_X, REL_Y, REL_WHEEL, REL_HWHEEL))


class InputDevice:
    """One that the protocol tells of. Keys of all keyboards are one device's: the hook doesn't tell whose they are."""

    def __init__(self, number: int, path: str, description: Description) -> None:
        self.number = number
        self.path = path
        self.description = description
        self.position: dict[int, int] = {}
        self.wheel = mice.Wheel()
        self.held_by: Callable[[InputDevice], list[int]] | None = None

    def message(self) -> dict[str, object]:
        return self.description.message(self.number, self.path)

    def held(self) -> list[int]:
        return [] if self.held_by is None else self.held_by(self)

    def leds(self) -> list[tuple[int, int]]:
        """Raises OSError: what the lock keys are set to, Windows tells only to whoever has the keyboard's focus."""
        raise OSError("Windows doesn't tell")

    def axis(self, code: int) -> int:
        """Raises OSError before it has moved: Windows doesn't tell where a tablet is."""
        if code not in self.position:
            raise OSError("it hasn't moved yet")
        return self.position[code]

    def becomes_absolute(self) -> None:
        """What it sends shows that it is a tablet."""
        said, axes = self.description, _RELATIVE - {REL_X, REL_Y}
        known = said.name, said.phys, said.bustype, said.vendor, said.product
        self.description = Description(*known, frozenset(mice.BUTTONS), axes, _RANGES)

    def is_of(self, found: list[Found]) -> None:
        """The keyboards that there are: of one bus, they tell it."""
        buses = {(each.bustype, each.phys) for each in found}
        self.description.bustype, self.description.phys = buses.pop() if len(buses) == 1 else (0, "")


class Found:
    """A keyboard or mouse that there is now."""

    def __init__(self, handle: int, kind: int, path: str) -> None:
        self.handle = handle
        self.kind = kind
        self.path = path
        upper = path.upper()
        self.vendor, self.product = _number_after("VID_", upper), _number_after("PID_", upper)
        self.bustype, self.phys = 0, ""
        if self.vendor == VIRTIO:  # virtio-win's driver makes a HID device of it
            self.phys = "virtio"
        elif "HID#" in upper or "USB#" in upper:
            self.bustype = BUS_USB
        elif "ACPI#" in upper or "ROOT#*PNP03" in upper:
            self.bustype = BUS_I8042

    def description(self) -> Description:
        """Of a mouse. QEMU's USB and virtio pointers that say no other are its tablets; what isn't shows in its first packet."""
        is_tablet = self.vendor == QEMU_USB
        return Description(
            name=self.path.lstrip("\\?").split("#{", 1)[0],
            phys=self.phys,
            bustype=self.bustype,
            vendor=self.vendor,
            product=self.product,
            keys=frozenset(mice.BUTTONS),
            relative=frozenset((REL_WHEEL, REL_HWHEEL)) if is_tablet else _RELATIVE,
            ranges=_RANGES if is_tablet else None,
        )


def keyboards(number: int) -> InputDevice:
    return InputDevice(number, "keyboards", Description(name="the keyboards of this Windows", keys=known_codes()))


def programs(number: int) -> InputDevice:
    keys = known_codes() | frozenset(mice.BUTTONS)
    return InputDevice(number, "programs", Description(name="input that programs inject", keys=keys, ranges=_RANGES))


def find_devices(api: win32.Win32) -> list[Found]:
    """Those that there are now; none where Windows doesn't say."""
    count = ctypes.c_uint32(0)
    size = sizeof(structures.RAWINPUTDEVICELIST)
    if api.GetRawInputDeviceList(None, byref(count), size):
        return []
    entries = (structures.RAWINPUTDEVICELIST * (count.value + 8))()  # one more may come just now
    count.value = len(entries)
    number = api.GetRawInputDeviceList(entries, byref(count), size)
    if number == 0xFFFFFFFF:
        return []
    wanted = (win32.RIM_TYPEMOUSE, win32.RIM_TYPEKEYBOARD)
    return [
        Found(entry.hDevice, entry.dwType, _name(api, entry.hDevice))
        for entry in entries[:number]
        if entry.dwType in wanted
    ]


def _name(api: win32.Win32, handle: int) -> str:
    text = ctypes.create_unicode_buffer(1024)
    size = ctypes.c_uint32(len(text))
    got = api.GetRawInputDeviceInfoW(handle, win32.RIDI_DEVICENAME, text, byref(size))
    return "" if got == 0xFFFFFFFF else text.value


def _number_after(mark: str, text: str) -> int:
    digits = text.partition(mark)[2][:4]
    try:
        return int(digits, 16)
    except ValueError:
        return 0
