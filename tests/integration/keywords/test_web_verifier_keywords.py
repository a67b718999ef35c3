"""The web verifier as a tester uses it: two lines, and the keywords that judge what others type work with a browser as their agent.

The browser is Debian's Chromium, driven by Playwright through a small library of this test; its keys are real input to it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from robot.api import ExecutionResult

pytestmark = pytest.mark.integration

BROWSER = '''
"""A browser in the guest."""
import shutil

from playwright.sync_api import sync_playwright

ROBOT_LIBRARY_SCOPE = "GLOBAL"
_open = {}


def open_page(address):
    _open["playwright"] = sync_playwright().start()
    _open["browser"] = _open["playwright"].chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
    context = _open["browser"].new_context(viewport={"width": 1000, "height": 600}, screen={"width": 1000, "height": 600})
    _open["page"] = context.new_page()
    _open["page"].goto(address.value)


def type_in_browser(*codes):
    for code in codes:
        _open["page"].keyboard.press(code)


def drag_in_browser(*places):
    """Each place as a part of the screen; the browser's window has a frame, so its page doesn't begin where the screen does."""
    mouse = _open["page"].mouse
    _open["page"].evaluate(
        "addEventListener('pointermove', at => { window.at = [at.screenX - at.clientX, at.screenY - at.clientY] })"
    )
    mouse.move(5, 5)
    left, top = _open["page"].evaluate("window.at")
    for number, place in enumerate(places):
        x, y = map(float, place.split(","))
        mouse.move(x * 999 - left, y * 599 - top, steps=4)
        if number == 0:
            mouse.down()
    mouse.up()


def where_it_is():
    return _open["page"].url


def close_browser():
    _open["browser"].close()
    _open["playwright"].stop()
'''
SUITE = """\
*** Settings ***
Library    ATPLibrary
Library    GuestBrowser.py
Suite Setup    Begin
Suite Teardown    Close Browser

*** Test Cases ***
What A Person Types In A Browser Is Proved
    Start Watching Input
    Type In Browser    KeyH    KeyE    KeyL    KeyL    KeyO    Enter
    Text Should Have Arrived In Order    hello\\n
    Key Should Have Arrived    l    times=2
    Type In Browser    Control+KeyC
    Key Should Have Arrived    ctrl+c    times=1
    Run Keyword And Expect Error    *character 6*    Text Should Have Arrived In Order    hello world
    @{devices} =    Get Input Devices
    Should Contain    ${devices}    browser keyboard (browser)
    No Key Should Be Down

What The Mouse Does Is Proved
    Start Watching Input
    Drag In Browser    0.2,0.3    0.6,0.3    0.6,0.8
    Drag Should Match    0.2,0.3    0.6,0.3    0.6,0.8
    Mouse Should Be At    0.6    0.8
    Key Should Have Arrived    left button    times=1

Nothing Comes Where Nobody Types
    No Input Should Arrive    500 ms

What A Page Can't Judge It Says
    Run Keyword And Expect Error
    ...    The agent of VM 'test' should judge keyboard events itself but can't: it says that it can fence, observe, state. *
    ...    Verify Event    {"type": "keyboard", "action": "keypress", "key": "a"}

The Address Is A Secret And Stays What It Is
    ${again} =    Get Web Verifier Address
    Should Be True    $again.value == $ADDRESS.value
    ${elsewhere} =    Get Web Verifier Address    host=192.0.2.7
    Should Be True    $elsewhere.value.startswith("http://192.0.2.7:")
    ${at} =    Where It Is
    Should Not Contain    ${at}    token

*** Keywords ***
Begin
    Connect To VM    test
    Start Verification Service    websocket_port=0    tcp_port=0
    ${address} =    Get Web Verifier Address    file=DIRECTORY/address
    VAR    ${ADDRESS}    ${address}    scope=SUITE
    Open Page    ${address}
    Wait Until Verifier Is Ready    timeout=20 s
"""


@pytest.mark.parametrize("via", ["serial", "service"])
def test_a_page_is_the_agent_of_its_vm_and_its_token_is_in_no_output(tmp_path: Path, via: str) -> None:
    """The VM has no port for an agent: the service is meant with either."""
    (tmp_path / "atp.yaml").write_text(f"hosts: {{simulated: {{uri: 'test:///default'}}}}\nagent: {{via: {via}}}\n")
    (tmp_path / "GuestBrowser.py").write_text(BROWSER)
    (tmp_path / "web.robot").write_text(SUITE.replace("DIRECTORY", str(tmp_path)))
    ran = subprocess.run(
        [sys.executable, "-m", "robot", "--loglevel", "TRACE", "--outputdir", "out", "web.robot"],
        cwd=tmp_path, env={**os.environ, "ATP_CONFIG": "atp.yaml"}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    tests = ExecutionResult(tmp_path / "out" / "output.xml").suite.tests
    assert {test.name: test.message for test in tests if not test.passed} == {}, ran.stdout
    assert len(tests) == 5
    address = (tmp_path / "address").read_text()
    assert (tmp_path / "address").stat().st_mode & 0o777 == 0o600
    token = address.partition("token=")[2]
    assert len(token) == 43
    output = "".join(file.read_text(encoding="utf-8") for file in (tmp_path / "out").glob("*.*ml"))
    assert token not in output + ran.stdout + ran.stderr
    assert "The web verifier is at http://127.0.0.1:" in output
