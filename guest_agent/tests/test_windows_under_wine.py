"""The agent's Windows side against real hooks, events, pipes and sockets: those of Wine, with a real Python for Windows.

Skipped, with the reason, where Wine or such a Python isn't: README.md, "Tests".
"""

from __future__ import annotations

import pytest

from wine_world import Wine, python_for_windows

pytestmark = pytest.mark.integration

PROGRAMS = 1  # the device of injected input
A, B, C, D, G, H, S, LEFT, KP4, SHIFT = 30, 48, 46, 32, 34, 35, 31, 105, 75, 42


@pytest.fixture(scope="module")
def wine(tmp_path_factory):
    python_for_windows()
    made = Wine(tmp_path_factory.mktemp("wine"))
    yield made
    made.close()


@pytest.fixture(scope="module", params=["pipe", "tcp"])
def found(request, wine, pyz):
    return wine.drive(python_for_windows(), "wine_driver.py", pyz, request.param)


@pytest.fixture(scope="module")
def served(wine, pyz):
    """What the service's agent told its host, from install to remove."""
    return wine.drive(python_for_windows(), "wine_service_driver.py", pyz)


def of_programs(events, kind=1):
    return [(code, value) for device, each, code, value, _ in events if device == PROGRAMS and each == kind]


def test_it_greets_with_who_it_is_and_what_it_can(found):
    hello = found["hello"]
    assert (hello["vm_id"], hello["vm_id_source"]) == ("wine", "option")
    assert hello["boot_id"].startswith("windows-")
    assert {"grab", "hotplug"} <= set(hello["capabilities"])
    assert [device["keyboard"] for device in hello["devices"][:2]] == [True, True]


def test_its_clock_is_the_performance_counter(found):
    """In microseconds, as any other process of this Windows reads it."""
    assert abs(found["clock"] - found["pong"]["sent_us"]) < 10_000_000
    assert found["pong"]["received_us"] <= found["pong"]["sent_us"]
    times = [event[4] for event in found["keys"]]
    assert times == sorted(times)
    assert len({time % 1000 for time in times}) > 1  # finer than a millisecond


def test_each_key_that_is_pressed_arrives_in_order_with_its_evdev_code(found):
    wanted = [A, LEFT, KP4, A]  # by scan code, with E0 and without; the last by its virtual key alone
    assert of_programs(found["keys"]) == [(code, value) for code in wanted for value in (1, 0)]


def test_a_thousand_edges_arrive_once_and_in_order(found):
    assert found["many"] == [1, 0] * 500


def test_repeats_and_held_keys_are_told(found):
    assert of_programs(found["repeated"]) == [(SHIFT, 1), (A, 1), (A, 2)]
    assert found["held"] == [[PROGRAMS, A], [PROGRAMS, SHIFT]]
    assert of_programs(found["let go"]) == [(A, 0), (SHIFT, 0)]
    assert found["nothing held"] == []


def test_the_mouse_is_told_in_parts_of_the_screen_with_buttons_and_wheel(found):
    (x, at_x), (y, at_y) = of_programs(found["moved"], kind=3)
    assert (x, y) == (0, 1)
    assert abs(at_x / 32767 - 0.5) < 0.002
    assert abs(at_y / 32767 - 0.25) < 0.002
    assert of_programs(found["clicked"]) == [(0x110, 1), (0x110, 0)]
    assert of_programs(found["clicked"], kind=2) == [(8, -1)]


def test_an_expectation_is_verified(found):
    assert found["result"]["verified"]
    assert found["result"]["details"]["code"] == B


def test_keys_are_told_while_they_are_grabbed_and_afterwards(found):
    assert found["grabbing"]["enabled"]
    assert of_programs(found["grabbed keys"]) == [(C, 1), (C, 0)]
    assert of_programs(found["free keys"]) == [(D, 1), (D, 0)]


def test_keys_at_the_screen_are_a_keyboards(found):
    assert [event[:4] for event in found["from the screen"] if event[1] == 1] == [
        [0, 1, G, 1],
        [0, 1, G, 0],
        [0, 1, H, 1],
        [0, 1, H, 0],
    ]


def test_hooks_that_are_passed_by_are_noticed_told_and_set_anew(found):
    assert of_programs(found["unheard"]) == []
    assert found["overrun"]["device"] == 0
    assert found["pong behind it"]["id"] == 5  # it says that nothing is missing before it
    assert of_programs(found["heard again"]) == [(S, 0)]


def test_it_has_nothing_to_complain_of(found):
    lines = [line.split("atp-guest-agent: ")[1] for line in found["errors"].splitlines()]
    assert all(line.startswith(("started as", "Windows had input", "tcp://")) for line in lines), lines


def test_the_service_does_what_its_words_say(served):
    assert "error" not in served, served
    assert [served[word] for word in ("install", "start", "stop", "start again", "remove")] == [[0, ""]] * 5
    assert served["removed again"] == 1


def test_the_services_agent_greets_its_host_each_time_that_the_service_is_started(served):
    assert (served["who"], served["who again"]) == ("kept", "kept")


def test_the_services_agent_sees_what_is_typed_in_the_session(served):
    assert of_programs(served["keys"]) == [(C, 1), (C, 0)]


def test_the_service_asks_its_agent_to_go(served):
    assert served["last words"] == ["bye"]
    assert served["logs"]["agent.log"].count("stopping: the service stops it") == 2


def test_an_agent_that_ended_is_told_in_the_services_log_and_followed_by_another(served):
    assert served["who after its end"] == "kept"
    said = [line.split("atp-guest-agent: ")[1] for line in served["logs"]["service.log"].splitlines()]
    started = "started an agent in session 1"
    ended = "the agent in session 1 ended with status 7 (its own log may say why); another one in 1 s"
    assert said == [started, ended, started, started]
