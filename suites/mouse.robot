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
    FOR    ${button}    IN    right    middle    side    extra
        Click    button=${button}
        Input Should Have Arrived
    END

A Double Click Arrives As Two Clicks
    [Documentation]    Down, up, down, up: in that order.
    Double Click    0.25    0.75
    Input Should Have Arrived

Something Can Be Dragged
    [Documentation]    The button stays down all the way, and is let go at the end.
    Drag    0.2    0.2    0.8    0.6
    Input Should Have Arrived

Something Can Be Dragged Along A Path
    [Documentation]    Through every place in turn, with the button down.
    Drag Along    0.2,0.2    0.8,0.2    0.8,0.8
    Input Should Have Arrived

A Mouse That Tells Only How Far It Moved
    [Documentation]    As games and boot menus read it.
    Move Mouse By    40    -15
    Input Should Have Arrived

A Button Can Be Kept Down
    [Documentation]    Whatever is down can be let go at once.
    Mouse Button Down
    Mouse Button Down    right
    Move Mouse    0.4    0.4
    Release All Keys
    No Key Should Be Down

The Wheel Scrolls
    [Documentation]    Every notch is seen, in its direction.
    Scroll    down    3
    Input Should Have Arrived
    FOR    ${direction}    IN    up    left    right
        Scroll    ${direction}    2
        Input Should Have Arrived
    END
