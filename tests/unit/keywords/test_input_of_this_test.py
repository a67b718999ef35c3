"""What an earlier test has typed, run or watched proves nothing in this one."""

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


DOING = """
import contextlib
import time
from types import SimpleNamespace
from ATPLibrary.config import Config
from ATPLibrary.events import Event
from ATPLibrary.keywords import scope
from ATPLibrary.orchestrator import Workspace
from ATPLibrary.orchestrator.qmp_events import QmpEvents
from ATPLibrary.protocol.qga import ExecResult

class Machines(dict):
    pass

def _workspace():
    workspace = Workspace._current
    if not isinstance(workspace, Workspace) or not isinstance(workspace.machines, Machines):
        workspace = Workspace._current = Workspace(Config())
        async def qmp(timeout):
            raise AssertionError("asked for no old event")
        async def machine(name, timeout):
            return workspace.machines["win11"]
        @contextlib.asynccontextmanager
        async def answering():
            yield
        async def nothing(*_):
            pass
        watch = SimpleNamespace(settle=nothing, check_is_whole=lambda: None, lines=lambda: ["q down"])
        watches = SimpleNamespace(current=lambda: watch, where="")
        events = QmpEvents("vm:win11", workspace.bus, lambda timeout: nothing())
        workspace.machines = Machines(win11=SimpleNamespace(
            name="win11", watches=watches, answering=answering, qmp_events=events, holds_input=False, holds_keys=False,
        ))
        workspace.choose = machine
    return workspace

def doing():
    workspace = _workspace()
    workspace.last_command = ("ls", ExecResult(0, None, "ready", "", False, 1.0), scope.here())
    workspace.machines["win11"].watches.where = scope.here()
    workspace.bus.publish(Event("vm:win11", "qmp.STOP"))
"""
DONE = """*** Settings ***
Library           ATPLibrary
Library           Doing.py

*** Test Cases ***
Its Own
    Doing
    Output Should Contain    ready
    Get Observed Input    contains    q down
    Wait For QMP Event    STOP    timeout=300 ms
    Doing

Of The Test Before
    Run Keyword And Expect Error    *should be of this test but no command was run in it. Last seen: *Its Own*
    ...    Output Should Contain    ready
    Run Keyword And Expect Error    *should have been watched from this test on*Its Own*    Get Observed Input
    Run Keyword And Expect Error    *    Wait For QMP Event    STOP    timeout=100 ms
"""
OF_THE_SETUP = """*** Settings ***
Library           ATPLibrary
Library           Doing.py
Suite Setup       Doing

*** Test Cases ***
The Setup Speaks For This Test
    Output Should Contain    ready
    Get Observed Input    contains    q down
    Wait For QMP Event    STOP    timeout=300 ms

And For This One
    Output Should Contain    ready
    Get Observed Input    contains    q down
"""


@pytest.mark.usefixtures("forgotten")
@pytest.mark.parametrize("suite", [DONE, OF_THE_SETUP], ids=["the test before", "the suite's setup"])
def test_what_another_test_has_run_watched_or_caused_does_not_count(
    run_robot: Callable[..., Any], tmp_path: Path, suite: str
) -> None:
    (tmp_path / "Doing.py").write_text(DOING)
    result = run_robot(suite, pythonpath=str(tmp_path))
    assert {test.name: test.message for test in result.suite.tests if not test.passed} == {}
