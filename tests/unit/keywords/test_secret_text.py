"""A text may be a secret: the keywords take one, and neither log nor error says what it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ATPLibrary.keywords.spice_clipboard import _another

pytestmark = pytest.mark.unit

WORD = "correct-horse-9"


@pytest.mark.parametrize(
    "step",
    [
        "Type Text    ${secret}",
        "Type Text And Verify    ${secret}",
        "Text Should Have Arrived    ${secret}",
        "Text Should Have Arrived In Order    ${secret}",
        "Set Clipboard    ${secret}",
        "Clipboard Should Be    ${secret}",
        "Type On USB Keyboard    ${secret}",
        "Write To USB Serial Line    ${secret}",
        "Write To SPICE Port    ${secret}",
    ],
)
def test_a_secret_is_taken_and_not_told(
    run_robot: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    monkeypatch.setenv("THE_WORD", WORD)
    suite = "*** Settings ***\nLibrary    ATPLibrary\n*** Test Cases ***\nTold\n    VAR    ${secret: secret}    %{THE_WORD}\n"
    (test,) = run_robot(f"{suite}    {step}\n", loglevel="TRACE").suite.tests
    assert test.message.startswith("This keyword needs a VM and none is connected.")
    assert WORD not in (tmp_path / "output.xml").read_text()


@pytest.mark.parametrize("is_secret", [True, False])
def test_a_clipboard_with_another_text_than_a_secret_is_told_without_either(is_secret: bool) -> None:
    told = str(_another("The clipboard", f"'{WORD}'", f"nearly {WORD}", 0.5, is_secret=is_secret))
    assert (WORD in told) is not is_secret
    assert told.startswith("The clipboard should be ")
