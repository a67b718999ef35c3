*** Settings ***
Documentation       A SPICE session that is broken on purpose, and one that is recorded and played again without its VM.
Library             OperatingSystem
Resource            ../resources/desk_pool.resource

Suite Setup         Begin A SPICE Session
Suite Teardown      End The SPICE Session

Test Tags           needs-platform    needs-vm    needs-spice


*** Test Cases ***
The Screen Has The Size That It Says
    [Documentation]    A message is expected by its fields.
    Reconnect Channel    display
    ${created} =    Expect SPICE Message    display    SURFACE_CREATE    within=5 s    width=>= 640    flags=1
    Should Be True    ${created}[fields][height] >= 350

A Size That Never Comes Is Missed With The One That Came
    [Documentation]    The error says what the last message of that name had instead.
    Run Keyword And Expect Error    *bring SURFACE_CREATE with width=7 within 0.3 s but did not.*
    ...    Expect SPICE Message    display    SURFACE_CREATE    within=300 ms    width=7

A Key That Is Dropped Never Leaves
    [Documentation]    Counted as a fault, not as sent.
    Reconnect Channel    inputs
    Drop Next Message    inputs    KEY_DOWN
    Send SPICE Message    inputs    KEY_DOWN    code=0x2a
    Get SPICE Statistics    inputs    faults    ==    1
    Get SPICE Statistics    inputs    messages_sent    ==    0

A Turned Byte Is Named And Costs Its Channel Only
    [Documentation]    The picture's surface gets another number, which there is none of; the console's cursor blinks.
    Reconnect Channel    display
    Corrupt Next Message    display    DRAW_COPY    sender=server
    SPICE Channel Should Be    display    failed    timeout=20 s
    SPICE Channel Should Be    main    linked
    [Teardown]    Reconnect Channel    display

A Session Is Played Again Without Its Desktop
    [Documentation]    All that the server said is taken again, and the last picture is there.
    ${file} =    Start Session Recording
    Expect SPICE Message    display    MARK    within=5 s
    Stop Session Recording
    ${replayed} =    Replay Session    ${file}    pace=fast
    Should Be True    ${replayed}[messages] >= 8
    File Should Exist    ${replayed}[picture]


*** Keywords ***
Begin A SPICE Session
    [Documentation]    With the desktop that several suites share.
    Use The Shared Desktop
    Connect To SPICE
    Open SPICE Channel    display
    Open SPICE Channel    inputs

End The SPICE Session
    [Documentation]    The desktop itself goes on.
    Disconnect From SPICE
    Leave The Shared Desktop
