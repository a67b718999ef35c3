"""Which rows of an input's timeline the log shows: those that tell what went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ATPLibrary import secrets
from ATPLibrary.verifier.hiding import hides

if TYPE_CHECKING:
    from ATPLibrary.verifier import TimelineRow

SHOWN_ROWS = 24
CONTEXT_ROWS = 3

# `ok` and `repeated` (a key held down repeats) are as they should be; no verdict means that nobody watched.
_GOOD = ("ok", "repeated", None)


def edge_name(what: str, row: TimelineRow) -> str:
    """What the row's edge of the input `what` was; not told when there is a secret in it, which its letters would spell."""
    return secrets.MASK if hides(what) else row.what


def is_bad(row: TimelineRow) -> bool:
    return row.verdict not in _GOOD


def excerpt(rows: Sequence[TimelineRow]) -> list[TimelineRow | int]:
    """At most `SHOWN_ROWS` rows: those around the first bad verdicts, else the last. A number stands for so many left out."""
    if len(rows) <= SHOWN_ROWS:
        return list(rows)
    wanted: set[int] = set()
    for index, row in enumerate(rows):
        if is_bad(row):
            around = set(range(max(0, index - CONTEXT_ROWS), min(len(rows), index + CONTEXT_ROWS + 1)))
            if len(wanted | around) > SHOWN_ROWS:
                break
            wanted |= around
    if not wanted:
        wanted = set(range(len(rows) - SHOWN_ROWS // 2, len(rows)))
    shown: list[TimelineRow | int] = []
    position = 0
    for index in sorted(wanted):
        if index > position:
            shown.append(index - position)
        shown.append(rows[index])
        position = index + 1
    if position < len(rows):
        shown.append(len(rows) - position)
    return shown
