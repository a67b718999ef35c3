"""Lines into a file: in their order, whole, and without keeping who writes them."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import os
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ATPLibrary.events import EventBus
from ATPLibrary.orchestrator.spice_sessions import SpiceSessions
from ATPLibrary.protocol.spice import line_file
from ATPLibrary.protocol.spice.line_file import LineFile
from ATPLibrary.protocol.spice.recording import SessionRecorder

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


def test_who_writes_a_long_line_does_not_wait_for_the_disk_and_who_writes_too_much_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_file, "_MOST_PENDING", 1_000_000)
    monkeypatch.setattr(line_file, "_BUFFER", 8192)
    os.mkfifo(tmp_path / "slow")
    slow = os.open(tmp_path / "slow", os.O_RDONLY | os.O_NONBLOCK)
    file = LineFile(tmp_path / "slow")
    for _ in range(3):  # a pipe takes 64 KiB
        file.write({"number": 1}, LONG, lambda data: data.replace(LONG[:9], b"*" * 9))
    file.write({"number": 2}, b"short", plain)
    file.write({"number": 3}, LONG, plain)
    full = threading.Thread(target=file.write, args=({"number": 4}, LONG, plain))
    full.start()
    full.join(0.2)
    assert full.is_alive()
    os.set_blocking(slow, True)
    with os.fdopen(slow, "rb") as reader:
        lines = [json.loads(reader.readline()) for _ in range(3)]
        full.join(10)
        assert not full.is_alive()
        closing = threading.Thread(target=file.close)
        closing.start()
        lines += [json.loads(each) for each in reader]
        closing.join(10)
    assert [each["number"] for each in lines] == [1, 1, 1, 2, 3, 4]
    assert base64.b64decode(lines[2]["body"]) == b"*" * 9 + LONG[9:]
    assert not file.failure


def test_a_disk_that_takes_nothing_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_file, "_MOST_PENDING", 100_000)
    monkeypatch.setattr(line_file, "_STUCK_SECONDS", 0.1)
    os.mkfifo(tmp_path / "stuck")
    stuck = os.open(tmp_path / "stuck", os.O_RDONLY | os.O_NONBLOCK)
    file = LineFile(tmp_path / "stuck")
    for _ in range(2):
        file.write({}, LONG * 5, plain)
    assert file.failure == "the disk has taken nothing for 0.1 s"
    file.close()
    os.close(stuck)


@pytest.mark.parametrize("size", [10, 300_000])
def test_a_disk_that_is_full_is_told(size: int) -> None:
    file = LineFile(Path("/dev/full"))
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
