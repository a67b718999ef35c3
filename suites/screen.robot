*** Settings ***
Documentation       The screen of one desktop: its text is read, its picture compared, its changes waited for.
Resource            ../resources/desk_pool.resource
Resource            ../resources/keyboard.resource
Resource            ../resources/screen.resource

Suite Setup         Use The Shared Desktop
Suite Teardown      Leave The Shared Desktop
Test Setup          Show An Empty Screen
Test Teardown       Clear The Command Line

Test Tags           needs-platform    needs-vm    needs-text-console


*** Test Cases ***
What A Command Prints Is Read From The Screen
    [Documentation]    Each character is recognised exactly, from the picture alone.
    Type Text    uname -s\n
    Wait Until Screen Contains    Linux    timeout=20 s
    Screen Should Not Contain    Windows
    ${text} =    Get Screen Text
    Should Contain    ${text}    uname -s\nLinux

A Change Is Waited For
    [Documentation]    A blinking cursor is none; what was typed is.
    ${before} =    Take Screenshot
    Type Text    echo changed\n
    Wait Until Screen Changes    since=${before}    timeout=20 s

A Screen Matches Its Golden Image Again
    [Documentation]    What doesn't match is told, and shown in the log: expected, got and difference.
    Remember How The Screen Looks
    Type Text    x
    Wait Until Screen Contains    \# x    timeout=20 s
    Run Keyword And Expect Error    The screen of VM '*' should match 'golden.png' but differs in *
    ...    Screen Should Match    ${GOLDEN}
    Screen Should Match    ${GOLDEN}    masks=0,0,720,16
    Press Keys    backspace
    Wait Until Screen Matches    ${GOLDEN}    timeout=20 s

A Part Of The Screen Is Looked At By Itself
    [Documentation]    The first line changes; the last one doesn't.
    Take Screenshot    last-line.png    region=0,384,720,16
    Type Text    echo one line
    Wait Until Screen Contains    echo one line    timeout=20 s
    Run Keyword And Expect Error    The screen of VM '*' should change within 0.5 s but shows the same. *
    ...    Wait Until Screen Changes    since=last-line.png    region=0,384,720,16    timeout=500 ms

QEMU Tells What It Is Asked
    [Documentation]    Any command of QEMU's own protocol, with arguments of the right type and a result to look into.
    ${status} =    Execute QMP    query-status
    Should Be Equal    ${status}[status]    running
    Run Keyword And Expect Error    QMP command 'query-statu' should be one that * Did you mean query-status*
    ...    Execute QMP    query-statu

What QEMU Reports Is Waited For
    [Documentation]    An event that came a moment ago isn't missed, and each is given once.
    Suspend VM
    Wait For QMP Event    STOP    timeout=10 s
    Resume VM
    Wait For QMP Event    RESUME    timeout=10 s
    @{events} =    Get QMP Events    STOP
    Should Not Be Empty    ${events}
