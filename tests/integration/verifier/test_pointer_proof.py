"""A motion is proved by what the guest saw of it, even one to where the pointer is already."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ATPLibrary.errors import InputError, VerificationError
from ATPLibrary.verifier import AgentSession, Pointer, Verdict

from .faulty_guest import TABLET, FaultyGuest

pytestmark = pytest.mark.integration

OTHER = 77  # another tablet's id


@pytest.mark.parametrize("tablet_range", [0x7FFF, 1023])
@pytest.mark.parametrize("place", [(0.5, 0.5), (0.0, 1.0)])
async def test_a_motion_to_where_the_pointer_is_already_is_proved_by_a_step_away_and_back(
    tmp_path: Path, tablet_range: int, place: tuple[float, float]
) -> None:
    async with FaultyGuest(tmp_path) as guest:
        guest.tablet_range = tablet_range
        session = guest.session()
        await session.start(5)
        pointer = Pointer(guest.qmp, session)
        for _ in range(3):
            report = await pointer.move(*place)
            assert report.verified
            assert report.verdicts == {Verdict.OK: 2}
        assert guest.pointer == {
            axis: round(round(part * 0x7FFF) * tablet_range / 0x7FFF) for axis, part in enumerate(place)
        }
        await session.close()


async def test_a_pointer_that_somebody_else_moves_at_that_moment_is_not_taken_for_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with FaultyGuest(tmp_path) as guest:
        greet, batch = guest.tell, guest._batch

        def tell(**message: Any) -> None:
            if message["type"] == "hello":
                ours = next(each for each in message["devices"] if each["id"] == TABLET)
                axes = {"0": [0, 1023], "1": [0, 767]}
                message["devices"] = [*message["devices"], ours | {"id": OTHER, "name": "pen", "absolute": axes}]
            greet(**message)

        def beside_another(seen: list[list[int]]) -> None:
            batch([*seen, [OTHER, 3, 0, 7, guest.now_us()]])

        monkeypatch.setattr(guest, "tell", tell)
        monkeypatch.setattr(guest, "_batch", beside_another)
        session = guest.session()
        await session.start(5)
        report = await Pointer(guest.qmp, session).move(0.25, 0.75)
        assert report.verdicts[Verdict.OK] == 2
        assert report.lost == 0
        await session.close()


async def test_a_tablet_that_has_stopped_is_found_out_by_a_motion_to_where_the_pointer_is(
    guest: FaultyGuest, session: AgentSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ATPLibrary.verifier import closed_loop

    monkeypatch.setattr(closed_loop, "STALL_SECONDS", 0.3)
    pointer = Pointer(guest.qmp, session)
    assert (await pointer.move(0.5, 0.5)).verified
    guest.tablet_works = False
    with pytest.raises(VerificationError, match="saw nothing on any device"):
        await pointer.move(0.5, 0.5)


async def test_pressing_a_button_that_is_down_is_refused_and_the_guest_not_blamed(
    guest: FaultyGuest, session: AgentSession
) -> None:
    pointer = Pointer(guest.qmp, session)
    assert (await pointer.button_down()).verified
    with pytest.raises(InputError, match="left button of VM 'faulty' should be up"):
        await pointer.button_down()
    assert pointer.buttons_down == ["left"]
    assert (await pointer.button_up()).verified


async def test_a_drag_of_a_few_units_sends_no_motion_that_nobody_can_see(
    guest: FaultyGuest, session: AgentSession
) -> None:
    pointer = Pointer(guest.qmp, session)
    await pointer.move(0.5, 0.5)
    before = len(guest.commands)
    report = await pointer.drag(0.5 + 2 / 0x7FFF, 0.5)
    assert report.verified
    assert len(guest.commands) - before == 4  # press, two steps, let go
    assert report.verdicts == {Verdict.OK: 4}


async def test_a_relative_motion_is_proved_count_by_count_on_both_axes(
    guest: FaultyGuest, session: AgentSession
) -> None:
    report = await Pointer(guest.qmp, session).move_by(250, -40)
    report.raise_if_bad(must_be_verified=True)
    assert [sum(value for axis, value in guest.mouse if axis == wanted) for wanted in (0, 1)] == [250, -40]
    assert max(abs(value) for _, value in guest.mouse) <= 100


async def test_a_guest_that_makes_other_counts_of_a_motion_is_found_out(
    guest: FaultyGuest, session: AgentSession, impatient: None
) -> None:
    guest.mouse_factor = 2.0
    report = await Pointer(guest.qmp, session).move_by(10, 0)
    assert not report.verified
    assert (report.lost, report.duplicated) == (1, 1)


@pytest.mark.parametrize(
    ("amount", "horizontal", "seen"), [(2, False, (8, 1)), (-3, False, (8, -1)), (2, True, (6, 1)), (-1, True, (6, -1))]
)
async def test_the_wheel_turns_on_both_axes_in_both_directions(
    guest: FaultyGuest, session: AgentSession, amount: int, horizontal: bool, seen: tuple[int, int]
) -> None:
    report = await Pointer(guest.qmp, session).scroll(amount, horizontal)
    report.raise_if_bad(must_be_verified=True)
    assert guest.mouse == [seen] * abs(amount)


async def test_an_input_that_fails_leaves_the_button_down_that_was_to_stay_down(
    guest: FaultyGuest, session: AgentSession, impatient: None
) -> None:
    pointer = Pointer(guest.qmp, session)
    (await pointer.button_down("right")).raise_if_bad(must_be_verified=True)
    guest.tablet_works = False
    with pytest.raises(VerificationError):
        await pointer.drag(0.5, 0.5, start=(0.1, 0.1))
    assert pointer.buttons_down == ["right"]
    await pointer.release_all()
    assert pointer.buttons_down == []
