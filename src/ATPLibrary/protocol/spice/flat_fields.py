"""A message's fields as a tester names them: "width", "base.box.left", "heads.0.width"."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ATPLibrary.protocol.spice.schema import Structure

# Numbers as they are; bytes in hexadecimal, or how many where they are more; of items their count, and the first of them.
FlatFields = dict[str, int | str]
SHOWN_BYTES, SHOWN_ITEMS = 64, 16


def flat(structure: Structure) -> FlatFields:
    """All fields that are there. "heads" of several items is how many they are, "heads.0" the first."""
    return dict(_fields(structure, ""))


def _fields(structure: Structure, prefix: str) -> Iterator[tuple[str, int | str]]:
    for name, _ in structure.layout():
        yield from _told(f"{prefix}{name}", getattr(structure, name))


def _told(name: str, value: Any) -> Iterator[tuple[str, int | str]]:
    match value:
        case None:
            return
        case int():
            yield name, value
        case bytes() | memoryview():
            yield name, bytes(value).hex() if len(value) <= SHOWN_BYTES else f"{len(value)} bytes"
        case tuple():
            yield name, len(value)
            for number, each in enumerate(value[:SHOWN_ITEMS]):
                yield from _told(f"{name}.{number}", each)
        case Structure():
            yield from _fields(value, f"{name}.")
