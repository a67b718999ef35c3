"""usbredir's packets. Source: usbredir 0.13, `usbredirproto.h` and its protocol description.

A packet is a header (type, length, id), fields that belong to its type, and perhaps data. The id has 32 bits, and 64 once both
sides have said that they can; the hello always has 32. Some fields come only if both sides have their capability. All numbers are
little-endian. "Guest" is who has the virtual machine, "host" who has the device: the protocol's words.
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, ClassVar, Self

from ATPLibrary.errors import ChannelError


class Cap(enum.IntEnum):
    """Bits of the hello."""

    BULK_STREAMS = 0
    CONNECT_DEVICE_VERSION = 1
    FILTER = 2
    DEVICE_DISCONNECT_ACK = 3
    EP_INFO_MAX_PACKET_SIZE = 4
    IDS_64_BITS = 5
    BULK_LENGTH_32_BITS = 6
    BULK_RECEIVING = 7


class Status(enum.IntEnum):
    SUCCESS = 0
    CANCELLED = 1
    INVALID = 2
    IO_ERROR = 3
    STALL = 4
    TIMEOUT = 5
    BABBLE = 6


class Speed(enum.IntEnum):
    LOW = 0
    FULL = 1
    HIGH = 2
    SUPER = 3


ENDPOINTS = 32  # 16 out, then 16 in
NO_ENDPOINT = 255
IN = 0x80
# More than any transfer of a guest's has: Linux asks a disk for 1 MiB at most.
LARGEST_BULK = 16 << 20
_LARGEST_FILTER = 64 << 10


class UsbRedirError(ChannelError):
    """A packet that can't be. `name` is the packet's, `field` what is wrong in it."""

    def __init__(self, message: str, name: str = "", field: str = "") -> None:
        super().__init__(message)
        self.name = name
        self.field = field

    @classmethod
    def at(cls, name: str, field: str, got: str) -> Self:
        subject = f"Field '{field}' of the usbredir packet {name}" if field else f"The usbredir packet {name}"
        return cls.about(
            subject,
            got=got,
            next_step="The other side lies, or speaks another usbredir than 0.7",
            name=name,
            field=field,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """`layout` are the letters of its fields for `struct`, in the order of the class's lines; `optional` those that need a
    capability. `most_data` bytes may stand behind the fields.
    """

    number: ClassVar[int]
    layout: ClassVar[str] = ""
    optional: ClassVar[tuple[tuple[Cap, str], ...]] = ()
    most_data: ClassVar[int] = 0

    id: int = 0

    @classmethod
    def name(cls) -> str:
        return cls.__name__


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello(Packet):
    """The first packet of both sides. `capabilities` are words of 32 bits."""

    number = 0
    layout = "64s"
    most_data = 64

    version: bytes = b""
    capabilities: bytes = b""

    @property
    def caps(self) -> int:
        return int.from_bytes(self.capabilities, "little")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceConnect(Packet):
    number = 1
    layout = "BBBBHH"
    optional = ((Cap.CONNECT_DEVICE_VERSION, "H"),)

    speed: int
    device_class: int
    subclass: int
    protocol: int
    vendor: int
    product: int
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceDisconnect(Packet):
    number = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset(Packet):
    number = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceInfo(Packet):
    """Four tables of 32 bytes, of which the first `count` hold."""

    number = 4
    layout = "I32s32s32s32s"

    count: int
    interfaces: bytes
    classes: bytes
    subclasses: bytes
    protocols: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointInfo(Packet):
    """Tables of 32: outgoing endpoints 0 to 15, then incoming ones. `types` 255 is none; `packet_sizes` has 16 bits each."""

    number = 5
    layout = "32s32s32s"
    optional = ((Cap.EP_INFO_MAX_PACKET_SIZE, "64s"), (Cap.BULK_STREAMS, "128s"))

    types: bytes
    intervals: bytes
    interfaces: bytes
    packet_sizes: bytes = bytes(64)
    streams: bytes = bytes(128)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetConfiguration(Packet):
    number = 6
    layout = "B"

    configuration: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GetConfiguration(Packet):
    number = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationStatus(Packet):
    number = 8
    layout = "BB"

    status: int
    configuration: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAltSetting(Packet):
    number = 9
    layout = "BB"

    interface: int
    alternate: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GetAltSetting(Packet):
    number = 10
    layout = "B"

    interface: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AltSettingStatus(Packet):
    number = 11
    layout = "BBB"

    status: int
    interface: int
    alternate: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StartIsoStream(Packet):
    number = 12
    layout = "BBB"

    endpoint: int
    packets_per_urb: int
    urbs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StopIsoStream(Packet):
    number = 13
    layout = "B"

    endpoint: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IsoStreamStatus(Packet):
    number = 14
    layout = "BB"

    status: int
    endpoint: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StartInterruptReceiving(Packet):
    number = 15
    layout = "B"

    endpoint: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StopInterruptReceiving(Packet):
    number = 16
    layout = "B"

    endpoint: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InterruptReceivingStatus(Packet):
    number = 17
    layout = "BB"

    status: int
    endpoint: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelDataPacket(Packet):
    """The data packet of that `id` is wanted no more. It is answered all the same."""

    number = 21


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterReject(Packet):
    """The guest's filter doesn't let the device in."""

    number = 22


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterFilter(Packet):
    """The guest's filter, as text that a zero byte ends: rules "class,vendor,product,version,allow", with "|" between."""

    number = 23
    most_data = _LARGEST_FILTER

    rules: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceDisconnectAck(Packet):
    number = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPacket(Packet):
    """What goes to or comes from an endpoint. In the direction against the data's it is a question, or says how much was taken."""

    endpoint: int
    status: int = 0
    length: int = 0
    data: bytes = b""

    @property
    def size(self) -> int:
        """How many bytes are meant."""
        return self.length


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPacket(Packet):
    number = 100
    layout = "BBBBHHH"
    most_data = 0xFFFF

    endpoint: int
    request: int
    request_type: int
    status: int = 0
    value: int = 0
    index: int = 0
    length: int = 0
    data: bytes = b""

    @property
    def size(self) -> int:
        return self.length


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkPacket(Packet):
    number = 101
    layout = "BBHI"
    optional = ((Cap.BULK_LENGTH_32_BITS, "H"),)
    most_data = LARGEST_BULK

    endpoint: int
    status: int = 0
    length: int = 0
    stream: int = 0
    length_high: int = 0
    data: bytes = b""

    @property
    def size(self) -> int:
        return self.length_high << 16 | self.length


@dataclass(frozen=True, slots=True, kw_only=True)
class IsoPacket(DataPacket):
    number = 102
    layout = "BBH"
    most_data = 0xFFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class InterruptPacket(DataPacket):
    number = 103
    layout = "BBH"
    most_data = 0xFFFF


Data = ControlPacket | BulkPacket | IsoPacket | InterruptPacket
_DATA = (ControlPacket, BulkPacket, IsoPacket, InterruptPacket)
PACKETS: dict[int, type[Packet]] = {
    each.number: each
    for each in (
        Hello, DeviceConnect, DeviceDisconnect, Reset, InterfaceInfo, EndpointInfo, SetConfiguration, GetConfiguration,
        ConfigurationStatus, SetAltSetting, GetAltSetting, AltSettingStatus, StartIsoStream, StopIsoStream, IsoStreamStatus,
        StartInterruptReceiving, StopInterruptReceiving, InterruptReceivingStatus, CancelDataPacket, FilterReject, FilterFilter,
        DeviceDisconnectAck, *_DATA,
    )
}  # fmt: skip


class Side(enum.Enum):
    """Who sends."""

    GUEST = "guest"
    HOST = "host"


class PacketStream:
    """Both directions of one connection, seen from one side: bytes in, packets out, and the other way round.

    What the other side can is known from its hello, which must be its first packet.
    """

    def __init__(self, side: Side, caps: int) -> None:
        self.peer_caps: int | None = None  # None until its hello
        self._side = side
        self._caps = caps
        self._buffer = bytearray()

    def can(self, cap: Cap) -> bool:
        """Both sides have it."""
        return bool((self.peer_caps or 0) & self._caps & 1 << cap)

    def hello(self, version: str) -> bytes:
        """Our hello."""
        return self.packed(Hello(version=version.encode()[:63], capabilities=struct.pack("<I", self._caps)))

    def packed(self, packet: Packet) -> bytes:
        layout, names = _layout(packet.number, self._have())
        body = layout.pack(*(getattr(packet, name) for name in names)) + _data_of(packet)
        return self._header(packet.number).pack(packet.number, len(body), packet.id) + body

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def take(self) -> Packet | None:
        """The next whole packet. `UsbRedirError` for one that can't be: after it the stream can't be read."""
        if len(self._buffer) < 12:
            return None
        number, length = struct.unpack_from("<II", self._buffer)
        if self.peer_caps is None and number != Hello.number:
            raise UsbRedirError.at(_name(number), "type", f"is {number} where a hello must come first")
        kind = PACKETS.get(number)
        if kind is None:
            raise UsbRedirError.at(_name(number), "type", f"is {number}, which there is not")
        layout, names = _layout(number, self._have())
        if not layout.size <= length <= layout.size + kind.most_data:
            most = f" to {layout.size + kind.most_data}" if kind.most_data else ""
            raise UsbRedirError.at(kind.name(), "length", f"is {length} bytes where {layout.size}{most} can be")
        header = self._header(number)
        if len(self._buffer) < header.size + length:
            return None
        (_, _, id) = header.unpack_from(self._buffer)
        values: dict[str, Any] = dict(zip(names, layout.unpack_from(self._buffer, header.size), strict=True))
        data = bytes(memoryview(self._buffer)[header.size + layout.size : header.size + length])
        del self._buffer[: header.size + length]
        if kind.most_data:
            values[_data_field(kind)] = data
        packet = kind(id=id, **values)
        self._check(packet)
        if isinstance(packet, Hello):
            self.peer_caps = packet.caps
        return packet

    @property
    def buffered(self) -> int:
        """Bytes of a packet that isn't whole yet."""
        return len(self._buffer)

    def _have(self) -> int:
        return (self.peer_caps or 0) & self._caps

    def _header(self, number: int) -> struct.Struct:
        return _LONG if number != Hello.number and self.can(Cap.IDS_64_BITS) else _SHORT

    def _check(self, packet: Packet) -> None:
        if isinstance(packet, Hello):
            if self.peer_caps is not None:
                raise UsbRedirError.at("Hello", "type", "comes a second time")
            if len(packet.capabilities) % 4:
                raise UsbRedirError.at(
                    "Hello", "capabilities", f"has {len(packet.capabilities)} bytes, not whole words"
                )
        if not isinstance(packet, _DATA):
            return
        # Data goes with the packet only on the endpoint's own way.
        incoming = bool(packet.endpoint & IN)
        wanted = packet.size if incoming is (self._side is Side.GUEST) else 0
        if packet.size > packet.most_data:
            raise UsbRedirError.at(
                packet.name(), "length", f"asks for {packet.size} bytes, at most {packet.most_data} can be"
            )
        if len(packet.data) != wanted:
            raise UsbRedirError.at(packet.name(), "data", f"has {len(packet.data)} bytes where {wanted} are told of")


_SHORT, _LONG = struct.Struct("<III"), struct.Struct("<IIQ")


def _name(number: int) -> str:
    kind = PACKETS.get(number)
    return kind.name() if kind is not None else f"of type {number}"


def _data_field(kind: type[Packet]) -> str:
    return {Hello: "capabilities", FilterFilter: "rules"}.get(kind, "data")


def _data_of(packet: Packet) -> bytes:
    return bytes(getattr(packet, _data_field(type(packet)))) if packet.most_data else b""


@cache
def _layout(number: int, caps: int) -> tuple[struct.Struct, tuple[str, ...]]:
    """The fields of a kind, as they stand when both sides have `caps`."""
    kind = PACKETS[number]
    known = [each.name for each in fields(kind) if each.name != "id"]
    if kind.most_data:
        known.remove(_data_field(kind))
    letters = kind.layout + "".join(letter for cap, letter in kind.optional if caps & 1 << cap)
    # Optional fields are the last ones; those without their capability keep their default.
    names = known[: len(known) - len(kind.optional)]
    names += [name for name, (cap, _) in zip(known[len(names) :], kind.optional, strict=True) if caps & 1 << cap]
    return struct.Struct("<" + letters), tuple(names)
