"""The protocol's other side: what QEMU's usb-redir does, by hand. Its packets are this library's; `test_packets` holds those."""

from __future__ import annotations

from typing import TypeVar

from ATPLibrary.protocol.usbredir import packets
from ATPLibrary.protocol.usbredir.device import UsbDevice
from ATPLibrary.protocol.usbredir.devices import UsbStorage
from ATPLibrary.protocol.usbredir.host import CAPS, UsbHost
from ATPLibrary.protocol.usbredir.packets import IN, Packet, PacketStream, Side

K = TypeVar("K", bound=Packet)


class Guest:
    """Connected to a `UsbHost`, both having greeted; `got` are the host's packets that nobody has taken."""

    def __init__(self, caps: int = CAPS, greets: bool = True) -> None:
        self.host = UsbHost("The USB device of a test")
        self.stream = PacketStream(Side.GUEST, caps)
        self.got: list[Packet] = []
        self._id = 100
        if greets:
            self.greet()

    def greet(self) -> None:
        self.host.feed(self.stream.hello("a test's guest"))
        self.listen()
        assert isinstance(self.got.pop(0), packets.Hello)

    def listen(self) -> None:
        self.stream.feed(self.host.output())
        while (packet := self.stream.take()) is not None:
            self.got.append(packet)

    def say(self, packet: Packet) -> None:
        self.host.feed(self.stream.packed(packet))
        self.listen()

    def next(self, kind: type[K]) -> K:
        """The oldest packet that was not taken, which must be of that kind."""
        packet = self.got.pop(0)
        assert isinstance(packet, kind), packet
        return packet

    def plug(self, device: UsbDevice, *, configure: bool = True) -> packets.DeviceConnect:
        self.host.attach(device)
        self.listen()
        self.next(packets.EndpointInfo)
        self.next(packets.InterfaceInfo)
        connected = self.next(packets.DeviceConnect)
        if configure:
            self.say(packets.SetConfiguration(id=1, configuration=1))
            self.next(packets.EndpointInfo)
            self.next(packets.InterfaceInfo)
            assert self.next(packets.ConfigurationStatus) == packets.ConfigurationStatus(
                id=1, status=0, configuration=1
            )
        return connected

    def control(
        self, type: int, request: int, value: int = 0, index: int = 0, length: int = 0, *, data: bytes = b""
    ) -> packets.ControlPacket:
        self._id += 1
        self.say(
            packets.ControlPacket(
                id=self._id, endpoint=type & IN, request=request, request_type=type, value=value, index=index,
                length=length or len(data), data=data,
            )
        )  # fmt: skip
        answer = self.next(packets.ControlPacket)
        assert answer.id == self._id
        return answer

    def ask(self, endpoint: int, size: int) -> int:
        """A bulk request for data; returns its id."""
        self._id += 1
        self.say(packets.BulkPacket(id=self._id, endpoint=endpoint, length=size & 0xFFFF, length_high=size >> 16))
        return self._id

    def bulk_in(self, endpoint: int, size: int) -> packets.BulkPacket:
        id = self.ask(endpoint, size)
        answer = self.next(packets.BulkPacket)
        assert answer.id == id
        return answer

    def bulk_out(self, endpoint: int, data: bytes) -> packets.BulkPacket:
        self._id += 1
        size = len(data)
        self.say(
            packets.BulkPacket(id=self._id, endpoint=endpoint, length=size & 0xFFFF, length_high=size >> 16, data=data)
        )
        answer = self.next(packets.BulkPacket)
        assert answer.id == self._id
        return answer


class Memory:
    """A medium of 64 blocks, each filled with its number."""

    def __init__(self, *, read_only: bool = False) -> None:
        self.content = bytearray(b"".join(bytes([at]) * 512 for at in range(64)))
        self.read_only = read_only

    @property
    def size(self) -> int:
        return len(self.content)

    def read(self, at: int, size: int) -> bytes:
        return bytes(self.content[at : at + size])

    def write(self, at: int, data: bytes) -> None:
        self.content[at : at + len(data)] = data


def storage(*, read_only: bool = False) -> UsbStorage:
    return UsbStorage(Memory(read_only=read_only), "S1")
