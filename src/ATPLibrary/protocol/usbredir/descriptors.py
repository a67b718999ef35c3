"""What a USB device says it is: descriptors. Source: USB 2.0 specification, chapter 9.6."""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass, field

from ATPLibrary.protocol.usbredir.packets import ENDPOINTS, IN, NO_ENDPOINT, EndpointInfo, InterfaceInfo, Speed

_ENGLISH = 0x0409


class TransferType(enum.IntEnum):
    CONTROL = 0
    ISO = 1
    BULK = 2
    INTERRUPT = 3


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`address` has 0x80 for one that brings data to the guest. `packet` in bytes, `interval` as bInterval counts at its speed."""

    address: int
    type: TransferType
    packet: int
    interval: int = 0

    @property
    def is_incoming(self) -> bool:
        return bool(self.address & IN)

    @property
    def descriptor(self) -> bytes:
        return struct.pack("<BBBBHB", 7, 5, self.address, self.type, self.packet, self.interval)


@dataclass(frozen=True, slots=True)
class Interface:
    """One alternate setting of an interface. `extra` are class descriptors, which stand between its own and its endpoints'."""

    number: int
    class_code: int
    subclass: int = 0
    protocol: int = 0
    endpoints: tuple[Endpoint, ...] = ()
    alternate: int = 0
    extra: bytes = b""

    @property
    def descriptor(self) -> bytes:
        own = struct.pack(
            "<BBBBBBBBB", 9, 4, self.number, self.alternate, len(self.endpoints), self.class_code, self.subclass,
            self.protocol, 0,
        )  # fmt: skip
        return own + self.extra + b"".join(each.descriptor for each in self.endpoints)


@dataclass(frozen=True, slots=True)
class Configuration:
    """`milliamperes` is what it draws from the bus."""

    interfaces: tuple[Interface, ...]
    value: int = 1
    milliamperes: int = 100

    @property
    def descriptor(self) -> bytes:
        body = b"".join(each.descriptor for each in self.interfaces)
        count = len({each.number for each in self.interfaces})
        return struct.pack("<BBHBBBBB", 9, 2, 9 + len(body), count, self.value, 0, 0x80, self.milliamperes // 2) + body


@dataclass(frozen=True, slots=True)
class DeviceDescription:
    """A whole device. `version` is its own, in BCD: 0x0100 is 1.0. `class_code` 0 means that each interface has its class."""

    vendor: int
    product: int
    configurations: tuple[Configuration, ...]
    manufacturer: str = "ATPLibrary"
    name: str = "Scripted device"
    serial: str = ""
    speed: Speed = Speed.HIGH
    version: int = 0x0100
    class_code: int = 0
    subclass: int = 0
    protocol: int = 0
    strings: dict[int, str] = field(default_factory=dict)

    @property
    def descriptor(self) -> bytes:
        return struct.pack(
            "<BBHBBBBHHHBBBB", 18, 1, 0x0200, self.class_code, self.subclass, self.protocol, 64, self.vendor, self.product,
            self.version, 1, 2, 3 if self.serial else 0, len(self.configurations),
        )  # fmt: skip

    @property
    def qualifier(self) -> bytes | None:
        """What a fast device would be at its other speed: the same. A slow one has none."""
        if self.speed is not Speed.HIGH:
            return None
        return struct.pack(
            "<BBHBBBBBB", 10, 6, 0x0200, self.class_code, self.subclass, self.protocol, 64, len(self.configurations), 0
        )

    def string(self, index: int) -> bytes | None:
        """The string descriptor of that index, None where there is none. Index 0 lists the languages."""
        if index == 0:
            return struct.pack("<BBH", 4, 3, _ENGLISH)
        text = {1: self.manufacturer, 2: self.name, 3: self.serial, **self.strings}.get(index)
        if not text:
            return None
        encoded = text.encode("utf-16-le")[:252]
        return struct.pack("<BB", 2 + len(encoded), 3) + encoded

    def configuration(self, value: int) -> Configuration | None:
        return next((each for each in self.configurations if each.value == value), None)


def active(configuration: Configuration | None, alternates: dict[int, int]) -> list[Interface]:
    """The interfaces of a configuration in their chosen alternate settings (0 where none was chosen)."""
    if configuration is None:
        return []
    return [each for each in configuration.interfaces if each.alternate == alternates.get(each.number, 0)]


def interface_info(interfaces: list[Interface]) -> InterfaceInfo:
    """What usbredir tells of interfaces."""
    shown = interfaces[:ENDPOINTS]

    def table(values: list[int]) -> bytes:
        return bytes(values).ljust(ENDPOINTS, b"\0")

    return InterfaceInfo(
        count=len(shown),
        interfaces=table([each.number for each in shown]),
        classes=table([each.class_code for each in shown]),
        subclasses=table([each.subclass for each in shown]),
        protocols=table([each.protocol for each in shown]),
    )


def endpoint_info(interfaces: list[Interface]) -> EndpointInfo:
    """What usbredir tells of endpoints. Endpoint 0 is always there, in both directions."""
    types, intervals, owners = bytearray([NO_ENDPOINT]) * ENDPOINTS, bytearray(ENDPOINTS), bytearray(ENDPOINTS)
    sizes = [0] * ENDPOINTS
    for control in (0, 16):
        types[control], sizes[control] = TransferType.CONTROL, 64
    for interface in interfaces:
        for each in interface.endpoints:
            at = (16 if each.is_incoming else 0) + (each.address & 15)
            types[at], intervals[at], owners[at], sizes[at] = each.type, each.interval, interface.number, each.packet
    return EndpointInfo(
        types=bytes(types),
        intervals=bytes(intervals),
        interfaces=bytes(owners),
        packet_sizes=struct.pack("<32H", *sizes),
    )
