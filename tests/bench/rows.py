"""One figure beside its peer's, the table that a person reads, and the file that machines read."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# What the table tells of `more`: what became of the input, ours or the peer's, and how well the clocks were known.
SHOWN = (
    *("taps", "lost", "duplicated", "reordered", "clock_error_ms"),
    *("peer_sent", "peer_arrived", "peer_lost", "peer_duplicated", "peer_reordered"),
)


@dataclass(frozen=True)
class Row:
    """`peer` says in words what the peer is; `aim` what was hoped for, and `met` whether it came true (None: no aim).

    `must`: an aim that doesn't depend on how fast the machine is, so that missing it is a defect and fails the run.
    """

    name: str
    value: float
    unit: str
    peer: str
    peer_value: float
    aim: str = ""
    met: bool | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    must: bool = False

    @property
    def is_broken(self) -> bool:
        return self.must and not self.met

    @property
    def ratio(self) -> float | None:
        return self.value / self.peer_value if self.peer_value else None

    def as_json(self) -> dict[str, Any]:
        row = {
            "name": self.name,
            "value": _plain(self.value),
            "unit": self.unit,
            "peer": self.peer,
            "peer_value": _plain(self.peer_value),
            "ratio": _plain(self.ratio),
        }
        if self.aim:
            row |= {"aim": self.aim, "met": self.met, "must": self.must}
        return row | dict(self.more)


def table(rows: Sequence[Row]) -> str:
    lines = [("name", "value", "unit", "peer", "peer's", "ratio", "aim")]
    for row in rows:
        aim = f"{row.aim}: {'met' if row.met else 'MISSED'}" if row.aim else ""
        counts = ", ".join(f"{key.replace('_', ' ')} {row.more[key]}" for key in SHOWN if key in row.more)
        remark = "; ".join(part for part in (aim, counts) if part)
        lines.append(
            (row.name, _short(row.value), row.unit, row.peer, _short(row.peer_value), _short(row.ratio), remark)
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def save(rows: Sequence[Row], path: Path) -> None:
    """Replace the file at once, so that a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(
        json.dumps([row.as_json() for row in rows], indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    unfinished.replace(path)


def _plain(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 4)


def _short(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return "-"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
