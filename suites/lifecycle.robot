*** Settings ***
Documentation       The life of a VM: paused, put back to a snapshot, saved and woken; typing goes on after each.
Resource            ../resources/console.resource
Resource            ../resources/desk_pool.resource
Resource            ../resources/keyboard.resource

Suite Setup         Use The Shared Desktop
Suite Teardown      Leave The Shared Desktop
Test Teardown       Let It Run And Clear

Test Tags           needs-platform    needs-vm


*** Variables ***
${FILE}     /run/story.txt


*** Test Cases ***
A Paused VM Goes On Where It Was
    [Documentation]    The states are waited for by libvirt's events: no time is lost in asking again and again.
    Remove File In Guest    ${FILE}
    Type Text    echo on
    Suspend VM
    Get VM State    operator===    expected=paused    timeout=30 s
    Resume VM
    Get VM State    operator===    expected=running    timeout=30 s
    Enter Command    e > ${FILE}
    File In Guest Should Contain    ${FILE}    one

A VM Goes Back To A Snapshot
    [Documentation]    Its memory, too: what came after is gone, and typing goes on in what came before.
    Command Should Succeed    echo before > ${FILE}
    Create Snapshot    before    description=The story has begun
    @{snapshots} =    Get Snapshots
    Should Be Equal    ${snapshots}[-1][name]    before
    Command Should Succeed    echo after > ${FILE}
    Revert To Snapshot    before
    File In Guest Should Contain    ${FILE}    before
    Remove File In Guest    ${FILE}
    Enter Command    echo typed > ${FILE}
    File In Guest Should Contain    ${FILE}    typed
    [Teardown]    Delete The Snapshot And Clear

A Saved VM Wakes As It Was
    [Documentation]    It is off while it is saved, and its next start goes on in the middle of the line.
    Remove File In Guest    ${FILE}
    Type Text    echo wok
    Save VM
    VM Should Be    shutoff
    Start VM
    VM Should Be    running    timeout=30 s
    Enter Command    en > ${FILE}
    File In Guest Should Contain    ${FILE}    woken

What A VM Is And Uses Can Be Asked
    [Documentation]    Its definition, its use of the host, and the end of its console.
    @{desktops} =    Get Desktops    ${SHARED_POOL}
    VAR    ${vm} =    ${desktops}[0]
    Get VM XML    ${vm}    contains    <name>${vm}</name>
    Get VM Stats    ${vm}    memory_mib    >    0    over=0.1 s
    # Waking has begun its console anew, and nothing is told by one that is empty.
    Command Should Succeed    echo the guest has written this > /dev/console    vm=${vm}
    Wait Until Keyword Succeeds    10 s    200 ms    Get Console Text    ${vm}    contains    the guest has written this
    Get Console Text    ${vm}    not contains    Kernel panic    lines=20

A Machine Without KVM Says So
    [Documentation]    QEMU is asked what runs it. Whatever it isn't is refused with what is known of why.
    ${accelerator} =    Get VM Accelerator
    Should Be True    $accelerator in ("kvm", "tcg")
    VAR    ${other} =    ${{ "tcg" if $accelerator == "kvm" else "kvm" }}
    ${error} =    Run Keyword And Expect Error
    ...    The accelerator of VM '*' should be '${other}' but is '${accelerator}'. *
    ...    Get VM Accelerator    ==    ${other}
    IF    $accelerator == "tcg"
        Should Match    ${error}    *QEMU says that KVM doesn't run its processor*libvirt offers *KVM*
    END


*** Keywords ***
Delete The Snapshot And Clear
    [Documentation]    Leaves the VM without snapshots, as it was found.
    Delete Snapshot    before
    Let It Run And Clear

Let It Run And Clear
    [Documentation]    Lets the VM run if a test has failed before it did, and clears the command line.
    ${state} =    Get VM State
    IF    $state == 'paused'    Resume VM
    IF    $state == 'shutoff'    Start VM
    Clear The Command Line
