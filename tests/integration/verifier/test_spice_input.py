"""Input by SPICE goes through the same closed loop as by QMP: what is lost is found, and nothing stays down, whatever breaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from ATPLibrary import events
from ATPLibrary.errors import ATPError, ChannelError, InputError, VmStateError
from ATPLibrary.events import Event
from ATPLibrary.protocol.spice.client import speaking
from ATPLibrary.protocol.spice.schema import Sender
from ATPLibrary.protocol.spice.seam import Fault, Harm
from ATPLibrary.transport.spice import SpiceChannelType as Type
from ATPLibrary.verifier import AgentSession, Pointer, TypingEngine, Verdict

from .faulty_guest import FaultyGuest
from .spiced_guest import SpicedGuest, spiced

pytestmark = pytest.mark.integration

TEXT = "The quick brown FOX! {[]} "
LEFT = 0x110


@pytest.fixture
async def spice(guest: FaultyGuest) -> AsyncIterator[SpicedGuest]:
    async with spiced(guest) as made:
        yield made


@pytest.fixture
def engine(guest: FaultyGuest, session: AgentSession, spice: SpicedGuest) -> TypingEngine:
    return TypingEngine(guest.qmp, session, ["ps2"], way=spice.way)


@pytest.fixture
def pointer(guest: FaultyGuest, session: AgentSession, spice: SpicedGuest) -> Pointer:
    return Pointer(guest.qmp, session, way=spice.way)


async def until(holds: object, seconds: float = 20.0) -> None:
    assert callable(holds)
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - the guest has no event for it
            await asyncio.sleep(0.005)


async def test_a_text_is_proved_edge_by_edge_within_the_device_s_queue(
    guest: FaultyGuest, spice: SpicedGuest, engine: TypingEngine
) -> None:
    report = await engine.type_text(TEXT * 10)
    report.raise_if_bad(must_be_verified=True)
    assert report.verdicts == {Verdict.OK: report.edges}
    assert guest.overflows == 0
    assert report.via == "spice"
    assert "edges by SPICE, lost 0" in report.sentence()
    assert len(guest.seen) == report.edges


async def test_what_is_lost_and_doubled_is_found(guest: FaultyGuest, engine: TypingEngine) -> None:
    guest.dropped, guest.doubled = {20}, {40}
    report = await engine.type_text(TEXT * 3)
    assert not report.verified
    assert (report.lost, report.duplicated) == (2, 1)  # the release of what is not down changes nothing in the guest
    assert not guest.held


async def test_a_message_that_the_network_lost_is_found_as_a_lost_edge(
    guest: FaultyGuest, spice: SpicedGuest, engine: TypingEngine
) -> None:
    wire = speaking(spice.connection.channels[Type.INPUTS, 0]).conversation.wire
    wire.seam.faults.append(Fault(Harm.DROP, Sender.CLIENT, "KEY_DOWN"))
    report = await engine.type_text("hello")
    assert (report.verified, wire.statistics.faults) == (False, 1)
    assert report.lost == 2


async def test_a_channel_that_ends_while_typing_says_how_far_it_came_and_leaves_nothing_down(
    guest: FaultyGuest, spice: SpicedGuest, engine: TypingEngine
) -> None:
    spice.dies_at = 40
    with pytest.raises(
        ChannelError, match=r"Text .* on VM 'faulty' should be sent but was not, to its end: of \d+ edges"
    ) as told:
        await engine.type_text(TEXT * 20)
    assert "SPICE channel inputs:0" in str(told.value)
    await until(lambda: not guest.held)
    assert engine.keys_down == []
    with pytest.raises(ChannelError, match="Open it again with 'Open SPICE Channel    inputs'"):
        await engine.press("a")
    await spice.connection.open_channel(Type.INPUTS, timeout=5)
    (await engine.type_text("again")).raise_if_bad(must_be_verified=True)


async def test_a_session_that_another_client_takes_while_typing_is_told_as_that(
    guest: FaultyGuest, spice: SpicedGuest, engine: TypingEngine
) -> None:
    typing = asyncio.create_task(engine.type_text(TEXT * 20))
    await until(lambda: len(guest.received) > 40)
    for type in (Type.INPUTS, Type.MAIN):
        (await spice.server.peer(type)).writer.transport.abort()
    with pytest.raises(ChannelError, match=r"should be sent but was not, to its end"):
        await typing
    await until(lambda: not guest.held)


async def test_a_key_that_is_kept_down_is_let_go_of_by_qmp_where_the_channel_has_gone(
    guest: FaultyGuest, spice: SpicedGuest, engine: TypingEngine
) -> None:
    (await engine.key_down("shift")).raise_if_bad(must_be_verified=True)
    assert guest.held == {42}
    speaking(spice.connection.channels[Type.INPUTS, 0]).drop("a test dropped it")
    await engine.release_all()
    await until(lambda: not guest.held)
    assert engine.keys_kept == []


async def test_a_key_that_is_kept_down_is_let_go_of_by_qmp_where_the_server_does_not_read(
    guest: FaultyGuest, spice: SpicedGuest, engine: TypingEngine
) -> None:
    (await engine.key_down("shift")).raise_if_bad(must_be_verified=True)
    seam = speaking(spice.connection.channels[Type.INPUTS, 0]).conversation.wire.seam
    seam.faults.append(Fault(Harm.DELAY, Sender.CLIENT, "KEY_UP", seconds=60))
    await engine.release_all()
    assert not guest.held
    assert engine.keys_kept == []


async def test_a_cancelled_text_leaves_nothing_down(guest: FaultyGuest, engine: TypingEngine) -> None:
    typing = asyncio.create_task(engine.type_text(TEXT * 50))
    await until(lambda: len(guest.received) > 60)
    typing.cancel()
    await asyncio.wait([typing])
    assert typing.cancelled()
    await until(lambda: not guest.held)


@pytest.mark.parametrize("is_watched", [True, False], ids=["watched", "unwatched"])
async def test_a_paused_vm_refuses_input_that_spice_would_have_swallowed(
    guest: FaultyGuest, session: AgentSession, spice: SpicedGuest, is_watched: bool
) -> None:
    engine = TypingEngine(guest.qmp, session if is_watched else None, ["ps2"], way=spice.way)
    guest.status = "paused"
    with pytest.raises(VmStateError, match="is paused, and nothing was sent"):
        await engine.type_text("hello")
    assert not guest.received


async def test_a_vm_that_is_paused_under_an_unwatched_key_gets_its_release_when_it_runs_again(
    guest: FaultyGuest, spice: SpicedGuest
) -> None:
    engine = TypingEngine(guest.qmp, None, ["ps2"], way=spice.way)
    holding = asyncio.create_task(engine.hold("shift", 1.5))
    await until(lambda: 42 in guest.held)
    guest.status = "paused"
    with pytest.raises(VmStateError):
        await holding
    assert guest.held == {42}
    guest.status = "running"
    events.bus().publish(Event("vm:faulty", "qmp.RESUME"))
    await until(lambda: not guest.held)


@pytest.mark.parametrize("is_told", [True, False], ids=["QEMU tells", "nobody tells"])
async def test_a_vm_that_is_paused_under_a_watched_key_gets_its_release_when_it_runs_again(
    guest: FaultyGuest, session: AgentSession, spice: SpicedGuest, impatient: None, is_told: bool
) -> None:
    engine = TypingEngine(guest.qmp, session, ["ps2"], way=spice.way)
    holding = asyncio.create_task(engine.hold("shift", 1.5))
    await until(lambda: 42 in guest.held)
    guest.status, guest.is_still = "paused", True
    if is_told:
        events.bus().publish(Event("vm:faulty", "qmp.STOP"))
    (end,) = await asyncio.gather(holding, return_exceptions=True)
    assert isinstance(end, ATPError) or not end.verified
    assert guest.held == {42}  # what SPICE wrote to a VM that stands still is gone
    guest.status, guest.is_still = "running", False
    events.bus().publish(Event("vm:faulty", "qmp.RESUME"))
    await until(lambda: not guest.held)


async def test_unwatched_text_arrives_and_is_not_called_proved(guest: FaultyGuest, spice: SpicedGuest) -> None:
    report = await TypingEngine(guest.qmp, None, ["ps2"], way=spice.way).type_text("Hi there")
    assert (report.verified, report.via) == (False, "spice")
    await until(lambda: len(guest.seen) == report.edges)
    assert "edges by SPICE" in report.sentence()


async def test_the_mouse_is_proved_at_the_pixel_that_is_nearest(guest: FaultyGuest, pointer: Pointer) -> None:
    for place in ((0.5, 0.5), (0.5, 0.5), (0.0, 1.0), (0.333, 0.777)):
        report = await pointer.move(*place)
        report.raise_if_bad(must_be_verified=True)
        width, height = 1024, 768
        at = round(place[0] * (width - 1)) * 0x7FFF // width, round(place[1] * (height - 1)) * 0x7FFF // height
        assert guest.pointer == {0: at[0], 1: at[1]}
        assert report.via == "spice"


async def test_a_drag_of_less_pixels_than_it_has_steps_goes_to_each_once(guest: FaultyGuest, pointer: Pointer) -> None:
    report = await pointer.drag(0.5 + 3.3 / 1024, 0.5, start=(0.5, 0.5))
    report.raise_if_bad(must_be_verified=True)
    steps = [row for row in report.timeline if row.what.startswith("pointer to")]
    assert len(steps) == 5  # both axes of its beginning, then three pixels to the right


async def test_buttons_wheel_and_counts_are_proved(guest: FaultyGuest, spice: SpicedGuest, pointer: Pointer) -> None:
    for report in (
        await pointer.move_by(250, -40),
        await pointer.click(),
        await pointer.double_click("right"),
        await pointer.scroll(3),
        await pointer.scroll(-2),
        await pointer.button_down("middle"),
        await pointer.move_by(1, 1),
        await pointer.button_up("middle"),
    ):
        report.raise_if_bad(must_be_verified=True)
    assert not guest.held
    with pytest.raises(InputError, match="can't be: its protocol has no such button"):
        await pointer.scroll(1, horizontal=True)


async def test_a_button_that_is_down_when_the_channel_ends_is_let_go_of_and_can_be_pressed_again(
    guest: FaultyGuest, spice: SpicedGuest, pointer: Pointer
) -> None:
    (await pointer.button_down()).raise_if_bad(must_be_verified=True)
    speaking(spice.connection.channels[Type.INPUTS, 0]).drop("a test dropped it")
    await pointer.release_all()
    assert LEFT not in guest.held
    await spice.connection.open_channel(Type.INPUTS, timeout=5)
    (await pointer.click()).raise_if_bad(must_be_verified=True)


async def test_buttons_are_let_go_of_by_qmp_where_the_server_does_not_read(
    guest: FaultyGuest, spice: SpicedGuest, pointer: Pointer
) -> None:
    for button in ("left", "middle", "right", "side", "extra"):
        (await pointer.button_down(button)).raise_if_bad(must_be_verified=True)
    seam = speaking(spice.connection.channels[Type.INPUTS, 0]).conversation.wire.seam
    seam.faults.append(Fault(Harm.DELAY, Sender.CLIENT, "MOUSE_RELEASE", seconds=60))
    await pointer.release_all()
    assert not guest.held


async def test_many_unwatched_motions_keep_to_the_bound_of_two_bunches(guest: FaultyGuest, spice: SpicedGuest) -> None:
    pointer = Pointer(guest.qmp, None, way=spice.way)
    await pointer.drag(1.0, 1.0, start=(0.0, 0.0), through=[(0.5, 0.0), (0.5, 0.5)])
    conversation = speaking(spice.connection.channels[Type.INPUTS, 0]).conversation
    sent = conversation.wire.statistics.sent_by_name
    assert sent["MOUSE_POSITION"] == spice.motions == 25
