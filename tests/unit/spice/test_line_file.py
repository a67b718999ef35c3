"""Lines into a file: in their order, whole, and without keeping who writes them."""

from __future__ import annotations

import base64
import gzip
import json
import os
import threading
from pathlib import Path

import pytest

from ATPLibrary.protocol.spice import line_file
from ATPLibrary.protocol.spice.line_file import LineFile

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
