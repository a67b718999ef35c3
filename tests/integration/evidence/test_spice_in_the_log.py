"""Real runs of Robot Framework: what the log shows of a SPICE session when a test that had one fails."""

from __future__ import annotations

import io
import re

import pytest
from PIL import Image

from .test_evidence_in_the_log import Run, run_robot

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_robot("spice.robot", tmp_path_factory.mktemp("spice"), "--pythonpath", ".")


def test_the_channel_that_broke_is_shown_with_its_reason_its_last_messages_and_the_others(run: Run) -> None:
    [shown] = run.of("A Channel Is Broken")
    assert re.search(r"<details open><summary>SPICE session of win11: 3 channels, broken", shown.html)
    assert re.search(
        r'<div style="color:#d22[^"]*">display:0 failed: Field &#x27;id&#x27; of the SPICE message SURFACE_DESTROY',
        shown.html,
    )
    assert "main:0 linked" in shown.text
    passed = shown.text[shown.text.index("SPICE channel display:0:") :]
    assert "messages received 5" in passed
    assert "unknown: message 999 (1 times)" in passed
    order = [
        passed.index(name) for name in ("<- SURFACE_CREATE (20 bytes)", "<- DRAW_FILL", "<- MARK", "<- SURFACE_DESTROY")
    ]
    assert order == sorted(order)


def test_the_client_s_last_picture_is_beside_qemu_s(run: Run) -> None:
    for test in ("A Channel Is Broken", "All Is Well With It"):
        [shown] = run.of(test)
        [link] = [each for each in shown.links if "-spice" in each]
        picture = Image.open(io.BytesIO(run.file(link).read_bytes())).convert("RGB")
        assert (picture.size, picture.tobytes()) == ((4, 2), b"\xff\0\0" * 8)
        assert len([each for each in shown.links if each.endswith(".png")]) == 2


def test_the_picture_s_time_is_that_of_its_drawing(run: Run) -> None:
    [shown] = run.of("All Is Well With It")
    assert re.search(r"The SPICE client's picture of win11, drawn last at \d\d:\d\d:\d\d", shown.text)


def test_a_channel_that_the_server_does_not_have_is_no_failed_one_of_the_vm(run: Run) -> None:
    [shown] = run.of("A Channel Is Not There")
    assert "<details><summary>SPICE session of win11: 3 channels</summary>" in shown.html
    assert "record:0 failed" not in shown.text


def test_a_session_that_never_began_says_in_which_stage(run: Run) -> None:
    [shown] = run.of("The Ticket Is Wrong")
    assert (
        "main:0 failed: SPICE channel main:0 of VM 'win11' should be linked but the server refused the password"
        in shown.text
    )
    assert "in stage RESULT" in shown.text
    assert "wrong-one" not in shown.html


def test_a_session_that_is_well_is_folded_and_a_test_without_one_shows_none(run: Run) -> None:
    [shown] = run.of("All Is Well With It")
    assert "<details><summary>SPICE session of win11: 3 channels</summary>" in shown.html
    [none] = run.of("There Is None")
    assert "SPICE session" not in none.text


def test_the_listener_never_complains(run: Run) -> None:
    assert "Evidence could not be gathered" not in (run.directory / "output.xml").read_text(encoding="utf-8")
    assert "listener" not in run.output
