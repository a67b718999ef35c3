"""Expectations with conditions on a message's fields, and what the seam keeps so that they can be asked for."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.spice.golden import GOLDEN
from tests.spice.server import PRIMARY, SpiceServer

from ATPLibrary.errors import DeadlineError, InputError
from ATPLibrary.protocol.spice.client import SpeakingChannel, speaking
from ATPLibrary.protocol.spice.conditions import Condition, Conditions
from ATPLibrary.protocol.spice.flat_fields import flat
from ATPLibrary.protocol.spice.frames import Frame
from ATPLibrary.protocol.spice.messages import display, draw, main
from ATPLibrary.protocol.spice.schema import Message, Sender
from ATPLibrary.protocol.spice.seam import KEPT_BYTES, KEPT_RECORDS, Fault, Harm, Seam
from ATPLibrary.protocol.spice.statistics import ChannelStatistics
from ATPLibrary.transport.spice import SpiceChannelType as Type

pytestmark = pytest.mark.unit


@pytest_asyncio.fixture
async def screen(server: SpiceServer) -> AsyncIterator[SpeakingChannel]:
    connection = server.connection()
    await connection.connect_main_channel(5)
    yield speaking(await connection.open_channel(Type.DISPLAY, timeout=5))
    await connection.close()


def wanted(kind: type[main.Init] | type[display.SurfaceCreate], **fields: str) -> Conditions:
    conditions = Conditions.of(kind, fields)
    assert conditions is not None
    return conditions


async def test_the_message_whose_fields_fit_is_found_and_the_one_before_is_not_it(
    server: SpiceServer, screen: SpeakingChannel
) -> None:
    peer = await server.peer(Type.DISPLAY)
    peer.send(314, PRIMARY)
    waiting = asyncio.create_task(
        screen.expect("SURFACE_CREATE", 5, conditions=wanted(display.SurfaceCreate, width="> 4", height="2"))
    )
    await screen.expect("SURFACE_CREATE", 5)
    assert not waiting.done()
    peer.send(314, PRIMARY[:4] + struct.pack("<I", 8) + PRIMARY[8:])
    found = await waiting
    fields = screen.conversation.wire.seam.fields_of(found)
    assert fields == {"id": 0, "width": 8, "height": 2, "format": 32, "flags": 1}


async def test_what_did_not_fit_is_said_with_what_was_wanted(server: SpiceServer, screen: SpeakingChannel) -> None:
    (await server.peer(Type.DISPLAY)).send(314, PRIMARY)
    with pytest.raises(
        DeadlineError,
        match=r"should bring SURFACE_CREATE with width=1024, height=>= 600 within 0\.2 s but did not\. "
        r"Last seen: .*<- SURFACE_CREATE \(20 bytes\): width is 4; all that passed last: ",
    ):
        await screen.expect(
            "SURFACE_CREATE", 0.2, conditions=wanted(display.SurfaceCreate, width="1024", height=">= 600")
        )


def test_a_field_that_such_a_message_never_has_is_refused_with_those_that_it_has() -> None:
    with pytest.raises(InputError, match=r"SURFACE_CREATE should have a field 'colour' but has id, width, height"):
        Conditions.of(display.SurfaceCreate, {"colour": "1"})
    assert Conditions.of(display.SurfaceCreate, {}) is None


@pytest.mark.parametrize(
    ("written", "value", "holds"),
    [
        ("5", 5, True), ("== 5", 6, False), ("!= 5", 6, True), ("0x10", 16, True), ("<4", 3, True), ("<= 4", 5, False),
        (">= 4", 4, True), ("> 4", 4, False), ("many", 4, False), ("!= many", 4, False), ("!=", 4, False),
        ("77 69", "7769", True), ("!= 77 69", "7769", False), ("7769", "776a", False), ("AABB", "aabb", True),
        ("100 bytes", "100 bytes", True),
    ],
)  # fmt: skip
def test_a_condition_is_written_as_testers_write_it(written: str, value: int | str, holds: bool) -> None:
    assert Condition.parse(written).holds(value) is holds


@pytest.mark.parametrize(
    ("kind", "field", "written", "told"),
    [
        (display.SurfaceCreate, "width", "!= 7zo", "'width' of the SPICE message SURFACE_CREATE .* a number but is with '!= 7zo'"),
        (display.SurfaceCreate, "width", "!=", "be compared with a number but"),
        (display.SurfaceCreate, "width", ">= abc", "be compared with a number but is with '>= abc'"),
        (display.SurfaceCreate, "width", "=> 720", "is with '=> 720'.*Comparisons are ==, !=, <, <=, > and >="),
        (display.SurfaceCreate, "width", "true", "a number but"),
        (draw.DrawCopy, "base.box.left", "!= left", "a number but"),
        (draw.DrawCopy, "image.width", "<", "a number but"),
        (display.MonitorsConfig, "heads", "!= two", "a number but"),
        (display.MonitorsConfig, "heads.1.width", "!= 64o", "a number but"),
        (main.Name, "text", "!= 77zz", "bytes in hexadecimal, or how many .* but is with '!= 77zz'"),
        (main.Name, "text", "!= 776", "bytes in hexadecimal"),
        (main.Name, "text", "< 7769", "bytes in hexadecimal"),
        (draw.DrawCopy, "image.picture.data", "!= zz", "a number, or bytes in hexadecimal"),
        (draw.DrawCopy, "image.picture.data", "> aabb", "a number, or bytes in hexadecimal"),
    ],
)  # fmt: skip
def test_a_comparison_that_can_not_be_is_refused_at_once(
    kind: type[Message], field: str, written: str, told: str
) -> None:
    with pytest.raises(InputError, match=told):
        Conditions.of(kind, {field: written})


def test_what_can_be_compared_is_taken() -> None:
    assert Conditions.of(display.SurfaceCreate, {"width": ">= 0x10", "height": 2})
    assert Conditions.of(main.Name, {"text": "!="}) is not None
    assert Conditions.of(main.Name, {"text": "100 bytes"}) is not None
    copy = next(each.message for each in GOLDEN if isinstance(each.message, draw.DrawCopy))
    for name, value in flat(copy).items():
        conditions = Conditions.of(draw.DrawCopy, {name: str(value)})
        assert conditions is not None
        assert conditions.misfit(flat(copy)) == ""


def test_fields_within_fields_have_their_way_as_name() -> None:
    copy = next(each.message for each in GOLDEN if isinstance(each.message, draw.DrawCopy))
    fields = flat(copy)
    assert (fields["base.box.left"], fields["image.width"], fields["image.picture.data"]) == (2, 2, "1122330044556600")
    heads = flat(display.MonitorsConfig(1, 4, (display.Head(0, 0, 640, 480, 0, 0, 0),)))
    assert (heads["heads"], heads["heads.0.width"]) == (1, 640)
    assert "100 bytes" in flat(main.Name(100, bytes(100))).values()


def seam() -> Seam:
    return Seam(Type.MAIN, ChannelStatistics())


def test_what_is_kept_of_bodies_is_bounded_and_the_newest() -> None:
    kept = seam()
    for number in range(3 * KEPT_RECORDS):
        kept.passing(Frame(106, struct.pack("<I", number)), Sender.SERVER)
    assert len(kept._contents) == KEPT_RECORDS
    for _ in range(200):
        kept.passing(Frame(109, bytes(4000)), Sender.SERVER)
    assert sum(len(each) for each in kept._contents.values() if isinstance(each, bytes)) <= KEPT_BYTES
    newest, oldest = kept.records[-1], kept.records[0]
    assert kept.fields_of(newest) == {"data": "4000 bytes"}
    assert kept.fields_of(oldest) is None


def test_of_a_long_message_the_fields_are_kept_and_not_the_bytes() -> None:
    kept = seam()
    kept.passing(Frame(4, struct.pack("<IQ", 7, 9) + bytes(256_000)), Sender.SERVER)
    assert kept.fields_of(kept.records[-1]) == {"id": 7, "time": 9, "data": "256000 bytes"}
    assert kept._content_bytes < 2000


def test_a_message_that_can_not_be_read_has_no_fields_and_fits_nothing() -> None:
    kept = seam()
    kept.passing(Frame(105, b"\1"), Sender.SERVER)
    kept.passing(Frame(999, b"\1"), Sender.SERVER)
    assert [kept.fields_of(each) for each in kept.records] == [None, None]
    assert wanted(main.Init, session_id="1").misfit(None) == "its fields are not known"


async def test_what_a_fault_dropped_is_not_found_and_what_it_harmed_says_so(
    server: SpiceServer, screen: SpeakingChannel
) -> None:
    peer = await server.peer(Type.DISPLAY)
    screen.conversation.wire.seam.faults += [
        Fault(Harm.DROP, Sender.SERVER, "SURFACE_CREATE"), Fault(Harm.DELAY, Sender.SERVER, "SURFACE_CREATE")
    ]  # fmt: skip
    peer.send(314, PRIMARY)
    with pytest.raises(DeadlineError, match=r"should bring SURFACE_CREATE .*SURFACE_CREATE \(20 bytes, drop\)"):
        await screen.expect("SURFACE_CREATE", 0.3)
    peer.send(314, PRIMARY)
    found = await screen.expect("SURFACE_CREATE", 5)
    assert found.harm is Harm.DELAY


async def test_from_now_on_what_came_before_does_not_count(server: SpiceServer, screen: SpeakingChannel) -> None:
    peer = await server.peer(Type.DISPLAY)
    peer.send(314, PRIMARY)
    await screen.wait_until(lambda: screen.conversation.wire.statistics.by_name["SURFACE_CREATE"] == 1, 5, "bring it")
    with pytest.raises(DeadlineError, match="should bring SURFACE_CREATE"):
        await screen.expect("SURFACE_CREATE", 0.2, from_now_on=True)
    waiting = asyncio.create_task(screen.expect("SURFACE_CREATE", 5, from_now_on=True))
    await asyncio.sleep(0)
    peer.send(314, PRIMARY)
    assert (await waiting).number == screen.conversation.wire.seam.last_number


def test_taps_get_what_goes_on_after_harm_and_nothing_of_what_is_dropped() -> None:
    harmed, tapped = seam(), []
    harmed.taps.append(lambda record, frame: tapped.append((record.name, frame.body if frame else None)))
    harmed.faults += [Fault(Harm.DROP, Sender.SERVER), Fault(Harm.TRUNCATE, Sender.SERVER, keep=1)]
    for _ in range(3):
        harmed.passing(Frame(105, b"\3\0\2\0"), Sender.SERVER)
    assert tapped == [("MOUSE_MODE", None), ("MOUSE_MODE", b"\3"), ("MOUSE_MODE", b"\3\0\2\0")]
    assert harmed.statistics.faults == 2
