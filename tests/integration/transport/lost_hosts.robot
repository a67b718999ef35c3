*** Settings ***
Documentation       What a tester sees and steers when hosts die and come back: see test_host_keywords.py.
Library             Daemons.py    ${DIRECTORY}
Library             ATPLibrary.Transport
Library             Collections

Suite Setup         Start Two Hosts
Suite Teardown      Stop Daemons
Test Timeout        1 min


*** Test Cases ***
A Host That Dies Is Tried Again And Comes Back By Itself
    Get VMs    host=rack-1
    Kill Daemon    a
    Get Host State    rack-1    !=    connected    timeout=20 s
    Get Host State    rack-1    ==    broken    timeout=20 s
    # Twice a second it is tried in between, and just then the answer is another one.
    Wait Until Keyword Succeeds    20 s    0.1 s    Run Keyword And Expect Error
    ...    Host 'rack-1' * its last * attempts failed, so it isn't tried for * 'Connect To Host' tries at once.
    ...    Get VMs    host=rack-1
    Run Keyword And Expect Error    Host 'rack-1' should accept a connection at * Connection refused. Start libvirtd *
    ...    Connect To Host    rack-1
    ${host} =    Choose Host
    Should Be Equal    ${host}    rack-2
    Start Daemon    a
    Get Host State    rack-1    ==    connected    timeout=20 s
    Get VMs    host=rack-1
    ${counts} =    Get Host Statistics    rack-1    counts
    Should Be True    ${counts}[lost] > 0    # each connection counts
    Should Be Equal As Integers    ${counts}[reconnected]    1
    @{events} =    Get Host Events    rack-1
    ${kinds} =    Evaluate    [event["kind"] for event in $events if "." not in event["kind"]]
    List Should Contain Value    ${kinds}    broken
    Should Be Equal    ${kinds}[-1]    connected

A VM Is Found On Another Host When Its Own Is Gone
    Define VM    a    wanderer    11111111-2222-4222-8222-222222222222
    Connect To VM    wanderer
    Define VM    b    wanderer    11111111-2222-4222-8222-222222222222
    Kill Daemon    a
    Get Host State    rack-1    !=    connected    timeout=20 s
    Get VM State    wanderer    ==    shutoff
    Start Daemon    a
    Get Host State    rack-1    ==    connected    timeout=20 s

A VM That Is Gone Is Not Connected To From Memory, And One Made Anew Is The New One
    Define VM    b    again    11111111-2222-4222-8222-333333333333
    Connect To VM    again
    Undefine VM    b    again
    Run Keyword And Expect Error    VM 'again' should exist on host *    Connect To VM    again
    Define VM    b    again    11111111-2222-4222-8222-444444444444
    Connect To VM    again
    Undefine VM    b    again
    Define VM    b    again    11111111-2222-4222-8222-555555555555
    Connect To VM    11111111-2222-4222-8222-555555555555
    Connect To VM    again
    Get VM State    again    ==    shutoff

A Host That Hangs Is Not Called Connected From Memory
    Choose Host
    Freeze Daemon    b
    Run Keyword And Expect Error    Host 'rack-2' * should answer within 0.5 s but did not.*
    ...    Connect To Host    rack-2    timeout=0.5 s
    FOR    ${_}    IN RANGE    2
        ${host} =    Choose Host    timeout=4 s
        Should Be Equal    ${host}    rack-1
    END
    [Teardown]    Thaw Daemon    b

Idle Connections Close And The Minimum Is Kept Warm
    Wait Until Keyword Succeeds    20 s    0.1 s    Get Host Statistics    rack-2    connections    ==    2
    Wait Until Keyword Succeeds    20 s    0.1 s    Heartbeats Should Have Been Sent


*** Keywords ***
Start Two Hosts
    ${a} =    Start Daemon    a
    ${b} =    Start Daemon    b
    Connect To Host    rack-1    uri=${a}
    Connect To Host    rack-2    uri=${b}

Heartbeats Should Have Been Sent
    ${counts} =    Get Host Statistics    rack-2    counts
    Should Be True    ${counts}[heartbeats] > 0
