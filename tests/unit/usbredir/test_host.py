"""The device's side of usbredir: plugged in, asked, cancelled, rejected, unplugged."""

from __future__ import annotations

import pytest
from tests.unit.usbredir.guest import Guest, storage

from ATPLibrary.errors import ChannelError
from ATPLibrary.protocol.usbredir import (
    Configuration,
    DeviceDescription,
    Endpoint,
    Interface,
    Setup,
    Stall,
    TransferType,
    UsbDevice,
    UsbState,
    packets,
)
from ATPLibrary.protocol.usbredir.devices import UsbKeyboard, UsbSerialLine
from ATPLibrary.protocol.usbredir.devices.serial_line import FROM_GUEST, TO_GUEST
from ATPLibrary.protocol.usbredir.host import CAPS
from ATPLibrary.protocol.usbredir.packets import Cap, Status

pytestmark = pytest.mark.unit


class Own(UsbDevice):
    """A tester's: a vendor request, an interface of two settings, an isochronous pair of endpoints."""

    kind = "own"

    def __init__(self) -> None:
        eps = (
            Endpoint(0x81, TransferType.ISO, 64, 1),
            Endpoint(0x02, TransferType.ISO, 64, 1),
            Endpoint(0x03, TransferType.INTERRUPT, 8, 4),
        )
        settings = (Interface(0, 0xFF), Interface(0, 0xFF, alternate=1, endpoints=eps))
        super().__init__(DeviceDescription(0x1209, 0x0001, (Configuration(settings),), strings={4: "more"}))
        self.sent = [b"one", b"two"]
        self.got: list[tuple[int, bytes]] = []

    def control(self, setup: Setup, data: bytes) -> bytes:
        if setup.request == 7:
            return b"lucky"
        if setup.request == 8:
            raise ZeroDivisionError("a defect of its own")
        return super().control(setup, data)

    def take(self, endpoint: int, size: int) -> bytes | None:
        return self.sent.pop(0) if self.sent else None

    def receive(self, endpoint: int, data: bytes) -> None:
        if data == b"no":
            raise Stall
        self.got.append((endpoint, data))


def test_a_device_is_plugged_in_once_the_guest_has_greeted() -> None:
    guest = Guest(greets=False)
    states: list[UsbState] = []
    guest.host.changed = states.append
    guest.host.attach(UsbKeyboard("S7"))
    assert guest.host.state is UsbState.GREETING
    guest.greet()
    assert isinstance(guest.got[2], packets.DeviceConnect)
    assert guest.got[2].vendor == 0x1209
    assert states == [UsbState.EMPTY, UsbState.OFFERED]


def test_the_guest_s_way_through_enumeration_is_seen() -> None:
    guest = Guest()
    guest.plug(UsbKeyboard("S7"), configure=False)
    assert guest.host.state is UsbState.OFFERED
    descriptor = guest.control(0x80, 6, 0x0100, 0, 64)
    assert guest.host.state is UsbState.ASKED
    assert (len(descriptor.data), descriptor.data[8:12].hex()) == (18, "0912b1a7")
    configuration = guest.control(0x80, 6, 0x0200, 0, 255).data
    assert len(configuration) == int.from_bytes(configuration[2:4], "little")
    assert guest.control(0x80, 6, 0x0200, 0, 9).data == configuration[:9]
    assert guest.control(0x80, 6, 0x0303, 0x0409, 255).data == b"\6\3S\0" + b"7\0"
    assert guest.control(0x80, 6, 0x0399, 0x0409, 255).status == Status.STALL
    guest.say(packets.SetConfiguration(id=9, configuration=1))
    assert guest.host.state is UsbState.CONFIGURED
    assert not guest.host.device.is_driven  # type: ignore[union-attr]
    guest.got.clear()
    guest.control(0x21, 0x0A)
    assert guest.host.device.is_driven  # type: ignore[union-attr]


def test_a_configuration_that_there_is_not_is_refused() -> None:
    guest = Guest()
    guest.plug(UsbKeyboard(), configure=False)
    guest.say(packets.SetConfiguration(id=9, configuration=3))
    assert guest.next(packets.ConfigurationStatus).status == Status.STALL
    guest.say(packets.GetConfiguration(id=10))
    assert guest.next(packets.ConfigurationStatus) == packets.ConfigurationStatus(id=10, status=0, configuration=0)


def test_what_the_guest_waits_for_comes_when_the_device_has_it_and_can_be_cancelled() -> None:
    guest = Guest()
    line = UsbSerialLine()
    guest.plug(line)
    first, second, third = (guest.ask(TO_GUEST, 4) for _ in range(3))
    assert not guest.got
    line.write(b"hello")
    guest.listen()
    assert [(each.id, each.data) for each in guest.got] == [(first, b"hell"), (second, b"o")]  # type: ignore[attr-defined]
    guest.got.clear()
    guest.say(packets.CancelDataPacket(id=third))
    assert guest.next(packets.BulkPacket) == packets.BulkPacket(id=third, endpoint=TO_GUEST, status=Status.CANCELLED)
    guest.say(packets.CancelDataPacket(id=third))  # answered already
    assert not guest.got


def test_unplugging_answers_what_is_waited_for_and_ends_with_the_acknowledgement() -> None:
    guest = Guest()
    guest.plug(UsbSerialLine())
    guest.ask(TO_GUEST, 64)
    guest.host.detach()
    guest.listen()
    assert guest.next(packets.BulkPacket).status == Status.CANCELLED
    guest.next(packets.DeviceDisconnect)
    assert guest.host.state is UsbState.LEAVING
    guest.say(packets.BulkPacket(id=5, endpoint=TO_GUEST, length=64))  # on its way when it was unplugged
    assert not guest.got
    with pytest.raises(ChannelError, match="has one that leaves"):
        guest.host.attach(UsbKeyboard())
    guest.say(packets.DeviceDisconnectAck())
    assert guest.host.state is UsbState.EMPTY
    guest.plug(UsbKeyboard())


def test_a_guest_that_acknowledges_nothing_lets_go_at_once() -> None:
    guest = Guest(CAPS & ~(1 << Cap.DEVICE_DISCONNECT_ACK))
    guest.plug(UsbKeyboard())
    guest.host.detach()
    assert guest.host.state is UsbState.EMPTY


def test_a_second_device_is_refused_while_one_is_there() -> None:
    guest = Guest()
    guest.plug(UsbKeyboard())
    with pytest.raises(ChannelError, match="should have no device but has keyboard"):
        guest.host.attach(storage())


def test_a_filter_s_rejection_is_known_with_the_filter() -> None:
    guest = Guest()
    guest.say(packets.FilterFilter(rules=b"0x08,-1,-1,-1,0|-1,-1,-1,-1,1\0"))
    guest.plug(storage(), configure=False)
    guest.say(packets.FilterReject())
    assert (guest.host.state, guest.host.device) == (UsbState.REJECTED, None)
    assert guest.host.filter == "0x08,-1,-1,-1,0|-1,-1,-1,-1,1"
    guest.host.detach()
    assert guest.host.state is UsbState.EMPTY


def test_a_reset_leads_back_to_before_the_configuration() -> None:
    guest = Guest()
    line = UsbSerialLine()
    guest.plug(line)
    guest.control(0x21, 0x22, 1)
    waiting = guest.ask(TO_GUEST, 64)
    assert line.is_open
    guest.say(packets.Reset())
    assert guest.next(packets.BulkPacket) == packets.BulkPacket(id=waiting, endpoint=TO_GUEST, status=Status.CANCELLED)
    assert (guest.host.state, line.configured, line.is_open) == (UsbState.ASKED, 0, False)
    assert guest.bulk_out(FROM_GUEST, b"x").status == Status.INVALID


def test_a_guest_that_asks_without_end_is_refused_at_some_point() -> None:
    guest = Guest()
    guest.plug(UsbSerialLine())
    for _ in range(1024):
        guest.ask(TO_GUEST, 1)
    assert not guest.got
    assert guest.bulk_in(TO_GUEST, 1).status == Status.IO_ERROR


def test_a_device_of_one_s_own_answers_requests_and_changes_its_setting() -> None:
    guest = Guest()
    own = Own()
    guest.plug(own)
    assert guest.control(0xC0, 7, length=3).data == b"luc"
    assert guest.control(0xC0, 9, length=3).status == Status.STALL
    guest.say(packets.StartIsoStream(id=3, endpoint=0x81, packets_per_urb=8, urbs=2))
    assert guest.next(packets.IsoStreamStatus).status == Status.INVALID  # not in this setting
    guest.say(packets.SetAltSetting(id=4, interface=0, alternate=1))
    assert guest.next(packets.EndpointInfo).types[16 + 1] == TransferType.ISO
    assert guest.next(packets.InterfaceInfo).classes[0] == 0xFF
    assert guest.next(packets.AltSettingStatus) == packets.AltSettingStatus(id=4, status=0, interface=0, alternate=1)
    guest.say(packets.GetAltSetting(id=5, interface=0))
    assert guest.next(packets.AltSettingStatus).alternate == 1
    guest.say(packets.SetAltSetting(id=6, interface=0, alternate=9))
    assert guest.next(packets.AltSettingStatus).status == Status.STALL


def test_isochronous_and_interrupt_data_goes_both_ways() -> None:
    guest = Guest()
    own = Own()
    guest.plug(own)
    guest.say(packets.SetAltSetting(id=4, interface=0, alternate=1))
    guest.got.clear()
    guest.say(packets.StartIsoStream(id=3, endpoint=0x81, packets_per_urb=8, urbs=2))
    assert guest.next(packets.IsoStreamStatus).status == Status.SUCCESS
    assert [guest.next(packets.IsoPacket).data for _ in range(2)] == [b"one", b"two"]
    guest.say(packets.IsoPacket(endpoint=0x02, length=3, data=b"not"))  # its stream hasn't been started
    guest.say(packets.StartIsoStream(id=3, endpoint=0x02, packets_per_urb=8, urbs=2))
    guest.say(packets.IsoPacket(endpoint=0x02, length=3, data=b"yes"))
    guest.say(packets.StopIsoStream(id=3, endpoint=0x02))
    guest.say(packets.IsoPacket(endpoint=0x02, length=3, data=b"not"))
    guest.got.clear()
    guest.say(packets.InterruptPacket(id=8, endpoint=0x03, length=2, data=b"in"))
    assert guest.next(packets.InterruptPacket) == packets.InterruptPacket(id=8, endpoint=0x03, length=2)
    guest.say(packets.InterruptPacket(id=9, endpoint=0x03, length=2, data=b"no"))
    assert guest.next(packets.InterruptPacket).status == Status.STALL
    assert own.got == [(0x02, b"yes"), (0x03, b"in")]


def test_a_defect_of_a_device_is_told_as_its_own() -> None:
    guest = Guest()
    guest.plug(Own())
    with pytest.raises(
        ChannelError, match=r"USB device 'own' should answer the guest but failed in handle_control: ZeroDivision"
    ):
        guest.control(0xC0, 8, length=1)
