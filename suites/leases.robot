*** Settings ***
Documentation       VMs for suites that run beside each other: each is in the hands of one test process at a time.
...
...                 A suite that pabot runs in several processes leases its VMs like this.
Resource            ../resources/desk_pool.resource

Suite Setup         Use The Shared Desktop
Suite Teardown      Leave The Shared Desktop

Test Tags           needs-platform    needs-vm


*** Test Cases ***
A Leased VM Is This Test's Alone
    [Documentation]    Any VM of the desk pool will do. The lease ends with the test, however it ends.
    ${vm} =    Lease VM    pool=${SHARED_POOL}    state=running    timeout=2 min
    @{mine} =    My Leases
    Should Be Equal    ${mine}    ${{[$vm]}}
    Wait Until Verifier Is Ready
    Type Text    mine
    Text Should Have Arrived    mine
    Press Keys    ctrl+u

The Next Test Begins Without A Lease
    [Documentation]    What a test has leased is given back at its end.
    @{mine} =    My Leases
    Should Be Empty    ${mine}

A VM Can Be Given Back Early
    [Documentation]    The next one who waits for it has it at once.
    ${vm} =    Lease VM    pool=${SHARED_POOL}    timeout=2 min
    Run Keyword And Expect Error    A VM called '*' should be free but this process has leased it already*
    ...    Lease VM    pool=${SHARED_POOL}
    Release VM    ${vm}
    @{mine} =    My Leases
    Should Be Empty    ${mine}

What Isn't There Can't Be Leased
    [Documentation]    The sentence says what was looked for, and what there is.
    Run Keyword And Expect Error    A VM called 'no-such-*' should exist but the VMs there are: *
    ...    Lease VM    no-such-*


*** Keywords ***
My Leases
    [Documentation]    The names of the VMs that this process has leased.
    @{leases} =    Get Leases
    ${mine} =    Evaluate    [lease["vm"] for lease in $leases if lease["mine"]]
    RETURN    ${mine}
