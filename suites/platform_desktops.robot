*** Settings ***
Documentation       Single desktops of the platform, from their making to the recycle bin: what the platform says is
...                 what their hypervisor does. What a test makes is removed at its end.
Resource            ../resources/desk_pool.resource

Suite Setup         Log In To Platform
Suite Teardown      Log Out Of Platform

Test Tags           needs-platform    needs-vm


*** Variables ***
${DESKTOP}      测试桌面
${COPY}         测试桌面-副本


*** Test Cases ***
A Desktop Needs Only A Name And A Model
    [Documentation]    It is there at once, off, and as large as its model or as asked for.
    Create Desktop    ${DESKTOP}    model=${MODEL}
    Desktop Should Be    ${DESKTOP}    shut off
    VM Should Be    shutoff    vm=${DESKTOP}
    Set Desktop Size    ${DESKTOP}    cpu=2    memory=160
    Get VM XML    ${DESKTOP}    matches    <vcpu[^>]*>2</vcpu>
    Get Desktop    ${DESKTOP}    memory    ==    160

A Suspended Desktop Stands Still For Its Hypervisor
    [Documentation]    Its processors stop, its memory stays; the power can be cut.
    Create Desktop    ${DESKTOP}    model=${MODEL}
    Start Desktop    ${DESKTOP}
    VM Should Be    running    vm=${DESKTOP}
    Suspend Desktop    ${DESKTOP}
    VM Should Be    paused    vm=${DESKTOP}
    Resume Desktop    ${DESKTOP}
    VM Should Be    running    vm=${DESKTOP}
    Close Desktop    ${DESKTOP}    force=True
    VM Should Be    shutoff    vm=${DESKTOP}

A Desktop That Sleeps Takes No Memory And Wakes Up
    [Documentation]    No QEMU runs for it while it sleeps.
    Create Desktop    ${DESKTOP}    model=${MODEL}
    Start Desktop    ${DESKTOP}
    Put Desktop To Sleep    ${DESKTOP}
    VM Should Be    shutoff    vm=${DESKTOP}
    Wake Up Desktop    ${DESKTOP}
    VM Should Be    running    vm=${DESKTOP}

What The Hypervisor Does The Platform Says
    [Documentation]    A desktop that is paused behind the platform's back is suspended in the platform's next answer.
    Create Desktop    ${DESKTOP}    model=${MODEL}
    Start Desktop    ${DESKTOP}
    Suspend VM    ${DESKTOP}
    Desktop Should Be    ${DESKTOP}    suspended    timeout=10 s
    Resume VM    ${DESKTOP}
    Get Desktop    ${DESKTOP}    status    ==    running    timeout=10 s

A Copy Runs Beside Its Original
    [Documentation]    It has a disk of its own; both run at once, and one batch closes both.
    Create Desktop    ${DESKTOP}    model=${MODEL}
    Clone Desktop    ${DESKTOP}    ${COPY}
    Start Desktop    ${DESKTOP}    ${COPY}
    VM Should Be    running    vm=${DESKTOP}
    VM Should Be    running    vm=${COPY}
    Close Desktop    ${DESKTOP}    ${COPY}    force=True
    Desktop Should Be    ${COPY}    shut off

A Desktop Comes Back Out Of The Recycle Bin
    [Documentation]    Out of sight for everybody but the recycle bin, and then as it was.
    Create Desktop    ${DESKTOP}    model=${MODEL}    remark=丢了又要
    Start Desktop    ${DESKTOP}
    Delete Desktop    ${DESKTOP}    recycle=True
    Desktop Should Not Exist    ${DESKTOP}
    VM Should Be    shutoff    vm=${DESKTOP}
    Restore From Recycle Bin    ${DESKTOP}
    Get Desktop    ${DESKTOP}    remark    ==    丢了又要
    Delete Desktop    ${DESKTOP}
    VM Should Not Exist    ${DESKTOP}

A Frozen Desktop Forgets What Was Written To It
    [Documentation]    The one desktop that boots here: it writes a file, and after its next start hasn't it.
    Create Desktop    ${DESKTOP}    model=${MODEL}
    Set Restore Point    ${DESKTOP}
    Boot    ${DESKTOP}
    Get Desktop Processes    ${DESKTOP}    contains    qemu-ga
    Command Should Succeed    touch /root/written && sync
    Close Desktop    ${DESKTOP}
    Boot    ${DESKTOP}
    Command Should Succeed    test ! -e /root/written

What Is Refused Is Told By Name And Reason
    [Documentation]    In the platform's own words; what could be done was done all the same.
    Create Desktop    ${DESKTOP}    model=${MODEL}
    Create Desktop    ${COPY}    model=${MODEL}
    Start Desktop    ${DESKTOP}
    Run Keyword And Expect Error    *${DESKTOP}: 虚机已经启动*    Start Desktop    ${DESKTOP}    ${COPY}
    VM Should Be    running    vm=${COPY}
    Run Keyword And Expect Error    *${DESKTOP}: 虚机已经启动*    Set Restore Point    ${DESKTOP}
    Run Keyword And Expect Error    *should be new*    Create Desktop    ${COPY}    model=${MODEL}


*** Keywords ***
Boot
    [Documentation]    Starts a desktop and waits until commands can be run in its guest.
    [Arguments]    ${desktop}
    Start Desktop    ${desktop}
    Connect To Desktop    ${desktop}
    Wait Until Guest Agent Is Ready    timeout=${BOOT_TIME}
