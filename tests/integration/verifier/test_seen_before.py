"""What somebody else did right before an input proves nothing of it, and isn't counted as its own."""

from __future__ import annotations

import pytest

from ATPLibrary.errors import InputError
from ATPLibrary.protocol.qmp.edges import EVDEV_OF_QCODE
from ATPLibrary.verifier import AgentSession, InputReport, Pointer, TypingEngine, Verdict

from .faulty_guest import TABLET, FaultyGuest

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("impatient")]

SHIFT, A = EVDEV_OF_QCODE["shift"], EVDEV_OF_QCODE["a"]
LEFT_BUTTON = 0x110


def verdicts(report: InputReport) -> list[tuple[str, Verdict | None]]:
    return [(row.what, row.verdict) for row in report.timeline]


async def test_a_release_that_the_agent_has_not_read_yet_is_not_the_next_inputs(
    guest: FaultyGuest, engine: TypingEngine
) -> None:
    guest.held.add(SHIFT)
    guest.do_unread(SHIFT, 0)
    report = await engine.press("a")
    report.raise_if_bad(must_be_verified=True)


async def test_a_key_that_somebody_else_has_let_go_of_is_not_proved_to_be_let_go_by_that(
    guest: FaultyGuest, engine: TypingEngine
) -> None:
    (await engine.key_down("shift")).raise_if_bad(must_be_verified=True)
    guest.do_unread(SHIFT, 0)
    with pytest.raises(
        InputError, match="should let go of what is down in the guest but did not: shift is up in it already"
    ):
        await engine.key_up("shift")
    assert guest.received[-1] == (SHIFT, 0)  # it was sent all the same
    assert engine.keys_down == []
    (await engine.key_down("shift")).raise_if_bad(must_be_verified=True)
    (await engine.key_up("shift")).raise_if_bad(must_be_verified=True)


async def test_a_key_of_which_nothing_is_known_is_let_go_of(guest: FaultyGuest, engine: TypingEngine) -> None:
    (await engine.key_down("shift")).raise_if_bad(must_be_verified=True)
    guest.instead["state"] = {"type": "state", "held": [], "absolute": [], "leds": []}
    answer = guest._answer

    def overrun_first(message: dict[str, object]) -> None:
        if message["type"] == "state":
            guest.tell(
                type="overrun", seq=guest._next(), device=None, held=[], dropped=0, time_us=0, reason="lost the focus"
            )
        answer(message)

    guest._answer = overrun_first  # type: ignore[method-assign]
    (await engine.key_up("shift")).raise_if_bad(must_be_verified=True)


async def test_a_button_that_somebody_else_has_let_go_of_is_not_proved_to_be_let_go_by_that(
    guest: FaultyGuest, session: AgentSession
) -> None:
    pointer = Pointer(guest.qmp, session)
    (await pointer.button_down()).raise_if_bad(must_be_verified=True)
    guest.do_unread(LEFT_BUTTON, 0, TABLET)
    with pytest.raises(InputError, match="the left button is up in it already"):
        await pointer.button_up()
    assert pointer.buttons_down == []


async def test_a_release_from_before_ours_was_sent_is_no_proof_of_it(guest: FaultyGuest, engine: TypingEngine) -> None:
    (await engine.key_down("shift")).raise_if_bad(must_be_verified=True)

    def somebody_lets_go() -> None:
        guest.held.discard(SHIFT)  # so the kernel has nothing to say of ours
        guest.observe(SHIFT, 0, ago=0.5)

    guest.before_taking = somebody_lets_go
    report = await engine.key_up("shift")
    assert not report.verified
    assert verdicts(report) == [("key up shift", Verdict.DUPLICATED), ("key up shift", Verdict.LOST)]
    assert "seen the same from somebody else before it was sent" in report.sentence()


async def test_of_two_the_one_from_after_the_sending_is_the_proof_and_the_other_one_too_many(
    guest: FaultyGuest, engine: TypingEngine
) -> None:
    def somebody_types() -> None:
        guest.observe(A, 1, ago=0.5)
        guest.observe(A, 0, ago=0.5)

    guest.before_taking = somebody_types
    report = await engine.press("a")
    assert (report.lost, report.duplicated, report.verified) == (0, 2, False)
    assert [verdict for _, verdict in verdicts(report)] == [Verdict.DUPLICATED] * 2 + [Verdict.OK] * 2


async def test_a_clock_that_leapt_meanwhile_takes_back_no_proof(guest: FaultyGuest, engine: TypingEngine) -> None:
    """The VM stood still and nobody told: its events seem to be from long ago until the clocks are measured anew."""
    (await engine.press("a")).raise_if_bad(must_be_verified=True)
    guest.clock_us -= 10e6
    (await engine.press("b")).raise_if_bad(must_be_verified=True)
    guest.clock_us += 3e6
    (await engine.type_text("hello")).raise_if_bad(must_be_verified=True)
