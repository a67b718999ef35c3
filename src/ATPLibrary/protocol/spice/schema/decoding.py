"""From bytes to messages, by the lines of their classes.

Each class becomes, at its first use, a list of steps; numbers that stand together are read at once. A length is compared with the
bytes that are there before anything is made of it. What stands out of line (behind a pointer) may be as long as the message in all:
pointers that lead many times to one place can't multiply it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from ATPLibrary.protocol.spice.errors import SpiceProtocolError
from ATPLibrary.protocol.spice.schema.fields import Bytes, Counted, Given, Number, Pointer, Rest, Sized, Switch, When
from ATPLibrary.protocol.spice.schema.structure import Message, Structure

S = TypeVar("S", bound=Structure)
M = TypeVar("M", bound=Message)
Values = dict[str, Any]
Step = Callable[["Cursor", Values], None]


class Cursor:
    """A place in a message's bytes, and how many out-of-line bytes may still be read."""

    __slots__ = ("allowance", "at", "data", "end")

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.at = 0
        self.end = len(data)
        self.allowance = len(data)

    def need(self, size: int, field: str, what: str = "") -> int:
        """Go `size` bytes on; returns where they begin."""
        at = self.at
        if size > self.end - at:
            raise _Wrong(field, f"{what or f'takes {size} bytes'} and {max(0, self.end - at)} are left")
        self.at = at + size
        return at


class _Wrong(Exception):
    """`field` can't be as it stands; each structure around it puts its own name before."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(field, reason)
        self.field = field
        self.reason = reason


def decode(kind: type[M], body: Bytes, channel: str, given: Values | None = None) -> M:
    """The message in `body`, with the values of its fields that are `Given`. Bytes behind its last field are left alone: newer
    servers may add fields."""
    name, limit = kind.kind.name, kind.kind.limit
    if len(body) > limit:
        raise SpiceProtocolError.at(channel, name, "", f"is {len(body)} bytes long, at most {limit} are allowed")
    try:
        return _structure(kind, Cursor(memoryview(body)), given)
    except _Wrong as wrong:
        raise SpiceProtocolError.at(channel, name, wrong.field, wrong.reason) from None


def _structure(kind: type[S], cursor: Cursor, given: Values | None = None) -> S:
    values: Values = dict(given or {})
    for step in _steps(kind):  # type: ignore[arg-type]
        step(cursor, values)
    return kind(**values)


@cache
def _steps(kind: type[Structure]) -> tuple[Step, ...]:
    steps: list[Step] = []
    run: list[tuple[str, Number]] = []
    for name, annotation in kind.layout():
        rule = rule_of(annotation)
        if isinstance(rule, Given):
            continue
        if isinstance(rule, Number):
            run.append((name, rule))
            continue
        if run:
            steps.append(_numbers(run))
            run = []
        steps.append(_step(name, annotation))
    if run:
        steps.append(_numbers(run))
    return tuple(steps)


def rule_of(annotation: Any) -> Any:
    """The outermost rule of an annotation; the annotation itself where it has none (a structure in place)."""
    return get_args(annotation)[-1] if get_origin(annotation) is Annotated else annotation


def inner(annotation: Any) -> Any:
    """What the outermost rule is about: without that rule, without None, and of a tuple its items' annotation."""
    kind, *rules = get_args(annotation)
    if len(rules) > 1:
        return Annotated[(kind, *rules[:-1])]
    if type(None) in get_args(kind):
        kind = Union[tuple(each for each in get_args(kind) if each is not type(None))]  # noqa: UP007 - made at run time
    return get_args(kind)[0] if get_origin(kind) is tuple else kind


def _numbers(run: list[tuple[str, Number]]) -> Step:
    names = [name for name, _ in run]
    together = struct.Struct("<" + "".join(number.code for _, number in run))
    size, unpack = together.size, together.unpack_from
    sizes = [struct.calcsize("<" + number.code) for _, number in run]

    def step(cursor: Cursor, values: Values) -> None:
        at = cursor.at
        if size > cursor.end - at:
            for name, each in zip(names, sizes, strict=True):  # which of them is cut
                cursor.need(each, name)
        cursor.at = at + size
        values.update(zip(names, unpack(cursor.data, at), strict=True))

    return step


def _step(name: str, annotation: Any) -> Step:
    read = _reader(name, annotation)

    def step(cursor: Cursor, values: Values) -> None:
        try:
            values[name] = read(cursor, values)
        except _Wrong as wrong:
            if wrong.field != name:
                wrong.field = f"{name}.{wrong.field}" if wrong.field else name
            raise

    return step


def _reader(name: str, annotation: Any) -> Callable[[Cursor, Values], Any]:
    rule = rule_of(annotation)
    match rule:
        case Number(code):
            number = struct.Struct("<" + code)
            return lambda cursor, _: number.unpack_from(cursor.data, cursor.need(number.size, name))[0]
        case Rest():
            return lambda cursor, _: cursor.data[cursor.need(cursor.end - cursor.at, name) : cursor.end]
        case Sized():
            return _bytes(name, rule)
        case Counted():
            return _counted(name, rule, inner(annotation))
        case Pointer():
            return _pointer(name, rule, inner(annotation))
        case When(field, mask, unless):
            held = _reader(name, inner(annotation))
            return lambda cursor, values: held(cursor, values) if bool(values[field] & mask) != unless else None
        case Switch(field, cases):

            def chosen(cursor: Cursor, values: Values) -> Any:
                kind = cases.get(values[field])
                return _structure(kind, cursor) if kind is not None else None

            return chosen
    if isinstance(rule, type) and issubclass(rule, Structure):
        return lambda cursor, _: _structure(rule, cursor)
    raise TypeError(f"{name}: {annotation!r} is no rule of the schema")


def _bytes(name: str, rule: Sized) -> Callable[[Cursor, Values], memoryview]:
    def read(cursor: Cursor, values: Values) -> memoryview:
        size = size_of(rule, values)
        at = cursor.need(size, name)
        return cursor.data[at : at + size]

    return read


def size_of(rule: Sized, values: Values) -> int:
    if isinstance(rule.size, int):
        return rule.size
    return int(values[rule.size]) if isinstance(rule.size, str) else rule.size(values)


def _counted(name: str, rule: Counted, item: Any) -> Callable[[Cursor, Values], tuple[Any, ...]]:
    read = _reader(name, item)
    smallest = smallest_size(item)
    assert smallest > 0, f"{name}: items without a size of their own could be told of without end"
    count_of = _reader(name, Annotated[int, rule.before]) if isinstance(rule.before, Number) else None
    packed = struct.Struct("<" + _letters(item)) if _letters(item) else None

    def items(cursor: Cursor, values: Values) -> tuple[Any, ...]:
        count = int(count_of(cursor, values) if count_of is not None else values[str(rule.before)])
        if count * smallest > cursor.end - cursor.at:
            cursor.need(count * smallest, name, f"says {count} items of at least {smallest} bytes")
        if packed is not None:
            at = cursor.need(count * packed.size, name)
            return tuple(one for (one,) in packed.iter_unpack(cursor.data[at : cursor.at]))
        return tuple(read(cursor, values) for _ in range(count))

    return items


def _pointer(name: str, rule: Pointer, target: Any) -> Callable[[Cursor, Values], Any]:
    if rule.items == "":
        read = _reader(name, target)
    elif target == bytes | memoryview:
        read = _bytes(name, Sized(rule.items))
    else:
        read = _counted(name, Counted(rule.items), target)

    def follow(cursor: Cursor, values: Values) -> Any:
        (offset,) = _OFFSET.unpack_from(cursor.data, cursor.need(_OFFSET.size, name))
        if offset == 0:
            return None
        if offset > cursor.end:
            raise _Wrong(name, f"points to byte {offset} of {cursor.end}")
        back, cursor.at = cursor.at, offset
        value = read(cursor, values)
        cursor.allowance -= cursor.at - offset
        if cursor.allowance < 0:
            raise _Wrong(name, "points to what other fields hold already, and so makes more of the message than it has")
        cursor.at = back
        return value

    return follow


_OFFSET = struct.Struct("<I")


def smallest_size(annotation: Any) -> int:
    """The fewest bytes that a field takes in its place."""
    rule = rule_of(annotation)
    match rule:
        case Number(code):
            return struct.calcsize("<" + code)
        case Sized(size):
            return size if isinstance(size, int) else 0
        case Counted(before):
            return struct.calcsize("<" + before.code) if isinstance(before, Number) else 0
        case Pointer():
            return _OFFSET.size
        case Rest() | When() | Switch() | Given():
            return 0
    return sum(smallest_size(each) for _, each in rule.layout())


def _letters(item: Any) -> str:
    rule = rule_of(item)
    return rule.code if isinstance(rule, Number) else ""
