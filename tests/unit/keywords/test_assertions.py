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
        ("100", ">", "90"),
        ("9\n", "<", "10"),
        ("-1.5", "<", "1e1"),
        ("0.10.0", ">", "0.9.0"),
        ("0.9.0", "<=", "0.9"),
        (2048, ">=", "1024"),
        (2048, "==", "2048"),
        (0, "!=", "1"),
        (True, "==", "True"),
        ("5", "==", 5),
        (["ctrl down", "c down"], "contains", "ctrl down"),
        (["ctrl down", "c down"], "matches", "^ctrl"),
        (["meta down", "display:10", "win11-b"], "not contains", "a down"),
        (["meta down", "display:10", "win11-b"], "not contains", "display:1"),
        (["meta down", "display:10", "win11-b"], "not contains", "win11"),
        ([7, 8], "contains", "7"),
        (["a"], "!=", []),
        (("a", "b"), "==", ["a", "b"]),
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
        ("100", "<", "90", "VM 'win11' should be < '90' but is '100'."),
        ("0.9.0", ">=", "0.10.0", "VM 'win11' should be >= '0.10.0' but is '0.9.0'."),
        (3, "!=", "3", "VM 'win11' should not be '3' but is 3."),
        ([7, 8], "not contains", "7", "VM 'win11' should not contain '7' but is [7, 8]."),
        ((), "!=", [], "VM 'win11' should not be [] but is ()."),
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
        ("running", ">", "paused", "only numbers and versions have an order, and 'running' is neither"),
        ("100%", "<", "90", "and '100%' is neither"),
        (100, "<", "much", "and 'much' is neither"),
        (True, ">", 0, "True has no order"),
        (5, "!=", "five", "'five' is no number"),
        (False, "!=", "no", "it is True or False"),
        ({"a": 1}, "!=", "a", "one with names is never a text"),
        (["a"], "!=", "a", "a list is never a text. Say 'contains' or 'not contains', or give a list"),
        (["a"], "==", "a", "a list is never a text"),
        (["a"], ">", "a", "has no order"),
        (["a"], "not contains", ["a", "b"], "looked through for one item at a time"),
        ("a", "!=", ["a"], "a text is never a list"),
    ],
)
def test_an_assertion_that_proves_nothing_is_refused(
    value: object, operator: Operator | None, expected: object, sentence: str
) -> None:
    with pytest.raises(InputError) as caught:
        check("VM", value, operator, expected)
    assert sentence in str(caught.value)


@pytest.mark.parametrize("operator", ["contains", "not contains"])
@pytest.mark.parametrize(
    ("items", "part"),
    [
        (["ctrl down", "c down", "ctrl down"], "ctrl"),
        (["main:0", "display:0"], "display"),
        (["800x600+0+0"], "800x600"),
        (["00A40400 -> 9000"], "9000"),
    ],
)
def test_of_a_part_of_an_item_a_list_is_said_neither_to_contain_it_nor_not_to(
    items: list[str], part: str, operator: Operator
) -> None:
    with pytest.raises(VerificationError, match=r"It is part of '[^']*': say the whole item"):
        check("What the VM has seen", items, operator, part)


def test_of_a_text_without_its_end_only_what_it_contains_can_be_said() -> None:
    check("The output", "boot: ok, and mu", "contains", "ok", is_cut=True)
    for operator, expected in (("not contains", "panic"), ("matches", "^boot.*$"), ("!=", "x"), ("contains", "panic")):
        with pytest.raises(
            VerificationError, match="can't be judged: its end is missing, only 16 characters were kept"
        ):
            check("The output", "boot: ok, and mu", operator, expected, is_cut=True)  # type: ignore[arg-type]


def test_long_text_is_cut_in_the_middle() -> None:
    text = shown("a" * 5000 + "b" * 5000)
    assert len(text) < 600
    assert text.startswith("'aaa")
    assert "[10000 characters]" in text
    assert text.endswith("bbb'")
