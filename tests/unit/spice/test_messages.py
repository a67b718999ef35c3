"""The message tables: held against bytes written by hand, against the specification's own numbers, and against themselves."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.spice.golden import GOLDEN, GOLDEN_CLIENT, NO_MASK, Golden
from tests.spice.made_up import every_kind, made_up

from ATPLibrary.errors import InputError
from ATPLibrary.protocol.spice import messages
from ATPLibrary.protocol.spice.errors import SpiceProtocolError
from ATPLibrary.protocol.spice.messages import base, brushes, display, draw, geometry, images, main
from ATPLibrary.protocol.spice.schema import Message, Sender
from ATPLibrary.transport.spice import SpiceChannelType as Type

pytestmark = pytest.mark.unit
HEADER = Path("/usr/include/spice-1/spice/enums.h")


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda each: f"{each.channel.name}-{each.number}")
def test_a_message_of_the_server_is_read_and_written_as_by_hand(golden: Golden) -> None:
    kind = messages.kind_of(golden.channel, Sender.SERVER, golden.number)
    assert kind is type(golden.message)
    assert kind.decode(golden.body) == golden.message
    assert golden.message.encode() == golden.body


@pytest.mark.parametrize("golden", GOLDEN_CLIENT, ids=lambda each: f"{each.channel.name}-{each.number}")
def test_a_message_of_the_client_is_written_and_read_as_by_hand(golden: Golden) -> None:
    kind = messages.kind_of(golden.channel, Sender.CLIENT, golden.number)
    assert kind is type(golden.message)
    assert golden.message.encode() == golden.body
    assert kind.decode(golden.body) == golden.message


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda each: f"{each.channel.name}-{each.number}")
def test_a_message_that_ends_too_early_is_refused_at_every_byte_or_ends_where_data_may(golden: Golden) -> None:
    kind = type(golden.message)
    for size in range(len(golden.body)):
        try:
            cut = kind.decode(golden.body[:size], "main:0")
        except SpiceProtocolError as error:
            assert error.name == kind.kind.name  # noqa: PT017
            assert error.field  # noqa: PT017
            assert f"{kind.kind.name} on main:0" in str(error)  # noqa: PT017
        else:  # only data without a length of its own may be shorter
            assert kind.kind.name in ("PING", "SET", "INIT", "COMPRESSED_DATA")
            assert cut.encode() == golden.body[:size]


def _specified() -> dict[tuple[str, int], set[str]]:
    """(prefix, number) -> names, from the enumerations of the specification's header."""
    found: dict[tuple[str, int], set[str]] = {}
    for body in re.findall(r"enum \{(.*?)\};", HEADER.read_text(), re.S):
        value = 0
        for line in body.split(","):
            if not (name := re.match(r"\s*(SPICE_MSGC?)_(\w+)(?:\s*=\s*(\d+))?", line)):
                continue
            value = int(name[3]) if name[3] else value + 1
            if "END_" not in name[2] and name[2] != "BASE_LAST":
                found.setdefault((name[1], value), set()).add(name[2])
    return found


def test_every_number_and_name_is_the_specification_s() -> None:
    assert HEADER.exists(), "libspice-protocol-dev is missing: run scripts/setup"
    specified = _specified()
    prefixes = {
        Type.MAIN: "MAIN", Type.DISPLAY: "DISPLAY", Type.INPUTS: "INPUTS", Type.CURSOR: "CURSOR",
        Type.PLAYBACK: "PLAYBACK", Type.RECORD: "RECORD", Type.SMARTCARD: "SMARTCARD", Type.USBREDIR: "SPICEVMC",
    }  # fmt: skip
    for sender, prefix in ((Sender.SERVER, "SPICE_MSG"), (Sender.CLIENT, "SPICE_MSGC")):
        ours = set()
        for channel in Type:
            area = prefixes.get(channel, "PORT")
            for number, kind in messages.kinds(channel, sender).items():
                names = specified[prefix, number]
                wanted = {kind.kind.name, f"{area}_{kind.kind.name}", f"SPICEVMC_{kind.kind.name}"}
                assert names & wanted, f"{prefix} {number} of {channel.name} is one of {names}, not {kind.kind.name}"
                ours |= {(prefix, number, name) for name in names & wanted}
        theirs = {(p, number, name) for (p, number), names in specified.items() for name in names if p == prefix}
        # Numbers that the header itself calls one message under several names.
        twice = {"SMARTCARD_HEADER", "SMARTCARD_ERROR", "SMARTCARD_ATR", "SMARTCARD_READER_ADD"}
        assert {each for each in theirs - ours if each[2] not in twice} == set()


@pytest.mark.parametrize("kind", every_kind(), ids=lambda kind: f"{kind.__module__.rpartition('.')[2]}.{kind.__name__}")
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_is_written_is_read_again(kind: type[Message], data: st.DataObject) -> None:
    message = data.draw(made_up(kind))
    assert kind.decode(message.encode()) == message


@settings(max_examples=400, deadline=None)
@given(kind=st.sampled_from(every_kind()), body=st.binary(max_size=200))
def test_any_bytes_are_a_message_or_an_error_that_names_it(kind: type[Message], body: bytes) -> None:
    try:
        kind.decode(body, "display:0")
    except SpiceProtocolError as error:
        assert error.name == kind.kind.name  # noqa: PT017


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_message_with_turned_bytes_is_a_message_or_an_error(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(every_kind()))
    body = bytearray(data.draw(made_up(kind)).encode())
    for _ in range(data.draw(st.integers(1, 4)) if body else 0):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]))
    try:
        kind.decode(bytes(body))
    except SpiceProtocolError as error:
        assert error.name == kind.kind.name  # noqa: PT017


def test_a_count_beyond_the_message_is_refused_before_anything_is_made_of_it() -> None:
    with pytest.raises(
        SpiceProtocolError,
        match=r"Field 'channels' of the SPICE message CHANNELS_LIST on main:0 says 4294967295 items .* and 2 are left",
    ):
        main.ChannelsList.decode(bytes.fromhex("ffffffff 0100"), "main:0")


def test_a_length_beyond_the_message_names_its_field() -> None:
    body = bytes.fromhex("01000000 02000000 ffffff7f aabb")
    with pytest.raises(
        SpiceProtocolError, match=r"Field 'data' of the SPICE message STREAM_DATA takes 2147483647 bytes"
    ):
        display.StreamData.decode(body)


def test_a_bitmap_whose_stride_and_height_lie_is_refused() -> None:
    golden = next(each for each in GOLDEN if isinstance(each.message, draw.DrawCopy))
    body = bytearray(golden.body)
    at = golden.body.index(bytes.fromhex("0804")) + 6  # the bitmap's height
    body[at : at + 4] = b"\xff\xff\xff\xff"
    with pytest.raises(
        SpiceProtocolError, match=r"Field 'image\.picture\.data' .* takes 34359738360 bytes and 8 are left"
    ):
        draw.DrawCopy.decode(bytes(body))


def test_a_pointer_beyond_the_message_is_refused() -> None:
    golden = next(each for each in GOLDEN if isinstance(each.message, draw.DrawCopy))
    body = bytearray(golden.body)
    body[21:25] = (len(body) + 1).to_bytes(4, "little")
    with pytest.raises(SpiceProtocolError, match=rf"Field 'image' .* points to byte {len(body) + 1} of {len(body)}"):
        draw.DrawCopy.decode(bytes(body))


def test_pointers_to_one_place_do_not_multiply_a_message() -> None:
    """Image and mask of one DRAW_COPY at the same offset: more out-of-line bytes than the message has."""
    pixels = bytes(4 * 100)
    image = images.Image(7, 0, 0, 100, 1, images.Bitmap(8, 4, 100, 1, 400, None, None, pixels))
    copy = draw.DrawCopy(
        geometry.DrawBase(0, geometry.Rect(0, 0, 1, 1), geometry.Clip(0, None)), image, geometry.Rect(0, 0, 1, 1), 8, 0,
        brushes.Mask(0, geometry.Point(0, 0), None),
    )  # fmt: skip
    body = bytearray(copy.encode())
    body[53:57] = body[21:25]
    with pytest.raises(SpiceProtocolError, match=r"Field 'mask\.image' .* points to what other fields hold already"):
        draw.DrawCopy.decode(bytes(body))


def test_a_message_beyond_its_limit_is_neither_read_nor_written() -> None:
    with pytest.raises(SpiceProtocolError, match="SET_ACK on main:0 is 65537 bytes long, at most 65536 are allowed"):
        base.SetAck.decode(bytes(65537), "main:0")
    with pytest.raises(InputError, match="MIGRATE_DATA should have at most"):
        base.ClientMigrateData(bytes(17 << 20)).encode()


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (main.AgentStart(1 << 32), r"Field 'tokens' of the SPICE message AGENT_START should fit into it but is 4294967296"),
        (base.Notify(0, 0, 0, 0, 3, b"hi"), "Field 'text' .* has 2 bytes where 3 are told of"),
        (draw.DrawBlackness(geometry.DrawBase(0, geometry.Rect(0, 0, 1, 1), geometry.Clip(1, None)), NO_MASK),
         r"Field 'base\.clip\.rects' .* is NoneType while type 1 asks for ClipRects"),
        (display.MonitorsConfig(2, 2, ()), "Field 'heads' .* has 0 items where 2 are told of"),
    ],
)  # fmt: skip
def test_a_message_that_can_not_be_is_not_written(message: Message, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        message.encode()


def test_messages_are_found_by_name_as_testers_write_it() -> None:
    assert messages.named(Type.DISPLAY, "draw copy") == [draw.DrawCopy]
    assert messages.named(Type.MAIN, "agent_data") == [main.AgentData, main.ClientAgentData]
    assert messages.named(Type.MAIN, "DRAW_COPY") == []


def test_messages_whose_import_was_interrupted_can_be_imported_once_more_and_no_two_share_a_number() -> None:
    code = """
import importlib
from ATPLibrary.protocol.spice.schema import structure
calls, real = [], structure.re.sub
def interrupting(*arguments):
    calls.append(arguments)
    if len(calls) == 6:
        raise KeyboardInterrupt
    return real(*arguments)
structure.re.sub = interrupting  # which each message calls once, for its name
MAIN = "ATPLibrary.protocol.spice.messages.main"
try:
    importlib.import_module(MAIN)
except KeyboardInterrupt:
    print("interrupted")
main = importlib.import_module(MAIN)
try:
    type("Other", (main.ServerMessage,), {}, channel=main.MAIN, number=103)
except AssertionError as error:
    print(error)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout == "interrupted\nOther and Init have one number\n"
