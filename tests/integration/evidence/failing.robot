*** Settings ***
Library           EvidenceBench
Library           SecondBench
Test Setup        Connect Bench VM    win11
Test Teardown     Disconnect Bench VMs


*** Test Cases ***
Passing
    Type At Bench    win11    fine

BuiltIn Fails
    Type At Bench    win11    hello
    Should Be Equal    1    2

User Keyword Fails
    Outer Keyword

Library Keyword Fails
    Second Fails

Lost Edge
    Type At Bench    win11    the quick brown fox jumps over the lazy dog    lose=31

Timeout Stops It
    [Timeout]    2 s
    Sleep Until Stopped

Timeout Inside Keyword
    [Timeout]    2 s
    Run Keyword    Sleep Until Stopped

Setup Fails
    [Setup]    Run Keywords    Connect Bench VM    win11    AND    Fail    setup failed
    Log    never

Teardown Fails
    Log    fine
    [Teardown]    Run Keywords    Fail    teardown failed    AND    Disconnect Bench VMs

Swallowed By TRY
    TRY
        Outer Keyword
    EXCEPT
        Log    as meant
    END

Swallowed By BuiltIn
    Run Keyword And Expect Error    *    Fail    meant
    Run Keyword And Ignore Error    Outer Keyword
    ${status} =    Run Keyword And Return Status    Fail    meant
    Retry Quietly    Fail    meant

Polling Passes In The End
    VAR    ${TRIES}    ${0}    scope=TEST
    Wait Until Keyword Succeeds    20x    0.05 s    Third Try Passes
    ${looks} =    Bench VM Was Looked At    win11
    Should Be Equal    ${looks}    ${1}

Polling Fails In The End
    Wait Until Keyword Succeeds    6x    0.05 s    Fail    still not

Not The Expected Error
    Run Keyword And Expect Error    another    Outer Keyword

TRY Without A Matching EXCEPT
    TRY
        Outer Keyword
    EXCEPT    something else
        Log    not reached
    END

EXCEPT Fails Itself
    TRY
        Outer Keyword
    EXCEPT    AS    ${error}
        Fail    again: ${error}
    END

Handled And Then Failed
    ${status}    ${message} =    Run Keyword And Ignore Error    Second Fails
    Should Be Equal    ${status}    PASS

Invalid Variable
    VAR    ${x}    ${does not exist}

Unknown Keyword
    No Such Keyword At All

Continues After Failures
    FOR    ${number}    IN RANGE    30
        Run Keyword And Continue On Failure    Fail    failure ${number}
    END

测试桌面池 ../<b>&"'# 100%
    Fail    Unicode

Twice
    Fail    first

Twice
    Fail    second

A very long name 很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长很长
    Fail    long

Secret
    Know Secret    hunter2-the-secret
    Connect Bench VM    hunter2-the-secret
    Type At Bench    hunter2-the-secret    hunter2-the-secret
    Fail    secret

Broken
    Connect Bench VM    shaky    broken
    Fail    broken

Garbled
    Connect Bench VM    odd    garbled
    Fail    garbled

No VM
    Disconnect Bench VMs
    Fail    nothing connected

Six VMs
    FOR    ${name}    IN    a    b    c    d    e
        Connect Bench VM    ${name}
    END
    Fail    many

Skipped
    Skip    not today


*** Keywords ***
Outer Keyword
    Inner Keyword

Inner Keyword
    Should Be Equal    inner    other

Third Try Passes
    VAR    ${TRIES}    ${TRIES + 1}    scope=TEST
    Should Be Equal    ${TRIES}    ${3}
