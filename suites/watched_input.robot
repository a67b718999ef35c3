*** Settings ***
Documentation       What others send: the guest's own kernel tells which keys and motions came, whoever sent them.
...                 Here "somebody else" is QEMU's monitor and a mouse that nobody verifies.
Resource            ../resources/console.resource
Resource            ../resources/desk_pool.resource
Resource            ../resources/keyboard.resource

Suite Setup         Use The Shared Desktop
Suite Teardown      Leave The Shared Desktop
Test Setup          Start Watching Input
Test Teardown       Clear The Command Line

Test Tags           needs-platform    needs-vm


*** Test Cases ***
A Text That Somebody Else Types Is Seen Whole
    [Documentation]    Nothing less and nothing more than the text, in its order.
    Somebody Else Types    h    e    l    l    o
    Text Should Have Arrived In Order    hello    timeout=5 s
    Key Should Have Arrived    l    times=2
    @{events} =    Get Observed Input
    Should Be Equal    ${events}[0]    h down

A Key Too Many Is Told
    [Documentation]    The error names what came.
    Somebody Else Types    a    b    b
    Key Should Have Arrived    b    timeout=5 s
    Run Keyword And Expect Error    *character 3*    Text Should Have Arrived In Order    ab

An Event Is Judged By What The Guest Has Seen
    [Documentation]    Events in JSON, as other programs write them; one that did not take place says what came instead.
    Somebody Else Types    h
    &{result} =    Verify Event    {"type": "keyboard", "action": "keypress", "key": "h"}    looking_back=10 s
    Should Be Equal    ${result}[details][code]    ${35}
    VAR    ${not_pressed} =    {"type": "keyboard", "action": "keydown", "key": "f9"}
    Run Keyword And Expect Error    'keyboard keydown f9' in VM * should take place within * s but did not*
    ...    Verify Event    ${not_pressed}    looking_back=1 s    timeout=1 s

Nothing Comes Where Nobody Types
    [Documentation]    The guest's agent is asked before and after: silence is no proof of a dead agent.
    No Input Should Arrive    1 s

A Drag Keeps To Its Path
    [Documentation]    Observed and expected path are compared, corners included.
    Drag Along    0.2,0.2    0.8,0.2    0.8,0.6
    Drag Should Match    0.2,0.2    0.8,0.2    0.8,0.6
    Mouse Should Be At    0.8    0.6
    Run Keyword And Expect Error    *place 2 of 2*    Drag Should Match    0.2,0.2    0.1,0.9

Nothing Is Proved Where A Program In The Guest Has Its Input To Itself
    [Documentation]    Neither the agent nor the console sees what another program has grabbed: that program is named.
    ${process} =    Let A Program In The Guest Grab Its Input
    Run Keyword And Expect Error    *: python3.11 (process ${process}) in the guest has * to itself*
    ...    No Input Should Arrive    1 s
    Run Keyword And Expect Error    *can't see it: python3.11 (process ${process}) in the guest has *    Type Text    x
    Command Should Succeed    kill ${process}
    No Input Should Arrive    1 s

What Is Typed Into An Exclusive Watch Reaches Nobody Else
    [Documentation]    The agent sees each key, and the shell at the console none: the command is not run.
    Start Watching Input    exclusive=True
    Type Text    touch /tmp/reached-the-shell\n
    Text Should Have Arrived In Order    touch /tmp/reached-the-shell\n
    Stop Watching Input
    Type Text    touch /tmp/after-it\n
    Wait Until Command Succeeds    test -e /tmp/after-it    timeout=10 s
    Command Should Succeed    test ! -e /tmp/reached-the-shell


*** Keywords ***
Let A Program In The Guest Grab Its Input
    [Documentation]    Until it is ended it has each input device to itself, as an X server may. Returns its number.
    VAR    ${program} =
    ...    import fcntl, os, time
    ...    names = [name for name in os.listdir("/dev/input") if name.startswith("event")]
    ...    held = [os.open("/dev/input/" + name, os.O_RDONLY) for name in names]
    ...    [fcntl.ioctl(each, 0x40044590, 1) for each in held]
    ...    print("grabbed", flush=True)
    ...    time.sleep(600)
    ...    separator=;
    ${started} =    Run Command    /usr/bin/python3.11 -c '${program}' >/tmp/grabs 2>&1 & echo $!
    Wait Until Command Succeeds    grep grabbed /tmp/grabs    timeout=10 s
    RETURN    ${started.stdout.strip()}

Somebody Else Types
    [Documentation]    Presses keys past this library's own typing, by QEMU's monitor.
    [Arguments]    @{keys}
    FOR    ${key}    IN    @{keys}
        Execute QMP    send-key    keys=${{ [{"type": "qcode", "data": $key}] }}    hold-time=${20}
        Sleep    100 ms    reason=QEMU lets the key go by itself after 20 ms; a second press before that would be lost
    END
