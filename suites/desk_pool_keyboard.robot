*** Settings ***
Documentation       A whole life of a desk pool: its desktops are real, and what is typed into them arrives.
Resource            ../resources/console.resource
Resource            ../resources/desk_pool.resource
Resource            ../resources/keyboard.resource

Suite Setup         Log In To Platform
Suite Teardown      Log Out Of Platform

Test Tags           needs-platform    needs-vm


*** Variables ***
${POOL}     测试桌面池
${FILE}     /tmp/hello.txt


*** Test Cases ***
Text Arrives In Every Desktop Of A New Desk Pool
    [Documentation]    The design document's end-to-end example.
    Create An Enabled Desk Pool    ${POOL}    2
    @{desktops} =    Start And Connect To Every Desktop    ${POOL}
    FOR    ${desktop}    IN    @{desktops}
        Use VM    ${desktop}
        Type And Prove    Hello from ATP!
        Clear The Command Line
        Enter Command    echo "Hello from ATP!" > ${FILE}
        File In Guest Should Contain    ${FILE}    Hello from ATP!
    END
    Close And Delete Desk Pool    ${POOL}
    Nothing Of The Desk Pool Should Be Left    ${POOL}    @{desktops}
    [Teardown]    Remove Desk Pool If It Is There    ${POOL}
