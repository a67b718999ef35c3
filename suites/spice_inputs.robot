*** Settings ***
Documentation       Keyboard and mouse of a desktop by SPICE, proved in the guest as by QMP; and its mouse pointer.
Resource            ../resources/desk_pool.resource

Suite Setup         Begin A SPICE Session
Suite Teardown      End The SPICE Session
Test Teardown       No Key Should Be Down

Test Tags           needs-platform    needs-vm    needs-spice


*** Variables ***
${SENTENCE}     The quick brown fox jumps over the lazy dog. 0123456789 `~!@#$%^&*()-_=+[{]}\\|;:'",<.>/?


*** Test Cases ***
Text Arrives By SPICE
    [Documentation]    Each key is proved by the agent in the guest, as those that go through QEMU's monitor.
    ${proof} =    Type Text And Verify    \# ${SENTENCE}    via=spice
    Should Contain    ${proof}    by SPICE, lost 0, duplicated 0, reordered 0
    Text Should Have Arrived    \# ${SENTENCE}
    Press Keys    ctrl+c    via=spice

Keys Are Held By SPICE And By QEMU's Monitor
    [Documentation]    It is one keyboard: a key that one way holds counts for what the other types.
    Key Down    shift    via=spice
    Press Keys    a
    Key Up    shift    via=spice
    Press Keys    ctrl+c    via=spice
    Input Should Have Arrived

The Mouse Goes By Positions
    [Documentation]    To the pixel that is nearest, with the session's mouse in client mode.
    Move Mouse    0.5    0.5    via=spice
    Mouse Should Be At    0.5    0.5
    Click    0.25    0.75    via=spice
    Drag    0.2    0.2    0.8    0.6    via=spice
    Scroll    down    3    via=spice
    Input Should Have Arrived

The Mouse Goes By Counts
    [Documentation]    As games and boot menus read it, with the session's mouse in server mode.
    Move Mouse By    40    -15    via=spice
    Input Should Have Arrived

Lock Keys Are Told Both Ways
    [Documentation]    The client says how they shall be, the guest's lights what they are.
    Set Lock Keys    caps=on    via=spice
    Lock Keys Should Be    caps=on
    Press Keys    caps_lock
    Lock Keys Should Be    caps=off    via=spice

A Channel That Breaks Leaves No Key Down
    [Documentation]    What was held by it is let go of, and the next input says that the channel has gone.
    Key Down    ctrl    via=spice
    Drop Channel    inputs
    Wait Until Keyword Succeeds    5 s    100 ms    No Key Should Be Down
    Run Keyword And Expect Error    *failed (the test dropped it)*Open SPICE Channel*    Type Text    x    via=spice
    Open SPICE Channel    inputs
    Press Keys    ctrl+c    via=spice

The Server Acknowledges The Mouse's Motions
    [Documentation]    A bunch of four at a time; never are more than two bunches without its word.
    Drag    0.1    0.1    0.9    0.9    via=spice
    ${counted} =    Get SPICE Statistics    inputs
    Should Be True    $counted["received"]["MOUSE_MOTION_ACK"] >= $counted["sent"]["MOUSE_POSITION"] // 4 - 2

The Mouse Pointer Is Known
    [Documentation]    A guest with a text console shows none.
    Open SPICE Channel    cursor
    &{cursor} =    Get Cursor
    Should Be Equal    ${cursor}[type]    ${None}
    Cursor Should Be Visible    False    timeout=1 s


*** Keywords ***
Begin A SPICE Session
    [Documentation]    With the desktop that several suites share.
    Use The Shared Desktop
    Connect To SPICE

End The SPICE Session
    [Documentation]    The desktop itself goes on.
    Disconnect From SPICE
    Leave The Shared Desktop
