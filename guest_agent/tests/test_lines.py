from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atp_guest_agent.lines import LineReader

pytestmark = pytest.mark.unit


@given(st.lists(st.binary(max_size=40) | st.just(b"\n"), max_size=30), st.integers(1, 30))
def test_any_bytes_in_any_chunks_give_the_same_lines_in_bounded_memory(chunks, limit):
    reader = LineReader(limit)
    lines = []
    for chunk in chunks:
        lines += reader.feed(chunk)
        assert reader.pending <= limit
    *whole, rest = b"".join(chunks).split(b"\n")
    expected = [line if len(line) <= limit else None for line in whole]
    if len(rest) > limit:
        expected.append(None)  # refused before its end has come
    assert lines == expected


def test_a_line_a_byte_at_a_time_is_put_together():
    reader = LineReader()
    lines = []
    for byte in b"x" * 5000 + b"\n":
        lines += reader.feed(bytes([byte]))
    assert lines == [b"x" * 5000]


def test_a_hundred_megabyte_line_is_refused_once_and_the_next_line_is_read():
    reader = LineReader()
    chunk = b"x" * 65536
    refused = []
    for _ in range(1600):
        refused += reader.feed(chunk)
        assert reader.pending <= reader.limit
    assert refused == [None]
    assert reader.feed(b"\nnext\n") == [b"next"]


def test_reset_forgets_half_a_line():
    reader = LineReader()
    reader.feed(b"half")
    reader.reset()
    assert reader.feed(b"whole\n") == [b"whole"]
