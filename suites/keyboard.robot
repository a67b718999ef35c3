*** Settings ***
Documentation       The keyboard of one desktop: every key arrives once, in order, and is let go again.
Resource            ../resources/console.resource
Resource            ../resources/desk_pool.resource
Resource            ../resources/keyboard.resource

Suite Setup         Use The Shared Desktop
Suite Teardown      Leave The Shared Desktop
Test Teardown       Clear The Command Line

Test Tags           needs-platform    needs-vm


*** Variables ***
${FILE}         /tmp/typed.txt
${SYMBOLS}      `~!@#$%^&*()-_=+[{]}\\|;:'",<.>/?
${SENTENCE}     The quick brown fox jumps over the lazy dog. 0123456789


*** Test Cases ***
Capital Letters And Digits Arrive
    [Documentation]    Shift goes down and up at the right places.
    Type And Prove    Hello World, ATP 2026: aAbBcC xXyYzZ

Every Symbol Of The Keyboard Arrives
    [Documentation]    All symbols that a US keyboard has, with and without shift.
    Type And Prove    ${SYMBOLS}

The Guest Understands What Is Typed
    [Documentation]    The shell in the guest writes the text to a file; the file is read back past the keyboard.
    Remove File In Guest    ${FILE}
    Enter Command    echo '${SENTENCE}' > ${FILE}
    File In Guest Should Contain    ${FILE}    ${SENTENCE}

A Text Is Typed With Its Proof In Words
    [Documentation]    The sentence says what was sent and that nothing of it was lost.
    ${proof} =    Type Text And Verify    ${SENTENCE}
    Should Contain    ${proof}    lost 0, duplicated 0, reordered 0

A Long Text Arrives Whole
    [Documentation]    Several hundred characters at full speed, none lost, none doubled, none out of order.
    VAR    ${text} =    ${SENTENCE} ${SENTENCE} ${SENTENCE} ${SENTENCE} ${SENTENCE} ${SENTENCE}
    Type And Prove    ${text}
    Get Input Latency    99    <    2000

Control And C Interrupts A Running Command
    [Documentation]    The combination does in the guest what it does at a desk: the program ends.
    Enter Command    tail -f /dev/null
    Program Should Be Running    tail
    Press Keys    ctrl+c
    Input Should Have Arrived
    Program Should Have Ended    tail

Keys Can Be Pressed One After The Other
    [Documentation]    Cursor and editing keys: the typing mistake is corrected before Enter.
    Remove File In Guest    ${FILE}
    Type Text    echo catt > ${FILE}
    Press Keys    home    ctrl+e    left
    Type Text    ${SPACE}
    Clear The Command Line
    Type Text    echo catx
    Press Keys    backspace
    Enter Command    s > ${FILE}
    File In Guest Should Contain    ${FILE}    cats

A Key Can Be Held
    [Documentation]    It goes down once and up once; the guest repeats it meanwhile, as at a desk.
    Hold Key    a    1 s
    Input Should Have Arrived
    No Key Should Be Down

Shift Can Be Held While Typing
    [Documentation]    A key that is kept down works together with the keys pressed after it.
    Remove File In Guest    ${FILE}
    Type Text    echo${SPACE}
    Key Down    shift
    Press Keys    a    t    p
    Key Up    shift
    Enter Command    ${SPACE}> ${FILE}
    File In Guest Should Contain    ${FILE}    ATP
