"""The agent's messages: held against bytes written by hand, the specification's numbers, and themselves; and their chunks."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.spice.made_up import made_up

from ATPLibrary.protocol.spice.agent import enums, messages
from ATPLibrary.protocol.spice.agent.messages import AgentMessage
from ATPLibrary.protocol.spice.agent.stream import CHUNK, Stream, Whole, chunks
from ATPLibrary.protocol.spice.errors import SpiceProtocolError

pytestmark = pytest.mark.unit
SPECIFICATION = Path("/usr/include/spice-1/spice/vd_agent.h")
NONE, SELECTION, SERIAL = 0, 1 << 6, 1 << 6 | 1 << 17
PLAIN, WITH = (None, None), (1, b"\0\0\0")
KINDS = sorted(AgentMessage.kinds.values(), key=lambda kind: kind.kind.number)

# Capabilities, number, bytes in hexadecimal (spaces part the fields), and what they mean.
GOLDEN = [
    (NONE, 1, "0a000000 14000000 02000000 01", messages.MouseState(10, 20, 2, 1)),
    # one monitor with its place: height 768, width 1024, depth 32, x -1, y 5
    (NONE, 2, "01000000 01000000 00030000 00040000 20000000 ffffffff 05000000",
     messages.MonitorsConfig(1, 1, (messages.Monitor(768, 1024, 32, -1, 5),), None)),
    # and with its size: 200 mm high, 300 wide
    (NONE, 2, "01000000 02000000 00030000 00040000 20000000 00000000 00000000 c800 2c01",
     messages.MonitorsConfig(1, 2, (messages.Monitor(768, 1024, 32, 0, 0),), (messages.MonitorSize(200, 300),))),
    (NONE, 3, "02000000 01000000", messages.Reply(2, 1)),
    (NONE, 4, "01000000 6869", messages.Clipboard(NONE, *PLAIN, 1, b"hi")),
    (SELECTION, 4, "01 000000 01000000 6869", messages.Clipboard(SELECTION, *WITH, 1, b"hi")),
    (SERIAL, 4, "01 000000 01000000 6869", messages.Clipboard(SERIAL, *WITH, 1, b"hi")),
    (NONE, 5, "08000000 20000000", messages.DisplayConfig(8, 32)),
    (NONE, 6, "01000000 ffff0300", messages.AnnounceCapabilities(1, b"\xff\xff\3\0")),
    (NONE, 7, "01000000 02000000", messages.ClipboardGrab(NONE, *PLAIN, None, bytes.fromhex("0100000002000000"))),
    (SELECTION, 7, "01 000000 01000000", messages.ClipboardGrab(SELECTION, *WITH, None, b"\1\0\0\0")),
    (SERIAL, 7, "01 000000 07000000 01000000", messages.ClipboardGrab(SERIAL, *WITH, 7, b"\1\0\0\0")),
    (NONE, 8, "02000000", messages.ClipboardRequest(NONE, *PLAIN, 2)),
    (SELECTION, 8, "01 000000 02000000", messages.ClipboardRequest(SELECTION, *WITH, 2)),
    (NONE, 9, "", messages.ClipboardRelease(NONE, None, b"")),
    (SELECTION, 9, "01 000000", messages.ClipboardRelease(SELECTION, 1, b"\0\0\0")),
    (SELECTION, 9, "01", messages.ClipboardRelease(SELECTION, 1, b"")),
    (NONE, 10, "05000000 5b785d0a00", messages.FileXferStart(5, b"[x]\n\0")),
    (NONE, 11, "05000000 04000000 0010000000000000", messages.FileXferStatus(5, 4, bytes.fromhex("0010000000000000"))),
    (NONE, 12, "05000000 0200000000000000 6869", messages.FileXferData(5, 2, b"hi")),
    (NONE, 13, "", messages.ClientDisconnected()),
    (NONE, 14, "ffffffff", messages.MaxClipboard(-1)),
    (NONE, 15, "01 00 02 0080 ffff", messages.AudioVolumeSync(1, 0, 2, (0x8000, 0xFFFF))),
    (NONE, 16, "01000000 00000000 01000000 02000000 04000000 61626300",
     messages.GraphicsDeviceInfo(1, (messages.DisplayInfo(0, 1, 2, 4, b"abc\0"),))),
]  # fmt: skip


@pytest.mark.parametrize(("caps", "number", "wire", "message"), GOLDEN, ids=lambda each: None)
def test_a_message_is_read_and_written_as_by_hand(caps: int, number: int, wire: str, message: AgentMessage) -> None:
    kind = AgentMessage.kinds[number]
    assert kind is type(message)
    assert kind.read(bytes.fromhex(wire), "it", caps) == message
    assert message.encode() == bytes.fromhex(wire)


def test_every_message_was_written_by_hand() -> None:
    assert {number for _, number, _, _ in GOLDEN} == set(range(1, 17))


def _specified(prefix: str, end: str) -> dict[str, int]:
    """An enumeration of the specification's header: names without prefix, counted as C counts."""
    assert SPECIFICATION.exists(), "libspice-protocol-dev is missing: run scripts/setup"
    text = re.sub(r"/\*.*?\*/", "", SPECIFICATION.read_text(), flags=re.S)
    for body in re.findall(r"enum \{(.*?)\};", text, re.S):
        entries = [line.strip() for line in body.split(",") if line.strip()]
        names = [entry.split("=")[0].strip() for entry in entries]
        if names[0].startswith(prefix) and (not end or names[-1] == end):
            first = int(entries[0].split("=")[1]) if "=" in entries[0] else 0
            return {name.removeprefix(prefix): first + place for place, name in enumerate(names) if name != end}
    raise AssertionError(f"{SPECIFICATION} has no enumeration of {prefix}")


def test_every_number_and_name_is_the_specification_s() -> None:
    assert {kind.kind.name: number for number, kind in AgentMessage.kinds.items()} == _specified(
        "VD_AGENT_", "VD_AGENT_END_MESSAGE"
    )
    for ours, prefix, end in (
        (enums.AgentCap, "VD_AGENT_CAP_", "VD_AGENT_END_CAP"),
        (enums.ClipboardType, "VD_AGENT_CLIPBOARD_", ""),
        (enums.Selection, "VD_AGENT_CLIPBOARD_SELECTION_", ""),
        (enums.TransferStatus, "VD_AGENT_FILE_XFER_STATUS_", ""),
    ):
        assert {each.name: each.value for each in ours} == _specified(prefix, end)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_is_written_is_read_again_from_chunks_of_any_cut(kind: type[AgentMessage], data: st.DataObject) -> None:
    message = data.draw(made_up(kind))
    cut = list(chunks(message))
    assert all(0 < len(chunk) <= CHUNK for chunk in cut)
    wire = b"".join(cut) * 2
    stream, found, at = Stream("it"), [], 0
    while at < len(wire):
        size = data.draw(st.integers(1, CHUNK))
        found += list(stream.feed(wire[at : at + size]))
        at += size
    assert [whole.number for whole in found] == [kind.kind.number] * 2
    caps = getattr(message, "caps", 0)
    assert [kind.read(whole.body, "it", caps) for whole in found] == [message] * 2


@settings(max_examples=400, deadline=None)
@given(
    number=st.sampled_from(sorted(AgentMessage.kinds)),
    body=st.binary(max_size=80),
    caps=st.sampled_from([0, SELECTION, SERIAL]),
)
def test_any_bytes_are_a_message_or_an_error_that_names_it(number: int, body: bytes, caps: int) -> None:
    kind = AgentMessage.kinds[number]
    try:
        kind.read(body, "it", caps)
    except SpiceProtocolError as error:
        assert error.name == kind.kind.name  # noqa: PT017


@settings(max_examples=400, deadline=None)
@given(
    pieces=st.lists(
        st.binary(max_size=60)
        | st.builds(
            lambda protocol, number, size, rest: struct.pack("<IIQI", protocol, number, 0, size) + rest,
            st.sampled_from([1, 1, 1, 2]), st.integers(0, 20),
            st.sampled_from([0, 1, 4, 20, 65536, 1 << 24, 2**32 - 1]), st.binary(max_size=40),
        ),
        max_size=12,
    )
)  # fmt: skip
def test_lengths_that_lie_end_in_an_error_and_nothing_is_kept_that_did_not_come(pieces: list[bytes]) -> None:
    stream, fed, got = Stream("it"), 0, 0
    try:
        for piece in pieces:
            fed += len(piece)
            for whole in stream.feed(piece):
                got += 20 + len(whole.body)
            assert got + len(stream._buffer) == fed
    except SpiceProtocolError as error:
        assert error.field in ("protocol", "size")  # noqa: PT017


@pytest.mark.parametrize(
    ("number", "size", "allowed"), [(4, (16 << 20) + 1, 16 << 20), (7, 65537, 65536), (99, 2**32 - 1, 65536)]
)
def test_a_message_longer_than_its_kind_may_be_is_refused_by_its_header(number: int, size: int, allowed: int) -> None:
    with pytest.raises(SpiceProtocolError, match=f"says {size} bytes, at most {allowed} are allowed"):
        list(Stream("it").feed(struct.pack("<IIQI", 1, number, 0, size)))


def test_a_message_of_exactly_its_limit_comes_whole() -> None:
    stream, body = Stream("it"), bytes(16 << 20)
    wire = struct.pack("<IIQI", 1, 4, 0, len(body)) + body
    found = [whole for at in range(0, len(wire), 1 << 16) for whole in stream.feed(wire[at : at + (1 << 16)])]
    assert found == [Whole(4, body)]
