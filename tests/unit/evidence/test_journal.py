"""The journal's file: each line whole and at once, no secret, and no input broken by a disk that is full."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ATPLibrary import secrets
from ATPLibrary.keywords.evidence.journal import Journal
from ATPLibrary.verifier.following import follow
from ATPLibrary.verifier.matcher import Matcher
from ATPLibrary.verifier.observation import EV_KEY, Observation
from ATPLibrary.verifier.report import build_report

pytestmark = pytest.mark.unit

A_DOWN, A_UP, B_DOWN, B_UP = (EV_KEY, 30, 1), (EV_KEY, 30, 0), (EV_KEY, 48, 1), (EV_KEY, 48, 0)
NAMES = {A_DOWN: "key down a", A_UP: "key up a", B_DOWN: "key down b", B_UP: "key up b"}


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def seen(symbol: tuple[int, int, int]) -> Observation:
    return Observation(1, "usb", *symbol, time_us=0, received=1.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def matcher_of(journal: Journal, what: str = "text 'ab'") -> Matcher:
    matcher = Matcher()
    follow(matcher, what, None, journal.begin("win11").tell)
    for symbol, name in NAMES.items():
        matcher.inject(symbol, 0.5, name)
    return matcher


def test_each_edge_is_in_the_file_as_soon_as_it_is_known(path: Path) -> None:
    matcher = matcher_of(Journal(path))
    assert lines(path) == []
    matcher.observe(seen(A_DOWN))
    [first] = lines(path)
    assert (first["vm"], first["input"], first["what"], first["edge"]) == ("win11", 1, "text 'ab'", "key down a")
    assert (first["index"], first["verdict"], first["whole_ms"]) == (0, "ok", pytest.approx(500))
    matcher.observe(seen(A_UP))
    assert [line["edge"] for line in lines(path)] == ["key down a", "key up a"]


def test_what_is_lost_is_told_and_told_again_when_it_comes_late(path: Path) -> None:
    matcher = matcher_of(Journal(path))
    for symbol in (A_DOWN, A_UP, B_UP):
        matcher.observe(seen(symbol))
    matcher.settle()
    matcher.observe(seen(B_DOWN))
    matcher.finish()
    told = [(line["index"], line["verdict"]) for line in lines(path)]
    assert told == [(0, "ok"), (1, "ok"), (2, "lost"), (3, "ok"), (2, "reordered")]


def test_what_nobody_sent_has_no_index(path: Path) -> None:
    matcher = matcher_of(Journal(path))
    matcher.observe(Observation(1, "usb", EV_KEY, 30, 2, 0, 1.0))
    [repeat] = lines(path)
    assert (repeat["index"], repeat["verdict"], repeat["injected"]) == (None, "repeated", None)


def test_an_input_that_breaks_off_leaves_no_edge_out_and_none_twice(path: Path) -> None:
    journal = Journal(path)
    entry = journal.begin("win11")
    matcher = Matcher()
    follow(matcher, "text 'ab'", None, entry.tell)
    for symbol, name in NAMES.items():
        matcher.inject(symbol, 0.5, name)
    matcher.observe(seen(A_DOWN))
    entry.end(build_report("text 'ab'", matcher, clock=None, complete=False))
    assert [(line["index"], line["verdict"]) for line in lines(path)] == [(0, "ok"), (1, None), (2, None), (3, None)]
    entry.end(None)  # one that was refused has nothing to tell
    assert len(lines(path)) == 4


def test_what_nobody_watches_is_told_when_it_is_sent(path: Path) -> None:
    matcher = Matcher()
    entry = Journal(path).begin("win11")
    follow(matcher, "text 'a'", None, entry.tell)
    matcher.inject_unwatched(A_DOWN, 0.5, "key down a")
    assert [(line["edge"], line["verdict"]) for line in lines(path)] == [("key down a", None)]
    entry.end(build_report("text 'a'", matcher, clock=None, unverified_because="no agent was asked"))
    assert len(lines(path)) == 1


def test_each_input_has_a_number(path: Path) -> None:
    journal = Journal(path)
    matcher_of(journal).observe(seen(A_DOWN))
    matcher_of(journal, "text 'again'").observe(seen(A_DOWN))
    assert [(line["input"], line["what"]) for line in lines(path)] == [(1, "text 'ab'"), (2, "text 'again'")]


def test_a_secret_is_neither_said_nor_spelt(path: Path) -> None:
    secret = secrets.Secret("abba-waterloo")
    matcher = matcher_of(Journal(path), f"text {secret.reveal()!r}")
    matcher.observe(seen(A_DOWN))
    written = path.read_text(encoding="utf-8")
    assert secret.reveal() not in written
    assert "key down" not in written
    assert lines(path)[0]["edge"] == secrets.MASK


def test_a_full_disk_ends_the_journal_and_not_the_input() -> None:
    journal = Journal(Path("/dev/full"))
    matcher = matcher_of(journal)
    for symbol in NAMES:
        matcher.observe(seen(symbol))
    assert matcher.outstanding == 0
    assert "No space left" in journal.problem


def test_a_journal_that_was_closed_takes_no_more(path: Path) -> None:
    journal = Journal(path)
    matcher = matcher_of(journal)
    journal.close()
    matcher.observe(seen(A_DOWN))
    assert (lines(path), journal.problem) == ([], "")


def test_a_process_that_is_killed_leaves_what_was_written(path: Path) -> None:
    script = """
import os, signal, sys
from pathlib import Path
from ATPLibrary.keywords.evidence.journal import Journal
from ATPLibrary.verifier.following import follow
from ATPLibrary.verifier.matcher import Matcher
from ATPLibrary.verifier.observation import Observation
matcher = Matcher()
follow(matcher, "text 'a'", None, Journal(Path(sys.argv[1])).begin("win11").tell)
matcher.inject((1, 30, 1), 0.5, "key down a")
matcher.observe(Observation(1, "usb", 1, 30, 1, 0, 1.0))
os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", script, str(path)], timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert [line["verdict"] for line in lines(path)] == ["ok"]
