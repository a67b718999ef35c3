*** Settings ***
Documentation       A SPICE port, a shared folder and a smartcard of a desktop, each proved from inside the guest.
Resource            ../resources/channel.resource
Resource            ../resources/desk_pool.resource
Resource            ../resources/spice_devices.resource
Library             OperatingSystem

Suite Setup         Begin With The Guest's Ports
Suite Teardown      End The SPICE Session

Test Tags           needs-platform    needs-vm    needs-spice    needs-spice-devices


*** Test Cases ***
A Program In The Guest Answers Through A Port
    [Documentation]    It is known on this side when the program opens the port, and when it has gone.
    Open SPICE Port    ${SPICE_PORT}
    Run Keyword And Expect Error    *should be opened by a program in the guest within 0.2 s but is closed*
    ...    Write To SPICE Port    lost    timeout=200 ms
    Start The Answering Program    ${SPICE_PORT}
    SPICE Port Should Be    opened
    Write To SPICE Port    hello\n
    Expect On SPICE Port    you said: hello
    Write To SPICE Port    你好\n
    Expect On SPICE Port    you said: 你好
    Stop The Answering Program
    SPICE Port Should Be    closed
    [Teardown]    Close The Port

A Port That There Is Not Is Told With Those There Are
    [Documentation]    By their names, which only the server knows.
    Run Keyword And Expect Error    *should have the SPICE port 'nobody' but has ${SPICE_PORT}*
    ...    Open SPICE Port    nobody

The Guest Reads And Writes A Shared Folder
    [Documentation]    What is here is there, byte by byte; what the guest writes is here.
    Create File    ${FOLDER}/a.txt    for the guest: 你好
    Share Folder    ${FOLDER}
    @{told} =    Ask The Shared Folder In The Guest    PROPFIND /    GET /a.txt    PUT /b.txt from the guest
    ${content} =    Evaluate    pathlib.Path($FOLDER, "a.txt").read_bytes()    pathlib
    ${checksum} =    Evaluate    hashlib.sha256($content).hexdigest()    hashlib
    Should Be Equal    ${told}[1]    GET /a.txt 200 ${{ len($content) }} ${checksum}
    ${written} =    Get File    ${FOLDER}/b.txt
    Should Be Equal    ${written}    from the guest
    @{requests} =    Get Shared Folder Requests
    Should Be Equal    ${requests}    ${{ ["PROPFIND / 207", "GET /a.txt 200", "PUT /b.txt 201"] }}
    [Teardown]    Stop Sharing Folder

A Folder That Is Only To Be Read Is Not Written
    [Documentation]    The guest is refused, and is told so.
    Create File    ${FOLDER}/a.txt    as it was
    Share Folder    ${FOLDER}    read_only=True
    @{told} =    Ask The Shared Folder In The Guest    PUT /a.txt changed    GET /a.txt
    Should Start With    ${told}[0]    PUT /a.txt 403
    Should Start With    ${told}[1]    GET /a.txt 200
    ${content} =    Get File    ${FOLDER}/a.txt
    Should Be Equal    ${content}    as it was
    [Teardown]    Stop Sharing Folder

A Card That Is Made Here Is Read In The Guest
    [Documentation]    Its answers are scripted; what the guest has asked is known word by word.
    VAR    &{answers} =    00A40400=9000    00B0=48656C6C6F9000
    Insert Smartcard    ${answers}
    ${told} =    Ask The Smartcard In The Guest    00A4040005A000000001    00B0000005    0084000008
    Should Be Equal    ${told.stdout.split()[1:]}    ${{ ["9000", "48656c6c6f9000", "6d00"] }}
    Get Smartcard Commands    contains    00B0000005 -> 48656C6C6F9000
    Get Smartcard Commands    contains    0084000008 -> 6D00
    [Teardown]    Remove Smartcard

A Card That Was Taken Out Is Missed In The Guest
    [Documentation]    The reader stays, and says that there is no card.
    Insert Smartcard
    Remove Smartcard
    ${told} =    Ask The Smartcard In The Guest    00B0000005
    Should Be Equal As Integers    ${told.exit_code}    3
    Should Be Empty    ${told.stdout}


*** Keywords ***
Begin With The Guest's Ports
    [Documentation]    With the desktop that several suites share.
    Use The Shared Desktop
    Wait Until Guest Agent Is Ready
    Give The Guest's Ports Their Names
    VAR    ${FOLDER} =    ${OUTPUT_DIR}/shared-folder    scope=SUITE    # robocop: off=VAR05
    Remove Directory    ${FOLDER}    recursive=True
    Create Directory    ${FOLDER}
    Connect To SPICE

End The SPICE Session
    [Documentation]    The desktop itself goes on.
    Disconnect From SPICE
    Leave The Shared Desktop

Close The Port
    [Documentation]    And ends the program, where a test has failed before it did.
    Stop The Answering Program
    Close SPICE Port    ${SPICE_PORT}
