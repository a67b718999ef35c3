"""Lines into a file: in their order, whole, and without keeping who writes them."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.spice.server import spice_server

from ATPLibrary.events import EventBus
from ATPLibrary.orchestrator.spice_sessions import SpiceSessions
from ATPLibrary.protocol.spice import line_file
from ATPLibrary.protocol.spice.client import speaking
from ATPLibrary.protocol.spice.line_file import LineFile
from ATPLibrary.protocol.spice.recording import SessionRecorder
from ATPLibrary.protocol.spice.schema import Sender
from ATPLibrary.transport.spice import SpiceChannelType as Type

pytestmark = pytest.mark.unit
LONG = os.urandom(300_000)


def plain(data: bytes) -> bytes:
    return data


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_short_and_long_lines_keep_their_order_and_are_whole(tmp_path: Path, name: str) -> None:
    file, bodies = LineFile(tmp_path / name), [b"", LONG, b"x", LONG[:200_001], None, LONG[:1], b"y" * 192 * 1024]
    for number, body in enumerate(bodies * 3):
        file.write({"number": number, "word": "größe"}, body, plain)
    file.close()
    file.close()
    file.write({"number": -1}, b"too late", plain)
    data = (tmp_path / name).read_bytes()
    lines = [json.loads(each) for each in (gzip.decompress(data) if name.endswith(".gz") else data).splitlines()]
    assert [each["number"] for each in lines] == list(range(21))
    assert [base64.b64decode(each["body"]) if "body" in each else None for each in lines] == bodies * 3
    assert not file.failure


def slow_disk(path: Path) -> tuple[Path, int]:
    """A file that takes no more than a pipe's 64 KiB, until somebody reads of the descriptor."""
    os.mkfifo(path)
    return path, os.open(path, os.O_RDONLY | os.O_NONBLOCK)


async def test_who_writes_never_waits_for_the_disk_and_can_wait_until_it_has_caught_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_file, "_MOST_PENDING", 1_000_000)
    monkeypatch.setattr(line_file, "_BUFFER", 8192)
    path, slow = slow_disk(tmp_path / "slow")
    file = LineFile(path)
    for _ in range(3):
        file.write({"number": 1}, LONG, lambda data: data.replace(LONG[:9], b"*" * 9))
    assert not file.is_full
    await file.until_room()
    file.write({"number": 2}, b"short", plain)
    for number in (3, 4):
        file.write({"number": number}, LONG, plain)
    assert file.is_full
    waiting = [asyncio.create_task(file.until_room()) for _ in range(2)]
    assert not (await asyncio.wait(waiting, timeout=0.2))[0]
    file.write({"number": 5}, b"", plain)
    os.set_blocking(slow, True)
    with os.fdopen(slow, "rb") as reader:
        lines = [json.loads(await asyncio.to_thread(reader.readline)) for _ in range(4)]
        async with asyncio.timeout(10):
            await asyncio.gather(*waiting)
        assert not file.is_full
        file.end()
        lines += [json.loads(each) for each in await asyncio.to_thread(reader.readlines)]
    assert [each["number"] for each in lines] == [1, 1, 1, 2, 3, 4, 5]
    assert base64.b64decode(lines[2]["body"]) == b"*" * 9 + LONG[9:]
    await asyncio.to_thread(file.wait_closed)
    assert not file.failure


async def test_short_lines_are_put_on_a_disk_by_a_thread_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_file, "_MOST_PENDING", 500_000)
    monkeypatch.setattr(line_file, "_BUFFER", 8192)
    path, slow = slow_disk(tmp_path / "slow")
    file, written = LineFile(path), 0
    while not file.is_full:
        file.write({"number": written}, LONG[:1000], plain)
        written += 1
    file.end()
    os.set_blocking(slow, True)
    with os.fdopen(slow, "rb") as reader:
        lines = await asyncio.to_thread(reader.readlines)
    assert [json.loads(each)["number"] for each in lines] == list(range(written))


async def test_a_disk_that_takes_nothing_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_file, "_MOST_PENDING", 100_000)
    monkeypatch.setattr(line_file, "_STUCK_SECONDS", 0.1)
    path, stuck = slow_disk(tmp_path / "stuck")
    file = LineFile(path)
    file.write({}, LONG * 5, plain)
    await file.until_room()
    assert file.failure == "the disk has taken nothing for 0.1 s"
    assert not file.is_full, "nobody waits for it any more"
    file.close()
    os.close(stuck)


async def test_a_channel_waits_for_a_recording_that_is_behind_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_file, "_MOST_PENDING", 200_000)
    monkeypatch.setattr(line_file, "_BUFFER", 8192)
    path, slow = slow_disk(tmp_path / "slow")
    recorder = SessionRecorder(path, "win11")
    recorder.open()
    async with spice_server() as server:
        connection = server.connection()
        recorder.follow(connection)
        await connection.connect_main_channel(5)
        display = speaking(await connection.open_channel(Type.DISPLAY, timeout=5))
        seam, peer = display.conversation.wire.seam, await server.peer(Type.DISPLAY)
        for _ in range(2):
            peer.send(999, LONG)
        peer.send(102)
        await display.wait_until(lambda: seam.first_after(0, "message 999") is not None, 5, "bring it")
        opened = await connection.open_channel(Type.INPUTS, timeout=5)
        assert opened.state.is_open
        assert [each.name for each in seam.records if each.sender is Sender.SERVER] == ["message 999"]
        os.set_blocking(slow, True)
        reading = asyncio.create_task(asyncio.to_thread(os.fdopen(slow, "rb").read))
        await display.expect("MARK", 10)
        await connection.close()
        await recorder.close_aside()
    bodies = [base64.b64decode(json.loads(each).get("body", "")) for each in (await reading).splitlines()]
    assert bodies.count(LONG) == 2
    assert not recorder.problem


@pytest.mark.parametrize("name", ["full.jsonl", "full.jsonl.gz"])
@pytest.mark.parametrize("size", [10, 300_000])
def test_a_disk_that_is_full_is_told(tmp_path: Path, size: int, name: str) -> None:
    (tmp_path / name).symlink_to("/dev/full")
    file = LineFile(tmp_path / name)
    file.write({}, LONG[:size], plain)
    file.close()
    assert "No space left on device" in file.failure
    file.write({}, b"more", plain)


@pytest.mark.parametrize("size", [10, 300_000])
def test_whatever_goes_wrong_with_a_line_is_told_at_once(tmp_path: Path, size: int) -> None:
    def broken(data: bytes) -> bytes:
        raise ValueError(f"{len(data)} bytes that can't be masked")

    file = LineFile(tmp_path / "a.jsonl")
    file.write({}, LONG[:size], broken)
    file.write({}, LONG, plain)
    file.close()
    assert file.failure == f"ValueError: {size} bytes that can't be masked"


def test_a_file_whose_disk_was_stuck_is_closed_once_it_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_file, "_STUCK_SECONDS", 0.1)
    os.mkfifo(tmp_path / "stuck")
    stuck = os.open(tmp_path / "stuck", os.O_RDONLY | os.O_NONBLOCK)
    file = LineFile(tmp_path / "stuck")
    file.write({}, LONG, plain)
    file.close()
    assert file.failure == "the disk has taken nothing for 0.1 s"
    os.set_blocking(stuck, True)
    with os.fdopen(stuck, "rb") as reader:
        assert reader.read().endswith(b'"}\n'), "which comes to its end only where the writer closes"


@pytest.mark.parametrize("how", ["stop", "close"])
async def test_the_loop_goes_on_while_a_recording_is_closed(tmp_path: Path, how: str) -> None:
    os.mkfifo(tmp_path / "slow")
    slow = os.open(tmp_path / "slow", os.O_RDONLY | os.O_NONBLOCK)
    recorder = SessionRecorder(tmp_path / "slow", "win11")
    recorder.open()
    recorder._write({"time": 0}, LONG)
    sessions = SpiceSessions(cast("Any", SimpleNamespace(bus=EventBus())))
    sessions._recorders["u-1"] = recorder
    machine = cast("Any", SimpleNamespace(uuid="u-1"))
    closing: asyncio.Task[Any] = asyncio.ensure_future(
        sessions.close("u-1") if how == "close" else sessions.stop_recording(machine)  # type: ignore[arg-type]
    )
    await asyncio.sleep(0)
    os.set_blocking(slow, True)
    with os.fdopen(slow, "rb") as reader:  # nobody takes what is written before the loop has gone on
        data = await asyncio.to_thread(reader.read)
    assert await closing is (recorder if how == "stop" else None)
    assert base64.b64decode(json.loads(data.splitlines()[1])["body"]) == LONG
    assert not recorder.problem
