*** Settings ***
Documentation       The agent that proves input comes into a guest without one, by QEMU's guest agent, and goes.
...                 The lab's guests bring an agent of their own: it is ended first.
Resource            ../resources/desk_pool.resource

Suite Setup         Use The Shared Desktop Without An Agent
Suite Teardown      Leave The Desktop As It Was

Test Tags           needs-platform    needs-vm


*** Variables ***
${PROCESS_ID}       /usr/local/lib/atp-agent/pid


*** Test Cases ***
A Guest Without An Agent Gets One
    [Documentation]    The keyword is done when the agent answers: input is proved from then on.
    ${version} =    Deploy Agent
    Get Agent Version    ${None}    ==    ${version}
    Type Text    echo deployed\n
    Text Should Have Arrived    echo deployed\n

A Guest That Runs It Already Is Left Alone
    [Documentation]    The same process goes on: nothing was changed.
    ${before} =    Read Guest File    ${PROCESS_ID}
    Deploy Agent
    ${after} =    Read Guest File    ${PROCESS_ID}
    Should Be Equal    ${after}    ${before}

It Is Put There Anew When It Is Said So
    [Documentation]    The one that runs is ended, and the new one answers.
    ${before} =    Read Guest File    ${PROCESS_ID}
    Deploy Agent    force=True
    ${after} =    Read Guest File    ${PROCESS_ID}
    Should Not Be Equal    ${after}    ${before}
    Type Text    echo again\n

It Goes Without A Trace
    [Documentation]    Files, token and process.
    Remove Agent
    ${left} =    Run Command    ls /usr/local/lib; ps -o args
    Should Not Contain    ${left.stdout}    lib/atp-agent/agent.pyz


*** Keywords ***
Use The Shared Desktop Without An Agent
    [Documentation]    What `Deploy Agent` finds in a guest that nobody has prepared.
    Use The Shared Desktop
    Command Should Succeed    atp-agent stop
    Disconnect From Verifier

Leave The Desktop As It Was
    [Documentation]    With the agent of its image, for the suites that come.
    Remove Agent
    Command Should Succeed    atp-agent start
    Wait Until Verifier Is Ready    timeout=${BOOT_TIME}
    Leave The Shared Desktop
