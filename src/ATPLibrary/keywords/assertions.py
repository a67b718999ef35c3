"""Assertions that getters take: `Get VM State    win11    ==    running`."""

from __future__ import annotations

import operator as operators
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

from ATPLibrary.errors import InputError, VerificationError

Operator = Literal["==", "!=", "<", "<=", ">", ">=", "contains", "not contains", "matches"]

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operators.lt,
    "<=": operators.le,
    ">": operators.gt,
    ">=": operators.ge,
}

_WORDS: dict[str, str] = {
    "==": "be",
    "!=": "not be",
    "contains": "contain",
    "not contains": "not contain",
    "matches": "match",
}

_MANY = (list, tuple, set, frozenset)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_VERSION = re.compile(r"\d+(\.\d+)+|\d+", re.ASCII)
# How many lines an error names in which what was looked for is a part.
_MOST_NEAR = 3


def holds(value: Any, operator: Operator, expected: Any) -> bool:
    """Whether `value OPERATOR expected`. `InputError` where that makes no sense: an order of words, a list that is a text.

    Text is put in order as numbers or versions. Of a list `contains` and `not contains` mean a whole item, `matches` any item, and
    `not contains` doesn't hold either where the text is some words of an item: "ctrl" of "ctrl down".
    """
    try:
        if operator in _ORDER:
            return _ORDER[operator](*_ordered(value, expected))
        if isinstance(value, _MANY):
            return _of_items([*value], operator, expected)
        if operator in ("==", "!="):
            return bool(value == _like(value, expected)) == (operator == "==")
        if operator == "matches":
            return re.search(expected, value) is not None
        is_there: bool = expected in value
        return is_there == (operator == "contains")
    except (TypeError, re.error) as error:
        raise InputError.about(
            f"'{operator}  {expected}'", wanted=f"be an assertion about {shown(value, 80)}", got=f"can't be: {error}"
        ) from error


def check(
    subject: str, value: Any, operator: Operator | None, expected: Any, *, next_step: str = "", is_cut: bool = False
) -> None:
    """Raise `VerificationError` unless `value OPERATOR expected`. Neither operator nor expected: nothing is asserted.

    `is_cut`: the value is a text of which the end is missing, so that only what it contains can be said.

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
    as_expected = holds(value, operator, expected)
    if is_cut and not (as_expected and operator == "contains"):
        raise VerificationError.about(
            subject,
            wanted=in_words(operator, shown(expected)),
            got=f"can't be judged: its end is missing, only {len(value)} characters were kept",
            next_step="Let the command itself look (grep, tail) or write less",
        )
    if not as_expected:
        raise VerificationError.about(
            subject,
            wanted=in_words(operator, shown(expected)),
            got=f"is {shown(value)}",
            next_step=next_step or _told_near(value, operator, expected),
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


def _ordered(value: Any, expected: Any) -> tuple[Any, Any]:
    """Both as what has an order: as numbers, else as versions (0.10.0 comes after 0.9.0)."""
    both = (value, expected)
    for each in both:
        if isinstance(each, (*_MANY, Mapping, bool)):
            raise TypeError(f"{shown(each, 80)} has no order")
    if not any(isinstance(each, str) for each in both):
        return both
    numbers = tuple(map(_number, both))
    if None not in numbers:
        return numbers[0], numbers[1]
    versions = tuple(map(_version, both))
    if None not in versions:
        return versions[0], versions[1]
    stranger = next(each for each, version in zip(both, versions, strict=True) if version is None)
    raise TypeError(f"only numbers and versions have an order, and {shown(stranger, 80)} is neither")


def _number(value: Any) -> float | None:
    if isinstance(value, int | float):
        return value
    text = value.strip() if isinstance(value, str) else ""
    if not _NUMBER.fullmatch(text):
        return None
    return int(text) if text.lstrip("+-").isdecimal() else float(text)


def _version(value: Any) -> list[int] | None:
    text = str(value).strip()
    if not _VERSION.fullmatch(text):
        return None
    parts = [int(part) for part in text.split(".")]
    while len(parts) > 1 and not parts[-1]:
        parts.pop()  # 1.0 is 1
    return parts


def _like(value: Any, expected: Any) -> Any:
    """`expected` as something of the value's kind: of two kinds `!=` would hold whatever they are."""
    if isinstance(value, Mapping) and not isinstance(expected, Mapping):
        raise TypeError("one with names is never a text or a list; compare one entry of it")
    if isinstance(expected, str):
        if isinstance(value, bool):
            if expected.strip().lower() not in ("true", "false"):
                raise TypeError("it is True or False")
            return expected.strip().lower() == "true"
        if isinstance(value, int | float):
            number = _number(expected)
            if number is None:
                raise TypeError(f"{shown(expected, 80)} is no number")
            return number
    elif isinstance(value, str):
        if isinstance(expected, (*_MANY, Mapping)):
            raise TypeError("a text is never a list")
        return shown(expected)
    return expected


def _of_items(items: list[Any], operator: Operator, expected: Any) -> bool:
    if operator in ("==", "!="):
        if not isinstance(expected, _MANY):
            raise TypeError(
                "a list is never a text. Say 'contains' or 'not contains', or give a list, such as ${{ ['one', 'two'] }}"
            )
        return bool(items == [*expected]) == (operator == "==")
    if isinstance(expected, _MANY):
        raise TypeError("a list is looked through for one item at a time")
    if operator == "matches":
        return any(re.search(expected, str(each)) for each in items)
    is_there = _item(expected) in map(_item, items)
    return is_there if operator == "contains" else not is_there and not _near(items, expected)


def _item(value: Any) -> Any:
    return shown(value) if isinstance(value, int | float) else value


def _near(items: list[Any], expected: Any) -> list[str]:
    """The items of which `expected` is some words, but not all: "ctrl down" for "ctrl", "display:0" for "display"."""
    text = str(expected).strip()
    if not text:
        return []
    words = re.compile(rf"(?<![^\s,:+]){re.escape(text)}(?![^\s,:+])")
    return [each for each in items if isinstance(each, str) and each != expected and words.search(each)]


def _told_near(value: Any, operator: Operator, expected: Any) -> str:
    if operator not in ("contains", "not contains") or not isinstance(value, _MANY):
        return ""
    near = [] if expected in value else list(dict.fromkeys(_near([*value], expected)))
    if not near:
        return ""
    where = ", ".join(map(shown, near[:_MOST_NEAR])) + (", ..." if len(near) > _MOST_NEAR else "")
    return f"It is part of {where}: say the whole item"
