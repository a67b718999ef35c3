*** Settings ***
Documentation       A whole life of many desktops: made, started a few at a time, each proved by a keystroke, deleted.
...
...                 Each test is a phase, and its elapsed time the phase's. None makes sense without the one before.
Resource            ../../resources/desk_pool.resource
Library             many_desktops.py

Suite Setup         Begin With No Desktop    ${POOL}
Suite Teardown      Remove All Desktops    ${POOL}

Test Tags           stress    needs-lab    needs-vm


*** Variables ***
${POOL}         压力测试
${AT_ONCE}      ${4}    # how many desktops boot at the same time
${LONGEST}      15 min    # how long one phase may take


*** Test Cases ***
Desktops Are Created
    Create Desk Pool    ${POOL}    model=${MODEL}    amount=${DESKTOPS}    closing=suite    timeout=${LONGEST}
    Desk Pool Should Have    ${POOL}    desktops=${DESKTOPS}    running=0

Desktops Are Started
    [Documentation]    Started means that the agent in the guest answers.
    Start And Boot Desktops    ${POOL}    at_once=${AT_ONCE}    timeout=${LONGEST}
    Desk Pool Should Have    ${POOL}    running=${DESKTOPS}

A Keystroke Arrives In Each Desktop
    @{desktops} =    Get Desktops    ${POOL}
    FOR    ${desktop}    IN    @{desktops}
        Press Keys    a    vm=${desktop}
        Input Should Have Arrived    vm=${desktop}
    END
    Take The Guests' Share    ${POOL}

Desktops Are Deleted
    Delete Desk Pool    ${POOL}    timeout=${LONGEST}
    Nothing Of The Desktops Should Be Left    ${POOL}
