"""The agent's bytes become messages in bounded memory, whatever they are."""

from __future__ import annotations

import itertools
import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ATPLibrary.verifier.wire import LINE_LIMIT, LineReader, Refused, encode

pytestmark = pytest.mark.unit

MESSAGES: list[dict[str, Any]] = [
    {"type": "pong", "id": 1},
    {"type": "bye", "reason": "上"},
    {"type": "devices", "devices": []},
]
STREAM = b"".join(encode(message) for message in MESSAGES)


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_messages_are_the_same_wherever_the_bytes_are_cut(cuts: list[int]) -> None:
    reader = LineReader()
    places = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[begin:end] for begin, end in itertools.pairwise(places)]
    assert [message for piece in pieces for message in reader.feed(piece)] == MESSAGES
    assert reader.refused == 0


@pytest.mark.parametrize(
    "line", [b"garbage", b"{", b'{"type":', b"\xff\xfe", b"[1]", b'"text"', b'{"no":"type"}', b'{"type":1}']
)
def test_a_line_that_is_no_message_is_skipped_counted_and_not_fatal(line: bytes) -> None:
    reader = LineReader()
    refused, message = reader.feed(line + b"\n" + encode(MESSAGES[0]))
    assert isinstance(refused, Refused)
    assert message == MESSAGES[0]
    assert reader.refused == 1


def test_empty_lines_are_nothing() -> None:
    assert LineReader().feed(b"\n\n \n") == []


@pytest.mark.parametrize("depth", [100_000])
def test_a_line_nested_beyond_reason_is_refused(depth: int) -> None:
    reader = LineReader()
    (refused,) = reader.feed(b"[" * depth + b"]" * depth + b"\n")
    assert isinstance(refused, Refused)


def test_a_line_of_100_mb_costs_no_memory_is_reported_once_and_the_next_message_comes_through() -> None:
    reader = LineReader()
    piece = b"x" * 65536
    refusals = []
    tracemalloc.start()
    try:
        for _ in range(100_000_000 // len(piece)):
            refusals += reader.feed(piece)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [refusal.why for refusal in refusals if isinstance(refusal, Refused)] == [
        "a line of more than 10,485,760 bytes"
    ]
    assert peak < 2 * LINE_LIMIT
    assert reader.feed(b"\n" + encode(MESSAGES[0])) == [MESSAGES[0]]


def test_a_line_of_exactly_the_limit_is_still_read() -> None:
    message = {"type": "x", "pad": ""}
    message["pad"] = "p" * (1000 - len(json.dumps(message, separators=(",", ":"))))
    reader = LineReader(limit=1000)
    assert reader.feed(encode(message)) == [message]
    assert isinstance(reader.feed(encode({**message, "more": 1}))[0], Refused)
