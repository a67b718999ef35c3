"""What the keywords about screens and the mouse refuse before they ask a VM, and what a dry run finds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ATPLibrary.protocol.screen.picture import as_png, cut_png
from ATPLibrary.protocol.screen.region import Region

pytestmark = pytest.mark.unit

FACADE = "*** Settings ***\nLibrary    ATPLibrary\n*** Test Cases ***\nRefused\n"


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        ("Screen Should Contain    ${EMPTY}", "There is no text to look for on the screen"),
        ("Wait Until Screen Contains    ${SPACE}", "There is no text to look for on the screen"),
        (
            "Screen Should Match    x.png    tolerance=255",
            "A tolerance is from 0 to 254 and a share from 0 to less than 1, not 255 and 0: ",
        ),
        (
            "Wait Until Screen Matches    x.png    share=1",
            "A tolerance is from 0 to 254 and a share from 0 to less than 1, not 0 and 1: of 255, or of 1, any screen would match.",
        ),
        ("Wait Until Screen Is Still    5 s    timeout=5 s", "A screen can't be seen to be still for 5 s within 5 s"),
        (
            "Wait Until Screen Changes    since=nothing.png",
            "The picture '",
        ),
        ("Scroll    down    1.5", "The wheel can't be turned by 1.5 notches"),
        ("Drag Along    0.1,0.1", "A drag needs a place to begin and a place to end"),
        ("Touch", "A touch screen takes from 1 to 10 fingers, not 0."),
        ("Touch    0.5,7", "Place 0.5,7 should be fractions of the screen from 0 to 1"),
        ("Get Screen Text", "This keyword needs a VM and none is connected."),
        ("Screen Should Match    x.png", "This keyword needs a VM and none is connected."),
    ],
)
def test_it_is_refused_with_a_sentence(run_robot: Callable[..., Any], step: str, sentence: str) -> None:
    (test,) = run_robot(f"{FACADE}    {step}\n").suite.tests
    assert not test.passed
    assert test.message.startswith(sentence), test.message


@pytest.mark.parametrize(
    ("step", "complaint"),
    [
        ("Take Screenshot    region=1,2,3", "Region '1,2,3' should be 'left,top,width,height' in pixels but is not"),
        ("Screen Should Match    x.png    region=0,0,9", "Region '0,0,9' should be 'left,top,width,height' in pixels"),
        (
            "Screen Should Match    x.png    masks=1,2",
            "Region '1,2' should be 'left,top,width,height' in pixels but is not",
        ),
        (
            "Wait Until Screen Changes    region=all",
            "Region 'all' should be 'left,top,width,height' in pixels but is not",
        ),
        (
            "Screen Region Should Be    0,0,0,5    x.png",
            "Region '0,0,0,5' should have a width and a height but has none",
        ),
        ("Screen Should Match    x.png    masks=1,2,3,4;5", "Region '5' should be 'left,top,width,height'"),
        (
            "Take Screenshot    via=vnc",
            "Through what a screen is looked at should be qmp, spice or the number of a display",
        ),
        (
            "Wait Until Screen Changes    via=qmp:1",
            "should be qmp, spice or the number of a display such as spice:1 but is",
        ),
        ("Wait Until Screen Changes    smallest=big", "Size 'big' should be 'WIDTHxHEIGHT' in pixels but is not"),
        ("Drag Along    0.1,0.1    there", "Place 'there' should be 'x,y' but is not"),
        ("Move Mouse By    1.5    0", "'1.5'"),
        ("Mouse Button Down    fourth", "'fourth'"),
    ],
)
def test_a_dry_run_finds_a_wrong_argument(run_robot: Callable[..., Any], step: str, complaint: str) -> None:
    (test,) = run_robot(f"{FACADE}    {step}\n", dryrun=True).suite.tests
    assert not test.passed
    assert complaint in test.message, test.message


def test_a_compression_that_needs_numba_is_not_asked_for_without_it(
    run_robot: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ATPLibrary.protocol.spice.display.quic.can_unpack", lambda: False)
    (test,) = run_robot(f"{FACADE}    Prefer SPICE Compression    display    quic\n").suite.tests
    assert test.message.startswith(
        "The compression quic should be one that this client unpacks but needs numba for QUIC."
    )
    assert "pip install 'robotframework-atp[spice-quic]'" in test.message
    (test,) = run_robot(f"{FACADE}    Prefer SPICE Compression    display    glz\n").suite.tests
    assert test.message.startswith("This keyword needs a VM and none is connected."), test.message


def test_a_screenshot_of_a_part_is_no_earlier_look_of_the_whole_screen(
    run_robot: Callable[..., Any], tmp_path: Path
) -> None:
    """Their sizes differ, and that must not pass for a change."""
    part = tmp_path / "part.png"
    part.write_bytes(cut_png(as_png(Image.new("RGB", (90, 40))), Region(8, 16, 20, 10)))
    sentence = (
        f"The screenshot '{part}' should be of the whole screen but is of region 8,16,20,10. "
        "Look at the same part: region=8,16,20,10."
    )
    (test,) = run_robot(f"{FACADE}    Wait Until Screen Changes    since={part}\n").suite.tests
    assert test.message == sentence
    (test,) = run_robot(f"{FACADE}    Wait Until Screen Changes    since={part}    region=8,16,20,10\n").suite.tests
    assert test.message.startswith("This keyword needs a VM")
