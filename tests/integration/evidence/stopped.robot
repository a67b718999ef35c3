*** Settings ***
Library    EvidenceBench


*** Test Cases ***
Stopped
    Connect Bench VM    lost    dead
    Sleep Until Stopped
