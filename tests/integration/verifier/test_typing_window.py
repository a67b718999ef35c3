"""How much is sent at once follows what the guest shows, and so does the pace where nobody watches."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fixed_window import FixedMemory

from ATPLibrary.protocol.qmp.edges import EVDEV_OF_QCODE, key_event
from ATPLibrary.verifier import AgentSession, TypingEngine
from ATPLibrary.verifier.device_memory import DeviceMemory
from ATPLibrary.verifier.layout import Layout

from .faulty_guest import FaultyGuest

pytestmark = pytest.mark.integration

TEXT = "the quick brown fox jumps over the lazy dog " * 5
STALLS = (60, 90, 120, 150)
SOMEBODY_S = 6  # edges


@pytest.mark.parametrize("memory", [DeviceMemory, FixedMemory])
async def test_in_a_guest_that_stalls_less_and_less_waits_for_what_becomes_of_it(
    guest: FaultyGuest, session: AgentSession, memory: type[DeviceMemory]
) -> None:
    guest.stalls = dict.fromkeys(STALLS, 0.3)
    report = await TypingEngine(guest.qmp, session, ["ps2"], memory=memory()).type_text(TEXT)
    report.raise_if_bad(must_be_verified=True)
    print(f"edges that waited in the device at the end of each stall: {guest.stalled}")
    if memory is DeviceMemory:
        assert max(guest.stalled[1:]) <= 10
    else:
        assert min(guest.stalled) >= 13


@pytest.mark.parametrize("memory", [DeviceMemory, FixedMemory])
async def test_while_a_guest_stalls_there_is_room_for_what_somebody_else_types(
    guest: FaultyGuest, session: AgentSession, impatient: None, memory: type[DeviceMemory]
) -> None:
    def somebody_types(number: int) -> None:
        if number == STALLS[-1]:
            guest.take([key_event("f1", number % 2 == 0) for number in range(SOMEBODY_S)])

    guest.stalls = dict.fromkeys(STALLS, 0.2)
    guest.while_stalled = somebody_types
    report = await TypingEngine(guest.qmp, session, ["ps2"], memory=memory()).type_text(TEXT)
    print(f"dropped by a queue of 16: {guest.overflows}; waited at the stalls: {guest.stalled}; {report.sentence()}")
    assert (guest.overflows == 0) == (memory is DeviceMemory)
    if memory is DeviceMemory:
        # What the other typed is told, not taken for ours.
        assert (report.lost, report.duplicated) == (0, SOMEBODY_S)


async def test_a_device_that_holds_less_than_it_should_loses_once_and_then_no_more(
    tmp_path: Path, impatient: None
) -> None:
    async with FaultyGuest(tmp_path, queue_length=9) as guest:
        session = guest.session()
        await session.start(5)
        engine = TypingEngine(guest.qmp, session, ["ps2"])
        guest.edge_seconds = 0.002
        reports = [await engine.type_text(TEXT) for _ in range(3)]
        assert reports[0].lost
        assert [report.lost for report in reports[1:]] == [0, 0]
        await session.close()


async def test_without_an_agent_the_pace_is_the_safe_one_until_the_device_was_measured_under_one(
    guest: FaultyGuest, session: AgentSession
) -> None:
    memory = DeviceMemory()
    unwatched = TypingEngine(guest.qmp, None, ["ps2", "usb"], memory=memory)
    report = await unwatched.type_text("ab")
    assert "paced by 8.5 ms a place of the keyboard's queue: that is safe for this kind of keyboard" in report.note
    await TypingEngine(guest.qmp, session, ["ps2", "usb"], memory=memory).type_text(TEXT)
    report = await unwatched.type_text("ab")
    assert "by what was measured on this VM" in report.note
    assert not report.verified
    assert report.sentence().endswith("not verified: no agent was asked: nothing proves that the keys arrived")


@pytest.mark.parametrize(
    ("layout", "character", "modifier", "key"), [("us", "A", "shift", "a"), ("de", "@", "alt_r", "q")]
)
async def test_a_modifier_is_down_before_its_key_where_nobody_knows_yet_which_keyboard_takes_them(
    tmp_path: Path, layout: str, character: str, modifier: str, key: str
) -> None:
    async with FaultyGuest(tmp_path, bus="usb") as guest:
        session = guest.session()
        await session.start(5)
        engine = TypingEngine(guest.qmp, session, ["usb", "ps2"], layout=Layout(layout))
        (await engine.type_text(character)).raise_if_bad(must_be_verified=True)
        names = {EVDEV_OF_QCODE[name]: name for name in (modifier, key)}
        taken = [(names[code], value) for code, value in guest.received]
        assert taken == [(modifier, 1), (key, 1), (key, 0), (modifier, 0)]
        await session.close()
