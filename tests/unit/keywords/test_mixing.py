"""Several libraries in one suite: a word isn't ambiguous, and all share one workspace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ATPLibrary import LIBRARIES
from ATPLibrary.orchestrator import Workspace

pytestmark = pytest.mark.unit

EVERY_LIBRARY = "\n".join(
    f"Library    {name}" for name in (*(f"ATPLibrary.{name}" for name in reversed(LIBRARIES)), "ATPLibrary")
)


def test_a_word_that_several_libraries_have_can_be_used_as_it_is(run_robot: Callable[..., Any]) -> None:
    result = run_robot(
        f"*** Settings ***\n{EVERY_LIBRARY}\n*** Test Cases ***\n"
        "Mixed\n    Type Text    Hello\n    输入文本    Hello\n"
        "    Get VM State    win11\n    Use VM    win11\n    Run Command    ls\n",
        dryrun=True,
    )
    assert [test.message for test in result.suite.tests if not test.passed] == []


def test_a_tester_s_own_search_order_comes_first(run_robot: Callable[..., Any]) -> None:
    result = run_robot(
        f"*** Settings ***\n{EVERY_LIBRARY}\nSuite Setup    Set Library Search Order    ATPLibrary.QMP    ATPLibrary.Verifier\n"
        "*** Test Cases ***\nMine\n    Run Keyword And Ignore Error    Type Text    Hello    timeout=1 s\n"
    )
    (test,) = result.suite.tests
    assert test.body[0].body[0].full_name == "ATPLibrary.QMP.Type Text"


def test_a_dry_run_makes_no_workspace(run_robot: Callable[..., Any]) -> None:
    run_robot(f"*** Settings ***\n{EVERY_LIBRARY}\n*** Test Cases ***\nDry\n    Connect To VM    win11\n", dryrun=True)
    assert Workspace.existing() is None
