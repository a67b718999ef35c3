"""What was lost is typed again where nothing came after it; and Caps Lock changes nothing of what is typed."""

from __future__ import annotations

import pytest

from ATPLibrary.errors import InputError, VerificationError
from ATPLibrary.protocol.qmp.edges import EVDEV_OF_QCODE
from ATPLibrary.verifier import AgentSession, Layout, TypingEngine, Verdict
from ATPLibrary.verifier.typed import text_of
from ATPLibrary.verifier.watching import KeyEdge

from .faulty_guest import FaultyGuest

pytestmark = pytest.mark.integration

TEXT = "Hello from ATP, twice."
CAPS = EVDEV_OF_QCODE["caps_lock"]
NAMES = {code: qcode for qcode, code in reversed(EVDEV_OF_QCODE.items())}


def read(guest: FaultyGuest, layout: str = "us") -> str:
    """What a program in the guest read."""
    return text_of([KeyEdge(NAMES[code], value == 1) for code, value in guest.seen], Layout(layout))


async def test_what_a_deaf_device_lost_is_typed_again_from_the_first_character_that_is_missing(
    guest: FaultyGuest, engine: TypingEngine, impatient: None
) -> None:
    guest.deaf_from = 15
    report = await engine.type_text(TEXT, retries=1)
    report.raise_if_bad(must_be_verified=True)
    assert read(guest) == TEXT
    assert report.retyped > 0
    assert report.lost == 0
    assert (
        f"{report.retyped} edges were lost and nothing came after them: typed again from position" in report.sentence()
    )
    assert {row.verdict for row in report.timeline} >= {Verdict.OK, Verdict.LOST}
    assert not guest.held


async def test_a_key_whose_release_was_lost_was_typed_and_is_not_typed_again(
    guest: FaultyGuest, engine: TypingEngine, impatient: None
) -> None:
    guest.deaf_from = 7  # between l's press and its release: H is four edges, e two
    report = await engine.type_text("Hello", retries=1)
    assert read(guest) == "Hello"
    assert report.verified
    assert not guest.held


async def test_by_default_nothing_is_typed_twice(guest: FaultyGuest, engine: TypingEngine, impatient: None) -> None:
    guest.deaf_from = 15
    report = await engine.type_text(TEXT)
    assert report.lost > 0
    assert read(guest) != TEXT
    assert "typed again" not in report.sentence()


async def test_a_loss_in_the_middle_is_not_typed_again_and_says_why_and_where(
    guest: FaultyGuest, engine: TypingEngine, impatient: None
) -> None:
    guest.dropped = {10, 11}
    report = await engine.type_text(TEXT, retries=3)
    assert report.lost == 2
    with pytest.raises(
        VerificationError, match=r"not typed again: key down .* came after what was lost.*at position 5"
    ):
        report.raise_if_bad()
    assert len(read(guest)) < len(TEXT)  # what follows would only stand behind the damage


async def test_what_is_lost_each_time_is_given_up(guest: FaultyGuest, engine: TypingEngine, impatient: None) -> None:
    guest.deaf_from, guest.deaf_for_good = 5, True
    report = await engine.type_text(TEXT, retries=2)
    assert not report.verified
    assert "not typed again: it was lost 3 times" in report.note


async def test_where_caps_lock_is_on_the_text_is_what_was_meant_and_caps_lock_is_on_again(
    guest: FaultyGuest, session: AgentSession, engine: TypingEngine
) -> None:
    guest.leds = {1: 1}
    report = await engine.type_text("Hello")
    report.raise_if_bad(must_be_verified=True)
    assert report.edges == 12
    assert "Caps Lock was on: switched off for this text, and on again" in report.sentence()
    assert guest.seen[:2] == guest.seen[-2:] == [(CAPS, 1), (CAPS, 0)]
    assert [seen for seen in guest.seen if seen[0] == CAPS] == [(CAPS, 1), (CAPS, 0)] * 2
    assert await session.lock_keys(5) == {"caps": True}


@pytest.mark.parametrize(("text", "leds"), [("1234", {1: 1}), ("Hello", {1: 0}), ("Hello", {}), ("Hello", None)])
async def test_where_caps_lock_changes_nothing_or_nobody_tells_its_key_is_left_alone(
    guest: FaultyGuest, engine: TypingEngine, text: str, leds: dict[int, int] | None
) -> None:
    guest.leds = leds
    (await engine.type_text(text)).raise_if_bad(must_be_verified=True)
    assert read(guest) == text
    assert CAPS not in {code for code, _ in guest.seen}


async def test_a_guest_whose_caps_lock_key_means_something_else_is_told_before_the_text_is_typed(
    guest: FaultyGuest, engine: TypingEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ATPLibrary.verifier import lock_keys

    monkeypatch.setattr(lock_keys, "LED_SECONDS", 0.1)
    guest.leds = {1: 1}
    guest.lock_keys_work = False
    with pytest.raises(InputError, match=r"Caps Lock of VM 'faulty' should be off .* its light did not change"):
        await engine.type_text("Hello")
    assert guest.seen == [(CAPS, 1), (CAPS, 0)]
    assert not guest.held


async def test_a_lock_key_whose_release_is_lost_is_let_go_of(
    guest: FaultyGuest, session: AgentSession, engine: TypingEngine, impatient: None
) -> None:
    """As on PS/2 while the guest sets the keyboard's lights; the next input would be refused for a key that is down."""
    guest.leds = {1: 0}
    guest.dropped = {1}
    assert await engine.set_lock_keys({"caps": True}, 10) == ["caps"]
    assert guest.seen == [(CAPS, 1), (CAPS, 0)]
    assert not guest.held
    (await engine.press("enter")).raise_if_bad(must_be_verified=True)


async def test_a_text_that_fails_leaves_caps_lock_as_it_was(
    guest: FaultyGuest, session: AgentSession, engine: TypingEngine
) -> None:
    guest.leds = {1: 1}
    with pytest.raises(TimeoutError):
        await engine.type_text("hello " * 200, timeout=0.3)
    assert await session.lock_keys(5) == {"caps": True}
    assert not guest.held


async def test_lock_keys_are_switched_where_they_are_not_as_wanted(
    guest: FaultyGuest, session: AgentSession, engine: TypingEngine
) -> None:
    guest.leds = {0: 0, 1: 1, 2: 0}
    assert await engine.set_lock_keys({"caps": False, "num": True, "scroll": False}, 5) == ["caps", "num"]
    assert await session.lock_keys(5) == {"num": True, "caps": False, "scroll": False}


async def test_one_text_can_be_on_another_layout(guest: FaultyGuest, engine: TypingEngine) -> None:
    (await engine.type_text("où ?", layout=Layout("fr"))).raise_if_bad(must_be_verified=True)
    assert read(guest, "fr") == "où ?"
    guest.seen.clear()
    (await engine.type_text("back")).raise_if_bad(must_be_verified=True)
    assert read(guest) == "back"
