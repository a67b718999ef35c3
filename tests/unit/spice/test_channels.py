"""Linked channels against a server in this process: what is answered by itself, counted, harmed, and what ends a channel."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.spice.server import SESSION, Behaviour, SpiceServer, spice_server

from ATPLibrary.errors import ChannelError, DeadlineError
from ATPLibrary.events import Event
from ATPLibrary.protocol.spice.channels import ChannelState, InputsConversation, MainConversation, PortConversation
from ATPLibrary.protocol.spice.client import speaking
from ATPLibrary.protocol.spice.errors import SpiceProtocolError
from ATPLibrary.protocol.spice.frames import Frame
from ATPLibrary.protocol.spice.messages import base, inputs, main
from ATPLibrary.protocol.spice.schema import Sender
from ATPLibrary.protocol.spice.seam import Fault, Harm
from ATPLibrary.protocol.spice.wire import Wire
from ATPLibrary.transport.spice import SpiceChannelType as Type
from ATPLibrary.transport.spice_connection import SpiceChannelState, SpiceVmConnection

pytestmark = pytest.mark.unit


def main_of(connection: SpiceVmConnection) -> MainConversation:
    conversation = speaking(connection.channels[Type.MAIN, 0]).conversation
    assert isinstance(conversation, MainConversation)
    return conversation


async def test_all_ten_channels_are_listed_opened_and_closed_at_run_time(
    server: SpiceServer, connection: SpiceVmConnection
) -> None:
    listed = [(each.type, each.id) for each in main_of(connection).channels]
    assert listed == [(int(each), 0) for each in Type]
    for type in Type:
        if type is not Type.MAIN:
            channel = await connection.open_channel(type, timeout=5)
            assert channel.state is SpiceChannelState.LINKED
            assert speaking(channel).conversation.state is ChannelState.READY
    assert {peer.session for peer in server.peers} == {0, SESSION}
    port = speaking(connection.channels[Type.PORT, 0]).conversation
    assert isinstance(port, PortConversation)
    assert (port.name, port.opened) == ("org", True)
    await connection.close_channel(Type.CURSOR)
    assert connection.channel(Type.CURSOR) is None
    assert len(connection.channels) == 9


async def test_the_main_channel_knows_session_name_and_clock(connection: SpiceVmConnection) -> None:
    known = main_of(connection)
    assert (known.name, known.mouse_mode) == ("win11", 1)
    assert known.uuid == "00010203-0405-0607-0809-0a0b0c0d0e0f"
    assert 5000 <= known.multi_media_time() < 65000


async def test_a_ping_is_answered_with_its_id_and_time(server: SpiceServer, connection: SpiceVmConnection) -> None:
    peer = await server.peer(Type.MAIN)
    peer.send(4, bytes.fromhex("07000000 0807060504030201") + bytes(250_000))
    assert (await peer.expect(3)).hex() == "070000000807060504030201"
    assert main_of(connection).wire.statistics.pings == 1


async def test_each_window_of_messages_is_acknowledged(server: SpiceServer, connection: SpiceVmConnection) -> None:
    peer = await server.peer(Type.MAIN)
    peer.send(3, struct.pack("<II", 9, 5))
    assert await peer.expect(1) == b"\x09\0\0\0"
    for count in range(12):
        peer.send(106, struct.pack("<I", count))
    await peer.expect(2)
    await peer.expect(2)
    peer.send(4, bytes(12))
    await peer.expect(3)
    assert [number for number, _ in peer.got] == [104]
    statistics = main_of(connection).wire.statistics
    assert (statistics.acks_sent, statistics.ack_stalls) == (2, 0)


async def test_withheld_acknowledgements_stall_the_server_and_are_sent_when_they_are_let_go(
    server: SpiceServer, connection: SpiceVmConnection
) -> None:
    peer = await server.peer(Type.MAIN)
    main_channel = speaking(connection.channels[Type.MAIN, 0])
    peer.send(3, struct.pack("<II", 1, 5))
    await peer.expect(1)
    assert main_channel.withhold_acks(True) == 0
    for count in range(10):
        peer.send(106, struct.pack("<I", count))
    statistics = main_of(connection).wire.statistics
    await main_channel.wait_until(lambda: statistics.by_name["MULTI_MEDIA_TIME"] == 10, 5, "get them")
    assert (statistics.acks_sent, statistics.acks_withheld, statistics.ack_stalls) == (0, 2, 1)
    assert not [number for number, _ in peer.got if number == 2]
    assert main_channel.withhold_acks(False) == 2
    await peer.expect(2)
    await peer.expect(2)
    assert statistics.acks_sent == 2


async def test_acknowledgements_that_nobody_asked_for_can_not_be_withheld(connection: SpiceVmConnection) -> None:
    main_channel = speaking(connection.channels[Type.MAIN, 0])
    with pytest.raises(ChannelError, match=r"main:0 .* can be withheld but has none: .*display and cursor"):
        main_channel.withhold_acks(True)
    assert not main_channel.conversation.wire.seam.withholds_acks
    assert main_channel.withhold_acks(False) == 0


async def test_messages_and_bytes_are_counted_both_ways(server: SpiceServer, connection: SpiceVmConnection) -> None:
    inputs_channel = speaking(await connection.open_channel(Type.INPUTS, timeout=5))
    await inputs_channel.send(inputs.KeyDown(0x1E), 5)
    assert await (await server.peer(Type.INPUTS)).expect(101) == b"\x1e\0\0\0"
    counted = inputs_channel.conversation.wire.statistics.as_dict()
    assert (counted["messages_received"], counted["bytes_received"]) == (1, 8)
    assert (counted["messages_sent"], counted["bytes_sent"]) == (1, 10)
    assert counted["received"] == {"INIT": 1}


async def test_one_channel_is_opened_anew_while_the_others_go_on(
    server: SpiceServer, connection: SpiceVmConnection
) -> None:
    first = await connection.open_channel(Type.INPUTS, timeout=5)
    cursor = await connection.open_channel(Type.CURSOR, timeout=5)
    ended = server.bus.subscribe(lambda event: event.kind == "spice.channel.failed")
    (await server.peer(Type.INPUTS)).writer.close()
    async with asyncio.timeout(5):
        told = await anext(ended)
    ended.close()
    assert "the server closed it" in told.data["reason"]
    with pytest.raises(ChannelError, match=r"inputs:0 .* should be linked but is failed \(the server closed it"):
        speaking(first)
    again = await connection.open_channel(Type.INPUTS, timeout=5)
    await speaking(again).send(inputs.KeyDown(1), 5)
    await (await server.peer(Type.INPUTS)).expect(101)
    assert speaking(cursor).conversation.state is ChannelState.READY


async def test_an_unknown_message_is_counted_and_warned_of_once(
    server: SpiceServer, connection: SpiceVmConnection
) -> None:
    peer = await server.peer(Type.MAIN)
    for _ in range(3):
        peer.send(999, b"?")
    peer.send(4, bytes(12))
    await peer.expect(3)
    assert main_of(connection).wire.statistics.as_dict()["unknown"] == {"message 999": 3}
    warnings = [event for event in server.bus.take_notices() if event.is_warning]
    assert [event.kind for event in warnings] == ["spice.unknown-message"]


async def test_messages_within_a_message_are_handled_in_their_order(
    server: SpiceServer, connection: SpiceVmConnection
) -> None:
    parts = [struct.pack("<HII", 106, 4, 111), struct.pack("<HII", 106, 4, 222)]
    begin = 2 + 2 * 4
    offsets = struct.pack("<HII", 2, begin, begin + len(parts[0]))
    peer = await server.peer(Type.MAIN)
    peer.send(8, offsets + b"".join(parts))
    peer.send(4, bytes(12))
    await peer.expect(3)
    known = main_of(connection)
    assert known.wire.statistics.by_name["MULTI_MEDIA_TIME"] == 2
    assert 222 <= known.multi_media_time() < 60222


@pytest.mark.parametrize(
    ("number", "body", "size", "reason"),
    [
        (104, bytes.fromhex("ffffffff"), None, r"Field 'channels' .* CHANNELS_LIST on SPICE channel main:0 of VM 'win11'"),
        (105, b"\1", None, "Field 'supported' of the SPICE message MOUSE_MODE"),
        (106, b"", 0x7FFFFFFF, "Field 'size' .* MULTI_MEDIA_TIME .* says 2147483647 bytes, at most 65536"),
        (999, b"", 0x7FFFFFFF, "Field 'size' of the SPICE message message 999 .* says 2147483647 bytes"),
        (8, b"\xff\xff", None, "Field 'sub_list' of the SPICE message LIST .* says 65535 messages and 0 bytes are left"),
        (8, struct.pack("<HI", 1, 77), None, "Field 'sub_messages' of the SPICE message LIST .* point to byte 77 of 6"),
        (8, struct.pack("<HI", 1, 6) + struct.pack("<HI", 106, 99), None, "Field 'sub_messages' .* say 99 bytes where 0 are left"),
    ],
)  # fmt: skip
async def test_lengths_that_lie_end_the_channel_and_name_channel_message_and_field(
    server: SpiceServer, connection: SpiceVmConnection, *, number: int, body: bytes, size: int | None, reason: str
) -> None:
    main_channel = speaking(connection.channels[Type.MAIN, 0])
    (await server.peer(Type.MAIN)).send(number, body, size)
    with pytest.raises(SpiceProtocolError, match=reason):
        await main_channel.wait_until(lambda: False, 5, "end")
    assert connection.channels[Type.MAIN, 0].state is SpiceChannelState.FAILED
    with pytest.raises(SpiceProtocolError, match=reason):
        await main_channel.send(main.AttachChannels(), 5)


async def test_a_connection_that_ends_within_a_message_says_within_which(
    server: SpiceServer, connection: SpiceVmConnection
) -> None:
    main_channel = speaking(connection.channels[Type.MAIN, 0])
    peer = await server.peer(Type.MAIN)
    peer.send(103, bytes(5), size=32)
    peer.writer.close()
    with pytest.raises(ChannelError, match="the server closed it within INIT, after 5 of its 32 bytes"):
        await main_channel.wait_until(lambda: False, 5, "end")


async def test_a_server_that_says_goodbye_is_quoted(server: SpiceServer, connection: SpiceVmConnection) -> None:
    main_channel = speaking(connection.channels[Type.MAIN, 0])
    peer = await server.peer(Type.MAIN)
    peer.say(base.Disconnecting(0, 1))
    peer.writer.close()
    with pytest.raises(ChannelError, match=r"the server said goodbye \(reason ERROR\)"):
        await main_channel.wait_until(lambda: False, 5, "end")


async def test_migration_is_decoded_and_told(server: SpiceServer, connection: SpiceVmConnection) -> None:
    with server.bus.subscribe(lambda event: event.kind == "spice.migration") as news:
        (await server.peer(Type.MAIN)).say(main.MigrateBegin(main.Destination(5901, 0, 7, b"node-2\0", 0, None)))
        async with asyncio.timeout(5):
            told: Event = await anext(news)
    assert {key: told.data[key] for key in ("message", "host", "port")} == {
        "message": "MIGRATE_BEGIN", "host": "node-2", "port": 5901,
    }  # fmt: skip


async def test_a_dropped_message_is_not_sent_and_counted(server: SpiceServer, connection: SpiceVmConnection) -> None:
    channel = speaking(await connection.open_channel(Type.INPUTS, timeout=5))
    channel.conversation.wire.seam.faults.append(Fault(Harm.DROP, Sender.CLIENT, "KEY_DOWN"))
    await channel.send(inputs.KeyDown(1), 5)
    await channel.send(inputs.KeyDown(2), 5)
    peer = await server.peer(Type.INPUTS)
    assert await peer.expect(101) == b"\2\0\0\0"
    statistics = channel.conversation.wire.statistics
    assert (statistics.messages_sent, statistics.faults) == (1, 1)
    harmed = [str(record) for record in channel.conversation.wire.seam.records if record.harm]
    assert len(harmed) == 1
    assert "-> KEY_DOWN (4 bytes, drop)" in harmed[0]


async def test_a_truncated_and_a_corrupted_message_arrive_so(
    server: SpiceServer, connection: SpiceVmConnection
) -> None:
    channel = speaking(await connection.open_channel(Type.INPUTS, timeout=5))
    faults = channel.conversation.wire.seam.faults
    faults += [Fault(Harm.TRUNCATE, Sender.CLIENT, keep=3), Fault(Harm.CORRUPT, Sender.CLIENT, at=1)]
    peer = await server.peer(Type.INPUTS)
    await channel.send(inputs.KeyDown(0x01020304), 5)
    assert await peer.expect(101) == b"\4\3\2"
    await channel.send(inputs.KeyDown(0x01020304), 5)
    assert await peer.expect(101) == b"\4\xfc\2\1"
    assert faults == []


async def test_a_fault_that_would_change_nothing_is_not_counted_and_waits(
    server: SpiceServer, connection: SpiceVmConnection
) -> None:
    channel = speaking(await connection.open_channel(Type.INPUTS, timeout=5))
    seam = channel.conversation.wire.seam
    cutting, turning = Fault(Harm.TRUNCATE, Sender.CLIENT, keep=4), Fault(Harm.CORRUPT, Sender.CLIENT)
    peer = await server.peer(Type.INPUTS)
    seam.faults += [cutting]
    await channel.send(inputs.KeyDown(0x01020304), 5)
    assert await peer.expect(101) == b"\4\3\2\1"
    assert (channel.conversation.wire.statistics.faults, seam.is_harmed, seam.faults) == (0, False, [cutting])
    assert not [record for record in seam.records if record.harm]
    await channel.send_frame(Frame(101, bytes(6)), 5)
    assert await peer.expect(101) == bytes(4)
    assert (channel.conversation.wire.statistics.faults, seam.is_harmed, seam.faults) == (1, True, [])
    seam.faults += [turning]
    await channel.send_frame(Frame(101, b""), 5)
    assert await peer.expect(101) == b""
    assert (channel.conversation.wire.statistics.faults, seam.faults) == (1, [turning])


async def test_a_main_channel_that_a_fault_has_broken_blames_no_other_client(
    server: SpiceServer, connection: SpiceVmConnection
) -> None:
    main_channel = speaking(connection.channels[Type.MAIN, 0])
    main_channel.conversation.wire.seam.faults.append(Fault(Harm.TRUNCATE, Sender.CLIENT, keep=1))
    await main_channel.send(main.MouseModeRequest(2), 5)
    peer = await server.peer(Type.MAIN)
    await peer.expect(main.MouseModeRequest.kind.number)
    peer.writer.close()
    with pytest.raises(ChannelError, match=r"a fault on purpose has broken: .* -> MOUSE_MODE_REQUEST .*truncate"):
        await main_channel.wait_until(lambda: False, 5, "end")


@pytest.mark.parametrize("first", [Type.MAIN, Type.DISPLAY])
async def test_a_channel_that_ends_with_its_session_says_why_the_session_ended(
    server: SpiceServer, connection: SpiceVmConnection, first: Type
) -> None:
    channel = await connection.open_channel(Type.DISPLAY, timeout=5)
    display = speaking(channel)
    peers = {type: await server.peer(type) for type in (Type.MAIN, Type.DISPLAY)}
    peers.pop(first).writer.close()
    peers.popitem()[1].writer.close()
    with pytest.raises(ChannelError, match=r"display:0 .*another client has taken the session: .*'Connect To SPICE'"):
        await display.wait_until(lambda: False, 5, "end")
    with pytest.raises(ChannelError, match=r"display:0 .*another client has taken the session: .*'Connect To SPICE'"):
        speaking(channel)


async def test_a_channel_that_ends_alone_is_opened_again(server: SpiceServer, connection: SpiceVmConnection) -> None:
    display = speaking(await connection.open_channel(Type.DISPLAY, timeout=5))
    peer = await server.peer(Type.DISPLAY)
    await peer.expect(101)
    peer.writer.close()
    with pytest.raises(ChannelError, match=r"display:0 .*but the server closed it\. Open it again"):
        await display.wait_until(lambda: False, 5, "end")


async def test_a_truncated_message_of_the_server_is_an_error_that_names_its_field(
    server: SpiceServer, connection: SpiceVmConnection
) -> None:
    main_channel = speaking(connection.channels[Type.MAIN, 0])
    main_channel.conversation.wire.seam.faults.append(Fault(Harm.TRUNCATE, Sender.SERVER, "MOUSE_MODE", keep=2))
    (await server.peer(Type.MAIN)).say(main.MouseMode(3, 2))
    with pytest.raises(SpiceProtocolError, match="Field 'current' of the SPICE message MOUSE_MODE"):
        await main_channel.wait_until(lambda: False, 5, "end")


async def test_a_delayed_message_comes_later_and_what_is_behind_it_after_it(
    server: SpiceServer, connection: SpiceVmConnection
) -> None:
    channel = speaking(await connection.open_channel(Type.INPUTS, timeout=5))
    channel.conversation.wire.seam.faults.append(Fault(Harm.DELAY, Sender.CLIENT, seconds=0.2))
    began = time.monotonic()
    await asyncio.gather(channel.send(inputs.KeyDown(1), 5), channel.send(inputs.KeyUp(1), 5))
    peer = await server.peer(Type.INPUTS)
    await peer.wait_for(lambda each: len(each.got) == 2)
    assert time.monotonic() - began >= 0.2
    assert [number for number, _ in peer.got] == [101, 102]


async def test_a_delayed_message_of_the_server_holds_up_what_is_behind_it(
    server: SpiceServer, connection: SpiceVmConnection
) -> None:
    main_channel = speaking(connection.channels[Type.MAIN, 0])
    main_channel.conversation.wire.seam.faults.append(Fault(Harm.DELAY, Sender.SERVER, "MOUSE_MODE", seconds=0.2))
    peer = await server.peer(Type.MAIN)
    began = time.monotonic()
    peer.say(main.MouseMode(3, 2))
    peer.send(4, bytes(12))
    await peer.expect(3)
    assert time.monotonic() - began >= 0.2
    assert main_of(connection).mouse_mode == 2


async def test_a_server_that_reads_nothing_does_not_make_the_client_grow() -> None:
    async with spice_server() as server:
        connection = server.connection()
        channel = await connection.connect_main_channel(5)
        main_channel = speaking(channel)
        peer = await server.peer(Type.MAIN)
        peer.reader._transport.pause_reading()  # type: ignore[attr-defined]
        with pytest.raises(DeadlineError, match=r"should take AGENT_DATA within 0\.2 s but the server does not read"):
            await main_channel.send(main.ClientAgentData(bytes(16 << 20)), 0.2)
        with pytest.raises(ChannelError, match=r"left \d+ bytes of it unread"):  # noqa: PT012
            for _ in range(10):
                with contextlib.suppress(DeadlineError):
                    await main_channel.send(main.ClientAgentData(bytes(16 << 20)), 0.1)
        assert channel.state is SpiceChannelState.FAILED
        await connection.close()


async def test_lock_lights_are_known_and_told(server: SpiceServer, connection: SpiceVmConnection) -> None:
    channel = speaking(await connection.open_channel(Type.INPUTS, timeout=5))
    conversation = channel.conversation
    assert isinstance(conversation, InputsConversation)
    assert conversation.locks == 2
    (await server.peer(Type.INPUTS)).say(inputs.KeyModifiers(4))
    await channel.wait_until(lambda: conversation.locks == 4, 5, "hear of caps lock")
    assert server.bus.recent("vm:win11")[-1].data["caps"] is True


async def test_an_ended_channel_leaves_no_task(server: SpiceServer) -> None:
    connection = server.connection()
    await connection.connect_main_channel(5)
    await connection.open_channel(Type.DISPLAY, timeout=5)
    await connection.close()
    await asyncio.sleep(0)
    assert [task for task in asyncio.all_tasks() if task.get_name().startswith("SPICE")] == []


@settings(max_examples=300, deadline=None)
@given(type=st.sampled_from(list(Type)), mini=st.booleans(), pieces=st.lists(st.binary(max_size=120), max_size=8))
def test_whatever_a_server_sends_the_wire_ends_in_its_own_error_or_goes_on(
    type: Type, mini: bool, pieces: list[bytes]
) -> None:
    wire = Wire(type, "a channel", mini)
    try:
        for piece in pieces:
            for _ in wire.receive(piece):
                pass
    except SpiceProtocolError as error:
        assert error.channel == "a channel"  # noqa: PT017
    assert sum(len(piece.data) for piece in wire.output()) <= 40 * sum(map(len, pieces))


async def test_a_window_that_a_greeting_sets_counts_from_the_next_message() -> None:
    async with spice_server(Behaviour(window=2)) as server:
        connection = server.connection()
        await connection.connect_main_channel(5)
        peer = await server.peer(Type.MAIN)
        await peer.expect(1)
        await peer.expect(2)  # INIT and NAME
        await connection.close()


async def test_an_expectation_begins_behind_what_the_last_one_found(
    server: SpiceServer, connection: SpiceVmConnection
) -> None:
    channel = speaking(connection.channels[Type.MAIN, 0])
    assert (await channel.expect("INIT", 5)).size == 32
    assert (await channel.expect("CHANNELS_LIST", 5)).sender is Sender.SERVER
    with pytest.raises(
        DeadlineError, match=r"should bring INIT within 0\.05 s but did not\. Last seen: .*<- CHANNELS_LIST"
    ):
        await channel.expect("INIT", 0.05)
    waiting = asyncio.create_task(channel.expect("MOUSE_MODE", 5))
    await asyncio.sleep(0)
    (await server.peer(Type.MAIN)).say(main.MouseMode(3, 2))
    assert (await waiting).name == "MOUSE_MODE"
    await channel.send(main.MouseModeRequest(2), 5)
    assert (await channel.expect("MOUSE_MODE_REQUEST", 5)).sender is Sender.CLIENT


async def test_a_dropped_channel_has_failed_and_the_server_sees_its_end(
    server: SpiceServer, connection: SpiceVmConnection
) -> None:
    channel = await connection.open_channel(Type.CURSOR, timeout=5)
    peer = await server.peer(Type.CURSOR)
    speaking(channel).drop("a test dropped it")
    assert (channel.state, channel.failure) == (SpiceChannelState.FAILED, "a test dropped it")
    await asyncio.wait_for(peer.gone.wait(), 5)
    assert connection.channels[Type.MAIN, 0].state is SpiceChannelState.LINKED
