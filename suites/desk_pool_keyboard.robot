*** Settings ***
Documentation       A whole life of a desk pool: its desktops are real, and what is typed into them arrives.
Resource            ../resources/console.resource
Resource            ../resources/desk_pool.resource
Resource            ../resources/keyboard.resource

Suite Setup         Run Keywords    Log In To Platform    AND    Remember What Differs Already
Suite Teardown      Run Keywords    Nothing More Should Differ    AND    Log Out Of Platform

Test Tags           needs-platform    needs-vm


*** Variables ***
${POOL}     测试桌面池
${FILE}     /tmp/hello.txt


*** Test Cases ***
Text Arrives In Every Desktop Of A New Desk Pool
    [Documentation]    The design document's end-to-end example.
    [Setup]    Remove Desk Pool If It Is There    ${POOL}
    Create An Enabled Desk Pool    ${POOL}    2
    @{desktops} =    Start And Connect To Every Desktop    ${POOL}
    Platform And Hypervisor Should Agree    pool=${POOL}    devices=True
    FOR    ${desktop}    IN    @{desktops}
        Use VM    ${desktop}
        Typed Text Should Arrive
        Commands Should Run
    END
    Close And Delete Desk Pool    ${POOL}
    Nothing Of The Desk Pool Should Be Left    ${POOL}    @{desktops}
    [Teardown]    Remove Desk Pool If It Is There    ${POOL}


*** Keywords ***
Typed Text Should Arrive
    [Documentation]    Types the greeting, and proves inside the guest that every key arrived: in order, and once.
    Type Text    Hello from ATP!
    Text Should Have Arrived    Hello from ATP!
    Clear The Command Line

Commands Should Run
    [Documentation]    One command is typed on the keyboard, one is run by QEMU's guest agent; both do what they say.
    Enter Command    echo "Hello from ATP!" > ${FILE}
    File In Guest Should Contain    ${FILE}    Hello from ATP!
    Run Command    cat /proc/version
    Output Should Contain    Linux
