"""Messages that hypothesis makes up, from the library's own lines: what is written must be read again."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from ATPLibrary.protocol.spice import messages
from ATPLibrary.protocol.spice.schema import Message, Sender, Structure
from ATPLibrary.protocol.spice.schema.decoding import inner, rule_of, size_of
from ATPLibrary.protocol.spice.schema.fields import Counted, Given, Number, Pointer, Rest, Sized, Switch, When
from ATPLibrary.transport.spice import SpiceChannelType

_RANGES = {"B": (0, 255), "H": (0, 65535), "I": (0, 2**32 - 1), "Q": (0, 2**64 - 1)}
_RANGES |= {"h": (-(2**15), 2**15 - 1), "i": (-(2**31), 2**31 - 1), "q": (-(2**63), 2**63 - 1)}
_SMALL = st.integers(0, 3)


def every_kind() -> list[type[Message]]:
    """Each class of message once."""
    found = {
        kind: None
        for channel in SpiceChannelType
        for sender in Sender
        for kind in messages.kinds(channel, sender).values()
    }
    return list(found)


@st.composite
def made_up(draw: st.DrawFn, kind: type[Structure]) -> Any:
    """A value of that class whose fields agree with each other."""
    values: dict[str, Any] = {}
    rules = {name: rule_of(annotation) for name, annotation in kind.layout()}
    sizes = {rule.size for rule in rules.values() if isinstance(rule, Sized) and isinstance(rule.size, str)}
    sizes |= {rule.before for rule in rules.values() if isinstance(rule, Counted) and isinstance(rule.before, str)}
    sizes |= _within(kind)
    computed = any(isinstance(rule, Sized) and callable(rule.size) for rule in rules.values())
    chosen = {rule.field: rule.cases for rule in rules.values() if isinstance(rule, Switch)}
    for name, annotation in kind.layout():
        if name in chosen:
            values[name] = draw(st.sampled_from([*map(int, chosen[name]), 0, 200]))
            continue
        small = name in sizes or (computed and name in ("width", "height", "stride"))
        values[name] = draw(_field(annotation, values, small))
    return kind(**values)


def _within(kind: type[Structure]) -> set[str]:
    """Fields that tell the length of what stands behind pointers and conditions."""
    found = set()
    for _, annotation in kind.layout():
        for rule in getattr(annotation, "__metadata__", ()):
            if isinstance(rule, Pointer) and rule.items:
                found.add(rule.items)
            if isinstance(rule, Counted) and isinstance(rule.before, str):
                found.add(rule.before)
    return found


def _field(annotation: Any, values: dict[str, Any], small: bool) -> st.SearchStrategy[Any]:
    rule = rule_of(annotation)
    match rule:
        case Number(code):
            return _SMALL if small else st.integers(*_RANGES[code]) | _SMALL
        case Given():
            return st.integers(*_RANGES["I"])
        case Rest():
            return st.binary(max_size=20)
        case Sized():
            return st.binary(min_size=(size := size_of(rule, values)), max_size=size)
        case Counted(before):
            item = _field(inner(annotation), values, False)
            count = (values[before], values[before]) if isinstance(before, str) else (0, 3)
            return st.lists(item, min_size=count[0], max_size=count[1]).map(tuple)
        case Pointer(items):
            if not items:
                return st.none() | _field(inner(annotation), values, False)
            if (
                inner(annotation) == bytes | memoryview
            ):  # nothing is None: a pointer to no bytes would point behind the end
                size = values[items]
                return st.binary(min_size=size, max_size=size) if size else st.none()
            several = _field(inner(annotation), values, False)
            count = values[items]
            return st.lists(several, min_size=count, max_size=count).map(tuple) if count else st.none()
        case When(field, mask, unless):
            is_there = bool(values[field] & mask) != unless
            return _field(inner(annotation), values, small) if is_there else st.none()
        case Switch(field, cases):
            chosen = cases.get(values[field])
            return made_up(chosen) if chosen is not None else st.none()
    return made_up(rule)
