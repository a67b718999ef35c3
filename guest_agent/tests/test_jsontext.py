from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atp_guest_agent.jsontext import dump, parse

pytestmark = pytest.mark.unit

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**60), 10**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES, st.booleans(), st.sampled_from([None, 1]))
def test_it_reads_what_the_standard_library_writes(value, ascii_only, indent):
    assert parse(json.dumps(value, ensure_ascii=ascii_only, indent=indent)) == value


@given(VALUES)
def test_the_standard_library_reads_what_it_writes(value):
    text = dump(value)
    assert json.loads(text) == value
    assert text.isascii()
    assert "\n" not in text


@given(st.text(alphabet='{}[]",:\\u0123456789abcdefn truefalsenull-+.eE\n', max_size=60))
def test_what_it_takes_the_standard_library_takes_too_and_no_text_crashes_it(text):
    try:
        value = parse(text)
    except ValueError:
        return
    assert json.loads(text, strict=False) == value


@given(st.text(alphabet='{}[]",:\\u0123456789abcdefn truefalsenull-+.eE', max_size=60))
def test_it_takes_what_the_standard_library_takes(text):
    try:
        value = json.loads(text)
    except ValueError:
        return
    assert parse(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "[" * 100 + "]" * 100,
        "1" * 65,
        "NaN",
        "Infinity",
        "01",
        "1.",
        '"',
        '"\\',
        '{"a"}',
        "[1,]",
        "nul",
        "1 2",
    ],
)
def test_a_text_that_is_no_json_is_a_value_error(text):
    with pytest.raises(ValueError):  # noqa: PT011 (the texts of these errors are nobody's business)
        parse(text)


def test_a_lone_surrogate_goes_in_and_out():
    assert dump(parse('"\\ud800x"')) == '"\\ud800x"'


def test_a_number_that_json_cannot_say_becomes_null():
    assert dump([float("nan"), float("inf")]) == "[null,null]"
