"""How much each emulated keyboard can hold before it drops silently, and how fast it lets go.

Measured with QEMU 7.2 (the shared FACTS.md) and read from its sources' behaviour: the PS/2 controller keeps 16 bytes, the USB HID
queue 16 slots of which the guest's poll takes one per 7.5 ms, virtio-input 64 descriptors; an overfull PS/2 or USB queue drops
what is new, and a virtio report that doesn't fit is dropped whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ATPLibrary.protocol.qmp.edges import EVDEV_OF_QCODE, Edge

# Keys with a one-byte code on the PS/2 wire (set 1). All others have the prefix E0, and a few are longer.
_ONE_BYTE_CODES = frozenset((*range(1, 84), 86, 87, 88))  # evdev's first codes are set 1's
_LONG = {"pause": 6, "print": 4, "sysrq": 4}


def scancode_bytes(edge: Edge) -> int:
    """How many bytes of scan code set 1 an edge is."""
    return 1 if EVDEV_OF_QCODE[edge.qcode] in _ONE_BYTE_CODES else _LONG.get(edge.qcode, 2)


@dataclass(frozen=True, slots=True)
class DeviceQueue:
    """One kind of emulated keyboard. `window` counts places: never are more taken by edges that the guest hasn't seen yet."""

    bus: str  # as the agent names it
    window: int
    begin: int  # how many may be before the guest has shown anything; see `window.Window`
    # Whether one QMP command may carry many edges: each is its own entry; on virtio a command is one report.
    joins: bool
    # How long one place stays taken at most, on a guest that has time: what to pace by without an observer.
    drain_seconds: float
    learns: bool = True  # whether the device that the guest sees the input on decides instead

    def places(self, scancode_bytes: int) -> int:
        """How many places an edge takes whose scan code has so many bytes."""
        # On virtio an edge in a report of its own is two descriptors, the key and the report's end, whichever key it is.
        return 2 if self.bus == "virtio" else scancode_bytes


# Two bytes are left for the controller's own answers (0xFA to a change of the LEDs), which share the queue.
PS2 = DeviceQueue("i8042", window=14, begin=8, joins=True, drain_seconds=0.005)
# Four slots are left: what was taken by the guest's poll is seen only when the interrupt has been served.
USB = DeviceQueue("usb", window=12, begin=6, joins=True, drain_seconds=0.0085)
# A command is one report to virtio: edges that are joined reach the guest as one report, which Linux takes apart in order.
VIRTIO = DeviceQueue("virtio", window=56, begin=28, joins=True, drain_seconds=0.003)
# When it isn't known yet which keyboard takes the keys: what every one of them can bear.
ANY = DeviceQueue("", window=12, begin=6, joins=False, drain_seconds=0.0085)
# A pointer's queue merges motions that wait in it, so each report waits until the one before was seen.
ONE_BY_ONE = DeviceQueue("", window=1, begin=1, joins=False, drain_seconds=0.0085, learns=False)

_OF_KEYBOARD = {"ps2": PS2, "usb": USB, "virtio": VIRTIO}
_OF_BUS = {queue.bus: queue for queue in _OF_KEYBOARD.values()}


def queue_of_bus(bus: str) -> DeviceQueue:
    """The queue of the device that was seen to take the keys."""
    return _OF_BUS.get(bus, ANY)


def queue_of_keyboards(keyboards: Sequence[str]) -> DeviceQueue:
    """The queue to begin with, given the VM's keyboards ("ps2", "usb", "virtio"): cautious when there are several."""
    return _OF_KEYBOARD.get(keyboards[0], ANY) if len(keyboards) == 1 else ANY
