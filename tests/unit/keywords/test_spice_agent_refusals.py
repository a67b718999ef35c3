"""What the keywords about the SPICE agent refuse before they ask a VM, and how monitors are written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ATPLibrary.errors import InputError
from ATPLibrary.protocol.screen.monitors import MonitorPlace, placed

pytestmark = pytest.mark.unit

FACADE = "*** Settings ***\nLibrary    ATPLibrary.Spice\n*** Test Cases ***\nRefused\n"


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        ("Set Clipboard", "should be either a text or a picture but neither was given"),
        ("Set Clipboard    text    image=x.png", "should be either a text or a picture but both were given"),
        ("Clipboard Should Be    image=${CURDIR}/none.png", "can't be read: No such file"),
        ("Set Clipboard    image=${CURDIR}/suite.robot", "should be a PNG picture but is not"),
        ("Set Monitors", "Set Monitors needs at least one monitor, such as 1024x768"),
        (
            "Set Monitors    1024",
            "Monitor '1024' should be 'WIDTHxHEIGHT' or 'WIDTHxHEIGHT+LEFT+TOP' in pixels but is not",
        ),
        ("Set Monitors    0x768", "Monitor '0x768' should be"),
        ("Set Resolution    wide", "Size 'wide' should be 'WIDTHxHEIGHT' in pixels but is not"),
        ("Set Resolution    0x0", "Resolution 0x0 should be between 1x1 and 32767x32767 pixels"),
        ("Set Resolution    99999x99999", "Resolution 99999x99999 should be between 1x1 and 32767x32767 pixels"),
        ("Set Monitors    800x600    99999x600", "Monitor 99999x600 should be between 1x1 and 32767x32767 pixels"),
        ("Get Clipboard    selection=third", "third"),
        ("SPICE Agent Should Be Connected    FLYING", "A SPICE agent's capability should be one of MOUSE_STATE, "),
        ("Get SPICE Agent Statistics", "This keyword needs a VM and none is connected."),
        ("Send File    ${CURDIR}/suite.robot", "This keyword needs a VM and none is connected."),
    ],
)
def test_what_can_not_be_is_refused_with_a_sentence(run_robot: Callable[..., Any], step: str, sentence: str) -> None:
    (test,) = run_robot(f"{FACADE}    {step}\n").suite.tests
    assert not test.passed
    assert sentence in test.message, test.message


def test_monitors_stand_beside_each_other_unless_they_are_told_where() -> None:
    wanted = [MonitorPlace.parse(each) for each in ("1024x768", "800x600", "640x480-640+10", "320x200")]
    assert [str(each) for each in placed(wanted)] == ["1024x768+0+0", "800x600+1024+0", "640x480-640+10", "320x200+0+0"]
    with pytest.raises(InputError, match="Such as"):
        MonitorPlace.parse("1024x768+5")
