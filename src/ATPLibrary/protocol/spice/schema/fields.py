"""How a field stands on the wire. All numbers are little-endian; nothing is aligned (spice-protocol, `start-packed.h`).

A field is an annotation: `width: U32` is a number, `rects: Annotated[tuple[Rect, ...], Counted(COUNT_32)]` a count and as many
items. What is longer than its message is refused before anything is made of it: no number of a peer's says how much is allocated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Number:
    """A number by its letter in Python's `struct`."""

    code: str


@dataclass(frozen=True, slots=True)
class Rest:
    """All bytes up to the end of the message."""


@dataclass(frozen=True, slots=True)
class Sized:
    """Bytes, as many as `size` says: a number, the name of an earlier field, or a function of the earlier fields."""

    size: int | str | Callable[[Mapping[str, Any]], int]


@dataclass(frozen=True, slots=True)
class Counted:
    """Items, behind their count (`before`), or as many as an earlier field called `before` says."""

    before: Number | str


@dataclass(frozen=True, slots=True)
class Pointer:
    """A 32-bit offset from the message's beginning to what the annotation says, 0 for None. `items` tells how many of it there are,
    where it isn't one: the name of an earlier field."""

    items: str = ""


@dataclass(frozen=True, slots=True)
class When:
    """There only if an earlier field has one of the bits of `mask` (or, with `unless`, none of them); else None."""

    field: str
    mask: int
    unless: bool = False


@dataclass(frozen=True, slots=True)
class Switch:
    """One of several structures, by the value of an earlier field; None for a value that isn't in `cases`."""

    field: str
    cases: Mapping[int, type]


@dataclass(frozen=True, slots=True)
class Given:
    """Not on the wire: what both sides have agreed on before, told to `decode` beside the bytes, for other fields' `When`."""


U8: TypeAlias = Annotated[int, Number("B")]
U16: TypeAlias = Annotated[int, Number("H")]
U32: TypeAlias = Annotated[int, Number("I")]
U64: TypeAlias = Annotated[int, Number("Q")]
I16: TypeAlias = Annotated[int, Number("h")]
I32: TypeAlias = Annotated[int, Number("i")]
I64: TypeAlias = Annotated[int, Number("q")]
# A message's bytes as they came: read-only, not copied.
Bytes: TypeAlias = bytes | memoryview
Remaining: TypeAlias = Annotated[Bytes, Rest()]

COUNT_8, COUNT_16, COUNT_32 = Number("B"), Number("H"), Number("I")
