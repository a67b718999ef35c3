"""The assertions that getters take, and the sentences of those that don't hold."""

from __future__ import annotations

import pytest

from ATPLibrary.errors import InputError, VerificationError
from ATPLibrary.keywords.assertions import Operator, check, shown

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("value", "operator", "expected"),
    [
        ("running", "==", "running"),
        ("running", "!=", "paused"),
        (1.5, "<", 2),
        (2, "<=", 2),
        (3, ">", 2),
        (3, ">=", 3),
        ("boot: ok", "contains", "ok"),
        ("boot: ok", "not contains", "panic"),
        ("Linux 6.1", "matches", r"Linux \d"),
    ],
)
def test_what_holds_passes(value: object, operator: Operator, expected: object) -> None:
    check("It", value, operator, expected)


@pytest.mark.parametrize(
    ("value", "operator", "expected", "sentence"),
    [
        ("running", "==", "paused", "VM 'win11' should be 'paused' but is 'running'."),
        ("paused", "!=", "paused", "VM 'win11' should not be 'paused' but is 'paused'."),
        (25.5, "<", 20.0, "VM 'win11' should be < 20 but is 25.5."),
        ("boot", "contains", "ok", "VM 'win11' should contain 'ok' but is 'boot'."),
        ("panic", "not contains", "panic", "VM 'win11' should not contain 'panic' but is 'panic'."),
        ("boot", "matches", "^ok", "VM 'win11' should match '^ok' but is 'boot'."),
    ],
)
def test_what_does_not_hold_is_one_sentence(value: object, operator: Operator, expected: object, sentence: str) -> None:
    with pytest.raises(VerificationError) as caught:
        check("VM 'win11'", value, operator, expected)
    assert str(caught.value) == sentence


def test_without_an_operator_nothing_is_asserted() -> None:
    check("It", "anything", None, None)


@pytest.mark.parametrize(
    ("value", "operator", "expected", "sentence"),
    [
        (
            "running",
            "!=",
            None,
            "VM: an assertion should have an operator and an expected value but has only the operator",
        ),
        ("running", None, "paused", "has only the value 'paused'. Give both"),
        ("anything", "contains", "", "VM: an empty text is found in everything"),
        ("anything", "matches", "", "would prove nothing"),
        ("boot", "matches", "(", "'matches  (' should be an assertion about 'boot' but can't be: missing )"),
        (1.5, "contains", "1", "should be an assertion about 1.5 but can't be"),
    ],
)
def test_an_assertion_that_proves_nothing_is_refused(
    value: object, operator: Operator | None, expected: object, sentence: str
) -> None:
    with pytest.raises(InputError) as caught:
        check("VM", value, operator, expected)
    assert sentence in str(caught.value)


def test_long_text_is_cut_in_the_middle() -> None:
    text = shown("a" * 5000 + "b" * 5000)
    assert len(text) < 600
    assert text.startswith("'aaa")
    assert "[10000 characters]" in text
    assert text.endswith("bbb'")
