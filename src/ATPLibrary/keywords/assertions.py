"""Assertions that getters take: `Get VM State    win11    ==    running`."""

from __future__ import annotations

import operator as operators
import re
from collections.abc import Callable
from typing import Any, Literal

from ATPLibrary.errors import InputError, VerificationError

Operator = Literal["==", "!=", "<", "<=", ">", ">=", "contains", "not contains", "matches"]

_HOLDS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operators.eq,
    "!=": operators.ne,
    "<": operators.lt,
    "<=": operators.le,
    ">": operators.gt,
    ">=": operators.ge,
    "contains": lambda value, expected: expected in value,
    "not contains": lambda value, expected: expected not in value,
    "matches": lambda value, expected: re.search(expected, value) is not None,
}

_WORDS: dict[str, str] = {
    "==": "be",
    "!=": "not be",
    "contains": "contain",
    "not contains": "not contain",
    "matches": "match",
}


def holds(value: Any, operator: Operator, expected: Any) -> bool:
    return _HOLDS[operator](value, expected)


def check(subject: str, value: Any, operator: Operator | None, expected: Any, *, next_step: str = "") -> None:
    """Raise `VerificationError` unless `value OPERATOR expected`. Neither operator nor expected: nothing is asserted.

    `InputError` for an assertion that says nothing (half of one, or one that holds of anything) or makes no sense of the value.
    """
    if operator is None and expected is None:
        return
    if operator is None or expected is None:
        raise InputError.about(
            f"{subject}: an assertion",
            wanted="have an operator and an expected value",
            got=f"has only {'the value ' + shown(expected) if operator is None else 'the operator ' + operator}",
            next_step="Give both, such as '==  running', or neither",
        )
    if operator in ("contains", "matches") and expected == "":
        raise InputError(
            f"{subject}: an empty text is found in everything, so this would prove nothing. Say what it holds."
        )
    try:
        as_expected = holds(value, operator, expected)
    except (TypeError, re.error) as error:
        raise InputError.about(
            f"'{operator}  {expected}'", wanted=f"be an assertion about {shown(value, 80)}", got=f"can't be: {error}"
        ) from error
    if not as_expected:
        raise VerificationError.about(
            subject,
            wanted=in_words(operator, shown(expected)),
            got=f"is {shown(value)}",
            next_step=next_step,
        )


def in_words(operator: Operator, expected: str) -> str:
    """The assertion as it follows "should": "not be paused"."""
    return f"{_WORDS.get(operator, f'be {operator}')} {expected}"


def shown(value: Any, limit: int = 500) -> str:
    """A value as a sentence quotes it: text in quotes, long text cut in the middle."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if not isinstance(value, str):
        return str(value)
    if len(value) > limit:
        value = f"{value[: limit // 2]} ... [{len(value)} characters] ... {value[-limit // 2 :]}"
    return f"'{value}'"
