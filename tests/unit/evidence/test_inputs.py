"""A timeline as a file and as a picture: all that is known is in it, and no secret."""

from __future__ import annotations

import csv
import io
import json
from typing import Any
from xml.etree import ElementTree

import pytest

from ATPLibrary import secrets
from ATPLibrary.keywords.evidence.inputs import as_csv, as_json
from ATPLibrary.keywords.evidence.picture import svg
from ATPLibrary.verifier.clock import ClockOffset
from ATPLibrary.verifier.matcher import Matcher
from ATPLibrary.verifier.observation import EV_KEY, Observation
from ATPLibrary.verifier.report import InputReport, build_report

pytestmark = pytest.mark.unit

SVG = "{http://www.w3.org/2000/svg}"
RED = "#d22"


def typed(text: str = "ab", *, lose: int | None = None, watched: bool = True, what: str | None = None) -> InputReport:
    """Each edge 2 ms to the guest's kernel, 1 ms to its agent, 3 ms to here; edge number `lose` gets lost."""
    matcher = Matcher()
    for number in range(2 * len(text)):
        code, value, sent = ord(text[number // 2]) % 200, 1 - number % 2, 50.0 + number / 100
        matcher.inject((EV_KEY, code, value), sent, f"key {'down' if value else 'up'} {text[number // 2]}")
        if watched and number != lose:
            kernel_us = round(sent * 1e6) + 2000
            matcher.observe(Observation(1, "i8042", EV_KEY, code, value, kernel_us, sent + 0.006, kernel_us + 1000))
    if watched:
        matcher.finish()
    because = "" if watched else "no agent was asked"
    clock = ClockOffset(0.0, 250.0) if watched else None
    return build_report(
        what or f"text {text!r}", matcher, characters=len(text), clock=clock, unverified_because=because
    )


def document(*reports: InputReport) -> dict[str, Any]:
    return dict(json.loads(as_json("win11", reports)))


def test_json_has_the_four_moments_of_each_edge_and_what_lies_between() -> None:
    read = document(typed("ab"), typed("c"))
    assert (read["schema"], read["version"], read["vm"]) == ("atp.input-timeline", 1, "win11")
    assert [(each["input"], each["edges"]) for each in read["inputs"]] == [(1, 4), (2, 2)]
    first = read["inputs"][0]
    assert first["latency_ms"]["agent"] == {
        "count": 4,
        **dict.fromkeys(("p50", "p95", "p99", "max"), pytest.approx(1, abs=0.1)),
    }
    edge = first["timeline"][0]
    assert (edge["edge"], edge["verdict"], edge["clock_error_ms"]) == ("key down a", "ok", 0.25)
    parts = [edge[name] for name in ("to_kernel_ms", "to_agent_ms", "to_host_ms", "whole_ms")]
    assert parts == pytest.approx([2, 1, 3, 6], abs=0.01)
    assert edge["kernel"] - edge["injected"] == pytest.approx(0.002, abs=1e-5)
    assert edge["host"] - edge["agent"] == pytest.approx(0.003, abs=1e-5)


def test_what_is_not_known_is_null_and_what_was_lost_is_said() -> None:
    lost = document(typed("ab", lose=2))["inputs"][0]
    edge = lost["timeline"][2]
    assert (edge["verdict"], edge["kernel"], edge["agent"], edge["host"], edge["whole_ms"]) == ("lost", *[None] * 4)
    assert lost["verdicts"] == {"ok": 3, "lost": 1}
    unwatched = document(typed("a", watched=False))["inputs"][0]
    assert unwatched["latency_ms"] == dict.fromkeys(("kernel", "agent", "host", "whole"))
    assert [each["verdict"] for each in unwatched["timeline"]] == [None, None]


def test_csv_has_a_line_an_edge_and_reads_back() -> None:
    lines = list(csv.DictReader(io.StringIO(as_csv([typed("ab", lose=2), typed("c,")]).decode("utf-8-sig"))))
    assert [line["input"] for line in lines] == ["1"] * 4 + ["2"] * 4
    assert lines[4]["what"] == "text 'c,'"
    assert lines[6]["edge"] == "key down ,"
    assert (lines[0]["verdict"], lines[2]["verdict"], lines[2]["host (s)"]) == ("ok", "lost", "")
    assert float(lines[0]["whole (ms)"]) == pytest.approx(6, abs=0.01)


def test_a_secret_is_neither_said_nor_spelt() -> None:
    secret = secrets.Secret("xyzw-9")
    report = typed(secret.reveal(), lose=3)
    for written in (as_csv([report]).decode(), as_json(secret.reveal(), [report]).decode(), svg(report)):
        assert secret.reveal() not in written
        assert "key down" not in written
        assert secrets.MASK in written


def shapes(report: InputReport) -> ElementTree.Element:
    """The picture, which must be well-formed."""
    return ElementTree.fromstring(svg(report))


def bars(row: ElementTree.Element) -> list[float]:
    return [float(bar.get("width", "")) for bar in row.findall(f"{SVG}rect") if bar.get("height") == "9"]


def test_the_picture_has_a_bar_for_each_part_as_long_as_it_took() -> None:
    rows = shapes(typed("ab")).findall(f"{SVG}g")
    assert len(rows) == 4
    for row in rows:
        kernel, agent, host = bars(row)
        assert (kernel / agent, host / agent) == (pytest.approx(2, rel=0.02), pytest.approx(3, rel=0.02))
    assert all(row.get("fill") is None for row in rows)


def test_what_went_wrong_is_red_and_says_how() -> None:
    rows = shapes(typed("ab", lose=2)).findall(f"{SVG}g")
    assert [row.get("fill") for row in rows] == [None, None, RED, None]
    assert bars(rows[2]) == []
    assert [text.text for text in rows[2].findall(f"{SVG}text")] == ["key down b", "lost"]


def test_a_long_input_stays_a_small_picture() -> None:
    assert len(svg(typed("a" * 5000))) < 20_000
    assert "more</text>" in svg(typed("a" * 5000))


def test_an_input_that_nobody_watched_says_so_and_one_without_edges_is_drawn() -> None:
    assert svg(typed("a", watched=False)).count("not watched") == 2
    assert shapes(typed("")).findall(f"{SVG}g") == []


def test_nothing_from_outside_gets_into_the_picture_unescaped() -> None:
    nasty = "<script>alert(1)</script>\"'&"
    assert "<script" not in svg(typed("ab", what=nasty))
