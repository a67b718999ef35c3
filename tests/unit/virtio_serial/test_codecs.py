"""Codecs: what goes in comes out, however the stream was cut into pieces, and what is wrong gets one sentence."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ATPLibrary.errors import ChannelError, CommandError, ConfigError, InputError
from ATPLibrary.protocol.virtio_serial import CODECS, Codec
from ATPLibrary.protocol.virtio_serial.codec import Kind

pytestmark = pytest.mark.unit

few = settings(max_examples=40, deadline=None)

SENTENCE_END = (".", "!", "?")
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
cuts = st.lists(st.integers(1, 40), min_size=1, max_size=30)


def pieces(stream: bytes, lengths: list[int]) -> list[bytes]:
    """The stream, cut into pieces of these lengths, over and over."""
    cut, at, number = [], 0, 0
    while at < len(stream):
        length = lengths[number % len(lengths)]
        cut.append(stream[at : at + length])
        at, number = at + length, number + 1
    return cut


def decoded(codec: Codec, stream: bytes, lengths: list[int]) -> list[Any]:
    messages: list[Any] = []
    for piece in pieces(stream, lengths):
        codec.feed(piece)
        messages += codec.messages()
    codec.end()
    return messages


def refusal(codec: Codec, data: bytes) -> str:
    """The sentence about what is wrong with the first message of `data`."""
    codec.subject = "channel 'c' of VM 'win11'"
    codec.feed(data)
    with pytest.raises(ChannelError) as caught:
        list(codec.messages())
    assert "channel 'c' of VM 'win11'" in str(caught.value)
    assert str(caught.value).endswith(SENTENCE_END)
    return str(caught.value)


@few
@given(st.binary(), cuts)
def test_raw_bytes_come_whole_however_they_are_cut(data: bytes, lengths: list[int]) -> None:
    assert b"".join(decoded(CODECS.create("raw"), data, lengths)) == data


@few
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"))), cuts)
def test_lines_come_whole_however_they_are_cut(lines: list[str], lengths: list[int]) -> None:
    codec = CODECS.create("lines")
    assert decoded(codec, b"".join(codec.encode(line) for line in lines), lengths) == lines


@few
@given(st.lists(st.text("ab\r\n", max_size=6)), cuts)
def test_lines_with_an_ending_of_two_characters_come_back_or_are_refused(lines: list[str], lengths: list[int]) -> None:
    codec = CODECS.create("lines", ending="\r\n")
    stream, sent = b"", []
    for line in lines:
        try:
            stream += codec.encode(line)
        except InputError:
            assert "\r\n" in line
        else:
            sent.append(line)
    assert decoded(codec, stream, lengths) == sent


@few
@given(st.lists(json_values), cuts)
def test_json_values_come_back_however_they_are_cut(values: list[Any], lengths: list[int]) -> None:
    guest = CODECS.create("json", request_field="result")
    host = CODECS.create("json")
    stream = b"".join(guest.encode(value) for value in values)
    assert [host.value(message) for message in decoded(host, stream, lengths)] == values


@few
@given(st.lists(st.binary(max_size=100)), cuts)
def test_messages_behind_their_length_come_whole_however_they_are_cut(
    messages: list[bytes], lengths: list[int]
) -> None:
    codec = CODECS.create("length")
    assert decoded(codec, b"".join(codec.encode(message) for message in messages), lengths) == messages


@few
@given(st.sampled_from(["lines", "json", "length"]), st.binary(max_size=200), cuts)
def test_arbitrary_bytes_end_in_messages_or_a_sentence_and_never_fill_the_memory(
    name: str, stream: bytes, lengths: list[int]
) -> None:
    codec = CODECS.create(name, limit=20)
    sentence = "fine."
    try:
        for piece in pieces(stream, lengths):
            codec.feed(piece)
            for message in codec.messages():
                codec.value(message)
            assert len(codec.buffer) <= 20 + 4
        codec.end()
    except (ChannelError, CommandError) as error:
        sentence = str(error)
    assert sentence.endswith(SENTENCE_END)


@few
@given(st.binary(max_size=60), cuts)
def test_a_stream_means_the_same_however_it_is_cut(stream: bytes, lengths: list[int]) -> None:
    def outcome(lengths: list[int]) -> list[Any]:
        codec, seen = CODECS.create("lines", limit=10), []
        for piece in pieces(stream, lengths):
            codec.feed(piece)
            more = True
            while more:
                more = False
                try:
                    seen += codec.messages()
                except ChannelError as error:
                    if "UTF-8" not in str(error):
                        return [*seen, "lost"]
                    seen.append("bad")
                    more = True
        return seen

    assert outcome(lengths) == outcome([1])


def test_what_goes_over_the_wire_is_what_the_design_says() -> None:
    assert CODECS.create("json").encode({"a": "你好"}) == '{"data":{"a":"你好"}}\n'.encode()
    assert CODECS.create("length").encode("abc") == b"\x00\x00\x00\x03abc"
    assert CODECS.create("lines").encode("abc") == b"abc\n"
    assert CODECS.create("raw").encode("abc") == b"abc"


def test_the_fields_of_json_are_the_tester_s_choice() -> None:
    codec = CODECS.create("json", request_field="cmd", response_field="reply")
    assert codec.encode("ls") == b'{"cmd":"ls"}\n'
    assert codec.value({"reply": [1, 2]}) == [1, 2]
    bare = CODECS.create("json", request_field="", response_field="")
    assert bare.encode({"type": "ping"}) == b'{"type":"ping"}\n'
    assert bare.value({"type": "pong"}) == {"type": "pong"}


def test_the_default_limit_is_ten_mebibytes() -> None:
    codec = CODECS.create("length")
    largest = bytes(10 * 1024 * 1024)
    codec.feed(codec.encode(largest))
    assert list(codec.messages()) == [largest]
    with pytest.raises(InputError, match="should have at most 10 MiB but has 10485761 bytes"):
        codec.encode(largest + b"x")


def test_a_length_that_lies_is_refused_before_its_bytes_are_awaited_and_for_good() -> None:
    codec = CODECS.create("length")
    sentence = refusal(codec, b"\xff\xff\xff\xff and more")
    assert "should have at most 10 MiB but has 4294967295 bytes" in sentence
    for _ in range(100):
        codec.feed(bytes(100_000))
    assert codec.buffer == b""
    with pytest.raises(ChannelError, match="4294967295"):
        list(codec.messages())


def test_a_line_without_an_end_is_refused_at_the_limit() -> None:
    codec = CODECS.create("lines", limit="100")
    codec.feed(bytes(100))
    assert list(codec.messages()) == []
    assert "should have at most 100 bytes but has more and still no end" in refusal(codec, b"x")


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("json", b"{oops\n", r"should be JSON but is not .*oops"),
        ("json", b"\xff\xfe\n", r"should be JSON but is not"),
        ("json", b"[" * 100_000 + b"\n", r"should be JSON but is not .*recursion"),
        ("lines", b"a\xff\n", "should be UTF-8 text but has byte 0xff at 1"),
    ],
)
def test_a_bad_message_gets_a_sentence_and_the_next_one_is_read(name: str, data: bytes, said: str) -> None:
    import re

    codec = CODECS.create(name)
    assert re.search(said, refusal(codec, data + b'"good"\n'))
    (good,) = codec.messages()
    assert good in ("good", '"good"')


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("lines", b"half a li", "after 9 bytes: b'half a li'"),
        ("json", b'{"result', "after 8 bytes"),
        ("length", b"\x00\x00", "after 2 bytes"),
        ("length", b"\x00\x00\x00\x05abc", "after 7 bytes"),
    ],
)
def test_half_a_message_at_the_end_is_said(name: str, data: bytes, said: str) -> None:
    codec = CODECS.create(name)
    codec.feed(data)
    assert list(codec.messages()) == []
    with pytest.raises(ChannelError, match="should be whole but the channel ended in the middle of it") as caught:
        codec.end()
    assert said in str(caught.value)


def test_json_without_the_field_names_those_there_are() -> None:
    with pytest.raises(ChannelError, match="should have the field 'result' but has 'status', 'pid'"):
        CODECS.create("json").value({"status": 1, "pid": 2})
    with pytest.raises(ChannelError, match="should have the field 'result' but is 5"):
        CODECS.create("json").value(5)


def test_the_guest_s_refusal_is_its_own_words() -> None:
    with pytest.raises(CommandError, match="refused: no such file") as caught:
        CODECS.create("json").value({"error": "no such file"})
    assert caught.value.description == "no such file"
    assert CODECS.create("json").value({"error": None, "result": 1}) == 1


def test_requests_with_an_id_know_their_answers() -> None:
    codec = CODECS.create("json", id_field="id")
    assert json.loads(codec.encode_request("a")) == {"data": "a", "id": 1}
    assert json.loads(codec.encode_request("b")) == {"data": "b", "id": 2}
    assert codec.kind({"result": "a", "id": 1}) is Kind.LATE_ANSWER
    assert codec.kind({"result": "b", "id": 2}) is Kind.ANSWER
    assert codec.kind({"event": "x"}) is Kind.UNASKED


@pytest.mark.parametrize(
    ("name", "message", "said"),
    [
        ("lines", "two\nlines", "should be one line"),
        ("lines", {"a": 1}, "should be text or bytes but is a dict"),
        ("lines", "\ud800", "should be text that UTF-8 has"),
        ("json", object(), "should be something that JSON has"),
        ("json", float("nan"), "should be something that JSON has"),
    ],
)
def test_what_a_codec_can_not_carry_is_refused_before_it_is_sent(name: str, message: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        CODECS.create(name).encode(message)


@pytest.mark.parametrize(
    ("options", "said"),
    [({"limit": "many"}, "'limit' should be a whole number"), ({"ending": ""}, "'ending' should have at least one")],
)
def test_a_wrong_option_is_named(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        CODECS.create("lines", **options)
