*** Settings ***
Documentation       The platform is killed (kill -9) in the middle of its work with many desktops, and started again.
...
...                 Whatever it was at, nothing is left over: not in libvirt, not on disk, not in its database.
Resource            ../../resources/desk_pool.resource
Library             many_desktops.py

Suite Setup         Begin With No Desktop    ${POOL}
Suite Teardown      Remove All Desktops    ${POOL}

Test Tags           stress    needs-lab    needs-vm


*** Variables ***
${POOL}         压力测试 中断
${LONGEST}      10 min    # how long one step may take


*** Test Cases ***
Killed While It Creates Them
    [Documentation]    A desk pool that was being made is removed by itself, as the platform starts.
    Begin To Create Desktops    ${POOL}    ${MODEL}    ${DESKTOPS}    until=${{ int($DESKTOPS) // 3 }}
    Kill And Restart The Platform
    Desk Pool Should Be Gone    ${POOL}    timeout=${LONGEST}
    Nothing Of The Desktops Should Be Left    ${POOL}

Killed While It Starts Them
    [Documentation]    Those that were starting run or don't; all of them can be deleted.
    Create Desk Pool    ${POOL}    model=${MODEL}    amount=${DESKTOPS}    timeout=${LONGEST}
    Begin To Start Desktops    ${POOL}    until=${{ max(1, int($DESKTOPS) // 5) }}
    Kill And Restart The Platform
    Delete Desk Pool    ${POOL}    timeout=${LONGEST}
    Nothing Of The Desktops Should Be Left    ${POOL}
