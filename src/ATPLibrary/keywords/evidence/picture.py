"""An input's timeline as a picture that stands in the log: a line an edge, how long each part of its way took, bad ones in red."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ATPLibrary import secrets
from ATPLibrary.keywords.evidence.timeline import edge_name, excerpt, is_bad
from ATPLibrary.verifier.timeline import Part

if TYPE_CHECKING:
    from ATPLibrary.verifier import InputReport, TimelineRow

# Pixels.
_LABEL = 190
_BARS = 420
_VERDICT = 150
_LINE = 15
_HEAD = 30

_LONGEST_NAME = 28
_SHORTEST_SCALE_MS = 1.0
_RED = "#d22"
_COLOURS = {Part.KERNEL: "#2a7ab8", Part.AGENT: "#e08a1e", Part.HOST: "#5a9e4b", Part.WHOLE: "#888"}
_KEY = {Part.KERNEL: "to the guest's kernel", Part.AGENT: "to its agent", Part.HOST: "to this machine"}


def svg(report: InputReport) -> str:
    """The picture, whole in itself; each bar begins when its edge was sent. Of many edges those that `excerpt` chooses."""
    rows = excerpt(report.timeline)
    longest = max((row.verified_ms or 0.0 for row in rows if not isinstance(row, int)), default=0.0)
    scale = _BARS / max(longest, _SHORTEST_SCALE_MS)
    height = _HEAD + _LINE * len(rows) + 4
    width = _LABEL + _BARS + _VERDICT
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" '
        f'font-family="sans-serif" font-size="11" fill="currentColor"><title>{_text(report.what)}</title>'
    )
    parts = [opening, *_head(_BARS / scale)]
    for number, row in enumerate(rows):
        top = _HEAD + _LINE * number
        if isinstance(row, int):
            parts.append(f'<text x="4" y="{top + 11}" opacity=".6">… {row} more</text>')
        else:
            parts.extend(_row(report, row, top, scale))
    return "".join([*parts, "</svg>"])


def _head(longest: float) -> Iterator[str]:
    """What the colours mean, and how long the bars are."""
    left = 4
    for part, name in _KEY.items():
        yield f'<rect x="{left}" y="2" width="9" height="9" fill="{_COLOURS[part]}"/><text x="{left + 13}" y="11">{name}</text>'
        left += 40 + 6 * len(name)
    for quarter in (0, 2, 4):
        x = _LABEL + _BARS * quarter // 4
        yield f'<text x="{x}" y="{_HEAD - 4}" text-anchor="middle" opacity=".7">{longest * quarter / 4:.3g} ms</text>'


def _row(report: InputReport, row: TimelineRow, top: int, scale: float) -> Iterator[str]:
    bad = is_bad(row)
    name = edge_name(report.what, row)
    name = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"
    yield f'<g fill="{_RED}">' if bad else "<g>"
    if bad:
        yield f'<rect x="0" y="{top}" width="{_LABEL + _BARS + _VERDICT}" height="{_LINE}" opacity=".1"/>'
    yield f'<text x="4" y="{top + 11}">{_text(name)}</text>'
    end = float(_LABEL)
    for part in _parts(row):
        length = max(row.part_ms(part) or 0.0, 0.0) * scale
        # Clocks that are known less well than a part is long may put its end behind the whole's.
        length = min(length, _LABEL + _BARS - end)
        yield f'<rect x="{end:.1f}" y="{top + 3}" width="{length:.1f}" height="9" fill="{_COLOURS[part]}"/>'
        end += length
    if row.host is None:
        yield f'<path d="M{_LABEL} {top + 7.5}h{_BARS}" stroke="{_RED if bad else "currentColor"}" stroke-dasharray="2 4"/>'
    whole = "" if row.verified_ms is None else f"{row.verified_ms:.1f} ms"
    said = " ".join(filter(None, (whole, str(row.verdict) if bad else "" if row.verdict else "not watched")))
    yield f'<text x="{max(end, _LABEL) + 5 if row.host else _LABEL + _BARS + 5:.1f}" y="{top + 11}">{_text(said)}</text></g>'


def _parts(row: TimelineRow) -> tuple[Part, ...]:
    """Which bars tell its way best."""
    if row.verified_ms is None:
        return ()
    if row.kernel is None:
        return (Part.WHOLE,)
    return (Part.KERNEL,) if row.agent is None else (Part.KERNEL, Part.AGENT, Part.HOST)


def _text(text: str) -> str:
    return html.escape(secrets.redact(text))
