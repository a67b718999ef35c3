"""Input timelines as other programs read them: CSV for a spreadsheet, JSON with all that is known. docs/input-timeline.md has both.

Everything is redacted here; an input that is a secret doesn't tell its letters.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ATPLibrary import secrets
from ATPLibrary.keywords.evidence.timeline import edge_name
from ATPLibrary.verifier.timeline import Part

if TYPE_CHECKING:
    from ATPLibrary.verifier import InputReport, TimelineRow

SCHEMA = "atp.input-timeline"
VERSION = 1
PERCENTILES = (50, 95, 99)

_HEADINGS = {
    "input": "input",
    "what": "what",
    "via": "via",
    "index": "index",
    "edge": "edge",
    "injected": "injected (s)",
    "kernel": "kernel (s)",
    "agent": "agent (s)",
    "host": "host (s)",
    "to_kernel_ms": "to kernel (ms)",
    "to_agent_ms": "to agent (ms)",
    "to_host_ms": "to host (ms)",
    "whole_ms": "whole (ms)",
    "clock_error_ms": "clock error (ms)",
    "verdict": "verdict",
}


def edge(what: str, row: TimelineRow, clock_error_ms: float | None) -> dict[str, Any]:
    """One edge of the input `what`: what it was, its four moments and what lies between them. None: not known."""
    return {
        "index": row.index,
        "edge": secrets.redact(edge_name(what, row)),
        "injected": _rounded(row.injected, 6),
        "kernel": _rounded(row.kernel, 6),
        "agent": _rounded(row.agent, 6),
        "host": _rounded(row.host, 6),
        "to_kernel_ms": _rounded(row.part_ms(Part.KERNEL), 3),
        "to_agent_ms": _rounded(row.part_ms(Part.AGENT), 3),
        "to_host_ms": _rounded(row.part_ms(Part.HOST), 3),
        "whole_ms": _rounded(row.part_ms(Part.WHOLE), 3),
        "clock_error_ms": _rounded(clock_error_ms, 3),
        "verdict": None if row.verdict is None else str(row.verdict),
    }


def as_csv(reports: Iterable[InputReport]) -> bytes:
    """A line an edge, oldest first, with the mark that makes a spreadsheet read it as UTF-8."""
    file = io.StringIO(newline="")
    table = csv.writer(file)
    table.writerow(_HEADINGS.values())
    table.writerows([line[name] for name in _HEADINGS] for line in _lines(reports))
    return file.getvalue().encode("utf-8-sig", "backslashreplace")


def as_json(vm: str, reports: Iterable[InputReport]) -> bytes:
    """The whole document."""
    inputs = [_input(number, report) for number, report in enumerate(reports, 1)]
    document = {"schema": SCHEMA, "version": VERSION, "vm": secrets.redact(vm), "inputs": inputs}
    return json.dumps(document, ensure_ascii=False, indent=1).encode("utf-8", "backslashreplace") + b"\n"


def _lines(reports: Iterable[InputReport]) -> Iterator[dict[str, Any]]:
    for number, report in enumerate(reports, 1):
        what = secrets.redact(report.what)
        for row in report.timeline:
            yield {"input": number, "what": what, "via": report.via, **edge(report.what, row, report.clock_error_ms)}


def _input(number: int, report: InputReport) -> dict[str, Any]:
    return {
        "input": number,
        "what": secrets.redact(report.what),
        "via": report.via,
        "device": report.device,
        "characters": report.characters,
        "edges": report.edges,
        "verified": report.verified,
        "unverified_because": secrets.redact(report.unverified_because),
        "verdicts": {str(verdict): count for verdict, count in report.verdicts.items() if count},
        "clock_error_ms": _rounded(report.clock_error_ms, 3),
        "latency_ms": {str(part): _latency(report, part) for part in Part},
        "timeline": [edge(report.what, row, report.clock_error_ms) for row in report.timeline],
    }


def _latency(report: InputReport, part: Part) -> dict[str, float | int] | None:
    histogram = report.histogram(part)
    if not histogram.count:
        return None
    percentiles = {f"p{p}": round(histogram.percentile(p), 3) for p in PERCENTILES}
    return {"count": histogram.count, **percentiles, "max": round(histogram.max_ms, 3)}


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
