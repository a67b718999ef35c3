"""Channels that carry another protocol, against a server in this process: USB, ports, smartcards; packed data, and lies."""

from __future__ import annotations

import asyncio
import gc
import struct
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import lz4.block
import pytest
from robot.api.types import Secret as RobotSecret
from tests.spice.server import Peer, SpiceServer

from ATPLibrary.errors import ChannelError, DeadlineError, InputError, VerificationError
from ATPLibrary.keywords.spice_ports import SpicePortKeywords
from ATPLibrary.keywords.spice_usb import SpiceUsbKeywords
from ATPLibrary.keywords.spice_words import taken_up_to
from ATPLibrary.orchestrator.spice_usb import AttachedUsb, type_edges
from ATPLibrary.protocol.qmp.edges import Edge
from ATPLibrary.protocol.spice.channels import PortConversation, SmartcardConversation, UsbredirConversation
from ATPLibrary.protocol.spice.client import SpeakingChannel, speaking
from ATPLibrary.protocol.spice.errors import SpiceProtocolError
from ATPLibrary.protocol.spice.smartcard import CardState, ScriptedCard
from ATPLibrary.protocol.usbredir import UsbState, packets
from ATPLibrary.protocol.usbredir.devices import UsbKeyboard
from ATPLibrary.protocol.usbredir.devices.keyboard import KEYS
from ATPLibrary.protocol.usbredir.packets import PacketStream, Side
from ATPLibrary.secrets import mask_bytes
from ATPLibrary.transport.spice import SpiceChannelType as Type
from ATPLibrary.transport.spice_connection import SpiceVmConnection
from ATPLibrary.verifier import Layout
from ATPLibrary.verifier.hiding import HiddenTimes

pytestmark = pytest.mark.unit

DATA, COMPRESSED = 101, 102
# usbredir's hello with all capabilities: type, length, id, version, capabilities.
HELLO = struct.pack("<III", 0, 68, 0) + b"qemu".ljust(64, b"\0") + struct.pack("<I", 0xFF)


async def opened(connection: SpiceVmConnection, server: SpiceServer, type: Type) -> tuple[SpeakingChannel, Peer]:
    channel = speaking(await connection.open_channel(type, timeout=5))
    return channel, await server.peer(type)


def packed(data: bytes, size: int | None = None) -> bytes:
    return struct.pack("<BI", 1, len(data) if size is None else size) + lz4.block.compress(data, store_size=False)


@pytest.mark.parametrize("how", ["plain", "packed", "in pieces"])
async def test_usbredir_greets_and_offers_a_device(
    server: SpiceServer, connection: SpiceVmConnection, how: str
) -> None:
    channel, peer = await opened(connection, server, Type.USBREDIR)
    usb = channel.conversation
    assert isinstance(usb, UsbredirConversation)
    assert peer.channel_caps == 1
    usb.host.attach(UsbKeyboard())
    if how == "plain":
        peer.send(DATA, HELLO)
    elif how == "packed":
        peer.send(COMPRESSED, packed(HELLO))
    else:
        for at in range(len(HELLO)):
            peer.send(DATA, HELLO[at : at + 1])
    await channel.wait_until(lambda: usb.host.state is UsbState.OFFERED, 5, "offer it")
    said = await peer.expect(DATA)
    ours, offer = said[:80], said[80:]
    assert (ours[:12], ours[12:31]) == (HELLO[:12], b"ATPLibrary usbredir")
    assert struct.unpack_from("<II", offer) == (5, 160)  # the endpoints come first
    assert offer[-26:][:4] == b"\1\0\0\0"  # and the device last


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        (packed(b"x", size=1 << 21), "uncompressed_size' .* says 2097152 bytes, at most 1048576"),
        (packed(b"x" * 100, size=50), "data' .* can't be unpacked"),
        (packed(b"x" * 100, size=200), "data' .* unpacks to 100 bytes where 200 are told of"),
        (struct.pack("<BI", 7, 1) + b"x", "type' .* is 7, which there is not"),
        (b"\1\1", "uncompressed_size' .* takes 4 bytes and 1 are left"),
    ],
)
async def test_packed_data_that_lies_ends_its_channel_by_name(
    server: SpiceServer, connection: SpiceVmConnection, body: bytes, wrong: str
) -> None:
    channel, peer = await opened(connection, server, Type.PORT)
    peer.send(COMPRESSED, body)
    with pytest.raises(SpiceProtocolError, match=wrong):
        await channel.wait_until(lambda: False, 5, "end")
    assert connection.channels[Type.MAIN, 0].state.is_open


async def test_usbredir_that_can_not_be_ends_its_channel_by_name(
    server: SpiceServer, connection: SpiceVmConnection
) -> None:
    channel, peer = await opened(connection, server, Type.USBREDIR)
    peer.send(DATA, HELLO + struct.pack("<IIQ", 101, 0xFFFFFFFF, 0))
    with pytest.raises(ChannelError, match="usbredir packet BulkPacket is 4294967295 bytes where"):
        await channel.wait_until(lambda: False, 5, "end")


class Caller:
    """What a keyword asks of its library: here the session is there, and `waiting` is what it waits for."""

    def __init__(self, connection: SpiceVmConnection, attached: AttachedUsb | None = None) -> None:
        self.waiting: Any = None
        self.timeout = 5.0
        self.hidden = HiddenTimes()
        self._machine = SimpleNamespace(name="win11", hidden_times=self.hidden, layout=lambda: Layout("us"))
        self.workspace = SimpleNamespace(
            spice_sessions=SimpleNamespace(of=lambda machine: connection),
            usb=SimpleNamespace(find=lambda machine, name: attached),
        )

    def seconds(self, *_: object) -> float:
        return self.timeout

    async def machine(self, *_: object) -> Any:
        return self._machine

    def wait(self, waiting: Any, *_: object) -> int:
        self.waiting = waiting
        return 0


async def test_a_secret_that_a_port_s_guest_sends_back_is_known_for_one(
    server: SpiceServer, connection: SpiceVmConnection
) -> None:
    word = b"correct-horse-77"
    channel, peer = await opened(connection, server, Type.PORT)
    port, caller = channel.conversation, Caller(connection)
    assert isinstance(port, PortConversation)
    assert mask_bytes(word) == word
    SpicePortKeywords.write_to_spice_port(cast(Any, caller), RobotSecret(word.decode()))
    await caller.waiting
    assert await peer.expect(DATA) == word
    gc.collect()
    assert mask_bytes(word) == b"*" * len(word)
    peer.send(DATA, b"echo " + word + b"." * 190)  # what is quoted begins in the midst of it
    await channel.wait_until(lambda: len(port.unread) > 200, 5, "bring it")
    with pytest.raises(DeadlineError, match=r"'\*+\.+'"):
        await taken_up_to(channel, port.unread, "ready", 0.05)


async def test_a_port_is_written_to_once_a_program_in_the_guest_has_it_open(
    server: SpiceServer, connection: SpiceVmConnection
) -> None:
    channel, peer = await opened(connection, server, Type.PORT)
    port, caller = channel.conversation, Caller(connection)
    assert isinstance(port, PortConversation)
    peer.send(202, b"\1")
    await channel.wait_until(lambda: not port.opened, 5, "be closed")
    SpicePortKeywords.write_to_spice_port(cast(Any, caller), "hello")
    writing = asyncio.create_task(caller.waiting)
    peer.send(4, bytes(12))
    await peer.expect(3)  # the client has had its turn
    assert not [body for number, body in peer.got if number == DATA]
    peer.send(202, b"\0")
    await writing
    assert await peer.expect(DATA) == b"hello"
    peer.send(202, b"\1")
    await channel.wait_until(lambda: not port.opened, 5, "be closed")
    caller.timeout = 0.1
    SpicePortKeywords.write_to_spice_port(cast(Any, caller), "lost")
    with pytest.raises(
        VerificationError,
        match=r"SPICE port 'org' of VM 'win11' should be opened by a program in the guest within 0\.1 s but is closed\. "
        r"Nothing was written",
    ):
        await caller.waiting
    peer.send(4, bytes(12))
    await peer.expect(3)
    assert not [body for number, body in peer.got if number == DATA]


async def test_a_port_brings_text_both_ways_and_knows_its_other_half(
    server: SpiceServer, connection: SpiceVmConnection
) -> None:
    channel, peer = await opened(connection, server, Type.PORT)
    port = channel.conversation
    assert isinstance(port, PortConversation)
    assert (port.name, port.opened) == ("org", True)
    peer.send(DATA, b"hel")
    peer.send(COMPRESSED, packed(b"lo"))
    await channel.wait_until(lambda: bytes(port.unread) == b"hello", 5, "bring it")
    port.pass_on(b"back")
    await channel.pass_on("what is queued", 5)
    assert await peer.expect(DATA) == b"back"
    peer.send(202, b"\1")
    await channel.wait_until(lambda: not port.opened, 5, "be closed")
    assert port.closings == 1


async def test_what_a_port_s_guest_writes_and_nobody_reads_has_an_end(
    server: SpiceServer, connection: SpiceVmConnection
) -> None:
    channel, peer = await opened(connection, server, Type.PORT)
    for _ in range(5):
        peer.send(DATA, bytes(1 << 20))
    with pytest.raises(ChannelError, match="should be read here but has 4194304 bytes that nobody took"):
        await channel.wait_until(lambda: False, 5, "end")


def vsc(type: int, data: bytes = b"", reader: int = 3) -> bytes:
    return struct.pack("<III", type, reader, len(data)) + data


async def test_a_card_is_put_in_asked_and_taken_out(server: SpiceServer, connection: SpiceVmConnection) -> None:
    channel, peer = await opened(connection, server, Type.SMARTCARD)
    conversation = channel.conversation
    assert isinstance(conversation, SmartcardConversation)
    reader = conversation.reader
    card = ScriptedCard(answers={b"\0\xa4": b"\x6a\x82", b"\0\xa4\4": b"\x90\0"})
    reader.insert(card)
    await channel.pass_on("what is queued", 5)
    assert struct.unpack_from("<II", await peer.expect(DATA)) == (3, 0xFFFFFFFF)
    peer.send(DATA, vsc(2, bytes(4)))
    assert await peer.expect(DATA) == vsc(5, card.atr)
    peer.send(DATA, vsc(2, bytes(4)))
    await channel.wait_until(lambda: reader.state is CardState.IN, 5, "have it in")
    for asked, answer in ((b"\0\xa4\4\0", b"\x90\0"), (b"\0\xa4\0\0", b"\x6a\x82"), (b"\0\xb0\0\0", b"\x6d\0")):
        peer.send(DATA, vsc(7, asked))
        assert await peer.expect(DATA) == vsc(7, answer)
    assert len(card.commands) == 3
    with pytest.raises(InputError, match="should be empty but has a card"):
        reader.insert(ScriptedCard())
    reader.remove()
    await channel.pass_on("what is queued", 5)
    assert await peer.expect(DATA) == vsc(6)
    peer.send(DATA, vsc(7, b"\0\xa4\0\0"))
    reader.insert(ScriptedCard())  # the reader is there already
    await channel.pass_on("what is queued", 5)
    assert struct.unpack_from("<I", await peer.expect(DATA)) == (5,)


@pytest.mark.parametrize("code", [struct.pack(">I", 2), struct.pack("<I", 2)])
async def test_a_reader_that_can_not_be_added_is_a_refusal(
    server: SpiceServer, connection: SpiceVmConnection, code: bytes
) -> None:
    channel, peer = await opened(connection, server, Type.SMARTCARD)
    conversation = channel.conversation
    assert isinstance(conversation, SmartcardConversation)
    conversation.reader.insert(ScriptedCard())
    await channel.pass_on("what is queued", 5)
    await peer.expect(DATA)
    peer.send(DATA, vsc(2, code))
    await channel.wait_until(lambda: conversation.reader.state is CardState.REFUSED, 5, "refuse it")
    assert (conversation.reader.refusal, conversation.reader.card) == (2, None)


@pytest.mark.parametrize("atr", [b"", b"\x3b", b"\x3c\0", bytes(40)])
def test_an_atr_that_is_none_is_refused(atr: bytes) -> None:
    with pytest.raises(InputError, match="begin with 3B or 3F"):
        ScriptedCard(atr)


async def test_waiting_for_a_device_that_nobody_asks_for_says_how_far_it_came(
    server: SpiceServer, connection: SpiceVmConnection
) -> None:
    from ATPLibrary.orchestrator.spice_usb import how_far

    channel, peer = await opened(connection, server, Type.USBREDIR)
    usb = channel.conversation
    assert isinstance(usb, UsbredirConversation)
    keyboard = UsbKeyboard()
    usb.host.attach(keyboard)
    with pytest.raises(DeadlineError, match="it says nothing while its VM is suspended"):
        await channel.wait_until(lambda: False, 0.05, "be driven", lambda: how_far(usb.host, keyboard))
    peer.send(DATA, HELLO)
    await channel.wait_until(lambda: usb.host.state is UsbState.OFFERED, 5, "offer it")
    assert "did not enumerate it" in how_far(usb.host, keyboard)
    peer.send(DATA, struct.pack("<IIQ", 3, 0, 0))
    await channel.wait_until(lambda: usb.host.state is UsbState.ASKED, 5, "reset it")
    assert "(1 Reset) and chose no configuration" in how_far(usb.host, keyboard)
    peer.send(DATA, struct.pack("<IIQB", 6, 1, 9, 1))
    await channel.wait_until(lambda: usb.host.state is UsbState.CONFIGURED, 5, "configure it")
    assert "modprobe usbhid" in how_far(usb.host, keyboard)


async def listened_to(channel: SpeakingChannel, peer: Peer) -> tuple[AttachedUsb, PacketStream]:
    """A keyboard whose keys a guest asks for, and that guest."""
    usb, keyboard = channel.conversation, UsbKeyboard()
    assert isinstance(usb, UsbredirConversation)
    attached, guest = AttachedUsb("keyboard", keyboard, channel, ""), PacketStream(Side.GUEST, 0xFF)
    usb.host.attach(keyboard)
    peer.send(DATA, guest.hello("a test's guest"))
    guest.feed(await peer.expect(DATA))
    while guest.take() is not None:
        pass
    for packet in (packets.SetConfiguration(id=1, configuration=1), packets.StartInterruptReceiving(endpoint=KEYS)):
        peer.send(DATA, guest.packed(packet))
    return attached, guest


@pytest.mark.parametrize("is_secret", [True, False])
async def test_the_keys_of_a_secret_are_hidden_from_a_watch_while_they_are_typed_and_a_little_later(
    server: SpiceServer, connection: SpiceVmConnection, is_secret: bool
) -> None:
    channel, peer = await opened(connection, server, Type.USBREDIR)
    attached, _ = await listened_to(channel, peer)
    caller, began = Caller(connection, attached), time.monotonic()
    SpiceUsbKeywords.type_on_usb_keyboard(cast(Any, caller), RobotSecret("zq") if is_secret else "zq")
    assert not caller.hidden.any
    typing = asyncio.create_task(caller.waiting)
    await channel.wait_until(lambda: cast(UsbKeyboard, attached.device).is_listened_to, 5, "be listened to")
    assert await typing == 4
    ended = time.monotonic()
    assert caller.hidden.any is is_secret
    assert caller.hidden.cover(ended) is is_secret
    assert caller.hidden.cover(ended + 1) is is_secret
    assert not caller.hidden.cover(began - 1)
    assert not caller.hidden.cover(ended + 3)


async def test_a_key_of_a_typing_that_is_given_up_is_released_without_another_s_help(
    server: SpiceServer, connection: SpiceVmConnection
) -> None:
    channel, peer = await opened(connection, server, Type.USBREDIR)
    attached, guest = await listened_to(channel, peer)

    def given_up() -> Iterator[Edge]:
        yield Edge("a", True)
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await type_edges(attached, given_up(), 5)
    reports: list[str] = []
    async with asyncio.timeout(5):
        while len(reports) < 2:
            guest.feed(await peer.expect(DATA))
            while (packet := guest.take()) is not None:
                if isinstance(packet, packets.InterruptPacket):
                    reports.append(packet.data.hex())
    assert reports == ["0000040000000000", "0000000000000000"]
