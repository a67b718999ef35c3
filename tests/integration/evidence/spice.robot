*** Settings ***
Library           EvidenceBench
Library           SpiceBench
Test Setup        Connect Bench VM    win11
Test Teardown     Run Keywords    Disconnect Bench SPICE    AND    Disconnect Bench VMs


*** Test Cases ***
A Channel Is Broken
    Connect Bench SPICE    win11    breaks=display
    Fail    after it broke

The Ticket Is Wrong
    Connect Bench SPICE    win11    breaks=ticket
    Fail    not connected

A Channel Is Not There
    Connect Bench SPICE    win11    breaks=absent
    Fail    something else

All Is Well With It
    Connect Bench SPICE    win11
    Fail    something else

There Is None
    Fail    without SPICE
