"""Keyboard and mouse as a SPICE client sends them, against a server in this process."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from tests.spice.server import PRIMARY, Behaviour, Peer, SpiceServer, spice_server

from ATPLibrary.errors import ChannelError, DeadlineError, InputError
from ATPLibrary.protocol.qmp.edges import (
    ABSOLUTE_MAX,
    EVDEV_OF_QCODE,
    absolute_event,
    button_event,
    key_event,
    relative_event,
)
from ATPLibrary.protocol.spice import inputs as spice_inputs
from ATPLibrary.protocol.spice.channels import InputsConversation
from ATPLibrary.protocol.spice.client import SpeakingChannel, speaking
from ATPLibrary.protocol.spice.input_messages import InputMessages, nearest, pixel
from ATPLibrary.protocol.spice.inputs import SpiceInputs
from ATPLibrary.protocol.spice.messages import inputs, main
from ATPLibrary.protocol.spice.scancodes import QCODES, code_of
from ATPLibrary.protocol.spice.schema import Message
from ATPLibrary.transport.spice import SpiceChannelType as Type
from ATPLibrary.transport.spice_connection import SpiceVmConnection

pytestmark = pytest.mark.unit

KEY_DOWN, KEY_UP, MODIFIERS, MOTION, POSITION, PRESS, RELEASE = 101, 102, 103, 111, 112, 113, 114
ACK = inputs.MouseMotionAck()
CLIENT, SERVER = 2, 1


@pytest_asyncio.fixture
async def server() -> AsyncIterator[SpiceServer]:
    greetings = {**Behaviour().greetings, Type.DISPLAY: [(314, PRIMARY)]}
    async with spice_server(Behaviour(greetings=greetings)) as running:
        yield running


@pytest_asyncio.fixture
async def sending(connection: SpiceVmConnection) -> SpiceInputs:
    sending = SpiceInputs(connection)
    await sending.open(5)
    return sending


async def in_mode(server: SpiceServer, going: asyncio.Task[Any], mode: int) -> Any:
    """What `going` returns, once the server was asked for that mode and has said that it is so."""
    peer = await server.peer(Type.MAIN)
    assert struct.unpack("<H", await peer.expect(105)) == (mode,)
    peer.say(main.MouseMode(3, mode))
    return await going


async def absolute(server: SpiceServer, sending: SpiceInputs) -> tuple[int, int]:
    size: tuple[int, int] = await in_mode(server, asyncio.create_task(sending.be_absolute(5)), CLIENT)
    return size


def mouse(peer: Peer) -> list[tuple[int, bytes]]:
    return [each for each in peer.got if each[0] in (MOTION, POSITION, PRESS, RELEASE)]


def test_every_key_that_qemu_names_has_a_scan_code() -> None:
    assert set(EVDEV_OF_QCODE) == QCODES
    # Linux has numbered the keys of the old keyboards by set 1: where one byte says it, the numbers agree.
    plain = {name: code for name, code in EVDEV_OF_QCODE.items() if code <= 83}
    assert {name: code_of(name, True) for name in plain} == plain


@pytest.mark.parametrize(
    ("qcode", "down", "up"),
    [("a", 0x1E, 0x9E), ("meta_l", 0x5BE0, 0xDBE0), ("pause", 0x46E0, 0xC6E0), ("print", 0x37E0, 0xB7E0)],
)
def test_a_release_is_the_press_with_a_bit_more_in_its_last_byte(qcode: str, down: int, up: int) -> None:
    assert (code_of(qcode, True), code_of(qcode, False)) == (down, up)


def test_no_two_keys_have_one_code_but_those_that_are_one_key() -> None:
    keys = {code_of(name, True): EVDEV_OF_QCODE[name] for name in QCODES}
    same = [name for name in QCODES if keys[code_of(name, True)] != EVDEV_OF_QCODE[name]]
    assert same == []


def test_every_message_of_the_mouse_says_which_buttons_are_down() -> None:
    messages = InputMessages()

    def of(*events: Any) -> list[Any]:
        return list(messages.of(events, (100, 50)))

    assert of(button_event("left", True)) == [inputs.MousePress(1, 1)]
    assert of(button_event("extra", True)) == [inputs.MousePress(7, 0x41)]
    assert of(relative_event("x", 3), relative_event("y", -4)) == [inputs.MouseMotion(3, -4, 0x41)]
    assert of(button_event("wheel-up", True), button_event("wheel-up", False)) == [
        inputs.MousePress(4, 0x41), inputs.MouseRelease(4, 0x41),
    ]  # fmt: skip
    assert of(button_event("left", False)) == [inputs.MouseRelease(1, 0x40)]
    assert of(absolute_event("x", ABSOLUTE_MAX // 2), absolute_event("y", 0)) == [inputs.MousePosition(50, 0, 0x40, 0)]


def test_a_button_that_spice_has_no_number_for_is_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"mouse button 'wheel-left' should be sent by SPICE but can't be.*via=qmp"):
        list(InputMessages().of([button_event("wheel-left", True)]))


@given(size=st.integers(1, 4096), value=st.integers(-50, ABSOLUTE_MAX + 50))
def test_a_place_is_that_of_the_pixel_which_qemu_makes_of_it(size: int, value: int) -> None:
    there = nearest(value, size)
    at = pixel(there, size)
    assert 0 <= at < size
    assert at * ABSOLUTE_MAX // max(size, 16) == there  # as QEMU scales
    assert abs(at - value * (size - 1) / ABSOLUTE_MAX) <= 0.5 or not 0 <= value <= ABSOLUTE_MAX


async def test_keys_go_out_in_order_as_scan_codes(server: SpiceServer, sending: SpiceInputs) -> None:
    await sending.send([[key_event("ctrl_r", True), key_event("a", True)], [key_event("a", False)]], 5)
    peer = await server.peer(Type.INPUTS)
    await peer.wait_for(lambda peer: len(peer.got) == 3)
    assert [(number, *struct.unpack("<I", body)) for number, body in peer.got] == [
        (KEY_DOWN, 0x1DE0), (KEY_DOWN, 0x1E), (KEY_UP, 0x9E),
    ]  # fmt: skip


async def test_a_server_without_an_inputs_channel_may_only_be_looked_at() -> None:
    offered = [(int(Type.DISPLAY), 0), (int(Type.CURSOR), 0)]
    async with spice_server(Behaviour(channels=offered)) as server:
        connection = server.connection()
        await connection.connect_main_channel(5)
        with pytest.raises(
            ChannelError, match=r"offers no inputs channel: this session may only look \(it has cursor, dis"
        ):
            await SpiceInputs(connection).open(5)
        await connection.close()


async def test_a_session_that_another_client_has_taken_says_so(server: SpiceServer, sending: SpiceInputs) -> None:
    sending.connection.channels[Type.MAIN, 0].fail("the server closed it: another client has taken the session")
    with pytest.raises(ChannelError, match=r"is failed \(.*another client has taken the session\).*'Connect To SPICE'"):
        await sending.send([[key_event("a", True)]], 5)
    assert "another client" in str(sending.why_ended())


async def test_a_channel_that_was_dropped_is_not_opened_behind_ones_back(sending: SpiceInputs) -> None:
    assert sending.why_ended() is None
    speaking(sending.connection.channels[Type.INPUTS, 0]).drop("a test dropped it")
    with pytest.raises(
        ChannelError, match=r"failed \(a test dropped it\)\. Open it again with 'Open SPICE Channel    inputs'"
    ):
        await sending.open(5)


async def test_a_position_is_of_the_display_s_surface_with_the_mouse_in_client_mode(
    server: SpiceServer, sending: SpiceInputs
) -> None:
    assert await absolute(server, sending) == (4, 2)
    await sending.send([[absolute_event("x", nearest(ABSOLUTE_MAX, 4)), absolute_event("y", nearest(0, 2))]], 5)
    peer = await server.peer(Type.INPUTS)
    assert struct.unpack("<IIHB", await peer.expect(POSITION)) == (3, 0, 0, 0)
    assert await sending.be_absolute(5) == (4, 2)  # it is so: nobody is asked


async def test_the_first_word_of_a_channel_s_mouse_is_that_no_button_is_down(
    server: SpiceServer, sending: SpiceInputs
) -> None:
    """QEMU remembers the buttons of the session before, and drops the press of one that it takes for down."""
    await sending.send([[key_event("a", True)]], 5)
    await sending.send([[button_event("right", True)]], 5)
    await sending.send([[button_event("right", False)]], 5)
    peer = await server.peer(Type.INPUTS)
    await peer.wait_for(lambda peer: len(mouse(peer)) == 3)
    assert [(number, *struct.unpack("<BH", body)) for number, body in mouse(peer)] == [
        (RELEASE, 1, 0), (PRESS, 3, 4), (RELEASE, 3, 0),
    ]  # fmt: skip
    speaking(sending.connection.channels[Type.INPUTS, 0]).drop("a test dropped it")
    await sending.connection.open_channel(Type.INPUTS, timeout=5)
    await sending.send([[button_event("left", True)]], 5)
    peer = await server.peer(Type.INPUTS)
    await peer.wait_for(lambda peer: len(mouse(peer)) == 2)
    assert [number for number, _ in mouse(peer)] == [RELEASE, PRESS]


async def test_motions_wait_for_the_server_s_word(server: SpiceServer, sending: SpiceInputs) -> None:
    conversation = speaking(sending.connection.channels[Type.INPUTS, 0]).conversation
    assert isinstance(conversation, InputsConversation)
    motion = [relative_event("x", 1), relative_event("y", 1)]
    await sending.send([motion] * 8, 5)
    assert conversation.motions_unacknowledged == 8
    with pytest.raises(DeadlineError, match=r"should acknowledge motions within 0\.\d+ s"):
        await sending.send([motion], 0.1)
    going = asyncio.create_task(sending.send([motion] * 4, 5))
    peer = await server.peer(Type.INPUTS)
    peer.say(ACK)
    await going
    await peer.wait_for(lambda peer: len([each for each in peer.got if each[0] == MOTION]) == 12)
    assert (conversation.motions_unacknowledged, conversation.motion_acks) == (8, 1)
    assert conversation.wire.statistics.as_dict()["sent"] == {"MOUSE_RELEASE": 1, "MOUSE_MOTION": 12}


async def test_an_acknowledgement_of_nothing_gives_no_room(server: SpiceServer, sending: SpiceInputs) -> None:
    channel = speaking(sending.connection.channels[Type.INPUTS, 0])
    conversation = channel.conversation
    assert isinstance(conversation, InputsConversation)
    peer = await server.peer(Type.INPUTS)
    for _ in range(3):
        peer.say(ACK)
    await channel.wait_until(lambda: conversation.motion_acks == 3, 5, "hear them")
    await sending.send([[relative_event("x", 1)]] * 8, 5)
    assert conversation.motions_unacknowledged == 8


async def test_a_vm_without_a_tablet_has_no_positions(
    server: SpiceServer, connection: SpiceVmConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spice_inputs, "MODE_SECONDS", 0.05)
    (await server.peer(Type.MAIN)).say(main.MouseMode(SERVER, SERVER))
    channel = speaking(connection.channels[Type.MAIN, 0])
    await channel.expect("MOUSE_MODE", 5)
    sending = SpiceInputs(connection)
    await sending.open(5)
    with pytest.raises(
        InputError, match=r"by positions .* does not allow the mouse mode client\. Give the VM a tablet"
    ):
        await sending.be_absolute(5)


async def test_counts_go_out_in_server_mode(server: SpiceServer, sending: SpiceInputs) -> None:
    await absolute(server, sending)
    await in_mode(server, asyncio.create_task(sending.be_relative(5)), SERVER)
    await sending.send([[relative_event("x", 100), relative_event("y", -7)]], 5)
    assert struct.unpack("<iiH", await (await server.peer(Type.INPUTS)).expect(MOTION)) == (100, -7, 0)


async def test_lock_keys_are_told_both_ways(server: SpiceServer, sending: SpiceInputs) -> None:
    assert sending.lights == {"scroll": False, "num": True, "caps": False}
    assert await sending.set_locks({"num": True}, 5) == []
    going = asyncio.create_task(sending.set_locks({"caps": True}, 5))
    peer = await server.peer(Type.INPUTS)
    assert struct.unpack("<H", await peer.expect(MODIFIERS)) == (6,)  # num stays
    peer.say(inputs.KeyModifiers(6))
    assert await going == ["caps"]
    assert sending.lights == {"scroll": False, "num": True, "caps": True}
    assert struct.unpack("<I", await peer.expect(KEY_UP)) == (0xBA,)
    with pytest.raises(
        DeadlineError, match=r"tell of lock keys that are caps off .*Last seen: scroll off, num on, caps on"
    ):
        await sending.until_locks({"caps": False}, 0.05)


async def test_a_light_that_the_guest_turns_meanwhile_is_waited_for_and_told(
    server: SpiceServer, sending: SpiceInputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = await server.peer(Type.INPUTS)
    release = SpeakingChannel.send_all

    async def slowly(channel: SpeakingChannel, messages: Sequence[Message], timeout: float) -> None:
        await release(channel, messages, timeout)
        if isinstance(messages[0], inputs.KeyUp):
            peer.say(inputs.KeyModifiers(2))  # the guest turns it off again
            await channel.wait_until(lambda: not sending.lights["caps"], 5, "tell of it")

    monkeypatch.setattr(SpeakingChannel, "send_all", slowly)
    going = asyncio.create_task(sending.set_locks({"caps": True}, 1))
    await peer.expect(MODIFIERS)
    peer.say(inputs.KeyModifiers(6))
    with pytest.raises(
        DeadlineError, match=r"tell of lock keys that are caps on .*Last seen: scroll off, num on, caps off"
    ):
        await going
