"""Faults on purpose, and QEMU's own server: what it does without acknowledgements, with wrong tickets, with harmed messages."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.spice.qemu import EVERY_CHANNEL, PASSWORD, Qemu, qemu

from ATPLibrary.errors import ChannelError
from ATPLibrary.events import EventBus
from ATPLibrary.protocol.spice.channels import DisplayConversation, MainConversation
from ATPLibrary.protocol.spice.client import SpeakingChannel, speaking
from ATPLibrary.protocol.spice.conditions import Conditions
from ATPLibrary.protocol.spice.display.picture import image_of
from ATPLibrary.protocol.spice.errors import LinkCode, LinkStage, SpiceLinkError
from ATPLibrary.protocol.spice.messages import display, inputs, main
from ATPLibrary.protocol.spice.recorded import Recording
from ATPLibrary.protocol.spice.recording import SessionRecorder
from ATPLibrary.protocol.spice.replay import replay
from ATPLibrary.protocol.spice.schema import Sender
from ATPLibrary.protocol.spice.seam import Fault, Harm
from ATPLibrary.secrets import Secret
from ATPLibrary.transport.spice import SpiceChannelType as Type
from ATPLibrary.transport.spice_connection import SpiceChannelState, SpiceVmConnection

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def everything() -> Iterator[Qemu]:
    with qemu(*EVERY_CHANNEL) as running:
        yield running


async def opened(connection: SpiceVmConnection, type: Type) -> SpeakingChannel:
    return speaking(await connection.open_channel(type, timeout=10))


async def test_a_display_without_acknowledgements_stalls_and_goes_on_when_they_come() -> None:
    # A firmware that finds nothing to boot begins anew ten times a second: there is always more to draw.
    with qemu("-boot", "reboot-timeout=100") as running:
        connection = running.connection()
        await connection.connect_main_channel(10)
        channel = await opened(connection, Type.DISPLAY)
        counted = channel.conversation.wire.statistics
        await channel.wait_until(lambda: channel.conversation.wire.is_acknowledged, 10, "be asked for acknowledgements")
        channel.withhold_acks(True)
        await asyncio.to_thread(running.execute, "cont")
        await channel.wait_until(lambda: counted.ack_stalls == 1, 60, "stall")
        stalled_at = counted.messages_received
        # The main channel is served as before: by the time that it has answered, the display would have said more.
        main_channel = speaking(connection.channels[Type.MAIN, 0])
        listed = main_channel.conversation.wire.statistics.by_name
        for count in range(2, 12):
            await main_channel.send(main.AttachChannels(), 10)
            await main_channel.wait_until(lambda count=count: listed["CHANNELS_LIST"] == count, 10, "answer")  # type: ignore[misc]
        assert (counted.messages_received, counted.acks_sent) == (stalled_at, 0)
        assert channel.withhold_acks(False) == 2
        await channel.wait_until(lambda: counted.messages_received > stalled_at + 10, 60, "go on")
        assert counted.ack_stalls == 1
        await connection.close()


async def test_acknowledgements_are_withheld_where_qemu_asks_for_them_and_refused_elsewhere(everything: Qemu) -> None:
    connection = everything.connection()
    await connection.connect_main_channel(10)
    for type in (Type.DISPLAY, Type.CURSOR):
        channel = await opened(connection, type)
        wire = channel.conversation.wire
        await channel.wait_until(lambda wire=wire: wire.is_acknowledged, 10, "be asked for acknowledgements")  # type: ignore[misc]
        assert channel.withhold_acks(True) == 0
    for type in (Type.PLAYBACK, Type.INPUTS):
        channel = await opened(connection, type)
        with pytest.raises(ChannelError, match=r"can be withheld but has none: .*display and cursor"):
            channel.withhold_acks(True)
    await connection.close()


async def test_a_wrong_ticket_is_refused_and_the_session_goes_on(everything: Qemu) -> None:
    connection = everything.connection()
    await connection.connect_main_channel(10)
    for ticket, code in (("not-this", LinkCode.PERMISSION_DENIED), (PASSWORD, LinkCode.BAD_CONNECTION_ID)):
        with pytest.raises(SpiceLinkError) as told:
            await connection.stranger(Secret(ticket), EventBus()).link_alone(Type.INPUTS, 10)
        assert (told.value.stage, told.value.code) == (LinkStage.RESULT, code)
    keys = await opened(connection, Type.INPUTS)
    await keys.send(inputs.ClientKeyModifiers(2), 5)
    assert connection.channels[Type.MAIN, 0].state is SpiceChannelState.LINKED
    await connection.close()


async def test_a_channel_is_reconnected_many_times_and_the_others_go_on(everything: Qemu) -> None:
    connection = everything.connection()
    await connection.connect_main_channel(10)
    types = (Type.DISPLAY, Type.INPUTS, Type.CURSOR, Type.PLAYBACK, Type.PORT)
    for type in types:
        await opened(connection, type)
    lasting = speaking(connection.channels[Type.CURSOR, 0])
    for _ in range(5):
        for type in (Type.DISPLAY, Type.INPUTS, Type.PLAYBACK, Type.PORT):
            again = speaking(await connection.reconnect_channel(type, timeout=10))
            if type is Type.DISPLAY:
                await again.expect("MARK", 10)
    assert connection.channels[Type.CURSOR, 0].speaker is lasting
    assert {each.state for each in connection.channels.values()} == {SpiceChannelState.LINKED}
    await connection.close()


async def test_the_screen_s_size_is_expected_by_its_fields(everything: Qemu) -> None:
    connection = everything.connection()
    await connection.connect_main_channel(10)
    screen = await opened(connection, Type.DISPLAY)
    conditions = Conditions.of(display.SurfaceCreate, {"width": ">= 640", "height": "!= 0", "flags": "1"})
    record = await screen.expect("SURFACE_CREATE", 10, conditions=conditions)
    fields = screen.conversation.wire.seam.fields_of(record)
    assert fields is not None
    assert fields["format"] == 32
    await connection.close()


async def test_a_real_session_is_recorded_and_replayed_to_the_picture_that_qemu_has(tmp_path: Path) -> None:
    with qemu(*EVERY_CHANNEL, paused=False) as running:
        connection = running.connection()
        recorder = SessionRecorder(tmp_path / "firmware.jsonl.gz", "spiced")
        recorder.open()
        recorder.follow(connection)
        main_conversation = speaking(await connection.connect_main_channel(10)).conversation
        assert isinstance(main_conversation, MainConversation)
        for each in main_conversation.channels:
            if each.type != Type.MAIN:
                await connection.open_channel(Type(each.type), each.id, timeout=10)
        screen = speaking(connection.channels[Type.DISPLAY, 0])
        drawn = screen.conversation.wire.statistics.by_name
        await screen.wait_until(lambda: drawn["DRAW_COPY"] > 20, 60, "draw what the firmware writes")
        await asyncio.to_thread(running.execute, "stop")
        width, height, wanted = await asyncio.to_thread(running.screen, tmp_path)
        conversation = screen.conversation
        assert isinstance(conversation, DisplayConversation)

        def is_equal() -> bool:
            surface = conversation.painter.screen
            return surface is not None and image_of(surface).tobytes() == wanted

        await screen.wait_until(is_equal, 10, "show what QEMU's screendump shows")
        await connection.close()
        recorder.close()
    assert PASSWORD.encode() not in gzip.decompress(recorder.path.read_bytes())
    recording = await asyncio.to_thread(Recording.read, recorder.path)
    assert {each.type for each in recording.openings} == set(Type)
    result = await replay(recording, 30, fast=True)
    assert [(each.opening.name, each.failure) for each in result.failed] == []
    assert result.screen is not None
    assert (result.screen.width, result.screen.height) == (width, height)
    assert image_of(result.screen).tobytes() == wanted


async def test_a_server_s_message_that_is_turned_is_named_and_costs_its_channel_only(everything: Qemu) -> None:
    connection = everything.connection()
    await connection.connect_main_channel(10)
    await opened(connection, Type.INPUTS)

    def arm(channel: object) -> None:
        speaker = connection.channels[Type.DISPLAY, 0].speaker
        assert isinstance(speaker, SpeakingChannel)
        # The surface's width becomes one that no screen has.
        speaker.conversation.wire.seam.faults.append(Fault(Harm.CORRUPT, Sender.SERVER, "SURFACE_CREATE", at=7))

    connection.when_linked.append(arm)
    screen = await opened(connection, Type.DISPLAY)
    with pytest.raises(
        ChannelError, match="Field 'width' of the SPICE message SURFACE_CREATE on SPICE channel display:0"
    ):
        await screen.wait_until(lambda: False, 10, "end")
    assert connection.channels[Type.INPUTS, 0].state is SpiceChannelState.LINKED
    await connection.close()


async def test_sessions_that_end_as_soon_as_their_display_is_linked_leave_qemu_alive() -> None:
    """spice-server crashed after a dozen: its drawing thread was still taking up the display that had gone."""
    # A firmware that finds nothing to boot begins anew ten times a second: there is always more to draw.
    with qemu("-boot", "reboot-timeout=100") as running:
        await asyncio.to_thread(running.execute, "cont")
        for count in range(60):
            connection = running.connection()
            await connection.connect_main_channel(10)
            channel = await opened(connection, Type.DISPLAY)
            if count % 2:
                await channel.wait_until(lambda channel=channel: channel.taken > 2, 10, "draw")  # type: ignore[misc]
                await connection.reconnect_channel(Type.DISPLAY, timeout=10)
            await asyncio.sleep(0.005 * (count % 4))
            await connection.close()
        assert (await asyncio.to_thread(running.execute, "query-status"))["running"]
