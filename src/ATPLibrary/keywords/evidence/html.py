"""What the log shows of one failure's evidence. Everything that comes from outside is redacted, then escaped."""

from __future__ import annotations

import html
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ATPLibrary import secrets
from ATPLibrary.keywords.evidence.model import Evidence, Missing, SpiceEvidence, VmEvidence
from ATPLibrary.keywords.evidence.picture import svg
from ATPLibrary.keywords.evidence.timeline import edge_name, excerpt, is_bad
from ATPLibrary.verifier.timeline import Part

if TYPE_CHECKING:
    from ATPLibrary.verifier import InputReport, TimelineRow

_COLUMNS = ("edge", "injected ms", "kernel ms", "agent ms", "host ms", "latency ms", "whole ms", "verdict")
LINKED_WIDTH = 400

_BOX = "margin:4px 0 8px 0;padding-left:8px;border-left:3px solid #888"
_CELL = "padding:1px 8px;text-align:left;white-space:pre-wrap;border:0"
_PRE = "margin:4px 0 8px 16px;max-height:24em;overflow:auto;white-space:pre-wrap"
_BAD = "color:#d22;font-weight:bold"


@dataclass(frozen=True, slots=True)
class Shown:
    """What there is to show and link of one VM: files as URLs relative to the log, the thumbnail as a data URI; "": none."""

    file: str = ""
    thumbnail: str = ""
    problem: str = ""
    inputs_file: str = ""
    spice_file: str = ""
    spice_thumbnail: str = ""


def page(evidence: Evidence, shown: Sequence[Shown], heading: str, folded: bool) -> str:
    """The message for log.html. `shown` stands in the order of the evidence's VMs."""
    parts = [_vm(vm, its) for vm, its in zip(evidence.vms, shown, strict=True)]
    parts += [f"<div>{_text(note)}</div>" for note in evidence.notes]
    parts.append(_block("Other events", evidence.events))
    title = f"<b>{_text(heading)}</b>"
    return "".join(["<details><summary>", title, "</summary>", *parts, "</details>"] if folded else [title, *parts])


def _vm(vm: VmEvidence, shown: Shown) -> str:
    moment = clock(vm.time)
    console = vm.console if isinstance(vm.console, tuple) else ()
    parts = [
        f'<div style="{_BOX}">',
        f"<div>VM <b>{_text(vm.vm)}</b> at {moment}: {_or_why(vm.state, 'state')}</div>",
        _screen(vm, shown, moment),
        *(input_timeline(report) for report in reversed(vm.inputs)),
        f'<div><a href="{html.escape(shown.inputs_file)}">All input</a></div>' if shown.inputs_file else "",
        _spice(vm, shown),
        _block(f"Last events of {vm.vm}", vm.events),
        _block(f"Console of {vm.vm}: {console[-1]}" if console else "", console),
        f"<div>{_or_why(vm.console, 'console')}</div>" if isinstance(vm.console, Missing) else "",
        "</div>",
    ]
    return "".join(parts)


def _screen(vm: VmEvidence, shown: Shown, moment: str) -> str:
    if isinstance(vm.screen, Missing):
        return f"<div>{_or_why(vm.screen, 'screen')}</div>"
    problem = f"<div>{_text(shown.problem)}</div>" if shown.problem else ""
    return _picture(f"The screen of {vm.vm} at {moment}", shown.file, shown.thumbnail) + problem


def _picture(title: str, file: str, thumbnail: str) -> str:
    source = thumbnail or file
    if not source:
        return ""
    title = _text(title)
    size = "" if thumbnail else f' width="{LINKED_WIDTH}" loading="lazy"'
    image = f'<img src="{html.escape(source)}" alt="{title}" title="{title}"{size} style="border:1px solid #888">'
    if file:
        image = f'<a href="{html.escape(file)}">{image}</a>'
    return f"<div>{image}</div>"


def _spice(vm: VmEvidence, shown: Shown) -> str:
    """The SPICE session, open where a channel has failed: its states, the client's own picture, what passed last."""
    if vm.spice is None or isinstance(vm.spice, Missing):
        return f"<div>{_or_why(vm.spice, 'SPICE session')}</div>" if vm.spice is not None else ""
    channels = vm.spice.channels
    states = "".join(f"<div{_marked(each.has_failed)}>{_text(f'{each.name} {each.state}')}</div>" for each in channels)
    messages = "".join(
        _block(f"SPICE channel {each.name}: {each.counted or 'nothing passed'}", each.messages or ("no message",))
        for each in channels
    )
    failed = any(each.has_failed for each in channels)
    title = _text(f"SPICE session of {vm.vm}: {len(channels)} channels" + (", broken" if failed else ""))
    return (
        f"<details{' open' if failed else ''}><summary>{title}</summary>"
        f'<div style="margin:4px 0 8px 16px">{states}{_frame(vm.vm, vm.spice, shown)}{messages}</div></details>'
    )


def _frame(vm: str, spice: SpiceEvidence, shown: Shown) -> str:
    """The client's own picture, with the time at which it was drawn: of a server that is silent that is long ago."""
    if isinstance(spice.frame, Missing):
        return f"<div>{_or_why(spice.frame, 'frame')}</div>"
    title = f"The SPICE client's picture of {vm}"
    title += f", drawn last at {clock(spice.drawn)}" if spice.drawn is not None else ", on which nothing was drawn yet"
    picture = _picture(title, shown.spice_file, shown.spice_thumbnail)
    return f"<div>{_text(title)}</div>{picture}" if picture else ""


def _marked(bad: bool) -> str:
    return f' style="{_BAD}"' if bad else ""


def input_timeline(report: InputReport) -> str:
    """One input for the log: its sentence, and folded below it the picture and the table of its edges; open where one is bad."""
    title = _text(f"Input {report.what}: {report.sentence()}")
    if not report.timeline:
        return f"<div>{title}</div>"
    first = report.timeline[0].injected or report.timeline[0].observed or 0.0
    head = "".join(f'<th style="{_CELL}">{name}</th>' for name in _COLUMNS)
    rows = "".join(
        f'<tr><td colspan="{len(_COLUMNS)}" style="{_CELL}">… {row} more</td></tr>'
        if isinstance(row, int)
        else _row(report, row, first)
        for row in excerpt(report.timeline)
    )
    return (
        f"<details{' open' if any(map(is_bad, report.timeline)) else ''}><summary>{title}</summary>"
        f'<div style="margin:4px 0 0 16px">{svg(report)}</div>'
        f'<table style="margin:4px 0 8px 16px;border-collapse:collapse"><tr>{head}</tr>{rows}</table></details>'
    )


def _moments(row: TimelineRow) -> tuple[float | None, ...]:
    return row.injected, row.kernel, row.agent, row.host


def _row(report: InputReport, row: TimelineRow, first: float) -> str:
    values = (
        edge_name(report.what, row),
        *("-" if moment is None else f"{(moment - first) * 1000:.1f}" for moment in _moments(row)),
        *("-" if took is None else f"{took:.1f}" for took in map(row.part_ms, (Part.KERNEL, Part.WHOLE))),
        row.verdict or "not watched",
    )
    style = f' style="{_BAD}"' if is_bad(row) else ""
    return f"<tr{style}>" + "".join(f'<td style="{_CELL}">{_text(value)}</td>' for value in values) + "</tr>"


def _block(title: str, lines: Iterable[str]) -> str:
    text = "\n".join(lines)
    if not text.strip():
        return ""
    return f'<details><summary>{_text(title)}</summary><pre style="{_PRE}">{_text(text)}</pre></details>'


def _or_why(value: object, part: str) -> str:
    return _text(f"no {part}: {value.why}" if isinstance(value, Missing) else str(value))


def clock(moment: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(moment))


def _text(text: str) -> str:
    return html.escape(secrets.redact(text))
