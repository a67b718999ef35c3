*** Settings ***
Documentation       Run by pabot, each test in a process of its own: see test_pabot.py.
Library             ATPLibrary
Library             OperatingSystem

Suite Setup         Connect To Host    here    uri=test://${NODE}


*** Test Cases ***
One
    Hold A VM For A Moment

Two
    Hold A VM For A Moment

Three
    Hold A VM For A Moment

Four Fails And Shows The Screen
    Hold A VM For A Moment
    Fail    on purpose

Five Fails And Shows The Screen
    Hold A VM For A Moment
    Fail    on purpose

Six Dies With A VM
    ${vm} =    Lease VM    timeout=60 s
    Append To File    ${DIARY}    took ${vm} ${TEST NAME}\n
    Append To File    ${DIARY}    died ${vm} ${TEST NAME}\n
    Evaluate    os.kill(os.getpid(), 9)


*** Keywords ***
Hold A VM For A Moment
    ${vm} =    Lease VM    timeout=60 s
    Append To File    ${DIARY}    took ${vm} ${TEST NAME}\n
    Suspend VM
    Take Screenshot
    VM Should Be    paused
    Resume VM
    Append To File    ${DIARY}    left ${vm} ${TEST NAME}\n
