"""From messages to bytes, by the same lines that they are read with. What a pointer leads to is put behind all that is in place."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Annotated, Any

from ATPLibrary.errors import InputError
from ATPLibrary.protocol.spice.schema.decoding import inner, rule_of, size_of
from ATPLibrary.protocol.spice.schema.fields import Counted, Given, Number, Pointer, Rest, Sized, Switch, When
from ATPLibrary.protocol.spice.schema.structure import Message, Structure

Values = dict[str, Any]


class _Unfit(Exception):
    def __init__(self, field: str, reason: str) -> None:
        super().__init__(field, reason)
        self.field = field
        self.reason = reason


class _Writer:
    def __init__(self) -> None:
        self.data = bytearray()
        self.later: list[Callable[[], None]] = []


def encode(message: Message) -> bytes:
    writer = _Writer()
    try:
        _structure(message, writer)
        while writer.later:  # what is out of line may point further
            waiting, writer.later = writer.later, []
            for put in waiting:
                put()
    except _Unfit as unfit:
        raise InputError.about(
            f"Field '{unfit.field}' of the SPICE message {message.kind.name}", wanted="fit into it", got=unfit.reason
        ) from None
    if len(writer.data) > message.kind.limit:
        raise InputError.about(
            f"The SPICE message {message.kind.name}",
            wanted=f"have at most {message.kind.limit} bytes",
            got=f"has {len(writer.data)}",
        )
    return bytes(writer.data)


def _structure(value: Structure, writer: _Writer) -> None:
    values = {name: getattr(value, name) for name, _ in value.layout()}
    for name, annotation in value.layout():
        try:
            _field(name, annotation, values, writer)
        except _Unfit as unfit:
            if unfit.field != name:
                unfit.field = f"{name}.{unfit.field}"
            raise


def _field(name: str, annotation: Any, values: Values, writer: _Writer) -> None:
    rule, value = rule_of(annotation), values[name]
    match rule:
        case Number(code):
            try:
                writer.data += struct.pack("<" + code, value)
            except struct.error:
                raise _Unfit(name, f"is {value!r}") from None
        case Given():
            pass
        case Rest():
            writer.data += value
        case Sized():
            size = size_of(rule, values)
            if len(value) != size:
                raise _Unfit(name, f"has {len(value)} bytes where {size} are told of")
            writer.data += value
        case Counted(before):
            if isinstance(before, Number):
                _field(name, Annotated[int, before], {name: len(value)}, writer)
            elif values[before] != len(value):
                raise _Unfit(name, f"has {len(value)} items where {values[before]} are told of")
            for each in value:
                _field(name, inner(annotation), {**values, name: each}, writer)
        case Pointer():
            _pointer(name, rule, inner(annotation), values, writer)
        case When(field, mask, unless):
            is_there = bool(values[field] & mask) != unless
            nullable = isinstance(rule_of(inner(annotation)), Pointer)
            if is_there is (value is None) and not (is_there and nullable):
                raise _Unfit(name, f"{'is missing' if is_there else 'is there'} while {field} is {values[field]:#x}")
            if is_there:
                _field(name, inner(annotation), values, writer)
        case Switch(field, cases):
            kind = cases.get(values[field])
            if (kind is None) is not (value is None) or (kind is not None and not isinstance(value, kind)):
                wanted = kind.__name__ if kind is not None else "nothing"
                raise _Unfit(name, f"is {type(value).__name__} while {field} {values[field]} asks for {wanted}")
            if value is not None:
                _structure(value, writer)
        case _:
            _structure(value, writer)


def _pointer(name: str, rule: Pointer, target: Any, values: Values, writer: _Writer) -> None:
    at, value = len(writer.data), values[name]
    writer.data += bytes(4)
    if value is None:
        return

    def put() -> None:
        struct.pack_into("<I", writer.data, at, len(writer.data))
        if rule.items == "":
            _field(name, target, values, writer)
        elif target == bytes | memoryview:
            _field(name, Annotated[bytes, Sized(rule.items)], values, writer)
        else:
            _field(name, Annotated[tuple[target, ...], Counted(rule.items)], values, writer)

    writer.later.append(put)
