*** Settings ***
Documentation     USB devices made here and plugged into a desktop through SPICE: a keyboard, a disk, a serial line.

Resource          ../resources/desk_pool.resource

Suite Setup       Begin With The Guest's Drivers
Suite Teardown    End The SPICE Session
Test Teardown     Detach What Is Attached

Test Tags         needs-platform    needs-vm    needs-spice


*** Test Cases ***
A Keyboard Types Through USB Redirection
    [Documentation]    The guest's kernel has the keyboard, and its agent sees the keys that are pressed on it.
    ${name} =    Attach USB Device    keyboard
    ${device} =    USB Device Should Be Attached    ${name}
    Should Be Equal    ${device}[id]    1209:a7b1
    Start Watching Input
    Type On USB Keyboard    Hello USB
    Text Should Have Arrived In Order    Hello USB
    [Teardown]    Run Keywords    Stop Watching Input    AND    Detach What Is Attached

A Disk Has In The Guest What Its Image Has
    [Documentation]    Read as a whole, then written to: the file on this machine has what the guest wrote.
    ${image} =    Make An Image
    ${name} =    Attach USB Device    storage    image=${image}
    ${device} =    USB Device Should Be Attached    ${name}    node=sd
    ${node} =    Disk Node    ${device}
    ${wanted} =    Evaluate    hashlib.sha256(pathlib.Path($image).read_bytes()).hexdigest()    hashlib,pathlib
    Run Command    sha256sum ${node}
    Output Should Contain    ${wanted}
    Command Should Succeed    printf written-in-the-guest | dd of=${node} bs=512 seek=3 conv=sync,fsync
    ${written} =    Evaluate    pathlib.Path($image).read_bytes()[1536:1556].decode()    pathlib
    Should Be Equal    ${written}    written-in-the-guest

A Serial Line Carries Text Both Ways
    [Documentation]    The guest's terminal is a line here.
    Attach USB Device    serial
    USB Device Should Be Attached    serial    node=tty
    Command Should Succeed    stty -F /dev/ttyACM0 raw -echo && echo from the guest >/dev/ttyACM0
    Expect On USB Serial Line    from the guest
    Write To USB Serial Line    from outside\n
    Run Command    head -n 1 /dev/ttyACM0
    Output Should Contain    from outside

A Third Device Is Refused By Name
    [Documentation]    The lab's desktops take two. What is unplugged makes room.
    Attach USB Device    keyboard
    Attach USB Device    serial
    Run Keyword And Expect Error    *all 2 are in use, by keyboard, serial*    Attach USB Device    keyboard
    Detach USB Device    serial
    Attach USB Device    keyboard


*** Keywords ***
Begin With The Guest's Drivers
    [Documentation]    The lab's guest has the drivers of USB disks and serial lines, and loads them when it is told to.
    Use The Shared Desktop
    Wait Until Guest Agent Is Ready
    Command Should Succeed    modprobe -a usb_storage sd_mod cdc_acm
    Connect To SPICE

End The SPICE Session
    [Documentation]    The desktop itself goes on.
    Disconnect From SPICE
    Leave The Shared Desktop

Detach What Is Attached
    [Documentation]    Each that a test may have left.
    FOR    ${name}    IN    keyboard    keyboard-2    storage    serial
        Run Keyword And Ignore Error    Detach USB Device    ${name}
    END

Make An Image
    [Documentation]    A raw image of 1 MiB that is no other's.
    VAR    ${image} =    ${OUTPUT_DIR}/stick.img
    Evaluate    pathlib.Path($image).write_bytes(os.urandom(1 << 20))    os,pathlib
    RETURN    ${image}

Disk Node
    [Documentation]    The disk's own node, /dev/sda: not its bus's.
    [Arguments]    ${device}
    ${node} =    Evaluate    next(each for each in $device["nodes"] if each.startswith("sd"))
    RETURN    /dev/${node}
