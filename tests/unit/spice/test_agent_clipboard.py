"""Clipboards shared with a guest's agent, both ways; and files on their way to it."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import struct
from pathlib import Path

import pytest
from tests.spice.agent import CAPS, Session, session

from ATPLibrary.errors import DeadlineError, InputError
from ATPLibrary.protocol.spice.agent.clipboard import CONTENT_LIMIT
from ATPLibrary.protocol.spice.agent.enums import AgentCap, ClipboardType, Selection, TransferStatus
from ATPLibrary.protocol.spice.errors import SpiceAgentError
from ATPLibrary.secrets import Secret, redact

pytestmark = pytest.mark.unit
TEXT, PNG = ClipboardType.UTF8_TEXT, ClipboardType.IMAGE_PNG
CLIPBOARD, PRIMARY = Selection.CLIPBOARD, Selection.PRIMARY
WITHOUT_SELECTIONS = CAPS & ~AgentCap.CLIPBOARD_SELECTION.bit & ~AgentCap.CLIPBOARD_GRAB_SERIAL.bit


def which(selection: int) -> bytes:
    return struct.pack("<B3x", selection)


async def grabbed(both: Session, serial: int, *types: int, selection: int = CLIPBOARD) -> None:
    """Somebody copies something in the guest."""
    both.guest.say(7, which(selection) + struct.pack(f"<I{len(types)}I", serial, *types))
    await both.pause()


async def test_what_is_put_on_the_guest_s_clipboard_is_fetched_when_it_is_pasted() -> None:
    async with session() as both:
        await both.talk.put(CLIPBOARD, {TEXT: "héllo".encode(), PNG: b"\x89PNG"}, 5)
        assert await both.guest.hear(7) == which(0) + struct.pack("<III", 0, TEXT, PNG)
        for type, data in ((TEXT, "héllo".encode()), (PNG, b"\x89PNG")):
            both.guest.say(8, which(0) + struct.pack("<I", type))
            assert await both.guest.hear(4) == which(0) + struct.pack("<I", type) + data
        assert both.agent.clipboards.served == 2


async def test_a_secret_on_the_clipboard_is_known_as_one_while_the_guest_may_fetch_it() -> None:
    async with session() as both:
        await both.talk.put_text(CLIPBOARD, Secret("a-horse-of-mine"), 5)
        await both.guest.hear(7)
        gc.collect()
        assert "a-horse-of-mine" not in redact("it is a-horse-of-mine")
        both.guest.say(8, which(0) + struct.pack("<I", TEXT))
        assert (await both.guest.hear(4)).endswith(b"a-horse-of-mine")
        await both.talk.put_text(CLIPBOARD, "no secret", 5)
        gc.collect()
        assert redact("it is a-horse-of-mine") == "it is a-horse-of-mine"


async def test_what_was_not_put_there_is_answered_with_nothing() -> None:
    async with session() as both:
        await both.talk.put(CLIPBOARD, {TEXT: b"x"}, 5)
        await both.guest.hear(7)
        for selection, type in ((0, PNG), (1, TEXT), (9, TEXT)):
            both.guest.say(8, which(selection) + struct.pack("<I", type))
            assert await both.guest.hear(4) == which(selection) + struct.pack("<I", 0)
        assert both.agent.clipboards.served == 0


async def test_a_large_content_goes_in_as_many_chunks_as_there_are_tokens() -> None:
    async with session() as both:
        picture = bytes(range(256)) * 400
        await both.talk.put(CLIPBOARD, {PNG: picture}, 5)
        await both.guest.hear(7)
        both.guest.say(8, which(0) + struct.pack("<I", PNG))
        heard = asyncio.create_task(both.guest.hear(4))
        while not heard.done():
            both.guest.give(1)
            await both.pause()
        assert (await heard)[8:] == picture


async def test_of_types_without_end_some_are_kept() -> None:
    async with session() as both:
        await grabbed(both, 0, *range(1, 1001))
        assert both.agent.clipboards.guest == {0: tuple(range(1, 65))}


async def test_what_is_copied_in_the_guest_is_fetched_when_it_is_wanted() -> None:
    async with session() as both:
        await grabbed(both, 0, TEXT, PNG)
        assert both.agent.clipboards.guest == {0: (TEXT, PNG)}
        told = both.server.bus.recent("vm:win11")[-1]
        assert (told.kind, told.data["types"]) == ("spice.agent.clipboard", ["UTF8_TEXT", "IMAGE_PNG"])
        waiting = asyncio.create_task(both.talk.get(CLIPBOARD, TEXT, 5))
        assert await both.guest.hear(8) == which(0) + struct.pack("<I", TEXT)
        both.guest.say(4, which(0) + struct.pack("<I", TEXT) + b"from the guest")
        assert await waiting == b"from the guest"


async def test_selections_are_kept_apart() -> None:
    async with session() as both:
        await grabbed(both, 0, TEXT, selection=PRIMARY)
        with pytest.raises(
            SpiceAgentError,
            match=r"clipboard \(clipboard\) .* have UTF8_TEXT within 0\.05 s but nothing was copied in the guest",
        ):
            await both.talk.get(CLIPBOARD, TEXT, 0.05)
        waiting = asyncio.create_task(both.talk.get(PRIMARY, TEXT, 5))
        await both.guest.hear(8)
        both.guest.say(4, which(0) + struct.pack("<I", TEXT) + b"another selection's")
        both.guest.say(4, which(1) + struct.pack("<I", TEXT) + b"marked")
        assert await waiting == b"marked"
        assert both.agent.statistics.ignored["CLIPBOARD"] == 1


async def test_a_type_that_the_guest_has_not_is_named_with_those_that_it_has() -> None:
    async with session() as both:
        await grabbed(both, 0, TEXT, 77)
        with pytest.raises(SpiceAgentError, match=r"have IMAGE_PNG within 0\.05 s but has only UTF8_TEXT, type 77"):
            await both.talk.get(CLIPBOARD, PNG, 0.05)


async def test_a_guest_that_has_it_no_more_answers_so() -> None:
    async with session() as both:
        await grabbed(both, 0, TEXT)
        waiting = asyncio.create_task(both.talk.get(CLIPBOARD, TEXT, 5))
        await both.guest.hear(8)
        both.guest.say(4, which(0) + struct.pack("<I", 0))
        with pytest.raises(SpiceAgentError, match="answered that it has none"):
            await waiting


async def test_a_guest_that_does_not_answer_is_waited_for_no_longer_and_its_late_answer_not_kept() -> None:
    async with session() as both:
        await grabbed(both, 0, TEXT)
        with pytest.raises(DeadlineError, match=r"should bring the guest's clipboard \(clipboard\) within 0\.05 s"):
            await both.talk.get(CLIPBOARD, TEXT, 0.05)
        both.guest.say(4, which(0) + struct.pack("<I", TEXT) + bytes(100_000))
        await both.pause()
        assert both.agent.statistics.ignored["CLIPBOARD"] == 1
        assert both.agent.clipboards._asked == []


async def test_what_is_copied_later_is_waited_for_and_text_that_is_none_is_said() -> None:
    async with session() as both:
        waiting = asyncio.create_task(both.talk.get_text(CLIPBOARD, 5))
        await both.pause()
        await grabbed(both, 0, TEXT)
        await both.guest.hear(8)
        both.guest.say(4, which(0) + struct.pack("<I", TEXT) + b"a\r\nb \xff")
        with pytest.raises(SpiceAgentError, match=r"have UTF-8 text but has not: .*0xff in position 5"):
            await waiting


async def test_a_guest_with_other_line_ends_gets_and_gives_them() -> None:
    async with session(caps=CAPS | AgentCap.GUEST_LINEEND_CRLF.bit) as both:
        await both.talk.put_text(CLIPBOARD, "a\nb\r\nc", 5)
        await both.guest.hear(7)
        both.guest.say(8, which(0) + struct.pack("<I", TEXT))
        assert (await both.guest.hear(4))[8:] == b"a\r\nb\r\nc"
        await grabbed(both, 1, TEXT)
        waiting = asyncio.create_task(both.talk.get_text(CLIPBOARD, 5))
        await both.guest.hear(8)
        both.guest.say(4, which(0) + struct.pack("<I", TEXT) + b"a\r\nb")
        assert await waiting == "a\nb"


async def test_something_new_on_the_clipboard_is_waited_for() -> None:
    async with session() as both:
        await grabbed(both, 0, TEXT)
        seen = both.talk.copies(CLIPBOARD)
        waiting = asyncio.create_task(both.talk.wait_for_copy(CLIPBOARD, seen, 5))
        await both.pause()
        assert not waiting.done()
        await grabbed(both, 1, TEXT)
        await waiting


async def test_of_two_grabs_at_the_same_time_the_client_s_counts() -> None:
    async with session() as both:
        await both.talk.put(CLIPBOARD, {TEXT: b"ours"}, 5)
        await grabbed(both, 0, TEXT)  # the guest had not seen ours
        assert both.agent.clipboards.ours == {0: {TEXT: b"ours"}}
        assert both.agent.clipboards.guest == {}
        assert both.agent.statistics.ignored["CLIPBOARD_GRAB"] == 1
        await grabbed(both, 1, TEXT)  # and this one comes after it
        assert both.agent.clipboards.guest == {0: (TEXT,)}
        assert both.agent.clipboards.ours == {}
        await both.guest.hear(7)
        await both.talk.put(CLIPBOARD, {TEXT: b"again"}, 5)
        assert struct.unpack("<B3xII", await both.guest.hear(7)) == (0, 2, TEXT)


async def test_what_was_put_there_is_taken_back_and_so_does_the_guest() -> None:
    async with session() as both:
        await both.talk.put(PRIMARY, {TEXT: b"x"}, 5)
        await both.guest.hear(7)
        await both.talk.take_back(PRIMARY, 5)
        assert await both.guest.hear(9) == which(1)
        await grabbed(both, 0, TEXT)
        both.guest.say(9, b"\0")  # spice-vdagentd leaves the reserved bytes away
        await both.pause()
        assert both.agent.clipboards.guest == {}
        assert both.server.bus.recent("vm:win11")[-1].data["types"] == []


async def test_an_old_agent_has_one_clipboard_and_no_serials() -> None:
    async with session(caps=WITHOUT_SELECTIONS) as both:
        await both.talk.put(CLIPBOARD, {TEXT: b"x"}, 5)
        assert await both.guest.hear(7) == struct.pack("<I", TEXT)
        both.guest.say(8, struct.pack("<I", TEXT))
        assert await both.guest.hear(4) == struct.pack("<I", TEXT) + b"x"
        both.guest.say(7, struct.pack("<I", TEXT))
        await both.pause()
        assert both.agent.clipboards.guest == {0: (TEXT,)}
        with pytest.raises(SpiceAgentError, match="have the selection PRIMARY but knows one clipboard only"):
            await both.talk.put(PRIMARY, {TEXT: b"x"}, 5)


async def test_more_than_a_message_may_carry_is_refused_before_it_is_sent() -> None:
    async with session() as both:
        with pytest.raises(InputError, match=f"have at most {CONTENT_LIMIT} bytes but has {CONTENT_LIMIT + 1}"):
            await both.talk.put(CLIPBOARD, {PNG: bytes(CONTENT_LIMIT + 1)}, 5)


def started(body: bytes) -> tuple[int, str, int]:
    """Id, name and size that a FILE_XFER_START says."""
    assert body.endswith(b"\n\0")
    (id,) = struct.unpack_from("<I", body)
    group, name, size = body[4:-2].decode().split("\n")
    assert group == "[vdagent-file-xfer]"
    return id, name.removeprefix("name="), int(size.removeprefix("size="))


@pytest.mark.parametrize("size", [0, 1, 64 << 10, (64 << 10) + 1, 300_000])
async def test_a_file_arrives_whole_and_its_progress_is_told(tmp_path: Path, size: int) -> None:
    async with session() as both:
        file = tmp_path / "some file.bin"
        file.write_bytes(content := bytes(index * 7 % 256 for index in range(size)))
        told: list[tuple[int, int]] = []
        sending = asyncio.create_task(both.talk.send_file(file, 5, lambda done, whole: told.append((done, whole))))
        id, name, said = started(await both.guest.hear(10))
        assert (name, said) == ("some file.bin", size)
        both.guest.say(11, struct.pack("<II", id, TransferStatus.CAN_SEND_DATA))
        both.guest.give(1000)
        got = b""
        while True:
            body = await both.guest.hear(12)
            assert struct.unpack_from("<IQ", body) == (id, len(body) - 12)
            got += body[12:]
            if len(got) == size:
                break
        both.guest.say(11, struct.pack("<II", id, TransferStatus.SUCCESS))
        sent = await sending
        assert got == content
        assert (sent.name, sent.size, sent.sha256) == ("some file.bin", size, hashlib.sha256(content).hexdigest())
        assert told[-1] == (size, size)
        assert both.agent.transfers.open == {}


@pytest.mark.parametrize(
    ("status", "data", "sentence"),
    [
        (1, b"", "the guest cancelled it"),
        (2, b"", r"the guest could not write it\. Look at spice-vdagent's log"),
        (2, struct.pack("<BI", 0, 12), r"the guest could not write it \(error 12 of kind 0\)"),
        (4, struct.pack("<Q", 1000), "the guest has not enough space: 1000 bytes are free, 5000 are needed"),
        (4, b"", r"the guest has not enough space\. Make space"),
        (5, b"", "the guest's session is locked"),
        (6, b"", "no agent runs in the guest's session"),
        (7, b"", r"file transfer is disabled in the guest\. Start spice-vdagent with a directory"),
        (99, b"", "the guest answered status 99"),
    ],
)
async def test_each_refusal_has_its_sentence(tmp_path: Path, status: int, data: bytes, sentence: str) -> None:
    async with session() as both:
        (file := tmp_path / "a").write_bytes(bytes(5000))
        sending = asyncio.create_task(both.talk.send_file(file, 5))
        id, _, _ = started(await both.guest.hear(10))
        both.guest.say(11, struct.pack("<II", id, status) + data)
        with pytest.raises(
            SpiceAgentError, match=rf"File 'a', sent by the SPICE agent of VM 'win11', should arrive but {sentence}"
        ):
            await sending


async def test_a_disk_that_gets_full_half_way_is_told_with_what_was_sent(tmp_path: Path) -> None:
    async with session() as both:
        (file := tmp_path / "a").write_bytes(bytes(200_000))
        sending = asyncio.create_task(both.talk.send_file(file, 5))
        id, _, _ = started(await both.guest.hear(10))
        both.guest.say(11, struct.pack("<II", id, 0))
        both.guest.give(33)
        await both.guest.hear(12)
        both.guest.say(11, struct.pack("<II", id, 2))
        with pytest.raises(SpiceAgentError, match=r"could not write it, after \d+ of 200000 bytes were sent"):
            await sending


async def test_a_disabled_transfer_is_not_even_asked_for(tmp_path: Path) -> None:
    async with session(caps=CAPS | AgentCap.FILE_XFER_DISABLED.bit) as both:
        (file := tmp_path / "a").write_bytes(b"x")
        with pytest.raises(SpiceAgentError, match="file transfer is disabled in the guest"):
            await both.talk.send_file(file, 5)


async def test_a_transfer_that_is_given_up_is_cancelled_in_the_guest(tmp_path: Path) -> None:
    async with session() as both:
        (file := tmp_path / "a").write_bytes(bytes(200_000))
        sending = asyncio.create_task(both.talk.send_file(file, 0.1))
        id, _, _ = started(await both.guest.hear(10))
        both.guest.say(11, struct.pack("<II", id, 0))
        with pytest.raises(
            DeadlineError, match=r"Last seen: \d+ of 200000 bytes were sent, \d+ of them wait for the agent's tokens"
        ):
            await sending
        both.guest.give(1000)
        for _ in range(2):  # what was under way
            await both.guest.hear(12)
        assert await both.guest.hear(11) == struct.pack("<II", id, TransferStatus.CANCELLED)


async def test_an_agent_that_goes_meanwhile_is_the_reason(tmp_path: Path) -> None:
    async with session() as both:
        (file := tmp_path / "a").write_bytes(bytes(10))
        sending = asyncio.create_task(both.talk.send_file(file, 5))
        await both.guest.hear(10)
        both.guest.peer.send(108, struct.pack("<I", 0))
        with pytest.raises(SpiceAgentError, match="the agent has gone"):
            await sending


async def test_a_status_about_no_file_of_ours_is_left_alone() -> None:
    async with session() as both:
        both.guest.say(11, struct.pack("<II", 5, 3))
        await both.pause()
        assert both.agent.statistics.ignored == {"FILE_XFER_STATUS": 1}


async def test_a_file_that_can_not_be_read_here_is_named(tmp_path: Path) -> None:
    async with session() as both:
        with pytest.raises(InputError, match="can't be read: No such file"):
            await both.talk.send_file(tmp_path / "none", 5)


async def test_a_name_with_white_space_and_backslashes_is_escaped(tmp_path: Path) -> None:
    async with session(caps=CAPS) as both:
        (file := tmp_path / " a\\b\nc").write_bytes(b"")
        sending = asyncio.create_task(both.talk.send_file(file, 5))
        id, name, _ = started(await both.guest.hear(10))
        assert name == "\\sa\\\\b\\nc"
        both.guest.say(11, struct.pack("<II", id, 7))
        with pytest.raises(SpiceAgentError):
            await sending
