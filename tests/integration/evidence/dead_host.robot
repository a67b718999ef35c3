*** Settings ***
Library    EvidenceBench


*** Test Cases ***
Dead Host
    Connect Bench VM    alive
    Connect Bench VM    lost    dead
    Fail    the original failure
