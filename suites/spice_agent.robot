*** Settings ***
Documentation       A desktop's SPICE agent: resolution, clipboard both ways, files, and errors that say what is wrong.
...
...                 It needs a VM with a desktop: ``atp lab up --desktop`` and then ``robot suites/spice_agent.robot``.
Resource            ../resources/desktop.resource

Suite Setup         Use The Desktop
Suite Teardown      Leave The Desktop

Test Tags           needs-vm    needs-spice    needs-desktop


*** Test Cases ***
The Agent Says What It Can
    [Documentation]    By the names of the specification.
    SPICE Agent Should Be Connected    MONITORS_CONFIG    CLIPBOARD_BY_DEMAND    CLIPBOARD_SELECTION
    Get SPICE Agent Capabilities    not contains    FILE_XFER_DISABLED

The Desktop Takes Another Resolution
    [Documentation]    The surface changes, and the guest says the same of its screen.
    Set Resolution    1024x768
    Set Resolution    1280x720
    Resolution Should Become    1280x720
    ${xrandr} =    Command Should Succeed    ${IN_SESSION} xrandr
    Should Contain    ${xrandr.stdout}    current 1280 x 720
    ${picture} =    Take Screenshot
    ${size} =    Evaluate    PIL.Image.open($picture).size    PIL.Image
    Should Be Equal    ${size}    ${{ (1280, 720) }}

A Resolution That Is Not Taken Is Told With What Is Shown
    [Documentation]    The agent replies success, and rounds the width: only the surface tells.
    Run Keyword And Expect Error    *should become 1021x600 within 2 s but is *the agent replied success*
    ...    Set Resolution    1021x600    timeout=2 s

Its One Monitor Is Set
    [Documentation]    What the display's server tells of its monitors.
    Set Monitors    800x600+0+0
    Resolution Should Become    800x600

Two Monitors Stand Beside Each Other And One Goes Again
    [Documentation]    On one surface as wide as both; the guest says the same of its screens.
    Set Monitors    800x600+0+0    640x480+800+0
    Resolution Should Become    1440x600
    Get SPICE Monitors    display    ==    800x600+0+0, 640x480+800+0
    ${xrandr} =    Command Should Succeed    ${IN_SESSION} xrandr
    Should Contain    ${xrandr.stdout}    qxl-0 connected primary 800x600+0+0
    Should Contain    ${xrandr.stdout}    qxl-1 connected 640x480+800+0
    Set Monitors    800x600+0+0
    Resolution Should Become    800x600
    Get SPICE Monitors    display    ==    800x600+0+0

Text Goes Into The Guest's Clipboard
    [Documentation]    It is fetched when it is pasted.
    Set Clipboard    Hello from ATP! 你好
    Pasted In The Guest Should Be    Hello from ATP! 你好
    Set Clipboard    by the middle button    selection=primary
    Pasted In The Guest Should Be    by the middle button    selection=primary
    Pasted In The Guest Should Be    Hello from ATP! 你好
    VAR    ${secret: secret} =    %{HOME}
    Set Clipboard    ${secret}
    Pasted In The Guest Should Be    %{HOME}

Text Comes Out Of The Guest's Clipboard
    [Documentation]    Once something is copied there; what is copied later is waited for.
    Copy In The Guest    copied in the guest: né
    Clipboard Should Be    copied in the guest: né
    ${text} =    Get Clipboard    contains    guest
    Should Be Equal    ${text}    copied in the guest: né
    Copy In The Guest    marked    selection=primary
    Clipboard Should Be    marked    selection=primary
    Run Keyword And Expect Error    *should be 'something else' within 0.5 s but is 'copied in the guest: né'*
    ...    Clipboard Should Be    something else    timeout=500 ms
    VAR    ${secret: secret} =    %{HOME}
    Run Keyword And Expect Error    *should be a text that is a secret within 0.5 s but is another text*
    ...    Clipboard Should Be    ${secret}    timeout=500 ms

A Picture Goes Through The Clipboard Both Ways
    [Documentation]    As PNG, byte by byte into the guest and pixel by pixel out of it.
    ${picture} =    Take Screenshot
    Set Clipboard    image=${picture}
    ${here} =    Evaluate    hashlib.sha256(pathlib.Path($picture).read_bytes()).hexdigest()    hashlib, pathlib
    Wait Until Keyword Succeeds    10 s    300 ms    Pasted Picture Should Have    ${here}
    Command Should Succeed
    ...    ${IN_SESSION} xclip -in -selection clipboard -t image/png /tmp/pasted.png >/dev/null 2>&1 </dev/null
    Clipboard Should Be    image=${picture}
    Get Clipboard    kind=image
    Run Keyword And Expect Error    *should have UTF8_TEXT within 0.5 s but has only IMAGE_PNG*
    ...    Get Clipboard    timeout=500 ms

What Was Put There Is Taken Back
    [Documentation]    Then there is nothing to paste.
    Set Clipboard    secret plans
    Pasted In The Guest Should Be    secret plans
    Clear Clipboard
    Wait Until Keyword Succeeds    10 s    300 ms    Nothing Should Be Pasted

A File Is Sent And Is Whole In The Guest
    [Documentation]    Its SHA-256 is made at both ends. An empty one too, and one whose name is taken.
    Create Big File    ${TEMPDIR}/atp-sent.bin    ${3_000_000}
    ${sent} =    Send File    ${TEMPDIR}/atp-sent.bin    saved_in=${DOWNLOADS}
    Should Be Equal As Integers    ${sent.size}    3000000
    Create Big File    ${TEMPDIR}/atp-empty.bin    ${0}
    Send File    ${TEMPDIR}/atp-empty.bin    saved_in=${DOWNLOADS}
    ${again} =    Send File    ${TEMPDIR}/atp-empty.bin    saved_in=${DOWNLOADS}
    Should Be Equal    ${again.name}    atp-empty (1).bin
    [Teardown]    Command Should Succeed    rm -f ${DOWNLOADS}/*

A Guest Without Space Says How Much It Has
    [Documentation]    Before anything of the file is sent.
    Create Big File    ${TEMPDIR}/atp-huge.bin    ${1_000_000_000}
    Run Keyword And Expect Error
    ...    *should arrive but the guest has not enough space: * bytes are free, 1000000000 are needed*
    ...    Send File    ${TEMPDIR}/atp-huge.bin
    [Teardown]    Evaluate    pathlib.Path($TEMPDIR, "atp-huge.bin").unlink()    pathlib

A Guest That Takes No Files Is Told As That
    [Documentation]    Its agent was started without a directory to save to.
    Stop The Session's SPICE Agent
    Write Guest File    ${OPTIONS}    -o 0\n
    Start The Session's SPICE Agent
    Create Big File    ${TEMPDIR}/atp-sent.bin    ${10}
    Run Keyword And Expect Error    *should arrive but file transfer is disabled in the guest*
    ...    Send File    ${TEMPDIR}/atp-sent.bin
    [Teardown]    Let The Agent Save Files Again

A Transfer That Is Stopped Leaves Nothing In The Guest
    [Documentation]    The guest is told, and removes what it has.
    Create Big File    ${TEMPDIR}/atp-sent.bin    ${20_000_000}
    Run Keyword And Expect Error    *bytes were sent*
    ...    Send File    ${TEMPDIR}/atp-sent.bin    timeout=1 s
    Wait Until Keyword Succeeds    10 s    300 ms    Command Output Should Be    ls ${DOWNLOADS}    ${EMPTY}

Tokens Are Spent And Returned
    [Documentation]    Nothing was sent without one, and the agent gets its own back.
    Get SPICE Agent Statistics    overdrawn    ==    0
    Get SPICE Agent Statistics    token_stalls    >    0
    Withhold Agent Tokens
    Withhold Agent Tokens    False
    Set Clipboard    still there
    Pasted In The Guest Should Be    still there

An Agent That Is Gone Is Missed And Found Again
    [Documentation]    Without the session's half the daemon closes its port: the server says that there is no agent.
    Stop The Session's SPICE Agent
    Start The Session's SPICE Agent


*** Keywords ***
Pasted Picture Should Have
    [Documentation]    What is pasted into a file has this SHA-256.
    [Arguments]    ${wanted}
    Command Should Succeed    ${IN_SESSION} timeout 5 xclip -out -selection clipboard -t image/png >/tmp/pasted.png
    ${there} =    Get Guest File Checksum    /tmp/pasted.png
    Should Be Equal    ${there}    ${wanted}

Nothing Should Be Pasted
    [Documentation]    No program owns the clipboard.
    ${pasted} =    Run Command    ${IN_SESSION} timeout 5 xclip -out -selection clipboard -t UTF8_STRING
    Should Be Empty    ${pasted.stdout}

Create Big File
    [Documentation]    A file of this machine with so many bytes: beyond 4 MB they are zeros that take no space.
    [Arguments]    ${path}    ${size}
    Evaluate    pathlib.Path($path).write_bytes(random.Random(1).randbytes(min($size, 4_000_000)))    pathlib, random
    Evaluate    os.truncate($path, $size)    os

Let The Agent Save Files Again
    [Documentation]    With what it is usually started with.
    Stop The Session's SPICE Agent
    Command Should Succeed    rm -f ${OPTIONS}
    Start The Session's SPICE Agent
