*** Settings ***
Documentation       Text for a guest whose keyboard isn't American: a program in it reads from its terminal what was
...                 typed, umlauts, dead keys and all. And Caps Lock changes nothing of it.
Resource            ../resources/console.resource
Resource            ../resources/desk_pool.resource
Resource            ../resources/keyboard.resource
Library             ../resources/console_keymaps.py

Suite Setup         Begin With The Guest's Own Layout
Suite Teardown      Leave The Guest As It Was
Test Teardown       Give The Screen Back

Test Tags           needs-platform    needs-vm


*** Variables ***
${KEYMAP}           /tmp/layout.bmap
${OWN_KEYMAP}       /tmp/own.bmap
${READ}             /tmp/read.txt
${READER}           /tmp/reader.sh    # reads a line of its terminal, and writes it to a file


*** Test Cases ***
A German Guest Reads Umlauts And The Third Level
    [Documentation]    Keys that an American keyboard has elsewhere, or not at all.
    Give The Guest The Layout    de
    Set Keyboard Layout    de
    Guest Should Read    Grüße aus Köln: ÄÖÜ ß € @ {[]}\\ | ~ é ô

A French Guest Reads Accents And Digits Behind Shift
    [Documentation]    The layout is for this text alone: the VM's own stays what it is.
    Give The Guest The Layout    fr
    Guest Should Read    Où êtes-vous ? C'est l'été, ça ! 1234 €    layout=fr

Another Layout Than The Guest's Writes Something Else
    [Documentation]    Each key is proved all the same. What they write is the guest's affair.
    Give The Guest The Layout    de
    Run Keyword And Expect Error    *should be 'Zyx;'*    Guest Should Read    Zyx;    layout=us

Caps Lock Changes Nothing
    [Documentation]    It is switched off for the text, and on again.
    Give The Guest Its Own Layout Back
    Set Keyboard Layout    us
    Begin To Read
    Set Lock Keys    caps=on
    Type Text    Hello, World\n
    Lock Keys Should Be    caps=on
    Guest Should Have Read    Hello, World

What Was Seen Is Read On The VM's Own Layout
    [Documentation]    The same keys, told otherwise.
    Give The Guest Its Own Layout Back
    Set Keyboard Layout    us
    Start Watching Input
    Type Text    yz
    Text Should Have Arrived In Order    yz
    Set Keyboard Layout    de
    Text Should Have Arrived In Order    zy


*** Keywords ***
Begin With The Guest's Own Layout
    [Documentation]    Keeps the keymap that the guest has, to give it back.
    Use The Shared Desktop
    Command Should Succeed    dumpkmap </dev/tty1 >${OWN_KEYMAP}
    Write Guest File    ${READER}    >${READ}.begun; IFS= read -r line; printf '%s' "$line" >${READ}

Leave The Guest As It Was
    [Documentation]    Its own layout in the guest, and the configuration's here.
    Give The Guest Its Own Layout Back
    Set Keyboard Layout
    Leave The Shared Desktop

Give The Screen Back
    [Documentation]    Brings the shell's terminal to the front, and begins a line there.
    Command Should Succeed    chvt 1
    Clear The Command Line

Give The Guest The Layout
    [Documentation]    Loads a keymap that Debian's tools make from the same XKB data that desktops use.
    [Arguments]    ${layout}
    ${content} =    Console Keymap    ${layout}
    Write Guest File    ${KEYMAP}    ${content}
    Command Should Succeed    loadkmap <${KEYMAP}

Give The Guest Its Own Layout Back
    [Documentation]    Loads the keymap that it had before.
    Command Should Succeed    loadkmap <${OWN_KEYMAP}

Guest Should Read
    [Documentation]    Types a line for a program that alone reads the keyboard, and compares what it read.
    [Arguments]    ${text}    ${layout}=${NONE}
    Begin To Read
    Type Text    ${text}\n    layout=${layout}
    Guest Should Have Read    ${text}

Begin To Read
    [Documentation]    A terminal of its own in front, where one program reads; it has lock keys of its own too.
    Command Should Succeed
    ...    rm -f ${READ}*; openvt -c 2 -s sh ${READER}; until test -e ${READ}.begun; do usleep 20000; done

Guest Should Have Read
    [Documentation]    The program ends with its line, which is compared with what was typed.
    [Arguments]    ${text}
    File In Guest Should Contain    ${READ}    ${text}
