"""Every keyword's documentation has an example, and every example is one that Robot Framework would run."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

import ATPLibrary

pytestmark = pytest.mark.unit

LIBRARIES = ("ATPLibrary", *(f"ATPLibrary.{name}" for name in ATPLibrary.LIBRARIES))
COORDINATES = {"Move Mouse": 2, "Click": 2, "Double Click": 2, "Drag": 4, "Mouse Should Be At": 2}
FACADE = "*** Settings ***\nLibrary    ATPLibrary\n*** Test Cases ***\n"


def example(documentation: str) -> str:
    """The lines of the blocks that stand behind "| ", as they would stand in a file."""
    return "\n".join(
        line[2:] if line != "|" else "" for line in documentation.splitlines() if re.match(r"\|( |$)", line)
    )


def test_every_keyword_has_an_example_that_uses_it(documentation: dict[str, Any]) -> None:
    without = [k.name for k in documentation["ATPLibrary"].keywords if k.name.lower() not in example(k.doc).lower()]
    assert without == []


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_example_of_every_library_passes_a_dry_run_with_that_library_alone(
    documentation: dict[str, Any], run_robot: Callable[..., Any], library: str
) -> None:
    tests = [
        f"{keyword.name}\n" + "\n".join(f"    {line}" for line in example(keyword.doc).splitlines())
        for keyword in documentation[library].keywords
    ]
    settings = FACADE.replace("Library    ATPLibrary", f"Library    {library}")
    result = run_robot(settings + "\n".join(tests) + "\n", dryrun=True)
    failed = {test.name: test.message for test in result.suite.tests if not test.passed}
    assert failed == {}
    assert len(result.suite.tests) == len(documentation[library].keywords)


def test_the_places_of_every_example_are_on_the_screen(documentation: dict[str, Any]) -> None:
    """Fractions of it: what a run refuses a dry run lets pass."""
    steps = [
        re.split(r" {4,}", line) for k in documentation["ATPLibrary"].keywords for line in example(k.doc).splitlines()
    ]
    places = [(step, step[1 : 1 + COORDINATES[step[0]]]) for step in steps if step[0] in COORDINATES]
    said = [(step, [each for each in place if "=" not in each]) for step, place in places]
    assert len([place for _, place in said if place]) >= len(COORDINATES)
    assert [step for step, place in said if not all(0 <= float(each) <= 1 for each in place)] == []


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_library_s_example_passes_a_dry_run(
    documentation: dict[str, Any], run_robot: Callable[..., Any], library: str
) -> None:
    result = run_robot(example(documentation[library].doc), dryrun=True)
    assert [test.message for test in result.suite.tests if not test.passed] == []
    assert result.suite.tests


@pytest.mark.parametrize(
    ("step", "complaint"),
    [
        ("VM Should Be    jumping", "'jumping' that cannot be converted to VmState: it is none of unknown, running"),
        ("Get VM State    win11    ===    running", "'operator' got value '==='"),
        ("Start VM    win11    timeout=soon", "'soon'"),
        ("Click    0.5    0.5    button=bottom", "'bottom'"),
        ("Scroll    sideways", "'sideways'"),
        ("Create Desk Pool    sales    model=m    amount=two", "'two'"),
        ("Type Text    hello    verify=True    speed=fast", "speed"),
        ("Hold Key    a    duration=long", "'long'"),
    ],
)
def test_a_dry_run_finds_a_wrong_argument(run_robot: Callable[..., Any], step: str, complaint: str) -> None:
    result = run_robot(FACADE + f"Wrong\n    {step}\n", dryrun=True)
    (test,) = result.suite.tests
    assert not test.passed
    assert complaint in test.message
