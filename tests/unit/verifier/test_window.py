"""The window: it grows with what comes back in time, shrinks at once on trouble, and never exceeds the queue."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ATPLibrary.verifier.drain import Drain
from ATPLibrary.verifier.queues import ANY, ONE_BY_ONE, PS2, USB, VIRTIO, DeviceQueue
from ATPLibrary.verifier.window import FORGIVEN_AFTER, LEAST, Window

pytestmark = pytest.mark.unit

QUEUES = (PS2, USB, VIRTIO, ANY, ONE_BY_ONE)
PLACE = 0.0005


def quiet(window: Window, places: int) -> None:
    """So many places come back, one by one, each as soon as on any other day."""
    for _ in range(places):
        window.came_back(1, window.size, PLACE * window.size)


@pytest.mark.parametrize("queue", QUEUES)
def test_on_a_quiet_guest_it_is_the_whole_window_before_that_many_places_have_come_back(queue: DeviceQueue) -> None:
    window = Window(queue)
    assert window.size == queue.begin <= queue.window
    quiet(window, queue.window)
    assert window.size == queue.window
    quiet(window, 10 * queue.window)
    assert window.size == queue.window


def test_what_comes_back_late_halves_it_at_once_and_it_grows_again_slowly() -> None:
    window = Window(PS2)
    quiet(window, 100)
    window.came_back(1, 14, 0.3)
    assert window.size == 7
    quiet(window, 7)
    assert window.size == 8
    quiet(window, 7)
    assert window.size == 8
    quiet(window, 100)
    assert window.size == PS2.window


def test_a_guest_that_stalls_again_and_again_gets_little_at_once_and_never_nothing() -> None:
    window = Window(PS2)
    quiet(window, 100)
    for _ in range(6):
        window.came_back(1, window.size, 1.0)
    assert window.size == LEAST


def test_a_guest_that_is_slow_from_now_on_is_usual_in_time() -> None:
    window = Window(PS2)
    quiet(window, 100)
    for _ in range(400):
        window.came_back(1, window.size, 20 * PLACE * window.size + 0.02)
    assert window.size == PS2.window


def test_below_the_size_at_which_something_was_lost_it_stays_until_much_has_arrived() -> None:
    window = Window(PS2)
    quiet(window, 100)
    window.lost()
    assert window.size == 7
    quiet(window, FORGIVEN_AFTER - 1)
    assert window.size == 13
    quiet(window, 2 * FORGIVEN_AFTER)
    assert window.size == 14


def test_an_observer_that_can_t_follow_gets_less_at_once() -> None:
    window = Window(VIRTIO)
    quiet(window, 100)
    window.overran()
    assert window.size == 28


events = st.one_of(
    st.just("lost"),
    st.just("overran"),
    st.tuples(st.integers(1, 56), st.integers(1, 56), st.floats(0, 5)),
)


@given(st.sampled_from(QUEUES), st.lists(events))
def test_whatever_happens_it_is_never_beyond_the_queue_and_never_less_than_a_tap_needs(
    queue: DeviceQueue, happens: list[str | tuple[int, int, float]]
) -> None:
    window = Window(queue)
    for event in happens:
        if event == "lost":
            window.lost()
        elif event == "overran":
            window.overran()
        else:
            assert not isinstance(event, str)
            window.came_back(*event)
        assert min(LEAST, queue.begin) <= window.size <= queue.window


def test_without_a_measurement_the_pace_is_the_safe_one_and_says_so() -> None:
    pace = Drain(PS2).pace()
    assert pace.seconds == PS2.drain_seconds
    assert "safe for this kind of keyboard" in pace.why


def measured(queue: DeviceQueue, place: float, standstill: float) -> Drain:
    drain = Drain(queue)
    for _ in range(200):
        drain.took(1, place)
        drain.came_back(queue.window, queue.window * place + standstill)
    return drain


def test_a_device_that_lets_go_slowly_is_paced_by_that() -> None:
    pace = measured(USB, 0.008, 0.005).pace()
    assert pace.seconds == pytest.approx(0.0088)
    assert "measured on this VM: 8.00 ms a place" in pace.why


def test_a_guest_that_stands_still_now_and_then_is_paced_so_that_its_queue_bears_it_twice() -> None:
    """A slow one is typed into slower than what is safe for the device, and a quick one faster."""
    assert measured(PS2, 0.0005, 0.007).pace().seconds == pytest.approx(0.001)
    assert measured(PS2, 0.0005, 0.14).pace().seconds == pytest.approx(0.02)
    assert PS2.drain_seconds < 0.02


def test_what_a_clock_that_went_back_says_is_no_measurement() -> None:
    drain = Drain(PS2)
    for _ in range(100):
        drain.took(1, -1.0)
        drain.came_back(14, 0.01)
    assert drain.pace().seconds == PS2.drain_seconds
