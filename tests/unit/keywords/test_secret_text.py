"""A text may be a secret: the keywords take one, and neither log nor error says what it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from robot.api.types import Secret
from tests.unit.vdi.conftest import ScriptedPlatform, ok

from ATPLibrary.errors import InputError
from ATPLibrary.keywords.plain import told
from ATPLibrary.keywords.spice_clipboard import _another
from ATPLibrary.secrets import MASK, redact

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


@pytest.mark.parametrize(
    "step",
    ["Type Text    ${secret}\\n", "Type Text And Verify    a${secret}", "Set Clipboard    it is ${secret}"],
)
def test_a_text_that_a_secret_was_put_into_is_refused(
    run_robot: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Robot Framework makes "<secret>" of it, which would be typed, and proved."""
    monkeypatch.setenv("THE_WORD", WORD)
    suite = "*** Settings ***\nLibrary    ATPLibrary\n*** Test Cases ***\nTold\n    VAR    ${secret: secret}    %{THE_WORD}\n"
    (test,) = run_robot(f"{suite}    {step}\n", loglevel="TRACE").suite.tests
    assert test.message.startswith("A text should have no Secret in it")


def test_a_secret_for_qemu_or_a_guest_is_sent_and_known_from_then_on() -> None:
    machine: Any = SimpleNamespace(secrets=())
    given = {"password": Secret(WORD), "more": [5, {"key": Secret("another-horse")}], "name": "vnc"}
    assert told(machine, given) == {"password": WORD, "more": [5, {"key": "another-horse"}], "name": "vnc"}
    assert redact(f"QEMU says {WORD} and another-horse") == f"QEMU says {MASK} and {MASK}"
    with pytest.raises(InputError, match="have no Secret in it"):
        told(machine, {"password": "my <secret>"})


@pytest.mark.parametrize("is_secret", [True, False])
def test_a_clipboard_with_another_text_than_a_secret_is_told_without_either(is_secret: bool) -> None:
    told = str(_another("The clipboard", f"'{WORD}'", f"nearly {WORD}", 0.5, is_secret=is_secret))
    assert (WORD in told) is not is_secret
    assert told.startswith("The clipboard should be ")


def test_no_secret_that_the_platform_tells_gets_into_the_log(
    run_robot: Callable[..., Any], tmp_path: Path, tester: Any, platform: ScriptedPlatform
) -> None:
    api = "/ocloud/v1"
    platform.answers |= {
        f"GET {api}/domain": ok({"list": [{"id": "1", "name": "a"}], "pages": 1, "total": 1}),
        f"GET {api}/domain/1/xml": ok(
            """<domain><graphics passwd='xml-secret'/><graphics passwd="xml-secret"/></domain>"""
        ),
        f"GET {api}/domain/1/spice-key": ok({"domainId": "1", "key": "key-secret"}),
        f"GET {api}/model": ok({"list": [{"id": "m", "name": "win11"}], "pages": 1, "total": 1}),
        f"GET {api}/model/m/upgrade-share": ok({"shareUrl": "http://p/?check=abc&password=link-secret&exp=9"}),
    }
    suite = """*** Settings ***
Library    ATPLibrary.VDIPlatform
*** Test Cases ***
Told
    ${xml} =    Get Desktop XML    a    contains    <graphics passwd='*******
    ${answer} =    Call Platform    GET /ocloud/v1/domain/{id}/spice-key    id=1
    Should Be Equal    ${answer}[domainId]    1
    Should Be True    $answer['key'].value == 'key-' + 'secret'
    ${link} =    Get Model Upgrade Link    win11
    Should Be Equal    ${link}    http://p/?check=abc&exp=9
"""
    (test,) = run_robot(suite, loglevel="TRACE").suite.tests
    assert (test.status, test.message) == ("PASS", "")
    written = (tmp_path / "output.xml").read_text()
    assert not [word for word in ("xml-secret", "key-secret", "link-secret") if word in written]
