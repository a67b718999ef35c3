"""Tables for a terminal: columns as wide as what is seen, also of Chinese, and nothing that could steer the terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

_GAP = "  "


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A line for the columns' names and one for each row; None is an empty cell."""
    cells = [[_shown(each) for each in row] for row in rows]
    lines = [[name.upper() for name in columns], *cells]
    widths = [max(width(line[column]) for line in lines) for column in range(len(columns))]
    return "\n".join(
        _GAP.join(text + " " * (wide - width(text)) for text, wide in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def width(text: str) -> int:
    """How many columns of a terminal the text takes: wide characters two, those that go on top of others none."""
    return sum(_width(character) for character in text)


def _width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _shown(value: object) -> str:
    text = "" if value is None else str(value)
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
