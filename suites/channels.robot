*** Settings ***
Documentation       A program in the guest is talked to through a virtio-serial channel: no guest network is needed.
Resource            ../resources/channel.resource
Resource            ../resources/desk_pool.resource

Suite Setup         Begin To Talk
Suite Teardown      End The Talk

Test Tags           needs-platform    needs-vm    needs-test-channel


*** Test Cases ***
The Channels Of A Desktop Are Listed
    [Documentation]    The guest agent's, the verifier's, and ours.
    @{channels} =    Get Channels
    Should Contain    ${channels}    org.qemu.guest_agent.0
    Should Contain    ${channels}    ${CHANNEL}

A Program Answers Requests In JSON
    [Documentation]    What goes out as data comes back as the result: text, numbers, lists.
    Open Channel    ${CHANNEL}    codec=json
    ${answer} =    Send Request To Channel    ${CHANNEL}    {"files": ["a.txt", "你好.txt"], "count": 2}
    Should Be Equal    ${answer}[files][1]    你好.txt
    Should Be Equal As Integers    ${answer}[count]    2
    [Teardown]    Close Channel    ${CHANNEL}

A Refusal Is Told In The Program's Own Words
    [Documentation]    The keyword fails with what the program in the guest says.
    Open Channel    ${CHANNEL}    codec=json
    Run Keyword And Expect Error    *refused as asked*    Send Request To Channel    ${CHANNEL}    refuse
    [Teardown]    Close Channel    ${CHANNEL}

A Program Answers Lines Of Text
    [Documentation]    Sending and receiving can be two steps; each line is one message.
    Open Channel    ${CHANNEL}    codec=lines
    Send To Channel    ${CHANNEL}    first
    Send To Channel    ${CHANNEL}    second
    ${first} =    Receive From Channel    ${CHANNEL}
    ${second} =    Receive From Channel    ${CHANNEL}
    Should Be Equal    ${first} / ${second}    you said: first / you said: second
    [Teardown]    Close Channel    ${CHANNEL}

Bytes Are Sent As They Are
    [Documentation]    Without a codec nothing is added, and one receives until something has come.
    Send To Channel    ${CHANNEL}    plain bytes\n
    ${answer} =    Receive From Channel    ${CHANNEL}    until=\n
    Should Be Equal    ${answer}    you said: plain bytes\n
    [Teardown]    Close Channel    ${CHANNEL}

A Silence Is Said To Be One
    [Documentation]    Nobody has asked anything, so nothing comes.
    Run Keyword And Expect Error    Channel '${CHANNEL}' * should bring a message within 0.3 s but did not. *
    ...    Receive From Channel    ${CHANNEL}    timeout=300 ms
    [Teardown]    Close Channel    ${CHANNEL}

The Guest Agent's Own Channel Is Left Alone
    [Documentation]    A second reader would take its answers away.
    Run Keyword And Expect Error    Channel 'org.qemu.guest_agent.0' * should be free but libvirt has it open*
    ...    Open Channel    org.qemu.guest_agent.0

Any Protocol Is Opened By Its Name
    [Documentation]    What ATPLibrary brings, and in the same way what anyone else has written.
    @{known} =    List Protocols
    Should Contain    ${known}    virtio-serial
    Register Protocol    channel    ATPLibrary.protocol.virtio_serial.protocol:VirtioSerialProtocol
    Open Protocol    channel    channel=${CHANNEL}    codec=lines
    Send To Protocol    channel    by another name
    ${answer} =    Receive From Protocol    channel
    Should Be Equal    ${answer}    you said: by another name
    [Teardown]    Close And Unregister Protocol    channel


*** Keywords ***
Begin To Talk
    [Documentation]    Connects to the shared desktop and starts the program in it.
    Use The Shared Desktop
    Start The Answering Program

End The Talk
    [Documentation]    Ends the program and leaves the desktop as it was.
    Stop The Answering Program
    Leave The Shared Desktop

Close And Unregister Protocol
    [Documentation]    Disconnects a protocol and forgets its name.
    [Arguments]    ${protocol}
    Close Protocol    ${protocol}
    Unregister Protocol    ${protocol}
