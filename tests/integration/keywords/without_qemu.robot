*** Settings ***
Documentation       Every keyword of ATPLibrary.Transport on libvirt's own test driver, ``test:///default``: no QEMU and no
...                 daemon. What that driver can't do fails with a sentence that says so. Its VMs are words in memory.
Library             ATPLibrary
Library             Collections
Library             OperatingSystem

Suite Setup         Connect To Host    here    uri=test:///default
Test Setup          Connect To VM    test    host=here
Test Teardown       Bring The VM Back
Test Timeout        30 s


*** Variables ***
${CAN'T}    the libvirt driver of test:///default can't. Use a VM on a host of QEMU's (qemu...://).


*** Test Cases ***
Hosts Are Added With Tags Chosen Drained And Taken Away
    @{tags} =    Create List    gpu    quiet
    Add Host    there    test:///default    tags=${tags}
    @{known} =    Get Hosts
    Should Be Equal    ${known}    ${{["here", "there"]}}
    @{known} =    Get Hosts    gpu
    Should Be Equal    ${known}    ${{["there"]}}
    Get Host State    there    ==    new
    Run Keyword And Expect Error
    ...    Host 'there' should be connected within 0.05 s but was new. Nothing connects it by itself: use 'Connect To Host'.
    ...    Get Host State    there    ==    connected    timeout=0.05 s
    ${host} =    Choose Host    gpu    strategy=least_connections
    Should Be Equal    ${host}    there
    Drain Host    there
    Run Keyword And Expect Error    A host should take new work (tags: gpu) but none can: *'there' is drained*
    ...    Choose Host    gpu
    Return Host To Service    there
    Choose Host    gpu
    Run Keyword And Expect Error    Host 'tehre' should be known but the hosts there are: here, there. Did you mean 'there'?
    ...    Get VMs    host=tehre
    Disconnect From VM
    Run Keyword And Expect Error
    ...    VM 'test' should mean one VM but there is one on each of here and there. Say which with host=.
    ...    Get VM State    test
    Disconnect From Host    there
    Get Host State    there    ==    closed
    Remove Host    there
    @{known} =    Get Hosts
    Should Be Equal    ${known}    ${{["here"]}}

What A Host Did Is Told
    Get VMs    host=here
    ${requests} =    Get Host Statistics    here    requests    >    0
    Get VMs    host=here
    Get Host Statistics    here    requests    >    ${requests}
    Get Host Statistics    here    connections    ==    1
    ${statistics} =    Get Host Statistics    here
    Get Host Statistics    here    mean_ms    <    1000
    Should Be Equal    ${statistics}[state]    connected
    Should Be True    0 < ${statistics}[operations][list the VMs][p99_ms]
    Run Keyword And Expect Error    requests of host 'here' should be < 1 but is *
    ...    Get Host Statistics    here    requests    <    1
    Run Keyword And Expect Error    Host 'here' has no number called 'reqests': there are *requests*
    ...    Get Host Statistics    here    reqests
    ${metrics} =    Get Host Metrics
    Should Contain    ${metrics}    atp_host_up{host="here"} 1
    @{events} =    Get Host Events    here
    Should Be Equal    ${events}[0][kind]    connecting
    ${kinds} =    Evaluate    [event["kind"] for event in $events]
    List Should Contain Value    ${kinds}    connected

VMs Are Listed And Found
    @{running} =    Get VMs    host=here    name=t*    state=running
    Should Be Equal    ${running}    ${{["test"]}}
    @{none} =    Get VMs    host=here    name=other-*
    Should Be Empty    ${none}
    @{none} =    Get VMs    host=here    state=paused
    Should Be Empty    ${none}
    VM Should Exist    test
    VM Should Not Exist    tset
    Run Keyword And Expect Error    VM 'tset' should exist on host here but does not. Near names: 'test'.
    ...    VM Should Exist    tset
    Run Keyword And Expect Error    VM 'test' should not exist on any host but libvirt of host 'here' lists it. Delete it.
    ...    VM Should Not Exist    test
    FOR    ${uuid}    IN    6695eb01-f6a4-8304-79aa-97f2502e193f    6695EB01F6A4830479AA97F2502E193F
        VM Should Exist    ${uuid}
        Run Keyword And Expect Error    VM '${uuid}' should not exist on any host but libvirt of host*
        ...    VM Should Not Exist    ${uuid}
    END
    Run Keyword And Expect Error    VM 'tset' should exist on host here but does not. Near names: 'test'.
    ...    Connect To VM    tset
    Use VM    test
    Disconnect From VM
    Run Keyword And Expect Error    This keyword needs a VM and none is connected. *    VM Should Be    running

A State Is Asserted And Waited For
    Get VM State    test    ==    running    timeout=5 s
    Get VM State    test    !=    paused    timeout=5 s
    Suspend VM
    VM Should Be    paused    timeout=5 s
    Run Keyword And Expect Error
    ...    VM 'test' should be running within 1 s but was paused (by a user). Last seen: * suspended (paused).
    ...    Get VM State    test    ==    running    timeout=1 s
    Run Keyword And Expect Error    VM 'test' should not be paused within 1 s but was paused (by a user). Last seen: *
    ...    Get VM State    test    !=    paused    timeout=1 s
    Run Keyword And Expect Error    VM 'test' should be 'running' but is 'paused'.    VM Should Be    running
    Run Keyword And Expect Error    *'runing' that cannot be converted to VmState: it is none of unknown, running, *
    ...    Get VM State    test    ==    runing
    Run Keyword And Expect Error    VM 'test' on host 'here' should be running so that it can be paused but was paused*
    ...    Suspend VM
    Resume VM
    Run Keyword And Expect Error    VM 'test' on host 'here' should be paused so that it can go on but was running*
    ...    Resume VM

A VM Is Switched Off On And Over
    ${how} =    Shut Down VM
    Should Be Equal    ${how}    power button (ACPI)
    Run Keyword And Expect Error    VM 'test' on host 'here' should be running so that it can shut down but was shutoff*
    ...    Shut Down VM
    Start VM
    Run Keyword And Expect Error    VM 'test' on host 'here' should be shut off so that it can start but was running*
    ...    Start VM
    Reboot VM
    VM Should Be    running
    Destroy VM
    VM Should Be    shutoff
    Run Keyword And Expect Error    VM 'test' on host 'here' should be on so that it can be switched off but was shutoff*
    ...    Destroy VM

Snapshots Are Taken Listed Reverted And Deleted
    Create Snapshot    clean    description=just installed
    Suspend VM
    Create Snapshot    later
    @{snapshots} =    Get Snapshots
    Should Be Equal    ${snapshots}[0][name]    clean
    Should Be Equal    ${snapshots}[0][description]    just installed
    Should Be Equal    ${snapshots}[1][parent]    clean
    Should Be Equal    ${snapshots}[1][state]    paused
    Revert To Snapshot    clean
    VM Should Be    running
    Delete Snapshot    later
    Run Keyword And Expect Error    VM 'test' on host 'here' should have a snapshot 'later' but has clean.
    ...    Revert To Snapshot    later
    Run Keyword And Expect Error    A snapshot can't be named '': give a name without '/'.
    ...    Create Snapshot    ${EMPTY}
    Delete Snapshot    clean

A VM Is Saved And Goes On
    Save VM
    VM Should Be    shutoff
    ${had} =    Discard Saved State
    Should Be True    ${had}
    ${had} =    Discard Saved State
    Should Not Be True    ${had}
    Run Keyword And Expect Error    VM 'test' on host 'here' should be on so that it can be saved but was shutoff*
    ...    Save VM
    Start VM
    Save VM    file=${OUTPUT DIR}/saved
    Run Keyword And Expect Error    Host 'here' should do what was asked (restore a VM from '*/no') but *No such file*
    ...    Restore VM    ${OUTPUT DIR}/no    host=here
    ${name} =    Restore VM    ${OUTPUT DIR}/saved    host=here
    Should Be Equal    ${name}    test
    VM Should Be    running

A VM Is Described
    Get VM XML    operator=contains    expected=<name>test</name>
    Run Keyword And Expect Error    The XML of VM 'test' should contain 'spice' but is *
    ...    Get VM XML    test    contains    spice
    ${xml} =    Get VM XML    inactive=True
    Should Start With    ${xml}    <domain
    ${picture} =    Take Screenshot
    File Should Exist    ${picture}
    Wait Until Screen Is Still    0.1 s
    Suspend VM
    Run Keyword And Expect Error    VM 'test' should be running so that its screen can be seen to be still but is paused*
    ...    Wait Until Screen Is Still    0.1 s
    Resume VM
    @{channels} =    Get Channels
    Should Be Empty    ${channels}

A VM Is Leased And Given Back
    ${vm} =    Lease VM    te*    host=here    state=running    timeout=5 s
    Should Be Equal    ${vm}    test
    @{leases} =    Get Leases
    Should Be Equal    ${leases}[0][vm]    test
    Should Be True    ${leases}[0][mine]
    Run Keyword And Expect Error    A VM called '*' should be free but this process has leased it already. *    Lease VM
    Release VM
    Run Keyword And Expect Error    VM 'test' should be leased by this process but no VM is. *    Release VM    test
    Run Keyword And Expect Error    A VM called 'win*' should exist but the VMs there are: test.    Lease VM    win*
    Run Keyword And Expect Error    *No host has the tag 'gpu'. The tags there are: none.    Lease VM    tag=gpu
    Drain Host    here
    Run Keyword And Expect Error    A VM called '*' should be on a host that takes new work but its only host, 'here', is drained. *    Lease VM
    Run Keyword And Expect Error    The timeout of 'Lease VM' should be longer than 0 s *    Lease VM    host=here    timeout=0 s
    Lease VM    host=here
    Return Host To Service    here

A VM Doesn't Move To Where It Is
    Run Keyword And Expect Error    VM 'test' should move to another host but is on 'here' already.
    ...    Migrate VM    here
    Run Keyword And Expect Error    Host 'nowhere' should be known but the hosts there are: here. *    Migrate VM    nowhere

What The Driver Can't Do It Says
    Connect To Host    there    uri=test:///default
    Run Keyword And Expect Error    VM 'test' on host 'here' should move to host 'there' but libvirt refused: *
    ...    Migrate VM    there
    Remove Host    there
    Run Keyword And Expect Error    VM 'test' on host 'here' should be measured but the libvirt at test:///default counts nothing.
    ...    Get VM Stats    over=10 ms
    Run Keyword And Expect Error    The console of VM 'test' should be logged to a file but is not. *    Get Console Text
    Run Keyword And Expect Error    VM 'test' should have a SPICE display but has none. *    Get SPICE Address
    Run Keyword And Expect Error    VM 'test' on host 'here' should do what was asked * but ${CAN'T}
    ...    Execute QMP    query-status
    Run Keyword And Expect Error    VM 'test' on host 'here' should do what was asked * but ${CAN'T}
    ...    Get VM Accelerator
    Run Keyword And Expect Error    VM 'test' on host 'here' should do what was asked * but ${CAN'T}
    ...    Type Text    x    verify=False
    Run Keyword And Expect Error    VM 'test' should have the guest agent's channel * but has not. *    Run Command    ls
    Run Keyword And Expect Error
    ...    The agent of VM 'test' should answer within 1 s but did not. *'com.vmagent.sock' should be a virtio-serial port of VM 'test' but is not*
    ...    Wait Until Verifier Is Ready    timeout=1 s
    Run Keyword And Expect Error    Channel 'x' should be a virtio-serial port of VM 'test' but is not. *    Open Channel    x

A Configuration Is Followed
    Run Keyword And Expect Error    *should be a file that can be watched but is none*    Reload Configuration    watch=True
    Create File    ${OUTPUT DIR}/one.yaml    hosts: {new: {uri: 'test:///default', tags: [fresh]}}
    ${changes} =    Reload Configuration    ${OUTPUT DIR}/one.yaml
    Should Be Equal    ${changes}[added]    ${{("new",)}}
    ${host} =    Choose Host    fresh
    Should Be Equal    ${host}    new
    Create File    ${OUTPUT DIR}/two.yaml    hosts: {new: {uri: 'tset:///default'}}
    Run Keyword And Expect Error    *'tset:///default' of host 'new' *Did you mean 'test'?*
    ...    Reload Configuration    ${OUTPUT DIR}/two.yaml
    Get Host State    new    ==    connected
    Create File    ${OUTPUT DIR}/three.yaml    hosts: {}
    ${changes} =    Reload Configuration    ${OUTPUT DIR}/three.yaml
    Should Be Equal    ${changes}[removed]    ${{("new",)}}


*** Keywords ***
Bring The VM Back
    Connect To Host    here    uri=test:///default
    Connect To VM    test    host=here
    ${state} =    Get VM State
    IF    $state == 'paused'    Resume VM
    IF    $state == 'shutoff'    Start VM
