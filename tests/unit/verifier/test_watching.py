"""What was seen, read by people: keys, texts, paths."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ATPLibrary.protocol.qmp.edges import EVDEV_OF_QCODE
from ATPLibrary.verifier.drag_paths import strays
from ATPLibrary.verifier.hiding import HiddenTimes
from ATPLibrary.verifier.layout import Layout
from ATPLibrary.verifier.observation import AgentDevice, Observation, ObserverOverrun, Seen
from ATPLibrary.verifier.typed import pressed, read, text_of
from ATPLibrary.verifier.verifiers.expected_input import came_instead
from ATPLibrary.verifier.watching import KeyEdge, drag_path, key_edges, told

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


def strokes(*said: str) -> list[KeyEdge]:
    """Each combination down in order, and up in reverse: "ctrl+c"."""
    edges = []
    for combination in said:
        keys = combination.split("+")
        edges += [KeyEdge(key, True) for key in keys] + [KeyEdge(key, False) for key in reversed(keys)]
    return edges


def test_a_combination_has_exactly_its_modifiers_before_its_keys() -> None:
    seen = strokes("ctrl+c", "ctrl+shift+c", "c+ctrl", "c", "left button", "ctrl+left button")
    assert pressed(seen, ["ctrl", "c"]) == 1
    assert pressed(seen, ["shift", "ctrl", "c"]) == 1, "modifiers come in any order"
    assert pressed(seen, ["c"]) == 2, "the c before ctrl had none yet"
    assert pressed(seen, ["left button"]) == pressed(seen, ["ctrl", "left button"]) == 1
    assert pressed(strokes("a+b"), ["a", "b"]) == 1
    assert pressed(strokes("b+a"), ["a", "b"]) == 0


def test_a_key_pressed_twice_while_its_modifier_is_down_counts_twice() -> None:
    twice = [KeyEdge("ctrl", True), *strokes("c", "c"), KeyEdge("ctrl", False)]
    assert pressed(twice, ["ctrl", "c"]) == 2
    assert pressed(twice, ["c"]) == 0
    assert pressed(twice[1:], ["ctrl", "c"], held=["ctrl"]) == 2, "ctrl was down when the watch began"


def test_a_modifier_alone_is_none_that_had_a_key() -> None:
    assert pressed(strokes("meta_l", "meta_l+e", "ctrl+meta_l"), ["meta_l"]) == 1
    assert pressed(strokes("ctrl+shift", "shift+ctrl", "ctrl+shift+a"), ["ctrl", "shift"]) == 2


def test_two_keys_that_overlap_in_fast_typing_both_count() -> None:
    rolled = [KeyEdge("a", True), KeyEdge("b", True), KeyEdge("a", False), KeyEdge("b", False)]
    assert (pressed(rolled, ["a"]), pressed(rolled, ["b"])) == (1, 1)
    assert read(rolled, Layout("us")) == ("ab", (), ())


def test_what_is_no_text_is_told_beside_it_and_what_is_still_down() -> None:
    typed = read([*strokes("a", "b", "backspace", "f5", "left", "ctrl+u", "meta_l", "shift+left", "c")], Layout("us"))
    assert typed.text == "abc"
    assert typed.beside == ("backspace", "f5", "left", "ctrl+u", "meta_l", "shift+left")
    assert typed.down == ()
    assert read([*strokes("a"), KeyEdge("b", True)], Layout("us")) == ("ab", (), ("b",))
    assert read(strokes("shift", "left button", "shift+a"), Layout("us")) == ("A", (), ())
    assert read([KeyEdge("x", True, True), *strokes("ctrl+c")], Layout("us")).down == ("a key",)


def test_a_dead_key_without_its_letter_is_no_text() -> None:
    dead = of("de", "é")[:2]
    assert read([*dead, *of("de", "x")], Layout("de"))[:2] == ("x", ("equal",))
    assert read(dead, Layout("de"))[:2] == ("", ("equal",))


def test_what_was_down_and_lit_before_the_watch_counts() -> None:
    assert read(strokes("f", "1"), Layout("us"), held=["shift"]) == ("F!", (), ("shift",))
    assert read(strokes("f", "shift+f", "1"), Layout("us"), caps_lock=True).text == "Ff1"
    assert read(of("de", "ö1ß"), Layout("de"), caps_lock=True).text == "Ö1ß"
    assert read([*strokes("a", "caps_lock", "a")], Layout("us")) == ("aA", ("caps_lock",), ())


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


def test_an_axis_that_stays_where_it_was_before_the_watch_is_known() -> None:
    things = [seen(1, 0x110, 1), *at(1000, 250, 3)[:1], seen(1, 0x110, 0)]
    assert drag_path(things, DEVICES, "left", {2: {0: 0, 1: 250}}) == [(0.0, 0.5), (1.0, 0.5)]
    assert list(told(things[1:2], DEVICES, places={2: {0: 0, 1: 250}})) == ["pointer at 1.000, 0.500"]


def test_both_axes_and_the_button_of_one_report_are_one_place() -> None:
    press = [seen(1, 0x110, 1, 1, 2), *at(100, 50, 1)]
    release = [seen(1, 0x110, 0, 3, 2), *at(1000, 500, 3)]
    things: list[Seen] = [*at(0, 0, 0), *press, *at(500, 250, 2), *release]
    assert drag_path(things, DEVICES, "left") == [(0.1, 0.1), (0.5, 0.5), (1.0, 1.0)]


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


def test_what_came_instead_of_an_event_is_told_in_words_and_of_keys_alone_where_a_key_was_meant() -> None:
    a, nothing, secret = EVDEV_OF_QCODE["a"], HiddenTimes(), HiddenTimes()
    observed: list[object] = [[2, 3, 0, 500, 1], [2, 3, 1, 250, 1], [1, 1, a, 1, 2], [1, 1, a, 0, 3]]
    assert came_instead("mouse", observed, DEVICES, nothing) == ["pointer at 0.500, 0.500", "a down", "a up"]
    assert came_instead("keyboard", observed, DEVICES, nothing) == ["a down", "a up"]
    assert came_instead("keyboard", [["?"]], DEVICES, nothing) == []
    secret.begin()
    secret.end()
    assert came_instead("keyboard", observed, DEVICES, secret) == ["a key down", "a key up"]
