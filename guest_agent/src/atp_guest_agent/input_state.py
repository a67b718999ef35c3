"""How the guest's input stands now, as the protocol's `state` tells it. A device that is just vanishing tells nothing."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from atp_guest_agent.platform import Device


def held(devices: Iterable[Device]) -> list[tuple[int, int]]:
    """The keys and buttons that are down: device, code."""
    down = []
    for device in devices:
        try:
            down += [(device.number, code) for code in device.held()]
        except OSError:
            continue
    return down


def absolute(devices: Iterable[Device]) -> list[tuple[int, int, int]]:
    """Where the absolute pointers are: device, axis, value."""
    from atp_guest_agent.codes import ABS_X, ABS_Y

    places = []
    for device in devices:
        if device.description.pointer != "absolute":
            continue
        try:
            places += [(device.number, axis, device.axis(axis)) for axis in (ABS_X, ABS_Y)]
        except OSError:
            continue
    return places


def leds(devices: Iterable[Device]) -> list[tuple[int, int, int]]:
    """The keyboards' lights: device, LED, lit or not."""
    lights = []
    for device in devices:
        if not device.description.keyboard:
            continue
        try:
            lights += [(device.number, led, lit) for led, lit in device.leds()]
        except OSError:
            continue
    return lights


def axis(devices: Iterable[Device], number: int, code: int) -> int:
    """The value of a device's axis. Raises OSError where that is gone."""
    for device in devices:
        if device.number == number:
            return device.axis(code)
    raise OSError(f"device {number} is gone")
