*** Settings ***
Documentation       The mouse of one desktop, a tablet: each motion and each click arrives, in order and once.
Resource            ../resources/desk_pool.resource
Resource            ../resources/mouse.resource

Suite Setup         Use The Shared Desktop
Suite Teardown      Leave The Shared Desktop
Test Teardown       No Key Should Be Down

Test Tags           needs-platform    needs-vm


*** Test Cases ***
The Pointer Reaches Every Corner
    [Documentation]    The guest sees the pointer at exactly the place it was sent to.
    Visit Every Corner

Every Button Clicks
    [Documentation]    Each button goes down once and up once.
    Click    0.5    0.5
    Input Should Have Arrived
    Click    button=right
    Click    button=middle
    Input Should Have Arrived

A Double Click Arrives As Two Clicks
    [Documentation]    Down, up, down, up: in that order.
    Double Click    0.25    0.75
    Input Should Have Arrived

Something Can Be Dragged
    [Documentation]    The button stays down all the way, and is let go at the end.
    Drag    0.2    0.2    0.8    0.6
    Input Should Have Arrived

The Wheel Scrolls
    [Documentation]    Every notch is seen, in its direction.
    Scroll    down    3
    Input Should Have Arrived
    Scroll    up    3
    Input Should Have Arrived
