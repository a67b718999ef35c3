*** Settings ***
Library           ATPLibrary.Verifier
Library           JournalBench
Suite Setup       Keep Input Journal
Test Setup        Connect Faulty VM    win11
Test Teardown     Disconnect Faulty VM


*** Test Cases ***
Two Inputs
    Type Text    hello
    Press Keys    ctrl+c
    ${agent} =    Get Input Latency    100    part=agent
    ${whole} =    Get Input Latency    100    part=whole
    Should Be True    0 <= ${agent} < ${whole}
    Get Input Latency    100    >=    0
    Get Input Latency    percentile=100    part=host

Fails Half Way
    [Setup]    Connect Faulty VM    win11    freezes_at=${6}
    Type Text    hello world    timeout=3 s

Is Stopped
    [Setup]    Connect Faulty VM    win11    freezes_at=${6}
    [Timeout]    3 s
    Type Text    hello world

Keeps None
    Keep Input Journal    enabled=False
    Type Text    hello

Keeps One Again
    记录输入日志
    Type Text    hello
