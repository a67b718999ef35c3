*** Settings ***
Documentation       A desktop's SPICE server as a client sees it: its channels, their messages, and faults on purpose.
Resource            ../resources/desk_pool.resource

Suite Setup         Begin A SPICE Session
Suite Teardown      End The SPICE Session

Test Tags           needs-platform    needs-vm    needs-spice


*** Test Cases ***
The Server Offers What A Desktop Needs
    [Documentation]    A screen, keyboard and mouse, and the mouse pointer.
    Get SPICE Channels    contains    display:0
    Get SPICE Channels    contains    inputs:0
    Get SPICE Channels    contains    cursor:0

The Display Has A Picture
    [Documentation]    The server says what the screen is, marks it as fit to be shown, and draws its blinking cursor.
    Open SPICE Channel    display
    Expect SPICE Message    display    SURFACE_CREATE    within=5 s
    Expect SPICE Message    display    MARK    within=5 s
    Expect SPICE Message    display    DRAW_COPY    within=20 s    since=now
    Get SPICE Statistics    display    unknown    ==    ${{ {} }}
    Get SPICE Statistics    display    ack_stalls    ==    0

The Picture Is The One That QEMU Has
    [Documentation]    Drawn from the channel's messages, beside QEMU's own screenshot, on a VM that is suspended.
    Suspend VM
    ${qemu} =    Take Screenshot
    Wait Until Keyword Succeeds    5 s    200 ms    SPICE Should Show    ${qemu}
    [Teardown]    Resume VM

What Never Comes Is Missed With What Came
    [Documentation]    The error quotes the last messages, so one needs no second run.
    Run Keyword And Expect Error    *should bring STREAM_DESTROY_ALL within 0.3 s but did not. Last seen: *
    ...    Expect SPICE Message    display    STREAM_DESTROY_ALL    within=300 ms

A Channel That Breaks Is Opened Anew
    [Documentation]    The others go on meanwhile.
    Drop Channel    display
    SPICE Channel Should Be    display    failed
    SPICE Channel Should Be    main    linked
    Open SPICE Channel    display
    Expect SPICE Message    display    MARK    within=5 s

A Message That Is Cut Costs Its Channel Only
    [Documentation]    One byte of a key where four belong: the server closes the channel, and goes on.
    Open SPICE Channel    inputs
    Truncate Next Message    inputs    KEY_DOWN    keep=1
    Get SPICE Statistics    inputs    faults    ==    0
    Send SPICE Message    inputs    KEY_DOWN    code=30
    SPICE Channel Should Be    inputs    failed
    SPICE Channel Should Be    main    linked

A Lock Key's Light Is Answered
    [Documentation]    Caps Lock goes down and up; the guest lights its light, and the server passes it on. And back.
    Open SPICE Channel    inputs
    Tap Caps Lock
    Expect SPICE Message    inputs    KEY_MODIFIERS    sender=server
    Tap Caps Lock
    Expect SPICE Message    inputs    KEY_MODIFIERS    sender=server

Acknowledgements Are Withheld And Given
    [Documentation]    What is owed is sent when they are let go of.
    Withhold Acknowledgements    display
    Withhold Acknowledgements    display    False
    SPICE Channel Should Be    display    linked


*** Keywords ***
Begin A SPICE Session
    [Documentation]    With the desktop that several suites share.
    Use The Shared Desktop
    Connect To SPICE

End The SPICE Session
    [Documentation]    The desktop itself goes on.
    Disconnect From SPICE
    Leave The Shared Desktop

SPICE Should Show
    [Documentation]    Both pictures, pixel by pixel.
    [Arguments]    ${wanted}
    ${got} =    Take Screenshot    via=spice
    ${one} =    Evaluate    PIL.Image.open($wanted).convert("RGB").tobytes()    PIL.Image
    ${other} =    Evaluate    PIL.Image.open($got).convert("RGB").tobytes()    PIL.Image
    Should Be True    $one == $other    The SPICE client's picture ${got} is not QEMU's ${wanted}.

Tap Caps Lock
    [Documentation]    As scan codes of a PC keyboard: down, up.
    Send SPICE Message    inputs    KEY_DOWN    code=0x3a
    Send SPICE Message    inputs    KEY_UP    code=0xba
