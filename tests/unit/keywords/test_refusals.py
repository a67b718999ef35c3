"""What no keyword may call done: nothing to send, half a place, no VM."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        ("Type Text    ${EMPTY}", "There is no text to type: it is empty."),
        ("Type Text And Verify    Hello    retries=-1", "What is lost can't be typed again -1 times"),
        ("Press Keys", "There is no key to press"),
        ("Scroll    down    0", "The wheel can't be turned by 0 notches"),
        ("Click    x=0.5", "A place on the screen needs both x and y."),
        ("Type Text    Hello", "This keyword needs a VM and none is connected."),
        ("Run Command    ls", "This keyword needs a VM and none is connected."),
        ("VM Should Be    running", "This keyword needs a VM and none is connected."),
        ("Text Should Have Arrived", "This keyword needs a VM and none is connected."),
        ("Connect To VM    win11", "A host should be in the configuration"),
        ("VM Should Not Exist    win11", "A host should be in the configuration"),
        ("Connect To Host    rack-1", "Host 'rack-1' should be in the configuration"),
        ("Log In To Platform", "A platform should be named"),
        (
            "Log In To Platform    password=plain",
            "ValueError: Argument 'password' must have type 'Secret', got string.",
        ),
        (
            "Add Host    a    test:///default    password=plain",
            "ValueError: Argument 'password' must have type 'Secret', got string.",
        ),
        ("Get VMs    timeout=-1 s", "A timeout should be a time from now on but is -1 s."),
        ("Push File To Guest    /a    /b    timeout=-1 s", "A timeout should be a time from now on but is -1 s."),
        ("Get Desk Pools", "No platform is logged in to. Use 'Log In To Platform' first."),
        ("Output Should Contain    x", "There is no output to look at"),
        ("Output Should Contain    ${EMPTY}", "An empty text is contained in any output"),
        ("Receive From Channel    com.example.test    until=${EMPTY}", "An empty text ends nothing"),
        ("Expect On SPICE Port    ${EMPTY}", "An empty text is there before anything has come."),
        ("Expect On USB Serial Line    ${EMPTY}", "An empty text is there before anything has come."),
        (
            "Drop Next Message    main    AGENT_TOKEN    times=3",
            "The message AGENT_TOKEN of SPICE channel main should be that of",
        ),
        (
            "Corrupt Next Message    port:1    data",
            "The message DATA of SPICE channel port:1 should be that of one side but is one of",
        ),
        (
            "Truncate Next Message    inputs    KEY_MODIFIERS",
            "The message KEY_MODIFIERS of SPICE channel inputs should be that",
        ),
        ("Delay Next Message    port    EVENT", "The message EVENT of SPICE channel port should be that of one side"),
        ("Drop Next Message    main    AGENT_TOKEN    sender=client", "This keyword needs a VM and none is connected."),
        (
            "Expect SPICE Message    port    EVENT    event=1",
            "The message EVENT of SPICE channel port should be that of one",
        ),
        ("Expect SPICE Message    port    EVENT", "This keyword needs a VM and none is connected."),
        ("Send SPICE Message    port    DATA    data=00", "This keyword needs a VM and none is connected."),
        ("No Input Should Arrive    0 s", "To watch for 0 s proves nothing"),
        ("No Input Should Arrive    for=0 s", "To watch for 0 s proves nothing"),
        ("No Input Should Arrive    for=2 s", "This keyword needs a VM and none is connected."),
        ("No Input Should Arrive    soon", "How long no input must come should be a time such as 2 s but is 'soon'."),
        ("Wait Until Screen Is Still    0 s", "To watch for 0 s proves nothing"),
        ("Wait Until Screen Is Still    -1 s", "A timeout should be a time from now on but is -1 s."),
        ("Text Should Have Arrived In Order    ${EMPTY}", "No text is no proof"),
        ("Guest Agent Should Support", "No command was named, so nothing would be proved"),
        ("Get Input Latency    50    <    20 ms", "This keyword needs a VM and none is connected."),
        ("Get Input Latency    50    <    soon", "ValueError: Argument 'expected' got value 'soon'"),
        ("Mouse Should Be At    nan    nan", "Position nan, nan should be fractions of the screen"),
        ("Mouse Should Be At    0.5    1.5", "Position 0.5, 1.5 should be fractions of the screen"),
        ("Mouse Should Be At    0.5    0.5    tolerance=nan", "A tolerance is a fraction of the screen, above 0"),
        ("Mouse Should Be At    0.5    0.5    tolerance=inf", "A tolerance is a fraction of the screen, above 0"),
        ("Mouse Should Be At    0.5    0.5    tolerance=1", "A tolerance is a fraction of the screen, above 0"),
        ("Drag Should Match    0,0    nan,1", "Position nan, 1 should be fractions of the screen"),
        ("Drag Should Match    0,0    1,1    tolerance=nan", "A tolerance is a fraction of the screen, above 0"),
        ("Drag Should Match    0.3,0.3    0.302,0.3", "Places as near to each other as that would match a click"),
        ("Get Input Latency    101", "A percentile is from 0 to 100, not 101"),
        ("Get Console Text    lines=0", "The last 0 lines of a console are no text to look at"),
    ],
)
def test_it_is_refused_with_a_sentence(run_robot: Callable[..., Any], step: str, sentence: str) -> None:
    result = run_robot(f"*** Settings ***\nLibrary    ATPLibrary\n*** Test Cases ***\nRefused\n    {step}\n")
    (test,) = result.suite.tests
    assert not test.passed
    assert test.message.startswith(sentence), test.message


def test_logging_out_without_a_session_is_harmless(run_robot: Callable[..., Any]) -> None:
    result = run_robot("*** Settings ***\nLibrary    ATPLibrary\n*** Test Cases ***\nOut\n    Log Out Of Platform\n")
    assert result.suite.tests[0].passed
