*** Settings ***
Documentation       The hypervisor hosts: which there are, where new work goes, and what they have done.
...
...                 The host 'spare' is libvirt's own simulation inside this process: it can be drained and taken away
...                 without touching a real one.
Resource            ../resources/desk_pool.resource
Library             OperatingSystem

Suite Setup         Add Host    spare    test:///default    tags=${SPARE_TAGS}
Suite Teardown      Remove Host    spare

Test Tags           needs-platform    needs-vm


*** Variables ***
@{SPARE_TAGS}       spare    quiet


*** Test Cases ***
Every Host Answers
    [Documentation]    A suite that shall fail early when a host is down begins like this.
    @{hosts} =    Get Hosts
    FOR    ${host}    IN    @{hosts}
        Connect To Host    ${host}
        Get Host State    ${host}    ==    connected
    END

New Work Goes To A Host That Takes It
    [Documentation]    A host is chosen by its tags. A drained one is passed over, but its VMs can be reached.
    ${host} =    Choose Host    spare
    Should Be Equal    ${host}    spare
    Drain Host    spare
    Run Keyword And Expect Error    A host should take new work (tags: spare) but none can: *'spare' is drained*
    ...    Choose Host    spare
    Get VMs    host=spare
    Return Host To Service    spare
    Choose Host    spare    quiet    strategy=least_connections

What A Host Has Done Is Counted
    [Documentation]    Connections, requests, errors, and how long each kind of question took; for Prometheus, too.
    Get VMs    host=spare
    Get Host Statistics    spare    connections    >=    1
    Get Host Statistics    spare    requests    >    0
    ${statistics} =    Get Host Statistics    spare
    Should Be True    ${statistics}[operations][list the VMs][p99_ms] > 0
    ${metrics} =    Get Host Metrics
    Create File    ${OUTPUT DIR}/hosts.prom    ${metrics}

What Happened To A Host Is Told
    [Documentation]    How it was connected, drained, lost and back, with the time of each.
    Drain Host    spare
    Return Host To Service    spare
    @{events} =    Get Host Events    spare    limit=2
    Should Be Equal    ${events}[0][kind]    drained
    Should Be Equal    ${events}[1][kind]    in-service

A Wrong Address Is Refused Before It Is Used
    [Documentation]    The sentence names the part that is wrong, and a near one.
    Run Keyword And Expect Error    *should have after '+' one of *but has 'tpc'. Did you mean 'tcp'?*
    ...    Add Host    rack-7    qemu+tpc://192.0.2.10/system
    Run Keyword And Expect Error    *should have an absolute path in 'keyfile=' but has 'id_rsa'*
    ...    Add Host    rack-7    qemu+ssh://root@192.0.2.10/system?keyfile=id_rsa

A Broken Configuration Is Refused Whole
    [Documentation]    The run goes on with the settings that it has.
    Create File    ${OUTPUT DIR}/broken.yaml    hosts: {spare: {uri: 'test:///default', tags: spare}}
    Run Keyword And Expect Error    *broken.yaml is wrong: hosts.spare.tags: should be a list*
    ...    Reload Configuration    ${OUTPUT DIR}/broken.yaml
    Get VMs    host=spare
