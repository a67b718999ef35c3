*** Settings ***
Library          EvidenceBench
Suite Setup      Connect Bench VM    win11
Test Template    Fail


*** Test Cases ***
