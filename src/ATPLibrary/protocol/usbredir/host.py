"""The protocol's "host": who has the device, and answers for it what the guest asks. No I/O.

What came goes in by `feed`; what is to be sent gathers in `output`.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

from ATPLibrary.errors import ChannelError
from ATPLibrary.protocol.usbredir import packets
from ATPLibrary.protocol.usbredir.descriptors import TransferType, active, endpoint_info, interface_info
from ATPLibrary.protocol.usbredir.device import Setup, Stall, UsbDevice
from ATPLibrary.protocol.usbredir.packets import IN, Cap, Packet, PacketStream, Side, Status, UsbRedirError

P = ParamSpec("P")
T = TypeVar("T")

VERSION = "ATPLibrary usbredir"
CAPS = sum(
    1 << each
    for each in (
        Cap.CONNECT_DEVICE_VERSION, Cap.FILTER, Cap.DEVICE_DISCONNECT_ACK, Cap.EP_INFO_MAX_PACKET_SIZE, Cap.IDS_64_BITS,
        Cap.BULK_LENGTH_32_BITS,
    )
)  # fmt: skip
# More than any controller keeps going at once.
MOST_PENDING = 1024


class UsbState(enum.Enum):
    """GREETING -its hello-> EMPTY -device_connect sent-> OFFERED -it asks something-> ASKED -it sets a configuration-> CONFIGURED;
    from the last three -filter_reject-> REJECTED, -device_disconnect sent-> LEAVING -its acknowledgement-> EMPTY.

    A guest without that capability acknowledges nothing: EMPTY at once. A reset by the guest leads from CONFIGURED back to ASKED.
    """

    GREETING = "greeting"
    EMPTY = "empty"
    OFFERED = "offered"
    ASKED = "asked"
    CONFIGURED = "configured"
    REJECTED = "rejected"
    LEAVING = "leaving"

    @property
    def has_device(self) -> bool:
        return self in (UsbState.OFFERED, UsbState.ASKED, UsbState.CONFIGURED)


class UsbHost:
    """Speaks for one device at a time. `filter` is the guest's, as it told; `changed` is called with each new state."""

    def __init__(self, subject: str, caps: int = CAPS) -> None:
        self.subject = subject
        self.state = UsbState.GREETING
        self.device: UsbDevice | None = None
        self.filter = ""
        self.changed: Callable[[UsbState], None] = lambda state: None
        self.counted: dict[str, int] = {}  # the guest's packets by name
        self._stream = PacketStream(Side.HOST, caps)
        self._output = bytearray()
        self._offered: UsbDevice | None = None  # until its hello came
        self._waiting: dict[int, deque[packets.BulkPacket]] = {}
        self._listening: set[int] = set()  # interrupt endpoints
        self._streaming: set[int] = set()  # isochronous ones
        self._next_id = 0

    @property
    def ids_have_64_bits(self) -> bool:
        return self._stream.can(Cap.IDS_64_BITS)

    def output(self) -> bytes:
        """What is to be sent, which is then taken as sent."""
        data, self._output = bytes(self._output), bytearray()
        return data

    def attach(self, device: UsbDevice) -> None:
        """Plug a device in, as soon as the guest's side has greeted. `ChannelError` while another one is."""
        if self.device is not None or self._offered is not None or self.state is UsbState.LEAVING:
            there = self.device or self._offered
            raise ChannelError.about(
                self.subject, wanted="have no device", got=f"has {there.kind if there is not None else 'one that leaves'}",
                next_step="Detach that first",
            )  # fmt: skip
        self._offered = device
        if self.state is not UsbState.GREETING:
            self._offer()

    def detach(self) -> None:
        """Unplug the device; nothing where there is none."""
        device, self.device, self._offered = self.device, None, None
        if device is None or not self.state.has_device:
            if self.state is UsbState.REJECTED:
                self._move(UsbState.EMPTY)
            return
        self._let_go(device)
        self._send(packets.DeviceDisconnect())
        self._move(UsbState.LEAVING if self._stream.can(Cap.DEVICE_DISCONNECT_ACK) else UsbState.EMPTY)

    def feed(self, data: bytes) -> None:
        """Bytes of the guest's side. `UsbRedirError` for those that can't be."""
        self._stream.feed(data)
        while (packet := self._stream.take()) is not None:
            self.counted[packet.name()] = self.counted.get(packet.name(), 0) + 1
            self._handle(packet)

    # The protocol's own packets.

    def _handle(self, packet: Packet) -> None:
        match packet:
            case packets.Hello():
                # Only now: QEMU reads nothing while its VM is suspended, and what waits for it there outlives this connection. A
                # hello that reaches the next one before its own makes QEMU lose its place in the stream, for good.
                self._output += self._stream.hello(VERSION)
                self._move(UsbState.EMPTY)
                if self._offered is not None:
                    self._offer()
            case packets.FilterFilter(rules=rules):
                self.filter = rules.rstrip(b"\0").decode("utf-8", "replace")
            case packets.FilterReject():
                if self.device is not None:
                    device, self.device = self.device, None
                    self._let_go(device)
                    self._move(UsbState.REJECTED)
            case packets.DeviceDisconnectAck():
                if self.state is UsbState.LEAVING:
                    self._move(UsbState.EMPTY)
            case _ if packet.number in _FROM_HOST:
                raise UsbRedirError.at(
                    packet.name(), "type", "comes from the guest, and only a device's side may send it"
                )
            case _ if self.device is not None:
                self._for_device(packet, self.device)
            case _:
                pass  # for a device that is gone: it is asked no more once the guest has seen that

    def _offer(self) -> None:
        assert self._offered is not None
        device, self._offered = self._offered, None
        self.device = device
        device.restart()
        device.is_driven = False
        device.tell = self._pump
        description = device.description
        # What it will be in its first configuration: the guest's filter looks at that.
        self._tell_interfaces(description.configurations[0].value if description.configurations else 0)
        self._send(
            packets.DeviceConnect(
                speed=description.speed, device_class=description.class_code, subclass=description.subclass,
                protocol=description.protocol, vendor=description.vendor, product=description.product,
                version=description.version,
            )
        )  # fmt: skip
        self._move(UsbState.OFFERED)

    def _let_go(self, device: UsbDevice) -> None:
        """Nothing waits for the device any more: what the guest has asked is answered, as cancelled."""
        self._cancel_all()
        self._listening.clear()
        self._streaming.clear()
        device.tell = lambda endpoint: None

    def _cancel_all(self) -> None:
        for waiting in self._waiting.values():
            for each in waiting:
                self._answer_bulk(each, Status.CANCELLED)
        self._waiting.clear()

    # What the guest asks of the device.

    def _for_device(self, packet: Packet, device: UsbDevice) -> None:
        if self.state is UsbState.OFFERED:
            self._move(UsbState.ASKED)
        match packet:
            case packets.Reset():
                self._cancel_all()
                self._listening.clear()
                self._streaming.clear()
                self._ask(device, device.restart)
                if self.state is UsbState.CONFIGURED:
                    self._move(UsbState.ASKED)
            case packets.SetConfiguration(id=id, configuration=value):
                self._set_configuration(device, id, value)
            case packets.GetConfiguration(id=id):
                self._send(packets.ConfigurationStatus(id=id, status=Status.SUCCESS, configuration=device.configured))
            case packets.SetAltSetting(id=id, interface=interface, alternate=alternate):
                self._set_alternate(device, id, interface, alternate)
            case packets.GetAltSetting(id=id, interface=interface):
                chosen = device.alternates.get(interface, 0)
                self._send(
                    packets.AltSettingStatus(id=id, status=Status.SUCCESS, interface=interface, alternate=chosen)
                )
            case packets.StartIsoStream(id=id, endpoint=address):
                status = self._start(device, address, TransferType.ISO, self._streaming)
                self._send(packets.IsoStreamStatus(id=id, status=status, endpoint=address))
                self._begin(device, address, status)
            case packets.StopIsoStream(id=id, endpoint=address):
                self._streaming.discard(address)
                self._send(packets.IsoStreamStatus(id=id, status=Status.SUCCESS, endpoint=address))
            case packets.StartInterruptReceiving(id=id, endpoint=address):
                status = self._start(device, address, TransferType.INTERRUPT, self._listening)
                self._send(packets.InterruptReceivingStatus(id=id, status=status, endpoint=address))
                self._begin(device, address, status)
            case packets.StopInterruptReceiving(id=id, endpoint=address):
                self._listening.discard(address)
                self._send(packets.InterruptReceivingStatus(id=id, status=Status.SUCCESS, endpoint=address))
            case packets.ControlPacket():
                self._control(device, packet)
            case packets.BulkPacket():
                self._bulk(device, packet)
            case packets.IsoPacket(endpoint=address, data=data):
                if address in self._streaming and not address & IN:
                    self._receive(device, address, data)
            case packets.InterruptPacket(id=id, endpoint=address, length=length, data=data):
                known = device.endpoint(address)
                fits = known is not None and known.type is TransferType.INTERRUPT and not known.is_incoming
                status = self._receive(device, address, data) if fits else Status.INVALID
                taken = length if status is Status.SUCCESS else 0
                self._send(packets.InterruptPacket(id=id, endpoint=address, status=status, length=taken))
            case packets.CancelDataPacket(id=id):
                self._cancel(id)

    def _set_configuration(self, device: UsbDevice, id: int, value: int) -> None:
        if value and device.description.configuration(value) is None:
            self._send(packets.ConfigurationStatus(id=id, status=Status.STALL, configuration=device.configured))
            return
        self._cancel_all()
        self._listening.clear()
        device.configured, device.alternates, device.halted = value, {}, set()
        self._tell_interfaces(value)
        self._send(packets.ConfigurationStatus(id=id, status=Status.SUCCESS, configuration=value))
        self._move(UsbState.CONFIGURED if value else UsbState.ASKED)

    def _set_alternate(self, device: UsbDevice, id: int, interface: int, alternate: int) -> None:
        configuration = device.configuration
        known = configuration is not None and any(
            (each.number, each.alternate) == (interface, alternate) for each in configuration.interfaces
        )
        if known:
            device.alternates[interface] = alternate
            self._tell_interfaces(device.configured)
        status = Status.SUCCESS if known else Status.STALL
        chosen = device.alternates.get(interface, 0)
        self._send(packets.AltSettingStatus(id=id, status=status, interface=interface, alternate=chosen))

    def _tell_interfaces(self, value: int) -> None:
        assert self.device is not None
        found = active(self.device.description.configuration(value), self.device.alternates)
        self._send(endpoint_info(found))
        self._send(interface_info(found))

    def _start(self, device: UsbDevice, address: int, type: TransferType, started: set[int]) -> Status:
        known = device.endpoint(address)
        if known is None or known.type is not type:
            return Status.INVALID
        device.is_driven = True
        started.add(address)
        return Status.SUCCESS

    def _begin(self, device: UsbDevice, address: int, status: Status) -> None:
        if status is Status.SUCCESS:
            self._ask(device, device.started, address)
            self._pump(address)

    def _control(self, device: UsbDevice, packet: packets.ControlPacket) -> None:
        setup = Setup(packet.request_type, packet.request, packet.value, packet.index, packet.length)
        status, data = Status.SUCCESS, b""
        try:
            data = self._ask(device, device.handle_control, setup, packet.data)
        except Stall:
            status = Status.STALL
        incoming = bool(packet.endpoint & IN)
        length = len(data) if incoming else (packet.length if status is Status.SUCCESS else 0)
        self._send(
            packets.ControlPacket(
                id=packet.id, endpoint=packet.endpoint, request=packet.request, request_type=packet.request_type,
                status=status, value=packet.value, index=packet.index, length=length, data=data if incoming else b"",
            )
        )  # fmt: skip

    def _bulk(self, device: UsbDevice, packet: packets.BulkPacket) -> None:
        known = device.endpoint(packet.endpoint)
        if known is None or known.type is not TransferType.BULK:
            self._answer_bulk(packet, Status.INVALID)
        elif packet.endpoint in device.halted:
            self._answer_bulk(packet, Status.STALL)
        elif not known.is_incoming:
            self._answer_bulk(packet, self._receive(device, packet.endpoint, packet.data))
        elif sum(map(len, self._waiting.values())) >= MOST_PENDING:
            self._answer_bulk(packet, Status.IO_ERROR)
        else:
            device.is_driven = True
            self._waiting.setdefault(packet.endpoint, deque()).append(packet)
        for each in list(self._waiting):  # what was received may be what an answer waited for
            self._pump(each)

    def _receive(self, device: UsbDevice, address: int, data: bytes) -> Status:
        device.is_driven = True
        try:
            self._ask(device, device.receive, address, data)
        except Stall:
            device.halted.add(address)
            return Status.STALL
        return Status.SUCCESS

    def _cancel(self, id: int) -> None:
        for waiting in self._waiting.values():
            for each in [each for each in waiting if each.id == id]:
                waiting.remove(each)
                self._answer_bulk(each, Status.CANCELLED)

    def _answer_bulk(self, asked: packets.BulkPacket, status: Status, data: bytes = b"") -> None:
        incoming = bool(asked.endpoint & IN)
        size = len(data) if incoming else (asked.size if status is Status.SUCCESS else 0)
        self._send(
            packets.BulkPacket(
                id=asked.id, endpoint=asked.endpoint, status=status, length=size & 0xFFFF, length_high=size >> 16,
                stream=asked.stream, data=data,
            )
        )  # fmt: skip

    # What the device has for the guest.

    def _pump(self, address: int) -> None:
        """Send what the device has for an incoming endpoint, as far as the guest wants it."""
        device = self.device
        if device is None:
            return
        known = device.endpoint(address)
        if known is None:
            return
        if address in self._listening or address in self._streaming:
            for data in self._taken(device, address, known.packet):
                self._next_id += 1
                kind = packets.InterruptPacket if address in self._listening else packets.IsoPacket
                self._send(kind(id=self._next_id, endpoint=address, length=len(data), data=data))
            return
        waiting = self._waiting.get(address, deque())
        while waiting and address not in device.halted:
            try:
                found = self._ask(device, device.take, address, waiting[0].size)
            except Stall:
                device.halted.add(address)
                break
            if found is None:
                break
            asked = waiting.popleft()
            if len(found) > asked.size:
                self._answer_bulk(asked, Status.BABBLE)
            else:
                self._answer_bulk(asked, Status.SUCCESS, found)
        if address in device.halted:
            while waiting:
                self._answer_bulk(waiting.popleft(), Status.STALL)

    def _taken(self, device: UsbDevice, address: int, size: int) -> Iterator[bytes]:
        while (data := self._ask(device, device.take, address, size)) is not None:
            yield data

    def _ask(self, device: UsbDevice, handler: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """A device may be a tester's own: what fails in it is told as that."""
        try:
            return handler(*args, **kwargs)
        except Stall:
            raise
        except Exception as error:
            name = getattr(handler, "__name__", "handler")
            raise ChannelError.about(
                f"USB device '{device.kind}'", wanted="answer the guest", got=f"failed in {name}: {error!r}",
                next_step="Mend the device; it is unplugged now",
            ) from error  # fmt: skip

    def _send(self, packet: Packet) -> None:
        self._output += self._stream.packed(packet)

    def _move(self, state: UsbState) -> None:
        if state is not self.state:
            self.state = state
            self.changed(state)


_FROM_HOST = frozenset(
    each.number
    for each in (
        packets.DeviceConnect, packets.DeviceDisconnect, packets.InterfaceInfo, packets.EndpointInfo,
        packets.ConfigurationStatus, packets.AltSettingStatus, packets.IsoStreamStatus, packets.InterruptReceivingStatus,
    )
)  # fmt: skip
