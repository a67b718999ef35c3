*** Settings ***
Documentation       A desktop's screen as a SPICE client draws it: compared, waited for, read, as any other is.
Resource            ../resources/desk_pool.resource
Resource            ../resources/keyboard.resource
Resource            ../resources/screen.resource

Suite Setup         Begin To Look Through SPICE
Suite Teardown      End The SPICE Session
Test Setup          Show An Empty Screen
Test Teardown       Clear The Command Line

Test Tags           needs-platform    needs-vm    needs-spice    needs-text-console


*** Variables ***
&{COMPRESSIONS}     off=BITMAP    lz4=LZ4    lz=LZ_RGB    glz=GLZ_RGB    quic=QUIC    # what the server calls each


*** Test Cases ***
A Change Is Waited For As It Is Drawn
    [Documentation]    The server's drawing wakes the wait; a blinking cursor is no change.
    ${before} =    Take Screenshot    via=spice
    Type Text    echo changed\n
    Wait Until Screen Changes    since=${before}    via=spice    timeout=20 s
    Wait Until Screen Is Still    500 ms    via=spice    timeout=20 s
    Wait Until Screen Contains    echo changed\nchanged    via=spice    timeout=20 s

One Golden Image Is Good For Both Ways To Look
    [Documentation]    It is written as QEMU shows the screen; the SPICE client's picture matches it, pixel by pixel.
    Remember How The Screen Looks
    Screen Should Match    ${GOLDEN}    via=spice
    Type Text    x
    Wait Until Screen Contains    \# x    via=spice    timeout=20 s
    Run Keyword And Expect Error    The screen of VM '*' should match 'golden.png' but differs in *
    ...    Screen Should Match    ${GOLDEN}    via=spice
    Screen Should Match    ${GOLDEN}    masks=0,0,720,16    via=spice
    Press Keys    backspace
    Wait Until Screen Matches    ${GOLDEN}    via=spice    timeout=20 s

A Part Of The Screen Is Looked At By Itself
    [Documentation]    The first line changes; the last one doesn't.
    Take Screenshot    last-line-by-spice.png    region=0,384,720,16    via=spice
    Type Text    echo one line
    Wait Until Screen Contains    echo one line    via=spice    timeout=20 s
    Run Keyword And Expect Error    The screen of VM '*' should change within 0.5 s but shows the same. *
    ...    Wait Until Screen Changes    since=last-line-by-spice.png    region=0,384,720,16    timeout=500 ms
    ...    via=spice

The Monitor Is As Big As The Screen
    [Documentation]    VGA text mode: 80 columns of 9 pixels, 25 lines of 16.
    Get SPICE Monitors    display    ==    720x400+0+0

Each Compression Shows The Same Picture
    [Documentation]    What the server sends is counted by its kind; the picture is QEMU's in each.
    FOR    ${compression}    ${kind}    IN    &{COMPRESSIONS}
        Prefer SPICE Compression    display    ${compression}
        Type Text    echo ${compression}\n
        Wait Until Screen Contains    echo ${compression}\n${compression}    via=spice    timeout=20 s
        Wait Until Screen Is Still    300 ms    via=spice    timeout=20 s
        ${counted} =    Get SPICE Statistics    display    images
        Should Be True    $counted.get($kind, 0) > 0    The server sent no ${kind}: ${counted}
        Remember How The Screen Looks
        Screen Should Match    ${GOLDEN}    via=spice
    END
    Get SPICE Statistics    display    unhandled    ==    ${{ {} }}
    [Teardown]    Prefer SPICE Compression    display    lz4


*** Keywords ***
Begin To Look Through SPICE
    [Documentation]    With the desktop that several suites share.
    Use The Shared Desktop
    Open SPICE Channel    display

End The SPICE Session
    [Documentation]    The desktop itself goes on.
    Disconnect From SPICE
    Leave The Shared Desktop
