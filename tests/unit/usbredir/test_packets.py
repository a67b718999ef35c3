"""usbredir's packets against bytes written by hand from `usbredirproto.h`, and against any bytes at all."""

from __future__ import annotations

import contextlib
import struct
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.usbredir.guest import Guest, storage

from ATPLibrary.errors import ChannelError
from ATPLibrary.protocol.usbredir import packets
from ATPLibrary.protocol.usbredir.devices import UsbKeyboard, UsbSerialLine
from ATPLibrary.protocol.usbredir.host import CAPS
from ATPLibrary.protocol.usbredir.packets import Cap, Packet, PacketStream, Side, UsbRedirError

pytestmark = pytest.mark.unit

ALL_CAPS = 0xFF & ~(1 << Cap.BULK_RECEIVING)


def hello(caps: int, version: bytes = b"qemu usb-redir guest 7.2.22") -> bytes:
    return struct.pack("<III", 0, 68, 0) + version.ljust(64, b"\0") + struct.pack("<I", caps)


def greeted(caps: int, theirs: int, side: Side = Side.HOST) -> PacketStream:
    stream = PacketStream(side, caps)
    stream.feed(hello(theirs))
    first = stream.take()
    assert isinstance(first, packets.Hello)
    assert first.caps == theirs
    return stream


def test_our_hello_is_what_the_specification_says() -> None:
    said = PacketStream(Side.HOST, 0x7E).hello("ATPLibrary")
    assert said == hello(0x7E, b"ATPLibrary")


@pytest.mark.parametrize(("theirs", "id"), [(0xFF, "2a00000000000000"), (0xFF & ~(1 << 5), "2a000000")])
def test_ids_have_64_bits_once_both_sides_can(theirs: int, id: str) -> None:
    stream = greeted(ALL_CAPS, theirs)
    stream.feed(bytes.fromhex("06000000 01000000" + id + "01"))
    assert stream.take() == packets.SetConfiguration(id=42, configuration=1)
    assert stream.packed(packets.ConfigurationStatus(id=42, status=0, configuration=1)).hex() == (
        "0800000002000000" + id + "0001"
    )


def test_fields_come_only_with_their_capability() -> None:
    connect = packets.DeviceConnect(
        speed=2, device_class=0, subclass=0, protocol=0, vendor=0x1209, product=0xA7B2, version=0x100
    )
    assert len(greeted(ALL_CAPS, ALL_CAPS).packed(connect)) == 16 + 10
    assert len(greeted(ALL_CAPS, 0).packed(connect)) == 12 + 8
    info = packets.EndpointInfo(types=bytes(32), intervals=bytes(32), interfaces=bytes(32))
    assert len(greeted(ALL_CAPS, ALL_CAPS).packed(info)) == 16 + 96 + 64 + 128
    assert len(greeted(ALL_CAPS, 1 << Cap.EP_INFO_MAX_PACKET_SIZE).packed(info)) == 12 + 96 + 64
    bulk = packets.BulkPacket(id=1, endpoint=2, length=1)
    assert len(greeted(ALL_CAPS, ALL_CAPS).packed(bulk)) == 16 + 10
    assert len(greeted(ALL_CAPS, 0).packed(bulk)) == 12 + 8


def test_a_control_request_is_read_as_the_specification_lays_it_out() -> None:
    stream = greeted(ALL_CAPS, ALL_CAPS)
    stream.feed(bytes.fromhex("64000000 0a000000 0700000000000000 80 06 80 00 0001 0000 1200"))
    assert stream.take() == packets.ControlPacket(
        id=7, endpoint=0x80, request=6, request_type=0x80, value=0x100, index=0, length=18
    )


@pytest.mark.parametrize(
    ("bytes_", "wrong"),
    [
        ("06000000 02000000 0000000000000000 0101", r"SetConfiguration is 2 bytes where 1 can be"),
        ("07000000 ffffffff 0000000000000000", r"GetConfiguration is 4294967295 bytes where 0 can be"),
        ("65000000 ffffffff 0000000000000000", r"BulkPacket is 4294967295 bytes where 10 to 16777226 can be"),
        ("63000000 00000000 0000000000000000", r"of type 99 is 99, which there is not"),
        # Data against the endpoint's way; fewer bytes than are told of; more than a transfer can have.
        ("64000000 0b000000 0000000000000000 80 06 80 00 0001 0000 0100 ff", r"ControlPacket has 1 bytes where 0 are"),
        ("67000000 05000000 0000000000000000 02 00 0200 ff", r"InterruptPacket has 1 bytes where 2 are told of"),
        ("65000000 0a000000 0000000000000000 81 00 ffff 00000000 ffff", r"asks for 4294967295 bytes, at most 16777216"),
    ],
)
def test_lengths_that_lie_are_refused_before_their_bytes_are_awaited(bytes_: str, wrong: str) -> None:
    stream = greeted(ALL_CAPS, ALL_CAPS)
    stream.feed(bytes.fromhex(bytes_))
    with pytest.raises(UsbRedirError, match=wrong):
        stream.take()


def test_what_comes_before_a_hello_and_a_second_hello_are_refused() -> None:
    stream = PacketStream(Side.HOST, CAPS)
    stream.feed(struct.pack("<III", 3, 0, 0))
    with pytest.raises(UsbRedirError, match="is 3 where a hello must come first"):
        stream.take()
    again = greeted(CAPS, CAPS)
    again.feed(hello(CAPS))
    with pytest.raises(UsbRedirError, match="comes a second time"):
        again.take()


def test_what_only_a_device_s_side_may_send_is_refused_from_a_guest() -> None:
    guest = Guest()
    with pytest.raises(UsbRedirError, match=r"DeviceDisconnect comes from the guest"):
        guest.say(packets.DeviceDisconnect())


@given(
    st.lists(st.sampled_from(sorted(packets.PACKETS)), max_size=6), st.integers(0, 0xFF), st.integers(1, 7), st.data()
)
def test_packets_read_as_they_were_written_in_pieces_of_any_size(
    numbers: list[int], caps: int, piece: int, data: st.DataObject
) -> None:
    caps &= ALL_CAPS
    writer, reader = greeted(caps, caps, Side.GUEST), greeted(caps, caps, Side.HOST)
    written = [_made_up(number, data) for number in numbers if number != 0]
    stream = b"".join(map(writer.packed, written))
    read: list[Packet] = []
    for at in range(0, len(stream), piece):
        reader.feed(stream[at : at + piece])
        while (packet := reader.take()) is not None:
            read.append(packet)
    assert [type(each) for each in read] == [type(each) for each in written]
    assert [reader.packed(each) for each in read] == [writer.packed(each) for each in written]


def _made_up(number: int, data: st.DataObject) -> Packet:
    """A packet as a guest may send it: fields of any value, data that fits."""
    kind = packets.PACKETS[number]
    id = data.draw(st.integers(0, 0xFFFFFFFF))
    if issubclass(kind, packets.DataPacket | packets.ControlPacket | packets.BulkPacket):
        content = data.draw(st.binary(max_size=40))
        endpoint = data.draw(st.sampled_from([0, 2, 0x80, 0x81]))
        more = {"request": 1, "request_type": endpoint & 0x80} if kind is packets.ControlPacket else {}
        return kind(id=id, endpoint=endpoint, length=len(content), data=b"" if endpoint & 0x80 else content, **more)  # type: ignore[arg-type,call-arg]
    if kind is packets.FilterFilter:
        return packets.FilterFilter(id=id, rules=data.draw(st.binary(max_size=40)))
    sizes = {"types": 32, "intervals": 32, "interfaces": 32, "classes": 32, "subclasses": 32, "protocols": 32}
    sizes |= {"packet_sizes": 64, "streams": 128}
    values = {
        name: bytes(sizes[name]) if name in sizes else data.draw(st.integers(0, 255))
        for name in (each.name for each in fields(kind))
        if name != "id"
    }
    return kind(id=id, **values)  # type: ignore[arg-type]


@given(st.binary(max_size=400), st.booleans(), st.sampled_from(["keyboard", "serial", "storage", "none"]))
def test_any_bytes_are_understood_or_refused_and_nothing_else(noise: bytes, greets: bool, plugged: str) -> None:
    guest = Guest(greets=greets)
    if plugged != "none":
        guest.host.attach({"keyboard": UsbKeyboard, "serial": UsbSerialLine, "storage": storage}[plugged]())  # type: ignore[operator]
    with contextlib.suppress(ChannelError):
        guest.host.feed(noise)
    assert len(guest.host.output()) < 100_000


@given(
    st.lists(st.sampled_from(sorted(packets.PACKETS.keys() - {0, 1, 2, 4, 5, 8, 11, 14, 17})), max_size=12),
    st.sampled_from(["keyboard", "serial", "storage"]),
    st.data(),
)
def test_any_packets_in_any_order_leave_a_device_that_can_be_unplugged(
    numbers: list[int], plugged: str, data: st.DataObject
) -> None:
    guest = Guest()
    guest.plug({"keyboard": UsbKeyboard, "serial": UsbSerialLine, "storage": storage}[plugged]())  # type: ignore[operator]
    for number in numbers:
        guest.say(_made_up(number, data))
    guest.host.detach()
    guest.listen()
    assert guest.host.device is None
