"""A guest that began anew is told from one that only stood still, or whose agent was restarted."""

from __future__ import annotations

import dataclasses

import pytest

from ATPLibrary.verifier.guest_life import GuestLife
from ATPLibrary.verifier.hello import AgentHello

pytestmark = pytest.mark.unit

HELLO = AgentHello("1", "vm", "dmi_serial", "boot-1", frozenset(), {}, 3000, 5_000_000, 0)


def hello(**changes: object) -> AgentHello:
    return dataclasses.replace(HELLO, **changes)  # type: ignore[arg-type]


@pytest.fixture
def life() -> GuestLife:
    life = GuestLife()
    assert not life.greeted(HELLO, None), "the first guest is no other one"
    return life


def test_another_boot_is_another_life_whatever_its_numbers_are(life: GuestLife) -> None:
    assert life.greeted(hello(boot_id="boot-2", next_seq=9000, monotonic_us=9_000_000), 3010)
    assert (life.number, life.why) == (1, "was restarted")


def test_an_agent_that_was_restarted_lives_in_the_same_guest(life: GuestLife) -> None:
    assert not life.greeted(hello(next_seq=6100, monotonic_us=6_200_000), 3010)
    assert life.number == 0


def test_an_agent_that_forgot_what_it_sent_was_put_back_with_its_guest_though_its_clock_runs_on(
    life: GuestLife,
) -> None:
    assert life.greeted(hello(next_seq=3004, monotonic_us=6_200_000), 3010)
    assert life.number == 1
    assert "snapshot" in life.why
    assert not life.greeted(hello(next_seq=3004, monotonic_us=6_300_000), 3004), "once is enough"


def test_a_clock_that_goes_back_is_another_life_and_one_that_stands_still_is_not(life: GuestLife) -> None:
    assert not life.heard(7_000_000)
    assert not life.heard(7_000_000)
    assert life.heard(6_999_999)
    assert not life.heard(7_000_000)
    assert life.number == 1
