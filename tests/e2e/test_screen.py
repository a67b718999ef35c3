"""What a real VM shows: its text, its pictures against golden images, its changes. And the same in graphics mode."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import pytest_asyncio
import yaml
from PIL import Image
from robot.api import ExecutionResult
from tests.conftest import start_vm, stop_vm

from ATPLibrary.events import EventBus
from ATPLibrary.protocol.qmp import Qmp, open_qmp
from ATPLibrary.protocol.qmp.screen_text import read_font
from ATPLibrary.protocol.screen.picture import opened
from ATPLibrary.protocol.screen.text import TextScreen, read_text
from ATPLibrary.protocol.screen.watching import Watcher
from ATPLibrary.transport import HostConnection

pytestmark = pytest.mark.e2e

DEADLINE = 180.0

SETTINGS = """\
*** Settings ***
Library          ATPLibrary
Suite Setup      Connect To VM    ${VM}

*** Test Cases ***
"""

TEXT = """\
Typed Text Comes Up On The Screen
    Type Text    clear\\n
    Type Text    echo atp-$((6*7))\\n
    Wait Until Screen Contains    atp-42    timeout=20 s
    Screen Should Contain    echo atp-$((6*7))
    Screen Should Not Contain    Kernel panic
    ${text} =    Get Screen Text    operator=contains    expected=atp-42
    Should Match Regexp    ${text}    (?m)^atp-42$

A Wrapped Line Is Found Whole
    Type Text    clear; seq -s x 100 140\\n
    Wait Until Screen Contains    118x119x120x121    timeout=20 s

What Is Not There Is Said To Be Missing
    Screen Should Contain    no such text

What Does Not Come Is Waited For
    Wait Until Screen Contains    no such text    timeout=1 s
"""


@pytest_asyncio.fixture(params=["direct", "libvirt"])
async def qmp(ps2_vm: Any, request: pytest.FixtureRequest) -> AsyncIterator[Qmp]:
    """The shared VM's QMP, each way."""
    host = HostConnection(ps2_vm.host.name, ps2_vm.uri, EventBus())
    await host.connect(10)
    qmp = await open_qmp(await host.lookup(ps2_vm.uuid, 10), request.param, timeout=10)
    yield qmp
    await qmp.close()
    await host.close(5)


@pytest.fixture(scope="module")
def graphics_vm(lab_host: Any, guest_image: Any, accelerator: Any) -> Iterator[Any]:
    """A VM whose guest has loaded its driver for graphics: a console drawn in pixels."""
    image = dataclasses.replace(guest_image, cmdline=f"{guest_image.cmdline} atp.gpu=on")
    vm = start_vm(lab_host, image, accelerator, "atp-linux")
    yield vm
    stop_vm(vm)


def run_robot(text: str, directory: Path, vm: Any, *options: str) -> dict[str, Any]:
    """The tests of a real run by their names."""
    config = directory / "atp.yaml"
    config.write_text(yaml.safe_dump({"hosts": {"lab-t": {"uri": vm.uri}}}), encoding="utf-8")
    suite = directory / "screens.robot"
    suite.write_text(SETTINGS + text, encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-m", "robot", "-d", str(directory), "--variable", f"VM:{vm.name}", *options, str(suite)],
        env=os.environ | {"ATP_CONFIG": str(config), "PYTHONIOENCODING": "utf-8"},
        timeout=DEADLINE,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    print(ran.stdout, ran.stderr)
    return {test.name: test for test in ExecutionResult(directory / "output.xml").suite.tests}


def messages(item: Any) -> list[str]:
    """Every message in the item and below, in order."""
    found: list[str] = []
    for child in item.body:
        found += [child.message] if not hasattr(child, "status") else messages(child)
    return found


PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
OTHERS = "äöüßéñ ░▒▓ ─│┌┐└┘═║╬ αßπ ≈°√²"


def octal(text: str) -> str:
    """What `printf` makes `text` of, typed with letters that every keyboard has."""
    return "".join(f"\\\\0{byte:03o}" for byte in text.encode())


WRITING = f"""\
A Screen Full Of Characters
    Type Text    clear\\n
    Type Text    printf '%b\\\\n' '{octal(PRINTABLE)}'\\n
    Type Text    printf '%b\\\\n' '{octal(OTHERS)}'\\n
    Type Text    printf '\\\\033[1;31mred\\\\033[0m \\\\033[7minverse\\\\033[0m \\\\033[44;33mon blue\\\\033[0m\\\\n'\\n
    Type Text    printf 'end\\\\b'; read x\\n
    Wait Until Screen Contains    \\nend    timeout=20 s
"""


async def test_each_character_is_read_as_it_was_written(qmp: Qmp, ps2_vm: Any, tmp_path: Path) -> None:
    """All that the console shows in code page 437, in colours, inverse, and under the cursor."""
    tests = await asyncio.to_thread(run_robot, WRITING, tmp_path, ps2_vm)
    assert tests["A Screen Full Of Characters"].message == ""
    font = await read_font(qmp)
    looks: list[TextScreen] = []

    def have_both_phases(png: bytes) -> bool | None:
        looks.append(read_text(opened(png), font))
        return True if len(looks) >= 2 else None  # pictures that differ, by the cursor alone

    async with asyncio.timeout(20):
        await Watcher(qmp.screenshot, 10).until(have_both_phases)
    run_robot("Go On\n    Press Keys    enter\n", tmp_path, ps2_vm)
    for screen in looks:
        assert screen.unknown == 0
        assert PRINTABLE in screen
        lines = screen.text.splitlines()
        assert OTHERS in lines
        assert "red inverse on blue" in lines
        assert lines[-1] == "end"


def test_the_text_of_the_screen_is_waited_for_and_asserted(ps2_vm: Any, tmp_path: Path) -> None:
    tests = run_robot(TEXT, tmp_path, ps2_vm)
    for name in ("Typed Text Comes Up On The Screen", "A Wrapped Line Is Found Whole"):
        assert tests[name].status == "PASS", tests[name].message
    missing = tests["What Is Not There Is Said To Be Missing"].message
    assert re.search(r"should contain 'no such text' but does not\. Last seen: '(?s:.*)100x101", missing), missing
    late = tests["What Does Not Come Is Waited For"].message
    assert re.search(r"should contain 'no such text' within 1 s but did not\. Last seen: '(?s:.*)100x101", late), late


GOLDEN = """\
A First Golden Image Is Written When It Is Asked For
    Run Keyword And Expect Error    *shell.png' should exist but does not. If the screen is right*
    ...    Screen Should Match    golden/shell.png
    Type Text    clear\\n
    Wait Until Screen Is Still    timeout=20 s
    Screen Should Match    golden/shell.png    update=True
    Screen Region Should Be    0,0,720,32    golden/top.png    update=True

What Is The Same Matches
    Screen Should Match    golden/shell.png
    Screen Region Should Be    0,0,720,32    golden/top.png
    Wait Until Screen Matches    golden/shell.png    timeout=20 s

What Differs A Little Is Within Limits Or Not
    Type Text    x
    Wait Until Screen Contains    \\# x    timeout=20 s
    Run Keyword And Expect Error    *should match 'shell.png' but differs in*
    ...    Screen Should Match    golden/shell.png
    Screen Should Match    golden/shell.png    share=0.01
    Screen Should Match    golden/shell.png    masks=0,0,100,16; 300,300,10,10
    Screen Should Match    golden/shell.png    tolerance=254
    Screen Region Should Be    0,32,720,368    golden/rest.png    update=True
    Screen Region Should Be    0,32,720,368    golden/rest.png
    Press Keys    backspace
    Wait Until Screen Matches    golden/shell.png    timeout=20 s

What Differs Is Shown
    Type Text    echo other\\n
    Wait Until Screen Contains    other\\natp    timeout=20 s
    Screen Should Match    golden/shell.png

What Does Not Come Is Shown
    Wait Until Screen Matches    golden/shell.png    timeout=1 s

A Picture Of Another Size Is Told
    Screen Should Match    golden/top.png

The Variable Updates
    VAR    ${UPDATE_GOLDENS}    ${True}
    Wait Until Screen Matches    golden/shell.png    timeout=20 s
    VAR    ${UPDATE_GOLDENS}    ${False}
    Wait Until Screen Matches    golden/shell.png    timeout=20 s
"""


def test_a_golden_image_is_written_matched_and_shown_beside_what_differs(ps2_vm: Any, tmp_path: Path) -> None:
    tests = run_robot(GOLDEN, tmp_path, ps2_vm)
    failing = ("What Differs Is Shown", "What Does Not Come Is Shown", "A Picture Of Another Size Is Told")
    assert {name: test.message for name, test in tests.items() if not test.passed and name not in failing} == {}
    now, late, size = (tests[name] for name in failing)
    assert re.search(r"should match 'shell.png' but differs in \d+ of 288000 pixels", now.message)
    assert re.search(r"should match 'shell.png' within 1 s but differs in \d+ of 288000 pixels", late.message)
    assert "has 720x400 pixels instead of 720x32" in size.message
    for test in (now, late):
        [shown] = [message for message in messages(test) if "difference<br>" in message]
        files = [tmp_path / unquote(link) for link in re.findall(r'href="([^"]*)"', shown)]
        assert [file.name for file in files] == ["1-expected.png", "2-got.png", "3-difference.png"]
        pictures = [Image.open(file).convert("RGB") for file in files]
        assert {picture.size for picture in pictures} == {(720, 400)}
        assert pictures[0].tobytes() != pictures[1].tobytes()
        assert (230, 0, 0) in {colour for _, colour in pictures[2].getcolors(1000)}
    assert (tmp_path / "log.html").stat().st_size < 1_000_000


CHANGES = """\
A Change That Is Over Already Is Seen Against An Earlier Screenshot
    Type Text    clear\\n
    Wait Until Screen Is Still    timeout=20 s
    ${before} =    Take Screenshot
    Type Text    echo changed\\n
    Wait Until Screen Changes    since=${before}    timeout=20 s

A Blinking Cursor Is No Change Unless It Is Meant
    Wait Until Screen Is Still    timeout=20 s
    Run Keyword And Expect Error    *should change within 1.5 s but shows the same. Last seen: after * looks.*
    ...    Wait Until Screen Changes    timeout=1.5 s
    Wait Until Screen Changes    smallest=0x0    timeout=20 s

A Part Of The Screen Is Watched By Itself
    Type Text    clear\\n
    Wait Until Screen Is Still    timeout=20 s
    ${top} =    Take Screenshot    region=0,0,720,32
    Type Text    echo\\necho\\n
    Wait Until Screen Changes    since=${top}    region=0,0,720,32    timeout=20 s
    Wait Until Screen Is Still    500 ms    region=0,0,720,32    timeout=20 s
    Type Text    date +%s%N
    Run Keyword And Expect Error    *should change within 1 s but shows the same*
    ...    Wait Until Screen Changes    region=0,384,720,16    timeout=1 s
    Press Keys    ctrl+c

What Moves Is Not Still
    Type Text    while :; do date +%s%N; done\\n
    Run Keyword And Expect Error    *should be still for 1 s within 3 s but went on changing*
    ...    Wait Until Screen Is Still    timeout=3 s
    Wait Until Screen Is Still    masks=0,0,720,400    timeout=20 s
    [Teardown]    Press Keys    ctrl+c

A Part Of The Screen Is A Picture Of That Size
    ${file} =    Take Screenshot    part.png    region=9,16,90,32
    Run Keyword And Expect Error    *should be of the whole screen but is of region 9,16,90,32. *
    ...    Wait Until Screen Changes    since=${file}
    Run Keyword And Expect Error    *Region 700,0,90,32 should be on the screen of 720 x 400 pixels*
    ...    Take Screenshot    region=700,0,90,32
"""


def test_changes_and_stillness_are_seen(ps2_vm: Any, tmp_path: Path) -> None:
    tests = run_robot(CHANGES, tmp_path, ps2_vm)
    assert {name: test.message for name, test in tests.items() if not test.passed} == {}
    assert Image.open(tmp_path / "part.png").size == (90, 32)


GRAPHICS = """\
Its Text Can Not Be Read
    Run Keyword And Expect Error    *should be in text mode so that its text can be read but is in graphics mode (*x* pixels)*
    ...    Get Screen Text
    Run Keyword And Expect Error    *within 1 s but did not. Last seen: the screen is in graphics mode*
    ...    Wait Until Screen Contains    atp    timeout=1 s

Its Pictures Are Compared
    Wait Until Screen Is Still    timeout=30 s
    Screen Should Match    golden/desktop.png    update=True
    Wait Until Screen Matches    golden/desktop.png    timeout=20 s
    ${before} =    Take Screenshot    before.png
    Type Text    echo changed\\n
    Wait Until Screen Changes    since=${before}    timeout=20 s
"""


def test_a_screen_in_graphics_mode_says_so_and_is_compared_all_the_same(graphics_vm: Any, tmp_path: Path) -> None:
    tests = run_robot(GRAPHICS, tmp_path, graphics_vm)
    assert {name: test.message for name, test in tests.items() if not test.passed} == {}
    assert Image.open(tmp_path / "before.png").width >= 640


EVENTS = """\
The Event Of One Device Is Picked
    Execute QMP    device_add    driver=usb-mouse    id=first
    Execute QMP    device_add    driver=usb-mouse    id=second    msos-desc=false
    Execute QMP    device_del    id=second
    Execute QMP    device_del    id=first
    ${data} =    Wait For QMP Event    DEVICE_DELETED    device=first    timeout=10 s
    Should Be Equal    ${data}[device]    first
    ${data} =    Wait For QMP Event    DEVICE_DELETED    device=second    timeout=10 s
    Should Be Equal    ${data}[device]    second
    Run Keyword And Expect Error    *should report DEVICE_DELETED within 0.3 s but did not*
    ...    Wait For QMP Event    DEVICE_DELETED    device=first    timeout=300 ms

Arguments Are Sent As The Type That QEMU Wants
    Execute QMP    object-add    qom-type=iothread    id=io42    poll_max_ns=4000
    ${polling} =    Execute QMP    qom-get    path=/objects/io42    property=poll-max-ns
    Should Be Equal    ${polling}    ${4000}
    Execute QMP    qom-set    path=/objects/io42    property=poll-max-ns    value=5000
    ${polling} =    Execute QMP    qom-get    path=/objects/io42    property=poll-max-ns
    Should Be Equal    ${polling}    ${5000}
    Execute QMP    object-del    id=io42
    ${rows} =    Execute QMP    human-monitor-command    command_line=info version
    Should Contain    ${rows}    7.
    ${answer} =    Execute QMP    query-cpu-definitions
    Should Be True    isinstance($answer, list) and isinstance($answer[0]["static"], bool)
    Run Keyword And Expect Error    *'query-staus' should be one that this VM's QEMU has but is not. Did you mean query-status*
    ...    Execute QMP    query-staus    x=1
    Run Keyword And Expect Error    Argument 'cpu-index' of QMP command 'human-monitor-command' should be of type int but is 'one'.
    ...    Execute QMP    human-monitor-command    command-line=info version    cpu-index=one
    Run Keyword And Expect Error    *QEMU refused: *No such file or directory*
    ...    Execute QMP    memsave    val=0    size=16    filename=/no/such/directory/42
    Run Keyword And Expect Error    *QEMU refused: *12345*    Execute QMP    device_del    id=12345

The Events Are Listed
    ${events} =    Get QMP Events    DEVICE_DELETED    device=second
    Length Should Be    ${events}    1
    Should Be Equal    ${events}[0][event]    DEVICE_DELETED
    ${events} =    Get QMP Events    DEVICE_DELETED    device=third
    Should Be Empty    ${events}
"""


def test_events_are_picked_by_what_they_say(ps2_vm: Any, tmp_path: Path) -> None:
    tests = run_robot(EVENTS, tmp_path, ps2_vm)
    assert {name: test.message for name, test in tests.items() if not test.passed} == {}


MOUSE = """\
A Relative Mouse Moves By What Is Said
    Move Mouse By    5    -3
    Move Mouse By    -250    333
    Move Mouse By    0    7
    Run Keyword And Expect Error    The mouse can't be moved by nothing*    Move Mouse By    0    0

Each Button Arrives And The Tablet Is Current Again
    FOR    ${button}    IN    left    middle    right    side    extra
        Click    button=${button}
    END
    Mouse Button Down    side
    Mouse Button Up    side
    Click    0.3    0.3    button=extra
    ${mice} =    Execute QMP    query-mice
    ${current} =    Evaluate    [mouse["name"] for mouse in $mice if mouse["current"]]
    Should Be Equal    ${current}    ${{["QEMU HID Tablet"]}}

A Button That Is Down Is Let Go
    Mouse Button Down    extra
    Mouse Button Down    right
    Release All Keys
    No Key Should Be Down

What A Paused VM Keeps Down Is Said And Let Go When It Runs
    Key Down    shift
    Suspend VM
    Run Keyword And Expect Error    *may still have shift down: it is paused*'Resume VM'*    Release All Keys
    Resume VM
    Wait Until Keyword Succeeds    5 s    50 ms    No Key Should Be Down

What Is Down When The Channel Breaks Is Let Go Through The Next One
    Mouse Button Down    extra
    Mouse Button Down    left
    Key Down    a
    ${machine} =    Evaluate    ATPLibrary.orchestrator.Workspace.current().current_machine    ATPLibrary.orchestrator
    Evaluate    ATPLibrary.runtime.call_soon($machine._qmp.value._client.abort)    ATPLibrary.runtime
    Wait Until Keyword Succeeds    5 s    50 ms    Evaluate    1 / (not $machine._qmp.value.is_open)
    Execute QMP    query-status
    Wait Until Keyword Succeeds    5 s    50 ms    No Key Should Be Down

A Drag Goes Along Its Path
    ${report} =    Drag Along    0.1,0.1    0.5,0.1    0.5,0.5    0.9,0.9
    Should Be True    ${report.edges} > 20
    Run Keyword And Expect Error    A drag needs a place to begin*    Drag Along    0.1,0.1

The Wheel Turns Every Way
    FOR    ${direction}    IN    up    down    left    right
        Scroll    ${direction}    2
    END

A Touch Screen That Is Not There Is Told
    Run Keyword And Expect Error
    ...    *should have a multi-touch device (virtio-multitouch-pci, from QEMU 8.1 on) to be touched but has none; its QEMU is *.
    ...    Touch    0.5,0.5
"""


def test_every_button_relative_motion_and_paths_arrive(ps2_vm: Any, tmp_path: Path) -> None:
    tests = run_robot(MOUSE, tmp_path, ps2_vm)
    assert {name: test.message for name, test in tests.items() if not test.passed} == {}
