*** Settings ***
Documentation       What a tester must be able to trust: what didn't work never looks as if it had.
...
...                 The reason is said in one sentence each.
Resource            ../resources/console.resource
Resource            ../resources/desk_pool.resource
Resource            ../resources/keyboard.resource

Suite Setup         Use The Shared Desktop
Suite Teardown      Leave The Shared Desktop

Test Tags           needs-platform    needs-vm


*** Variables ***
${FILE}     /tmp/negative.txt


*** Test Cases ***
Typing Without The Agent Fails And Says Why
    [Documentation]    Keys that nobody saw arrive are never called arrived.
    Stop The Agent In The Guest
    Run Keyword And Expect Error    The agent of VM '*' should answer within * but did not. *    Type Text    Hello
    Run Keyword And Expect Error    Typing 5 characters in VM '*' should arrive but it failed: *
    ...    Text Should Have Arrived    Hello
    [Teardown]    Start The Agent In The Guest

Typing Without Proof Says So
    [Documentation]    Who types without verification isn't told that it arrived.
    Type Text    x    verify=False
    Run Keyword And Expect Error    Input text 'x' should be proved to arrive in the guest but was not watched*
    ...    Text Should Have Arrived    x
    [Teardown]    Clear The Command Line

A Paused VM Refuses Input
    [Documentation]    Nothing is sent into a VM that doesn't run, and nothing turns up later.
    Remove File In Guest    ${FILE}
    Type Text    echo before-
    Suspend VM
    VM Should Be    paused
    Run Keyword And Expect Error    VM '*' should be running*but is paused, and nothing was sent*    Type Text    Hello
    Resume VM
    Enter Command    after > ${FILE}
    File In Guest Should Contain    ${FILE}    before-after
    [Teardown]    Resume And Clear

An Unknown Key Is Refused Before Anything Is Sent
    [Documentation]    The sentence names the key, and a near one.
    Run Keyword And Expect Error    Key 'hyperkey' should be a key*    Press Keys    hyperkey
    Run Keyword And Expect Error    Character '你' * should be on the 'us' keyboard layout but is not, *
    ...    Type Text    Hello 你好
    No Key Should Be Down

A Desk Pool That Cannot Be Made Says Why
    [Documentation]    The platform's own words, what was asked for, and what to do. Nothing half made is left.
    Run Keyword And Expect Error    Platform '*' refused to create a desk pool '${SHARED_POOL}'*Choose another name*
    ...    Create Desk Pool    ${SHARED_POOL}    model=${MODEL}
    Run Keyword And Expect Error    Platform '*' refused to create*Asked for: 0 desktops. Ask for 1 or more.*
    ...    Create Desk Pool    nobody's    model=${MODEL}    amount=0
    Run Keyword And Expect Error    Platform '*' has no desk pool 'nobody's'. It has *    Start Desktops    nobody's
    Platform And Hypervisor Should Agree    pool=${SHARED_POOL}

A Wrong Password Is Refused
    [Documentation]    The sentence names the platform and the user, and never the password. The open session goes on.
    VAR    ${password: secret} =    %{NO_SUCH_PASSWORD=certainly-wrong}
    ${sentence} =    Run Keyword And Expect Error    Platform '*' refused login of '*': *
    ...    Log In To Platform    password=${password}
    Should Not Contain    ${sentence}    certainly-wrong
    Desk Pool Should Have    ${SHARED_POOL}    running=1

An Unknown Desk Pool Is Named
    [Documentation]    The sentence names the pools that there are.
    Run Keyword And Expect Error    Platform '*' has no desk pool 'no such pool'. It has *${SHARED_POOL}*.
    ...    Start Desktops    no such pool

An Unreachable Host Is Named
    [Documentation]    A host that nobody answers at is said to be unreachable, soon, with its address.
    Run Keyword And Expect Error    *nowhere*qemu+tcp://127.0.0.1:1/system*
    ...    Connect To Host    nowhere    uri=qemu+tcp://127.0.0.1:1/system    timeout=10 s

An Unknown VM Is Named
    [Documentation]    Every host was asked before the answer is no.
    Run Keyword And Expect Error    VM 'no such vm' should exist on host * but does not. *
    ...    Connect To VM    no such vm


*** Keywords ***
Resume And Clear
    [Documentation]    Lets the VM run again if the test has failed before it did, and clears the command line.
    ${state} =    Get VM State
    IF    $state == 'paused'    Resume VM
    Clear The Command Line
