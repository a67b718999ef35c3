*** Settings ***
Library           ATPLibrary.Verifier
Library           EvidenceBench
Test Setup        Connect Bench VM    win11
Test Teardown     Disconnect Bench VMs


*** Test Cases ***
Saved
    Type At Bench    win11    hello
    Type At Bench    win11    world
    ${first} =    Save Input Timeline
    ${second} =    Save Input Timeline    format=json
    ${third} =    Save Input Timeline
    ${named} =    Save Input Timeline    own/hello.JSON
    ${word} =    保存输入时间线    格式=数据

Shown
    Type At Bench    win11    hello
    Run Keyword And Expect Error    *lost*    Type At Bench    win11    world    lose=3
    Show Input Timeline    inputs=2

Nothing Sent
    Run Keyword And Expect Error    No input was sent to VM 'win11' yet.*    Save Input Timeline
    Run Keyword And Expect Error    No input was sent to VM 'win11' yet.*    Show Input Timeline
    Type At Bench    win11    hello
    Run Keyword And Expect Error    Give a number of inputs of at least 1, not 0.    Show Input Timeline    0
    Run Keyword And Expect Error    *'format' got value 'xml'*'csv' or 'json'*    Save Input Timeline    format=xml

Latency Of A Part
    Type At Bench    win11    hello
    Get Input Latency    99    <    5    part=whole
    Get Input Latency    part=WHOLE    operator=>    expected=3
    获取输入延迟    路段=全程
    Run Keyword And Expect Error    *known for the part 'agent'*Ask for part=whole,*    Get Input Latency    part=agent
    Run Keyword And Expect Error    *known for the part 'kernel'*    Get Input Latency
