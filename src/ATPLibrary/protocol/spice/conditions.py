"""What a tester wants of a message's fields: "1024", ">= 800", "!= 0"."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ATPLibrary.errors import InputError
from ATPLibrary.protocol.spice.flat_fields import FlatFields
from ATPLibrary.protocol.spice.schema import Message, Structure
from ATPLibrary.protocol.spice.schema.decoding import inner, rule_of
from ATPLibrary.protocol.spice.schema.fields import Counted, Number, Pointer, Rest, Sized, When

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt,
}  # fmt: skip
_WRITTEN = re.compile(r"(==|!=|<=|>=|<|>)?\s*(.*)", re.S)
_BYTES = re.compile(r"(?:[0-9a-f]{2}\s*)*|[0-9]+\s*bytes", re.I)
_ALIKE = ("==", "!=")
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Condition:
    operator: str
    wanted: str

    @classmethod
    def parse(cls, text: object) -> Condition:
        match = _WRITTEN.fullmatch(str(text).strip())
        assert match is not None
        return cls(match[1] or "==", match[2].strip())

    @property
    def number(self) -> int | None:
        """What is wanted, as a number; None where it is none."""
        try:
            return int(self.wanted, 0)
        except ValueError:
            return None

    def holds(self, value: int | str) -> bool:
        """Never for a number that is to be compared with none."""
        if isinstance(value, int):
            return self.number is not None and _OPERATORS[self.operator](value, self.number)
        return _OPERATORS[self.operator]("".join(value.split()), "".join(self.wanted.lower().split()))

    def check(self, kind: type[Message], name: str) -> None:
        """`InputError` where no field of that name can be compared so: it would never hold, or with `!=` always."""
        sort = _sort_of(kind, name.split("."))
        can_be_bytes = sort is not int and self.operator in _ALIKE and _BYTES.fullmatch(self.wanted) is not None
        if can_be_bytes or (sort is not bytes and self.number is not None):
            return
        of_bytes = "bytes in hexadecimal, or how many ('100 bytes'), by == or !="
        wanted = {int: "a number", bytes: of_bytes}.get(sort or object, f"a number, or {of_bytes}")
        raise InputError.about(
            f"The field '{name}' of the SPICE message {kind.kind.name}", wanted=f"be compared with {wanted}",
            got=f"is with '{self}'", next_step="Comparisons are ==, !=, <, <=, > and >=, as in 'width=>= 800'",
        )  # fmt: skip

    def __str__(self) -> str:
        return f"{'' if self.operator == '==' else self.operator + ' '}{self.wanted}"


@dataclass(frozen=True, slots=True)
class Conditions:
    """All of them must hold. A field that a message doesn't have fits nothing."""

    of_fields: Mapping[str, Condition]

    @classmethod
    def of(cls, kind: type[Message], wanted: Mapping[str, object]) -> Conditions | None:
        """None for no conditions. `InputError` for a field that such a message never has, or that can't be compared so."""
        known = [name for name, _ in kind.layout()]
        if unknown := [name for name in wanted if name.split(".")[0] not in known]:
            raise InputError.about(
                f"The SPICE message {kind.kind.name}", wanted=f"have a field '{unknown[0]}'",
                got=f"has {', '.join(known) or 'none'}",
            )  # fmt: skip
        conditions = {name: Condition.parse(value) for name, value in wanted.items()}
        for name, condition in conditions.items():
            condition.check(kind, name)
        return cls(conditions) if wanted else None

    def misfit(self, fields: FlatFields | None) -> str:
        """What does not fit, in words; empty when all does."""
        if fields is None:
            return "its fields are not known"
        for name, condition in self.of_fields.items():
            if name not in fields:
                there = ", ".join(each for each in list(fields)[:_SHOWN])
                return f"has no field '{name}' but {there}{', ...' if len(fields) > _SHOWN else ''}"
            if not condition.holds(fields[name]):
                return f"{name} is {fields[name]}"
        return ""

    def __str__(self) -> str:
        return " with " + ", ".join(f"{name}={condition}" for name, condition in self.of_fields.items())


def _sort_of(annotation: Any, parts: Sequence[str]) -> type | None:
    """What `flat` makes of the field that lies there: `int` or `bytes`; None where only a message tells."""
    rule = rule_of(annotation)
    match rule:
        case Number() | Counted() if not parts:
            return int
        case Sized() | Rest() if not parts:
            return bytes
        case Counted():
            return _sort_of(inner(annotation), parts[1:])
        case When() | Pointer(""):
            return _sort_of(inner(annotation), parts)
    if parts and isinstance(rule, type) and issubclass(rule, Structure):
        return _sort_of(dict(rule.layout()).get(parts[0]), parts[1:])
    return None
