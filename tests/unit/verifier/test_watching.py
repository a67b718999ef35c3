"""What was seen, read by people: keys, texts, paths."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ATPLibrary.protocol.qmp.edges import EVDEV_OF_QCODE
from ATPLibrary.verifier.drag_paths import strays
from ATPLibrary.verifier.layout import Layout
from ATPLibrary.verifier.observation import AgentDevice, Observation, ObserverOverrun, Seen
from ATPLibrary.verifier.watching import KeyEdge, drag_path, key_edges, pressed, text_of, told

pytestmark = pytest.mark.unit

TABLET = AgentDevice(2, "/dev/input/event1", "Tablet", "usb", False, "absolute", {0: (0, 1000), 1: (0, 500)})
DEVICES = {2: TABLET}


def seen(kind: int, code: int, value: int, time_us: int = 0, device: int = 1) -> Observation:
    return Observation(device, "usb", kind, code, value, time_us, 0.0)


def at(x: int, y: int, time_us: int) -> list[Seen]:
    return [seen(3, 0, x, time_us, 2), seen(3, 1, y, time_us, 2)]


def of(layout: str, text: str) -> list[KeyEdge]:
    return [KeyEdge(edge.qcode, edge.down) for edge in Layout(layout).edges(text)]


@pytest.mark.parametrize(
    ("layout", "text"),
    [("us", "Hello from ATP!\n"), ("de", "Grüße: 50 € ^ é"), ("ch", "à ñ Ê"), ("ru", "Съешь ещё")],
)
def test_keys_are_read_as_the_layout_writes_them(layout: str, text: str) -> None:
    assert text_of(of(layout, text), Layout(layout)) == text


@given(st.text(sorted(Layout("us").characters)))
def test_whatever_is_typed_is_read_again(text: str) -> None:
    assert text_of(of("us", text), Layout("us")) == text


def test_a_command_is_no_text() -> None:
    edges = [KeyEdge("ctrl", True), *of("us", "a"), KeyEdge("ctrl", False), *of("us", "b")]
    assert text_of(edges, Layout("us")) == "b"


def test_a_doubled_key_is_read_twice_and_a_repeat_of_the_guest_s_own_is_not() -> None:
    a = EVDEV_OF_QCODE["a"]
    edges = list(key_edges([seen(1, a, 1), seen(1, a, 2), seen(1, a, 2), seen(1, a, 0), seen(1, a, 1), seen(1, a, 0)]))
    assert text_of(edges, Layout("us")) == "aa"
    assert pressed(edges, ["a"]) == 2


def test_a_combination_counts_once_it_was_down_at_once_and_let_go() -> None:
    down, up = [KeyEdge("ctrl", True), KeyEdge("c", True)], [KeyEdge("c", False), KeyEdge("ctrl", False)]
    assert pressed(down, ["ctrl", "c"]) == 0
    assert pressed([*down, *up], ["ctrl", "c"]) == 1
    assert pressed([*down, *up] * 3, ["ctrl", "c"]) == 3
    apart = [KeyEdge("ctrl", True), KeyEdge("ctrl", False), KeyEdge("c", True), KeyEdge("c", False)]
    assert pressed(apart, ["ctrl", "c"]) == 0


def test_each_thing_is_told_in_a_line_and_both_axes_of_a_motion_in_one() -> None:
    a, overrun = EVDEV_OF_QCODE["a"], ObserverOverrun("the kernel dropped events", None, frozenset(), 0.0)
    things = [
        seen(1, a, 1),
        seen(1, a, 0),
        *at(500, 250, 1),
        *at(0, 500, 2),
        seen(1, 0x110, 1),
        seen(2, 8, -1),
        overrun,
    ]
    assert list(told(things, DEVICES)) == [
        "a down",
        "a up",
        "pointer at 0.500, 0.500",
        "pointer at 0.000, 1.000",
        "left button down",
        "wheel by -1",
        "unknown: the kernel dropped events",
    ]


def test_fingers_are_told_one_by_one_and_where_they_are() -> None:
    screen = AgentDevice(4, "", "Touch screen", "usb", False, None, {53: (0, 100), 54: (0, 50)})
    finger = [(47, 0), (57, 7), (53, 50), (54, 25)]
    other = [(47, 1), (57, 8), (53, 100), (54, 0)]
    items = [seen(3, code, value, 1, 4) for code, value in finger] + [seen(1, 330, 1, 1, 4)]
    items += [seen(3, code, value, 2, 4) for code, value in other] + [seen(3, 53, 80, 3, 4)]
    items += [seen(3, 57, -1, 4, 4), seen(3, 47, 0, 5, 4), seen(3, 57, -1, 5, 4), seen(1, 330, 0, 5, 4)]
    assert [*told(items, {4: screen})] == [
        "finger 1 down at 0.500, 0.500", "touch down", "finger 2 down at 1.000, 0.000", "finger 2 at 0.800, 0.000",
        "finger 2 up", "finger 1 up", "touch up",
    ]  # fmt: skip
    assert [*told(items[:1] + items[2:4], {})] == ["finger 1 up"], (
        "a finger that was down before the watch isn't known to be"
    )


def test_the_path_is_where_the_pointer_was_while_the_button_was_down() -> None:
    things = [*at(0, 0, 1), seen(1, 0x110, 1), *at(500, 0, 2), *at(1000, 250, 3), seen(1, 0x110, 0), *at(0, 0, 4)]
    path = drag_path(things, DEVICES, "left")
    assert (path[0], path[-1]) == ((0.0, 0.0), (1.0, 0.5))
    assert drag_path(things, DEVICES, "right") == []


def test_a_path_that_leaves_the_lines_or_misses_a_place_is_told() -> None:
    expected = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)]
    good = [(0.0, 0.0), (0.5, 0.005), (1.0, 0.0), (1.0, 0.5), (1.0, 1.0)]
    assert strays(good, expected, 0.01) == ""
    assert strays([(0.0, 0.0), (1.0, 1.0)], expected, 0.01) == "place 2 of 3 (1.000, 0.000) was not passed"
    assert strays(good[:2], expected, 0.01) == "place 2 of 3 (1.000, 0.000) was not passed"
    assert strays([*good[:2], (0.5, 0.3), *good[2:]], expected, 0.01).startswith("it went to 0.500, 0.300, 0.300 away")
    assert strays([*reversed(good)], expected, 0.01).startswith("it began at 1.000, 1.000, 1.000 away from place 1")
    assert strays([good[0], good[1], (0.2, 0.0), *good[2:]], expected, 0.01) == "it went back to 0.200, 0.000, by 0.300"
    assert strays(good[:-1], expected, 0.01) == "place 3 of 3 (1.000, 1.000) was not passed"
    assert strays([*good, (1.0, 0.5)], expected, 0.01).startswith("it went back to 1.000, 0.500")
    there_and_back = [(0.0, 0.0), (1.0, 0.0), (0.0, 0.0)]
    assert strays([(0.0, 0.0), (0.6, 0.0), (1.0, 0.0), (0.5, 0.0), (0.0, 0.0)], there_and_back, 0.01) == ""
    assert strays([(0.0, 0.0), (0.6, 0.0), (0.0, 0.0)], there_and_back, 0.01).startswith("place 2 of 3")
    assert strays([], expected, 0.01) == "no motion with the button down was seen"
