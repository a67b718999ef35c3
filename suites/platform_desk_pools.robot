*** Settings ***
Documentation       What a platform's administrator does to desk pools: switching them on and off as a whole,
...                 changing their model, putting them away.
...
...                 The desk pool that the suite's setup makes is removed by itself when the suite ends.
Resource            ../resources/desk_pool.resource

Suite Setup         Make A Desk Pool Of Two Desktops
Suite Teardown      Log Out Of Platform
Test Teardown       Close Desktops    ${POOL}    force=True

Test Tags           needs-platform    needs-vm


*** Variables ***
${POOL}             ATP 桌面池操作
${OTHER_MODEL}      atp-linux-usb    # a second model, which the desk pool is switched to


*** Test Cases ***
All Desktops Of A Desk Pool Are Switched Together
    [Documentation]    One keyword each for the whole desk pool; here the desktops start one after the other.
    Start Desktops    ${POOL}    at_once=1
    Desk Pool Should Have    ${POOL}    desktops=2    running=2    shut_off=0
    Suspend Desktops    ${POOL}
    Desk Pool Should Have    ${POOL}    suspended=2
    Resume Desktops    ${POOL}
    Desk Pool Should Have    ${POOL}    running=2
    Close Desktops    ${POOL}    force=True
    Desk Pool Should Have    ${POOL}    shut_off=2

A Start That Isn't Waited For Can Be Waited For Later
    [Documentation]    The test goes on while the platform works, and says when it wants to be sure.
    Start Desktops    ${POOL}    wait=False
    Desk Pool Should Have    ${POOL}    running=2    timeout=30 s

A Desktop That Can't Be Started Is Named
    [Documentation]    The others are started all the same.
    @{desktops} =    Get Desktops    ${POOL}
    Start Desktop    ${desktops}[0]
    Suspend Desktop    ${desktops}[0]
    Run Keyword And Expect Error    *1 of 2 operations: ${desktops}[0]: *    Start Desktops    ${POOL}
    Desk Pool Should Have    ${POOL}    running=1    suspended=1

A Desk Pool Is Switched To Another Model
    [Documentation]    Every desktop is made anew from it.
    Set Desk Pool Models    ${POOL}    ${MODEL}    ${OTHER_MODEL}
    ${before} =    Get Model    ${OTHER_MODEL}    child_count
    Switch Desk Pool Model    ${POOL}    ${OTHER_MODEL}
    Desk Pool Should Have    ${POOL}    desktops=2    model=${OTHER_MODEL}
    Get Model    ${OTHER_MODEL}    child_count    ==    ${before + 2}
    Switch Desk Pool Model    ${POOL}    ${MODEL}
    Get Desk Pool    ${POOL}    current_model_name    ==    ${MODEL}

An Archived Desk Pool Can't Be Used Until It Is Activated
    [Documentation]    It is disabled, and none of its desktops starts.
    Archive Desk Pool    ${POOL}
    Get Desk Pool    ${POOL}    status    ==    archived
    Desk Pool Should Have    ${POOL}    enabled=False
    Run Keyword And Expect Error    *2 of 2 operations: *    Start Desktops    ${POOL}
    Activate Desk Pool    ${POOL}
    Enable Desk Pool    ${POOL}
    Start Desktops    ${POOL}
    Desk Pool Should Have    ${POOL}    running=2    enabled=True

Desktops Leave A Desk Pool And Come Back
    [Documentation]    Outside they live on, in no desk pool.
    @{desktops} =    Get Desktops    ${POOL}
    Remove Desktops From Desk Pool    ${POOL}    ${desktops}[1]
    Desk Pool Should Have    ${POOL}    desktops=1
    Start Desktop    ${desktops}[1]
    Close Desktop    ${desktops}[1]    force=True
    Add Desktops To Desk Pool    ${POOL}    ${desktops}[1]
    Desk Pool Should Have    ${POOL}    desktops=2
    [Teardown]    Run Keyword And Ignore Error    Add Desktops To Desk Pool    ${POOL}    ${desktops}[1]


*** Keywords ***
Make A Desk Pool Of Two Desktops
    [Documentation]    It is removed at the end of the suite.
    Log In To Platform
    Remove Desk Pool If It Is There    ${POOL}
    Create An Enabled Desk Pool    ${POOL}    2
