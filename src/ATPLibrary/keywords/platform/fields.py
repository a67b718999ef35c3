"""What the platform says, field by field: values as a tester writes them, and what a tester writes as values.

A shape is one of the client's (its snake_case fields and properties), a dataclass or a dictionary. Codes are words: "running".
"""

from __future__ import annotations

import dataclasses
import difflib
import enum
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from ATPLibrary.errors import InputError
from ATPLibrary.keywords.assertions import Operator
from ATPLibrary.keywords.chinese import fields as chinese
from ATPLibrary.keywords.chinese.words import TRUTH

_YES = frozenset({"true", "yes", "on", "1", *(said for said, truth in TRUTH.items() if truth)})
_NO = frozenset({"false", "no", "off", "0", *(said for said, truth in TRUTH.items() if not truth)})
# 0 and 1 in fields of these names are no and yes.
_YES_OR_NO = ("is_", "has_", "can_")
# Except this: the vendor's 0 is success and 1 failure. An event's `outcome` says it in words.
_THE_OTHER_WAY_ROUND = "is_success"


def field_names(shape: Any) -> list[str]:
    """The fields that a shape has."""
    if isinstance(shape, Mapping):
        return [str(name) for name in shape]
    if dataclasses.is_dataclass(shape):
        return [field.name for field in dataclasses.fields(shape)]
    kind = type(shape)
    properties = [name for name in dir(kind) if not name.startswith("_") and isinstance(getattr(kind, name), property)]
    fields: Mapping[str, Any] = getattr(kind, "model_fields", {})
    return [*fields, *(name for name in properties if not name.startswith("model_"))]


def value_of(subject: str, shape: Any, field: str | None) -> Any:
    """The value of a shape's field, or of what is no shape. `InputError` names the near fields of one that isn't there."""
    if field is None:
        return shape if is_shape(shape) else _plain("", shape)
    name = field.strip().lower().replace(" ", "_").replace("-", "_")
    names = field_names(shape)
    if name not in names:
        # In the language that was asked in.
        said = names if name.isascii() else [chinese.chinese(each) for each in names]
        near = difflib.get_close_matches(name, said, n=3, cutoff=0.5)
        raise InputError.about(
            subject.removesuffix(f": {field}"),
            wanted=f"have a field '{field}'",
            got="has none",
            next_step=f"Near it are: {', '.join(near)}" if near else f"It has: {', '.join(said) or 'no fields'}",
        )
    return _plain(name, shape[name] if isinstance(shape, Mapping) else getattr(shape, name))


def is_shape(value: Any) -> bool:
    """Whether it has fields."""
    return isinstance(value, Mapping) or dataclasses.is_dataclass(value) or hasattr(type(value), "model_fields")


def word(code: enum.Enum) -> str:
    """A code as a tester reads and writes it."""
    return code.name.lower().replace("_", " ")


def word_of(status: enum.Enum | int | None) -> str:
    """A status in a sentence, also one that the platform doesn't say, or that is newer than we are."""
    if isinstance(status, enum.Enum):
        return word(status)
    return "of no known status" if status is None else f"of status {status}"


def counted(statuses: Iterable[enum.Enum | int | None]) -> str:
    """Things by their status: "2 running, 1 shut off"."""
    return ", ".join(f"{count} {status}" for status, count in Counter(map(word_of, statuses)).items())


def _plain(field: str, value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return word(value)
    if field.startswith(_YES_OR_NO) and field != _THE_OTHER_WAY_ROUND and type(value) is int and value in (0, 1):
        return bool(value)
    if hasattr(value, "moment"):  # a moment as the platform's Java writes it
        return value.moment
    return [_plain("", each) for each in value] if isinstance(value, list | tuple) else value


def compared(subject: str, shape: Any, field: str | None, operator: Operator | None, expected: Any) -> tuple[Any, Any]:
    """The value, and what is expected as something of the value's kind: both as `assertions.check` takes them.

    `InputError` for what no such value can be.
    """
    value = value_of(subject, shape, field)
    if isinstance(value, list):
        return [getattr(each, "name", each) for each in value], expected
    if not isinstance(expected, str):
        return value, expected
    if expected == "None" and operator in ("==", "!="):
        return value, None if value is None else expected
    raw = shape if field is None else _raw(shape, field)
    kind = type(raw) if isinstance(raw, enum.Enum) else _codes_of(shape, field)
    if kind is not None and type(raw) is int and not _is_number(expected):  # newer than we are: it has no word
        value = str(raw)
    if kind is not None and operator in ("==", "!=") and not (type(raw) is int and _is_number(expected)):
        return value, _word_of(subject, kind, expected)
    if isinstance(value, bool):
        return value, _truth(subject, expected)
    if isinstance(value, int | float) and operator != "matches":
        return value, _number(subject, expected)
    return value, expected


def _raw(shape: Any, field: str) -> Any:
    name = field.strip().lower().replace(" ", "_").replace("-", "_")
    return shape[name] if isinstance(shape, Mapping) else getattr(shape, name)


def _codes_of(shape: Any, field: str | None) -> type[enum.Enum] | None:
    """The codes that a field of a shape is told in, whichever it has now: one that is newer than we are is a plain number."""
    if field is None:
        return None
    known = getattr(type(shape), "model_fields", {}).get(field.strip().lower().replace(" ", "_").replace("-", "_"))
    return None if known is None else _enumeration(known.annotation)


def _enumeration(annotation: Any) -> type[enum.Enum] | None:
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return annotation
    return next((found for each in get_args(annotation) if (found := _enumeration(each)) is not None), None)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _word_of(subject: str, kind: type[enum.Enum], expected: str) -> str:
    wanted = re.sub(r"[ _-]", "", chinese.word(expected.strip()).lower())
    words = [word(code) for code in kind]
    for each in words:
        if each.replace(" ", "") == wanted:
            return each
    # In the language that was asked in.
    allowed = words if expected.isascii() else [chinese.chinese_value(each) for each in words]
    raise InputError.about(
        subject, wanted=f"be compared with one of {', '.join(allowed)}", got=f"'{expected}' is none of them"
    )


def _truth(subject: str, expected: str) -> bool:
    wanted = expected.strip().lower()
    if wanted not in _YES | _NO:
        raise InputError.about(subject, wanted="be compared with True or False", got=f"'{expected}' is neither")
    return wanted in _YES


def _number(subject: str, expected: str) -> float:
    try:
        return float(expected)
    except ValueError:
        raise InputError.about(subject, wanted="be compared with a number", got=f"'{expected}' is none") from None
