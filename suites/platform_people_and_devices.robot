*** Settings ***
Documentation       Whose a desktop is, what it is made of, and going back to what it was.
...
...                 It is ordered of the platform, and seen where it happens: at a user's login, inside the guest.
Resource            ../resources/console.resource
Resource            ../resources/desk_pool.resource

Suite Setup         Use The Shared Desktop And Know Its Name
Suite Teardown      Leave The Shared Desktop

Test Tags           needs-platform    needs-vm


*** Variables ***
${USER}         张三
${OTHER}        李四
${SNAPSHOT}     写报告之前
${FILE}         /run/report.txt
${NEW_DISK}     /dev/vdb    # what the guest calls the first disk that is added to it


*** Test Cases ***
A User Sees The Desktop That Is Bound To Him Until It Is Taken Back
    [Documentation]    What is shown is asked by logging in as that user. The test's end removes both users.
    VAR    ${password: secret} =    %{USER_PASSWORD=horse-battery}
    Create User    ${USER}    password=${password}    surname=张    given_name=三
    Create User    ${OTHER}    password=${password}
    User Should Not See Desktop    ${USER}    ${DESKTOP}
    Bind User To Desktop    ${USER}    ${DESKTOP}
    User Should See Desktop    ${USER}    ${DESKTOP}
    User Should Not See Desktop    ${OTHER}    ${DESKTOP}
    Unbind User From Desktop    ${USER}    ${DESKTOP}
    User Should Not See Desktop    ${USER}    ${DESKTOP}

A User Comes In With The Password That Was Set Last
    [Documentation]    And with no other; a user that was deleted doesn't come in at all.
    VAR    ${first: secret} =    %{USER_PASSWORD=horse-battery}
    VAR    ${second: secret} =    %{OTHER_PASSWORD=correct-staple}
    ${group} =    Create User Group    测试部
    Create User    ${USER}    group=${group}    password=${first}
    Set User Password    ${USER}    ${second}
    User Should Not Be Able To Log In    ${USER}    password=${first}
    @{desktops} =    Get Desktops At Login    ${USER}
    Should Be Empty    ${desktops}
    Delete User    ${USER}
    User Should Not Be Able To Log In    ${USER}    password=${second}

A Disk Is Seen By The Running Guest And Grows In It
    [Documentation]    Its size is what the guest's kernel counts, in bytes.
    ${disk} =    Add Disk To Desktop    ${DESKTOP}    size=1
    Guest Should See New Disk Of    1
    Expand Desktop Disk    ${DESKTOP}    by=1    disk=${disk}
    Guest Should See New Disk Of    2
    Delete Desktop Disk    ${DESKTOP}    ${disk}
    Wait Until Command Succeeds    test ! -e ${NEW_DISK}    timeout=30 s

A Snapshot On The Platform Brings A File Back
    [Documentation]    Memory and disks are what they were, and the guest goes on from there.
    Command Should Succeed    echo before > ${FILE}
    Create Desktop Snapshot    ${DESKTOP}    ${SNAPSHOT}
    Get Desktop Snapshot    ${DESKTOP}    ${SNAPSHOT}    vm_status    ==    running
    Command Should Succeed    echo after > ${FILE}
    Restore Desktop Snapshot    ${DESKTOP}    ${SNAPSHOT}
    File In Guest Should Contain    ${FILE}    before


*** Keywords ***
Use The Shared Desktop And Know Its Name
    [Documentation]    The platform's keywords call a desktop by its name.
    Use The Shared Desktop
    @{desktops} =    Get Desktops    ${SHARED_POOL}
    # Every test of this suite is about it.
    VAR    ${DESKTOP} =    ${desktops}[0]    scope=SUITE    # robocop: off=VAR05

Guest Should See New Disk Of
    [Documentation]    Waits until the guest's kernel has the new disk in that size.
    [Arguments]    ${gigabytes}
    ${bytes} =    Evaluate    ${gigabytes} * 1024 ** 3
    Wait Until Command Succeeds    test "$(blockdev --getsize64 ${NEW_DISK})" -eq ${bytes}    timeout=30 s
