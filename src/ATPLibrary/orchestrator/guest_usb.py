"""A USB device as a Linux guest knows it: asked through the QEMU guest agent, of sysfs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ATPLibrary.errors import VerificationError
from ATPLibrary.transport.remaining import remaining

if TYPE_CHECKING:
    from ATPLibrary.protocol.qga import Qga

# The device whose serial number is $1: where it is plugged in, what it is, which driver has each interface, its nodes in /dev.
_LOOK = r"""
for device in /sys/bus/usb/devices/*; do
  [ -e "$device/serial" ] || continue
  read -r serial <"$device/serial"
  [ "$serial" = "$1" ] || continue
  read -r vendor <"$device/idVendor"
  read -r product <"$device/idProduct"
  read -r speed <"$device/speed"
  echo "path ${device##*/}"
  echo "id $vendor:$product"
  echo "speed $speed"
  for interface in "$device"/*:*; do
    [ -e "$interface/bInterfaceNumber" ] || continue
    driver=
    [ -e "$interface/driver" ] && driver=$(readlink "$interface/driver")
    echo "interface ${interface##*:} ${driver##*/}"
  done
  find "$device/" -name uevent -exec sed -n 's/^DEVNAME=/node /p' {} \;
done
"""
_POLL_SECONDS = 0.5
_CALL_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class GuestUsbDevice:
    """`drivers` by interface ("1.0"), empty for one without; `nodes` in /dev ("sda", "ttyACM0", "input/event5")."""

    path: str
    id: str
    speed: str
    drivers: dict[str, str]
    nodes: tuple[str, ...]

    def is_ready(self, node: str = "") -> bool:
        """Each interface has a driver, and one of its nodes begins so."""
        driven = bool(self.drivers) and all(self.drivers.values())
        return driven and (not node or any(each.startswith(node) for each in self.nodes))

    def __str__(self) -> str:
        drivers = ", ".join(f"{number} {driver or 'without a driver'}" for number, driver in self.drivers.items())
        nodes = ", ".join(self.nodes) or "nothing"
        return f"{self.id} at {self.path} with {self.speed} Mbit/s; interfaces: {drivers or 'none'}; in /dev: {nodes}"


async def look(qga: Qga, serial: str, timeout: float) -> GuestUsbDevice | None:
    """The device of that serial number, None where the guest has none."""
    told = await qga.exec(["/bin/sh", "-c", _LOOK, "sh", serial], timeout=timeout)
    if told.exit_code != 0:
        raise VerificationError.about(
            f"The guest of VM '{qga.domain.name}'", wanted="tell of its USB devices",
            got=f"said: {(told.stderr or told.stdout).strip() or f'exit code {told.exit_code}'}",
            next_step="Only Linux guests can be asked, through /sys",
        )  # fmt: skip
    return parsed(told.stdout)


def parsed(text: str) -> GuestUsbDevice | None:
    facts: dict[str, str] = {}
    drivers: dict[str, str] = {}
    nodes: list[str] = []
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word == "interface":
            number, _, driver = rest.partition(" ")
            drivers[number] = driver
        elif word == "node":
            nodes.append(rest)
        else:
            facts[word] = rest
    if "path" not in facts or facts.get("id") == ":":  # it goes, and its numbers went before its directory
        return None
    return GuestUsbDevice(facts["path"], facts.get("id", ""), facts.get("speed", ""), drivers, tuple(sorted(nodes)))


async def wait_until(
    qga: Qga, serial: str, holds: Callable[[GuestUsbDevice | None], bool], wanted: str, timeout: float
) -> GuestUsbDevice | None:
    """Ask until it holds: a guest's sysfs tells nobody of a change. `VerificationError` with what was seen last."""
    left = remaining(timeout)
    while True:
        seen = await look(qga, serial, max(_POLL_SECONDS, min(_CALL_SECONDS, left())))
        if holds(seen):
            return seen
        if left() < _POLL_SECONDS:
            raise VerificationError.about(
                f"The guest of VM '{qga.domain.name}'", wanted=wanted, waited=timeout,
                got=f"has {seen}" if seen is not None else "has no such device in /sys/bus/usb/devices",
                next_step="Look at the guest's kernel log (dmesg)",
            )  # fmt: skip
        await asyncio.sleep(_POLL_SECONDS)
