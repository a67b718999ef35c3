*** Settings ***
Library           EvidenceBench
Suite Setup       Set Up
Suite Teardown    Tear Down


*** Test Cases ***
Never Runs
    Log    never


*** Keywords ***
Set Up
    Connect Bench VM    win11
    Fail    the suite's set-up failed

Tear Down
    Fail    the suite's tear-down failed
