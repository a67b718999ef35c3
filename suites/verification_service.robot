*** Settings ***
Documentation       Desktops without a port for the agent: it dials the verification service over the network, and input
...                 is proved the same.
...
...                 The desktop gets a network card for that; in QEMU's user-mode network its host is 10.0.2.2.
Library             OperatingSystem
Resource            ../resources/console.resource
Resource            ../resources/desk_pool.resource
Resource            ../resources/keyboard.resource

Suite Setup         Let The Agent Of The Shared Desktop Dial In
Suite Teardown      Give The Agent Its Port Back
Test Teardown       Clear The Command Line

Test Tags           needs-platform    needs-vm


*** Variables ***
${HOST_AS_THE_GUEST_SEES_IT}    10.0.2.2    # where the service is; it listens on this machine's 127.0.0.1
${SETTINGS_OF_THE_AGENT}        /etc/atp-agent.conf    # in the guest
${TOKEN_IN_THE_GUEST}           /etc/atp-agent.token
${TOKEN_HERE}                   ${TEMPDIR}/atp-agent.token    # only you may read it


*** Test Cases ***
Input Is Proved Over A WebSocket
    [Documentation]    Each key as the guest's kernel saw it, in order, and once.
    Dial    ws
    Type And Prove    Hello over the network: WebSocket, 8765!

Input Is Proved Over TCP
    [Documentation]    The same messages, each after its length.
    Dial    tcp
    Type And Prove    Hello over the network: TCP, 8766!

An Agent Comes Back To A Service That Is Started Again
    [Documentation]    It tries again by itself, less and less often.
    Dial    ws
    Type And Prove    before
    Stop Verification Service
    Start Verification Service    websocket_port=${PORTS.ws}    tcp_port=${PORTS.tcp}
    Wait Until Verifier Is Ready
    Type And Prove    after

A Token Is Changed While The Agent Is Connected
    [Documentation]    The connection stays; the next time that the agent dials it shows the new one.
    Dial    tcp
    Rotate Agent Token    file=${TOKEN_HERE}
    Push File To Guest    ${TOKEN_HERE}    ${TOKEN_IN_THE_GUEST}    mode=600
    Type And Prove    with the old token
    Disconnect From Verifier
    Wait Until Verifier Is Ready
    Type And Prove    with the new token

An Agent With A Wrong Token Is Not Let In
    [Documentation]    Until it has the right one: it reads its file anew each time before it dials.
    Dial    tcp
    Create Agent Token    file=${TOKEN_HERE}
    Run Keyword And Expect Error    The agent of VM '*' should answer within * but did not. *
    ...    Wait Until Verifier Is Ready    timeout=3 s
    Push File To Guest    ${TOKEN_HERE}    ${TOKEN_IN_THE_GUEST}    mode=600
    Wait Until Verifier Is Ready
    Type And Prove    let in


*** Keywords ***
Let The Agent Of The Shared Desktop Dial In
    [Documentation]    A network card for the desktop, the service, and the token that lets this desktop's agent in.
    Use The Shared Desktop
    @{desktops} =    Connect To Desk Pool    ${SHARED_POOL}
    Add Network Card To Desktop    ${desktops}[0]    closing=suite
    # The guest finds a card that is plugged in a moment later.
    Wait Until Keyword Succeeds    30 s    500 ms    Command Should Succeed    /etc/atp/network
    &{addresses} =    Start Verification Service    websocket_port=0    tcp_port=0
    # Every test of this suite dials them.
    VAR    &{PORTS} =    # robocop: off=VAR05
    ...    ws=${addresses.websocket.rpartition(':')[2]}
    ...    tcp=${addresses.tcp.rpartition(':')[2]}
    ...    scope=SUITE
    Create Agent Token    file=${TOKEN_HERE}
    Push File To Guest    ${TOKEN_HERE}    ${TOKEN_IN_THE_GUEST}    mode=600
    Set Environment Variable    ATP__AGENT__VIA    service
    Reload Configuration

Dial
    [Documentation]    Tells the agent in the guest where the service is, and waits until it has come.
    [Arguments]    ${scheme}
    VAR    ${address} =    ${scheme}://${HOST_AS_THE_GUEST_SEES_IT}:${PORTS.${scheme}}
    Write Guest File    ${SETTINGS_OF_THE_AGENT}    connect = ${address}\ntoken-file = ${TOKEN_IN_THE_GUEST}\n
    Start The Agent Anew
    Get Connected Agents    !=    ${{ [] }}

Give The Agent Its Port Back
    [Documentation]    As the other suites expect it.
    Remove Environment Variable    ATP__AGENT__VIA
    Reload Configuration
    Stop Verification Service
    Remove File    ${TOKEN_HERE}
    Remove File In Guest    ${SETTINGS_OF_THE_AGENT}
    Remove File In Guest    ${TOKEN_IN_THE_GUEST}
    Start The Agent Anew
    Leave The Shared Desktop

Start The Agent Anew
    [Documentation]    It reads its settings when it starts.
    Stop The Agent In The Guest
    Disconnect From Verifier
    Start The Agent In The Guest
