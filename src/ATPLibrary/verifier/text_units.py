"""Text and key combinations as the units that go to a keyboard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from ATPLibrary import secrets
from ATPLibrary.protocol.qmp.edges import EVDEV_OF_QCODE, Edge, key_event
from ATPLibrary.verifier.hiding import A_KEY
from ATPLibrary.verifier.observation import EV_KEY
from ATPLibrary.verifier.queues import scancode_bytes
from ATPLibrary.verifier.units import Report, Unit

if TYPE_CHECKING:
    from ATPLibrary.verifier.layout import Layout
    from ATPLibrary.verifier.matcher import Symbol

DESCRIBED_CHARACTERS = 40


def units_of_text(text: str, layout: Layout, first: int = 0, *, hidden: bool = False) -> tuple[list[Unit], int]:
    """The units of a text, and how many characters it has. `first` is the position of its first character.

    `InputError` names the first character that can't be written. What is `hidden` tells no characters and no keys, but positions.
    """
    strokes = layout.strokes(text, hidden=hidden)
    report = _hidden_report_of if hidden else report_of
    units = [
        Unit(tuple([report(edge) for edge in group]), first + stroke.position, "" if hidden else stroke.character)
        for stroke in strokes
        for group in _taps(stroke.edges)
    ]
    return units, len(strokes)


def unit_of(qcodes: Sequence[str], *directions: bool) -> Unit:
    """Keys that go down, up, or down and then up, at one go; up in the opposite order."""
    edges = [Edge(qcode, down) for down in directions for qcode in (qcodes if down else reversed(qcodes))]
    return Unit(tuple([report_of(edge) for edge in edges]))


def report_of(edge: Edge) -> Report:
    return Report(*_parts(edge.qcode, edge.down))


def _hidden_report_of(edge: Edge) -> Report:
    return report_of(edge)._replace(what=A_KEY[edge.down])


@cache
def _parts(
    qcode: str, down: bool
) -> tuple[tuple[Mapping[str, Any], ...], tuple[Symbol, ...], str, tuple[str, bool], int]:
    """What the reports of one edge have in common. Each report is of one moment, though: the engine tells them apart."""
    events, symbols = (key_event(qcode, down),), ((EV_KEY, EVDEV_OF_QCODE[qcode], int(down)),)
    return events, symbols, f"key {'down' if down else 'up'} {qcode}", (qcode, down), scancode_bytes(Edge(qcode, down))


def _taps(edges: Sequence[Edge]) -> Iterator[Sequence[Edge]]:
    """Cut edges so that a key and its release stay together and a modifier stands alone."""
    start = 0
    while start < len(edges):
        is_tap = start + 1 < len(edges) and edges[start + 1] == Edge(edges[start].qcode, not edges[start].down)
        yield edges[start : start + 1 + is_tap]
        start += 1 + is_tap


def described(text: str, *, hidden: bool = False) -> str:
    """What is typed, in a few words. A secret is hidden before the text is cut: a part of one wouldn't be known for it."""
    if hidden:
        return f"text {secrets.MASK!r}"
    shown = secrets.redact(text)
    if len(text) <= DESCRIBED_CHARACTERS:
        return f"text {shown!r}"
    begin = repr(text[:DESCRIBED_CHARACTERS]) if shown == text else secrets.MASK
    return f"text {begin}... ({len(text)} characters)"
