*** Settings ***
Documentation       What the platform has beside its desktops: hosts, storage, events, alarms, terminals, logs.
...
...                 What a test makes or changes here is removed or put back at its end, by itself; what its setup
...                 makes, at the end of the suite. No guest has to boot.
Resource            ../resources/desk_pool.resource
Library             OperatingSystem

Suite Setup         Make An Idle Desktop

Test Tags           needs-platform    needs-vm


*** Variables ***
${IDLE_POOL}    ATP 闲置桌面    # the desk pool of one desktop that isn't started by this suite's setup


*** Test Cases ***
Every Host Is In Service
    [Documentation]    What the platform says about each of its hosts: its state, its processors, how long it runs.
    FOR    ${host}    IN    @{HOSTS}
        Platform Host Should Be    ${host}    enabled
        Get Platform Host    ${host}    cpu_size    >    0
        Get Platform Host Hardware    ${host}    threads    >    0
        Get Platform Host Uptime    ${host}    >    0
    END
    ${count} =    Get Length    ${HOSTS}
    Platform Counts Should Be    hosts    running=${count}    maintenance=0    offline=0

Hosts In Maintenance Start No Desktop
    [Documentation]    The platform refuses with its own sentence; back in service a host takes desktops again.
    FOR    ${host}    IN    @{HOSTS}
        Put Platform Host Into Maintenance    ${host}
    END
    Platform Counts Should Be    hosts    running=0
    Run Keyword And Expect Error    *${IDLE_DESKTOP}*    Start Desktop    ${IDLE_DESKTOP}
    Return Platform Host To Service    ${HOSTS}[0]
    Get Platform Host    ${HOSTS}[0]    status    ==    enabled    timeout=10 s

What A Test Has Changed Is Put Back
    [Documentation]    The test before has left hosts in maintenance: its end has returned them to service.
    ${count} =    Get Length    ${HOSTS}
    Platform Counts Should Be    hosts    running=${count}    maintenance=0

A Limit Holds
    [Documentation]    No more desktops run on a host than its limit says.
    FOR    ${host}    IN    @{HOSTS}
        Limit Platform Host    ${host}    0
        Get Platform Host    ${host}    vm_limit    ==    0
    END
    Run Keyword And Expect Error    *${IDLE_DESKTOP}*    Start Desktop    ${IDLE_DESKTOP}

A Disk Of Its Own Comes And Goes
    [Documentation]    A storage volume is a disk that no desktop has yet.
    @{pools} =    Get Storage Pools    images=False
    Get Storage Pool Space    ${pools}[0]    available    >    0
    Create Storage Volume    资料盘    1    ${pools}[0]
    Get Storage Volume    资料盘    size    ==    1
    @{free} =    Get Storage Volumes    storage_pool=${pools}[0]    free=True
    Should Contain    ${free}    资料盘
    Delete Storage Volume    资料盘
    Storage Volume Should Not Exist    资料盘

An Operation Leaves An Event
    [Documentation]    Who doesn't wait for an operation finds out later how it went.
    @{events} =    Start Desktop    ${IDLE_DESKTOP}    wait=False
    Wait For Platform Events    @{events}
    Platform Event Should Have Succeeded    ${events}[0]
    Get Platform Event    ${events}[0]    vm_name    ==    ${IDLE_DESKTOP}
    Close Desktop    ${IDLE_DESKTOP}    force=True
    @{done} =    Get Platform Events    desktop=${IDLE_DESKTOP}    outcome=succeeded
    Should Not Be Empty    ${done}

An Operation Is In The Administrators' Log
    [Documentation]    The log is a table to look through, and a file to keep beside the report.
    @{operations} =    Get Operation Log    content=${IDLE_DESKTOP}
    Should Not Be Empty    ${operations}
    ${file} =    Export Operation Log    operations.xlsx
    File Should Not Be Empty    ${file}

No Alarm Is Raised, And Rules Can Be Changed
    [Documentation]    A rule says from which value on the platform raises an alarm; it is put back at the test's end.
    No Alarm Should Be Raised    level=critical
    @{rules} =    Get Alarm Rules
    Set Alarm Rule    ${rules}[0]    threshold=77
    Get Alarm Rule    ${rules}[0]    threshold_value    ==    77

Terminals Are Grouped
    [Documentation]    A group of terminals has a name in any language.
    Create Terminal Group    阅览室    remark=一层
    Get Terminal Group    阅览室    remark    ==    一层
    Change Terminal Group    阅览室    name=图书馆
    Terminal Group Should Exist    图书馆
    Terminal Group Should Not Exist    阅览室

A Wrong Word Gets A Sentence
    [Documentation]    A name that isn't there, or a field that a host hasn't: the sentence says which there are.
    Run Keyword And Expect Error    *has no host 'lab-z'. It has '*    Get Platform Host    lab-z
    Run Keyword And Expect Error    Host * should have a field 'statos' but has none. Near it are: status*
    ...    Get Platform Host    ${HOSTS}[0]    statos


*** Keywords ***
Make An Idle Desktop
    [Documentation]    Makes one desktop that isn't started, and looks which hosts there are.
    Log In To Platform
    Remove Desk Pool If It Is There    ${IDLE_POOL}
    Create Desk Pool    ${IDLE_POOL}    model=${MODEL}    amount=1
    @{desktops} =    Get Desktops    ${IDLE_POOL}
    @{hosts} =    Get Platform Hosts
    VAR    ${IDLE_DESKTOP} =    ${desktops}[0]    scope=SUITE    # robocop: off=VAR05
    VAR    @{HOSTS} =    @{hosts}    scope=SUITE    # robocop: off=VAR05
