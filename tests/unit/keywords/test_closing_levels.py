"""When what was made goes, as Robot Framework runs suites: at the end of test, suite, run, or never."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from robot.api import ExecutionResult
from robot.api import TestSuite as Suite  # pytest would take it for tests

from ATPLibrary.orchestrator import Workspace

pytestmark = pytest.mark.unit

# A platform in a few lines; what it removes is written down beside Robot's own steps.
MAKING = """
from robot.api import logger
from ATPLibrary.config import PlatformSettings
from ATPLibrary.errors import PlatformError
from ATPLibrary.keywords.platform.base import PlatformComponent

class Client:
    name = "lab"
    is_logged_in = True
    settings = PlatformSettings(name="lab", url="http://nowhere.test", username="admin")
    async def ping(self, timeout): pass
    async def close(self): pass
    async def logout(self, timeout=None): pass

class Making(PlatformComponent):
    ROBOT_LIBRARY_SCOPE = "GLOBAL"

    def make(self, name, closing=None, fails=False):
        from ATPLibrary.orchestrator.creations import ClosingLevel
        async def remove(client, seconds):
            if fails:
                raise PlatformError("在用")
            with open("gone.txt", "a") as file:
                file.write(name + "\\n")
        if self.workspace.platforms.current is None:
            self.workspace.platforms.current = Client()
        self.remember("pool", name, name, remove, None if closing is None else ClosingLevel(closing))

    def gone(self, *names):
        try:
            with open("gone.txt") as file:
                found = file.read().split()
        except FileNotFoundError:
            found = []
        if found != [*names]:
            raise AssertionError(f"gone are {found}, not {names}")
"""

SETTINGS = "*** Settings ***\nLibrary    Making.py\n"


@pytest.fixture(autouse=True)
def no_workspace(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(Workspace, "_current", None)
    yield
    Workspace.close_current()


@pytest.fixture
def run_suites(tmp_path: Path, run_robot: Callable[..., Any]) -> Callable[..., Any]:
    """Run the suites given as text by file name; returns Robot's result."""

    def run(**suites: str) -> Any:
        (tmp_path / "Making.py").write_text(MAKING, encoding="utf-8")
        directory = tmp_path / "all"
        directory.mkdir()
        for name, text in suites.items():
            settings = SETTINGS.replace("Making.py", str(tmp_path / "Making.py"))
            (directory / f"{name}.robot").write_text(settings + text, encoding="utf-8")
        output = tmp_path / "output.xml"
        with (tmp_path / "console.txt").open("w", encoding="utf-8") as console:
            Suite.from_file_system(directory).run(
                output=str(output), log=None, report=None, stdout=console, stderr=console
            )
        result = ExecutionResult(output)
        failed = [f"{test.name}: {test.message}" for test in result.suite.all_tests if not test.passed]
        assert failed == []
        return result

    return run


def gone(tmp_path: Path) -> list[str]:
    file = tmp_path / "gone.txt"
    return file.read_text().split() if file.exists() else []


def test_a_tests_things_go_with_it_and_a_suite_setups_with_the_suite(
    run_suites: Callable[..., Any], tmp_path: Path
) -> None:
    result = run_suites(
        a="""\
Library    ATPLibrary.VDIPlatform
Suite Setup    Make    suites
*** Test Cases ***
One
    Make    a
    Make    b
    Gone
Two
    Gone    b    a
""",
        b="""\
Library    ATPLibrary.VDIPlatform
*** Test Cases ***
Three
    Gone    b    a    suites
""",
    )
    one = result.suite.suites[0].tests[0]
    assert [item.message for item in one.body if item.type == "MESSAGE"] == [
        "Removed at the end of the test: pool 'b', pool 'a'"
    ]
    assert result.suite.suites[0].metadata["Removed"] == "Removed at the end of the suite: pool 'suites'"


def test_a_suites_own_import_holds_for_it_and_other_suites_have_theirs(
    run_suites: Callable[..., Any], tmp_path: Path
) -> None:
    run_suites(
        a="""\
Library    ATPLibrary
Library    ATPLibrary.VDIPlatform    auto_closing_level=SUITE
*** Test Cases ***
Made
    Make    a
Still There
    Gone
""",
        b="""\
Library    ATPLibrary.VDIPlatform    auto_closing_level=MANUAL
*** Test Cases ***
Made
    Gone    a
    Make    b
Still There
    Gone    a
    Make    of-a-test    closing=test
""",
        c="""\
Library    ATPLibrary.VDIPlatform
*** Test Cases ***
Made
    Gone    a    of-a-test
    Make    c
Gone
    Gone    a    of-a-test    c
""",
    )
    assert gone(tmp_path) == ["a", "of-a-test", "c", "b"]


def test_suites_inherit_what_the_suite_above_says(run_suites: Callable[..., Any], tmp_path: Path) -> None:
    run_suites(
        __init__="Library    ATPLibrary    auto_closing_level=suite\n",
        a="""\
Library    ATPLibrary
*** Test Cases ***
Made
    Make    a
Still There
    Gone
""",
    )


def test_the_level_is_changed_for_a_test_and_for_a_suite(run_suites: Callable[..., Any], tmp_path: Path) -> None:
    run_suites(
        a="""\
Library    ATPLibrary.VDIPlatform
Suite Setup    Set Closing Level    suite
*** Test Cases ***
Suite Level
    Make    a
Test Level
    Gone
    ${before} =    Set Closing Level    test
    Should Be Equal    ${before}    suite
    Make    b
Suite Level Again
    Gone    b
    Make    c
    Gone    b
""",
        b="""\
Library    ATPLibrary.VDIPlatform
*** Test Cases ***
The Level Went With Its Suite
    Gone    b    c    a
    Make    d
Gone
    Gone    b    c    a    d
""",
    )


def test_manual_things_go_when_told_or_with_the_run_and_what_is_kept_is_named(
    run_suites: Callable[..., Any], tmp_path: Path
) -> None:
    result = run_suites(
        __init__="Library    ATPLibrary.VDIPlatform\n",
        a="""\
Library    ATPLibrary.VDIPlatform    auto_closing_level=MANUAL
*** Test Cases ***
One
    Make    a
    Make    kept    closing=keep
    @{names} =    Remove Created Things
    Should Be Equal    ${names}    ${{['a']}}
    Make    left
    @{things} =    Get Created Things
    Should Be Equal    ${{[(each['name'], each['level'], each['platform']) for each in $things]}}
    ...    ${{[('kept', 'keep', 'lab'), ('left', 'manual', 'lab')]}}
""",
    )
    assert gone(tmp_path) == ["a", "left"]
    assert dict(result.suite.metadata) == {
        "Removed At The End Of The Run": "Removed at the end of the run: pool 'left'",
        "Kept": "Kept on the platform: pool 'kept' ('lab')",
    }


def test_what_cannot_be_removed_is_a_warning_and_fails_the_keyword_only(
    run_suites: Callable[..., Any], tmp_path: Path
) -> None:
    result = run_suites(
        a="""\
Library    ATPLibrary.VDIPlatform
*** Test Cases ***
Made
    Make    a
    Make    stuck    fails=${True}
Asked
    Make    b
    Run Keyword And Expect Error    Removed now: pool 'b'; could not remove pool 'stuck': 在用.    Remove Created Things
"""
    )
    sentence = "Removed at the end of the test: pool 'a'; could not remove pool 'stuck': 在用"
    assert [message.message for message in result.errors][:1] == [sentence]
    assert gone(tmp_path) == ["a", "b"]


def test_two_imports_of_a_suite_that_say_different_levels_are_told(run_suites: Callable[..., Any]) -> None:
    result = run_suites(
        a="""\
Library    ATPLibrary    auto_closing_level=KEEP
Library    ATPLibrary.VDIPlatform    auto_closing_level=TEST
*** Test Cases ***
One
    ${level} =    Set Closing Level    suite
    Should Be Equal    ${level}    keep
"""
    )
    assert "KEEP holds, which was said first" in result.errors[0].message


def test_a_wrong_level_is_answered_with_the_words_that_there_are(run_robot: Callable[..., Any]) -> None:
    result = run_robot("""\
*** Settings ***
Library    ATPLibrary.VDIPlatform    auto_closing_level=NEVER
*** Test Cases ***
One
    Log    x
""")
    assert "auto_closing_level should be TEST, SUITE, MANUAL or KEEP but is 'NEVER'." in result.errors[0].message
