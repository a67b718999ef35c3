"""What an input device is, in the words of the agent protocol's `devices`."""

from __future__ import annotations

from atp_guest_agent.codes import (
    ABS_X,
    ABS_Y,
    BTN_LEFT,
    BTN_TOUCH,
    BUS_I8042,
    BUS_USB,
    KEY_A,
    KEY_ENTER,
    KEY_Z,
    REL_X,
    REL_Y,
)


class Description:
    """A device as its system describes it; what it is good for shows in its keys and axes."""

    def __init__(
        self,
        name: str = "",
        phys: str = "",
        bustype: int = 0,
        vendor: int = 0,
        product: int = 0,
        keys: frozenset[int] = frozenset(),
        relative: frozenset[int] = frozenset(),
        ranges: dict[int, tuple[int, int]] | None = None,
    ) -> None:
        self.name = name
        self.phys = phys
        self.bustype = bustype
        self.vendor = vendor
        self.product = product
        self.ranges = ranges or {}
        self.keyboard = {KEY_A, KEY_Z, KEY_ENTER} <= keys
        self.pointer = None
        if {ABS_X, ABS_Y} <= self.ranges.keys() and keys & {BTN_LEFT, BTN_TOUCH}:
            self.pointer = "absolute"
        elif {REL_X, REL_Y} <= relative:
            self.pointer = "relative"

    @property
    def bus(self) -> str:
        if self.phys.startswith("virtio"):  # virtio-input takes its bus type from the host, so that says nothing
            return "virtio"
        return {BUS_I8042: "i8042", BUS_USB: "usb"}.get(self.bustype, "other")

    def message(self, number: int, path: str) -> dict[str, object]:
        absolute = None
        if self.pointer == "absolute":
            absolute = {str(axis): list(self.ranges[axis]) for axis in (ABS_X, ABS_Y)}
        return {
            "id": number,
            "path": path,
            "name": self.name,
            "bus": self.bus,
            "bustype": self.bustype,
            "vendor": self.vendor,
            "product": self.product,
            "phys": self.phys,
            "keyboard": self.keyboard,
            "pointer": self.pointer,
            "absolute": absolute,
        }
