"""What an earlier test has typed proves nothing in this one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ATPLibrary.orchestrator import Workspace

pytestmark = pytest.mark.unit

TYPING = """
from types import SimpleNamespace
from ATPLibrary.config import Config
from ATPLibrary.keywords import scope
from ATPLibrary.orchestrator import SentInput, Workspace

def typing():
    report = SimpleNamespace(edges=2, what="text 'a'", raise_if_bad=lambda must_be_verified: None)
    sent = SentInput("Typing 1 character", "a", report, where=scope.here())
    workspace = Workspace(Config())
    machine = SimpleNamespace(name="win11", last_text=sent, last_input=sent)
    workspace.chosen = lambda vm: machine
    Workspace._current = workspace
"""
SUITE = """*** Settings ***
Library           ATPLibrary.Verifier
Library           Typed.py
Suite Setup       Run Keywords    Typing    AND    Text Should Have Arrived    a
Suite Teardown    Run Keyword And Expect Error    *nothing was sent here*    Input Should Have Arrived

*** Test Cases ***
On The Suite's Setup
    Run Keyword And Expect Error    *nothing was typed in this test*    Text Should Have Arrived    a
    Run Keyword And Expect Error    *nothing was sent in this test*    Input Should Have Arrived

Its Own
    Typing
    Text Should Have Arrived    a
    Input Should Have Arrived

On The Test Before
    Run Keyword And Expect Error    *nothing was typed in this test. Last seen: *Its Own*    Text Should Have Arrived

Its Own Setup
    [Setup]    Typing
    Text Should Have Arrived    a
"""


@pytest.fixture
def forgotten() -> Iterator[None]:
    before = Workspace._current
    yield
    Workspace._current = before


@pytest.mark.usefixtures("forgotten")
def test_only_what_this_test_has_typed_counts(run_robot: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "Typed.py").write_text(TYPING)
    result = run_robot(SUITE, pythonpath=str(tmp_path))
    assert {test.name: test.message for test in result.suite.tests if not test.passed} == {}
    assert result.suite.message == ""
