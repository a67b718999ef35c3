"""What a tester wants of a message's fields: "1024", ">= 800", "!= 0"."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ATPLibrary.errors import InputError
from ATPLibrary.protocol.spice.flat_fields import FlatFields
from ATPLibrary.protocol.spice.schema import Message

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt,
}  # fmt: skip
_WRITTEN = re.compile(r"(==|!=|<=|>=|<|>)?\s*(.*)", re.S)
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

    def holds(self, value: int | str) -> bool:
        if isinstance(value, int):
            try:
                return _OPERATORS[self.operator](value, int(self.wanted, 0))
            except ValueError:
                return self.operator == "!="
        return _OPERATORS[self.operator](value, self.wanted.lower())

    def __str__(self) -> str:
        return f"{'' if self.operator == '==' else self.operator + ' '}{self.wanted}"


@dataclass(frozen=True, slots=True)
class Conditions:
    """All of them must hold. A field that a message doesn't have fits nothing."""

    of_fields: Mapping[str, Condition]

    @classmethod
    def of(cls, kind: type[Message], wanted: Mapping[str, object]) -> Conditions | None:
        """None for no conditions. `InputError` for a field that such a message never has."""
        known = [name for name, _ in kind.layout()]
        if unknown := [name for name in wanted if name.split(".")[0] not in known]:
            raise InputError.about(
                f"The SPICE message {kind.kind.name}", wanted=f"have a field '{unknown[0]}'",
                got=f"has {', '.join(known) or 'none'}",
            )  # fmt: skip
        return cls({name: Condition.parse(value) for name, value in wanted.items()}) if wanted else None

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
