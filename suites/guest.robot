*** Settings ***
Documentation       Inside the guest, through QEMU's guest agent: commands, files, and what the system is.
Resource            ../resources/console.resource
Resource            ../resources/desk_pool.resource

Suite Setup         Use The Shared Desktop
Suite Teardown      Leave The Shared Desktop

Test Tags           needs-platform    needs-vm


*** Variables ***
${FILE}         /root/report.txt
&{VARIABLES}    COLOUR=dark red    SIZE=7


*** Test Cases ***
A Command Tells How It Ended And What It Said
    [Documentation]    Exit code, standard output and standard error are kept apart.
    ${result} =    Run Command    echo out; echo problem >&2; exit 3
    Should Be Equal As Integers    ${result.exit_code}    3
    Should Be Equal    ${result.stdout}    out\n
    Should Be Equal    ${result.stderr}    problem\n
    ${result} =    Run Command    kill -9 $$
    Should Be Equal As Integers    ${result.signal}    9

A Program Gets Just The Arguments That It Is Given
    [Documentation]    No shell looks at them: spaces, quotes and dollar signs stay as they are.
    ${result} =    Run Command    /bin/echo    two words    "quoted"    $HOME    *
    Should Be Equal    ${result.stdout}    two words "quoted" $HOME *\n

A Command Has Input, Variables And A Directory
    [Documentation]    All that a command gets from outside can be given.
    ${result} =    Run Command    cat; echo "$COLOUR, $SIZE"; pwd
    ...    input=from the tester\n    environment=${VARIABLES}    directory=/tmp
    Should Be Equal    ${result.stdout}    from the tester\ndark red, 7\n/tmp\n

A Command Proves What Has Become Of The Guest
    [Documentation]    By its exit code alone, or by its output; the error says what it wrote and what to do.
    Command Should Succeed In Guest    test -d /tmp
    ${version} =    Command Should Succeed In Guest    /bin/cat    /proc/version
    ...    output=^Linux version    operator=matches
    Should Start With    ${version}    Linux
    Run Keyword And Expect Error
    ...    Command 'no-such-program' should succeed but ended with exit code 127. *has no such program*
    ...    Command Should Succeed In Guest    no-such-program
    VAR    &{metadata} =    command=exit 4    exit_code=${4}
    VAR    &{event} =    type=command    metadata=${metadata}
    &{result} =    Verify Event    ${event}
    Should Be Equal    ${result}[details][exit_code]    ${4}

Output Is Followed While The Command Runs
    [Documentation]    Each line is in the log when it was written in the guest.
    ${result} =    Run Command    for i in 1 2 3; do echo step $i; usleep 200000; done    stream=True
    Should Be Equal    ${result.stdout}    step 1\nstep 2\nstep 3\n

Too Much Output Is Cut And Said To Be
    [Documentation]    The beginning is kept; the guest agent, and all that comes after, are unharmed.
    ${result} =    Run Command    head -c 4000000 /dev/zero | tr '\\0' x    timeout=30 s
    Should Be True    ${result.truncated}
    Length Should Be    ${result.stdout}    1000000
    Command Output Should Be    echo still there    still there

A Command That Takes Too Long Is Ended In The Guest
    [Documentation]    Nothing of it is left behind.
    Run Keyword And Expect Error    The command 'tail -f /dev/null' * should end within 1 s but still ran *
    ...    Run Command    tail -f /dev/null    timeout=1 s
    Program Should Have Ended    tail

Files Are Copied Both Ways And Proved
    [Documentation]    The checksums of both ends are compared each time.
    ${pushed} =    Push File To Guest    ${SUITE_SOURCE}    ${FILE}
    ${pulled} =    Pull File From Guest    ${FILE}    ${OUTPUT_DIR}/report.txt
    Should Be Equal    ${pushed.checksum.sha256}    ${pulled.checksum.sha256}
    ${checksum} =    Get Guest File Checksum    ${FILE}
    Should Be Equal    ${checksum}    ${pushed.checksum.sha256}
    [Teardown]    Remove File In Guest    ${FILE}

Files Are Written And Read
    [Documentation]    In any language, and added to.
    Write Guest File    ${FILE}    你好\n
    Write Guest File    ${FILE}    and goodbye\n    append=True
    ${text} =    Read Guest File    ${FILE}
    Should Be Equal    ${text}    你好\nand goodbye\n
    [Teardown]    Remove File In Guest    ${FILE}

The Guest Tells What It Is
    [Documentation]    System, processors and time.
    ${os} =    Get Guest OS
    Should Be Equal    ${os.family}    posix
    @{cpus} =    Get Guest CPUs
    Should Be True    ${cpus[0].online}
    ${time} =    Get Guest Time
    Should Be True    ${time.year} >= 2026

The Guest Tells What It Has
    [Documentation]    Network, file systems, disks, and who is logged in.
    @{interfaces} =    Get Guest Interfaces
    Should Be Equal    ${interfaces[0].name}    lo
    @{filesystems} =    Get Guest Filesystems
    Should Be Equal    ${filesystems[0].mount_point}    /
    @{disks} =    Get Guest Disks
    Should Not Be Empty    ${disks}
    @{users} =    Get Guest Users
    Log    ${users}

File Systems Are Frozen For A Moment
    [Documentation]    As before a snapshot. Whatever happens, they are thawed when the test ends.
    Freeze Guest Filesystems    longest=20 s
    Run Keyword And Expect Error    * file systems are frozen. Thaw them first *    Run Command    uname
    Thaw Guest Filesystems
    Command Should Succeed    uname
