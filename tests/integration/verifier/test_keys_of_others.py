"""Keys that somebody else holds down in the guest: no input begins with them, and what is let go of is said."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from ATPLibrary.errors import AgentError, InputError
from ATPLibrary.orchestrator.held_input import let_go_of_everything
from ATPLibrary.orchestrator.machine import Machine
from ATPLibrary.protocol.qmp.edges import EVDEV_OF_QCODE
from ATPLibrary.verifier import AgentSession, Pointer, TypingEngine, Verdict

from .faulty_guest import FaultyGuest

pytestmark = pytest.mark.integration

SHIFT, CTRL, Z = (EVDEV_OF_QCODE[name] for name in ("shift", "ctrl", "z"))
CAPS = EVDEV_OF_QCODE["caps_lock"]
LEFT_BUTTON = 0x110


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    from ATPLibrary.verifier import others_keys

    monkeypatch.setattr(others_keys, "PATIENCE", 0.1)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    from ATPLibrary.verifier import others_keys

    monkeypatch.setattr(others_keys, "PATIENCE", 20.0)


@pytest.mark.parametrize("codes", [{SHIFT}, {CTRL}, {Z}, {SHIFT, CTRL}])
async def test_text_and_keys_are_refused_while_others_hold_a_key_and_nothing_is_sent(
    guest: FaultyGuest, engine: TypingEngine, hurried: None, codes: set[int]
) -> None:
    guest.held |= codes
    names = ", ".join({SHIFT: "shift", CTRL: "ctrl", Z: "z"}[code] for code in sorted(codes))
    for sending in (engine.type_text, engine.press, engine.key_down):
        with pytest.raises(InputError, match=rf"{names} (is|are) down in the guest and no keyword.*'Release All Keys'"):
            await sending("x")
    assert not guest.received
    assert guest.held == codes
    assert not engine.keys_down
    await engine.release_others(names.split(", "))
    assert not guest.held
    (await engine.type_text("hello")).raise_if_bad(must_be_verified=True)


async def test_caps_lock_is_left_alone_where_a_key_of_others_is_down(
    guest: FaultyGuest, engine: TypingEngine, hurried: None
) -> None:
    guest.leds = {1: 1}
    guest.held.add(CTRL)
    with pytest.raises(InputError, match="ctrl is down in the guest"):
        await engine.type_text("hello")
    assert not guest.received


async def test_a_key_that_is_up_again_in_a_moment_refuses_nothing(
    guest: FaultyGuest, engine: TypingEngine, patient: None
) -> None:
    guest.held.add(SHIFT)
    typing = asyncio.create_task(engine.type_text("hello"))
    await asyncio.sleep(0.1)
    assert not guest.received
    guest.take([{"type": "key", "data": {"down": False, "key": {"type": "qcode", "data": "shift"}}}])
    (await typing).raise_if_bad(must_be_verified=True)
    assert guest.seen[0] == (SHIFT, 0)


async def test_caps_lock_that_somebody_presses_meanwhile_does_not_change_the_text(
    guest: FaultyGuest, engine: TypingEngine, patient: None
) -> None:
    guest.leds = {1: 0}
    guest.held.add(CAPS)
    typing = asyncio.create_task(engine.type_text("hello"))
    await asyncio.sleep(0.1)
    assert not guest.received
    guest.leds = {1: 1}
    guest.take([{"type": "key", "data": {"down": False, "key": {"type": "qcode", "data": "caps_lock"}}}])
    (await typing).raise_if_bad(must_be_verified=True)
    assert guest.received[1:3] == [(CAPS, 1), (CAPS, 0)]  # switched off before the text


async def test_what_we_hold_ourselves_refuses_nothing(
    guest: FaultyGuest, session: AgentSession, engine: TypingEngine, hurried: None
) -> None:
    await engine.key_down("shift")
    (await engine.type_text("abc")).raise_if_bad(must_be_verified=True)
    (await engine.press("tab")).raise_if_bad(must_be_verified=True)
    await engine.key_up("shift")
    unwatched = TypingEngine(guest.qmp, None, ["ps2"])
    await unwatched.key_down("shift")
    other = TypingEngine(guest.qmp, session, ["ps2"], ours=lambda: unwatched.keys_kept)
    (await other.type_text("abc")).raise_if_bad(must_be_verified=True)
    with pytest.raises(InputError, match="shift is down in the guest"):
        await engine.type_text("abc")


async def test_our_own_key_can_be_let_go_while_others_hold_one(guest: FaultyGuest, engine: TypingEngine) -> None:
    await engine.key_down("a")
    guest.held.add(CTRL)
    (await engine.key_up("a")).raise_if_bad(must_be_verified=True)
    assert guest.held == {CTRL}


@pytest.mark.parametrize(
    ("bus", "way_out"), [("browser", "Click into the web verifier's page"), ("i8042", "If the host can't take")]
)
@pytest.mark.usefixtures("hurried")
async def test_an_observer_that_says_of_each_answer_that_it_does_not_know_is_told_in_one_sentence(
    guest: FaultyGuest, session: AgentSession, engine: TypingEngine, bus: str, way_out: str
) -> None:
    """As the page of the web verifier does while it has no focus."""
    answer = guest._answer

    def overrun_first(message: dict[str, Any]) -> None:
        if message["type"] == "state":
            guest.tell(
                type="overrun", seq=guest._next(), device=None, held=[], dropped=0, time_us=0, reason="it has no focus"
            )
        answer(message)

    guest._answer = overrun_first  # type: ignore[method-assign]
    for device in list(session.devices):
        session._batches.devices[device] = replace(session.devices[device], bus=bus)
    for sending in (engine.type_text("x"), Pointer(guest.qmp, session).click()):
        with pytest.raises(
            InputError,
            match="should begin with all known that is down in the guest within 0.1 s but it is not known: it has no focus; "
            rf"nothing was sent\. {way_out}.*; then try again",
        ):
            await sending
    assert not guest.received


@pytest.mark.parametrize("code", [SHIFT, LEFT_BUTTON])
async def test_clicks_drags_and_the_wheel_are_refused_while_others_hold_a_modifier_or_a_button(
    guest: FaultyGuest, session: AgentSession, hurried: None, code: int
) -> None:
    pointer = Pointer(guest.qmp, session)
    (await pointer.move(0.3, 0.3)).raise_if_bad(must_be_verified=True)
    guest.held.add(code)
    name, there = {SHIFT: "shift", LEFT_BUTTON: "left button"}[code], dict(guest.pointer)
    inputs = pointer.click, pointer.double_click, pointer.button_down
    for sending in (*inputs, lambda: pointer.drag(0.6, 0.6, start=(0.2, 0.2)), lambda: pointer.scroll(1)):
        with pytest.raises(InputError, match=rf"{name} is down in the guest and no keyword.*'Release All Keys'"):
            await sending()
    assert guest.held == {code}
    assert guest.pointer == there
    assert not guest.mouse
    guest.held.clear()
    (await pointer.click()).raise_if_bad(must_be_verified=True)


async def test_a_motion_minds_a_button_of_others_and_no_modifier(
    guest: FaultyGuest, session: AgentSession, hurried: None
) -> None:
    pointer = Pointer(guest.qmp, session)
    guest.held.add(SHIFT)
    (await pointer.move(0.3, 0.3)).raise_if_bad(must_be_verified=True)
    guest.held = {LEFT_BUTTON}
    with pytest.raises(InputError, match="left button is down in the guest"):
        await pointer.move(0.6, 0.6)


async def test_a_click_with_what_we_hold_ourselves_is_no_strangers(
    guest: FaultyGuest, session: AgentSession, hurried: None
) -> None:
    machine = machine_of(guest, session)
    made = Pointer(guest.qmp, session, ours=machine.engines._codes_kept)
    await machine.engines.typing_of[True, "qmp"].key_down("ctrl")
    (await made.click()).raise_if_bad(must_be_verified=True)
    (await made.button_down("left")).raise_if_bad(must_be_verified=True)
    (await made.move(0.6, 0.6)).raise_if_bad(must_be_verified=True)
    guest.held.add(SHIFT)
    (await made.button_up("left")).raise_if_bad(must_be_verified=True)
    assert guest.held == {CTRL, SHIFT}


async def test_a_button_that_is_down_changes_no_text(guest: FaultyGuest, engine: TypingEngine) -> None:
    guest.held.add(LEFT_BUTTON)
    (await engine.type_text("hello")).raise_if_bad(must_be_verified=True)


async def test_a_modifier_of_others_in_the_middle_is_told_by_its_name(guest: FaultyGuest, engine: TypingEngine) -> None:
    typing = asyncio.create_task(engine.type_text("hello " * 20))
    async with asyncio.timeout(10):
        while len(guest.received) < 40:  # noqa: ASYNC110 - the guest has no event for it
            await asyncio.sleep(0.001)
    guest.take([{"type": "key", "data": {"down": True, "key": {"type": "qcode", "data": "shift"}}}])
    report = await typing
    assert not report.verified
    assert report.verdicts[Verdict.DUPLICATED] == 1
    assert "key down shift" in [row.what for row in report.timeline if row.injected is None]


def machine_of(guest: FaultyGuest, session: AgentSession | None) -> Machine:
    """A VM whose channels are that guest's."""

    class Reached(Machine):
        async def agent(self, timeout: float) -> AgentSession:
            if session is None:
                raise AgentError("No agent is here.")
            return session

        async def qmp(self, timeout: float) -> Any:
            return guest.qmp

    made = Reached(SimpleNamespace(name=guest.name, host=SimpleNamespace()), SimpleNamespace(), guest.events)  # type: ignore[arg-type]
    verified = session is not None
    made.engines.typing_of[verified, "qmp"] = TypingEngine(guest.qmp, session, ["ps2"])
    made.engines.pointers[verified, "qmp"] = Pointer(guest.qmp, session)
    return made


async def test_all_that_is_down_is_let_go_of_and_it_is_said_whose_it_was(
    guest: FaultyGuest, session: AgentSession
) -> None:
    machine = machine_of(guest, session)
    await (await machine.typing(5)).key_down("ctrl")
    guest.held |= {SHIFT, LEFT_BUTTON}
    assert await machine.held_keys(5) == ["ctrl of keyboard", "shift of keyboard", "left button of keyboard"]
    done = await let_go_of_everything(machine, 10)
    assert done.sentence("x") == (
        "Let go in VM 'x' of ctrl (held here); shift, left button (held by somebody else). "
        "The guest's kernel sees no key and no button down now."
    )
    assert not guest.held
    assert await machine.held_keys(5) == []
    assert not machine.holds_keys
    assert (await let_go_of_everything(machine, 10)).sentence("x") == (
        "The guest's kernel sees no key and no button down in VM 'x'."
    )


async def test_what_stays_down_is_named_and_does_not_become_ours(
    guest: FaultyGuest, session: AgentSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ATPLibrary.verifier import held

    monkeypatch.setattr(held, "RELEASE_TIMEOUT", 0.3)
    machine = machine_of(guest, session)
    guest.held |= {183, SHIFT}  # QEMU has no name for F13, and can't let go of it
    with pytest.raises(InputError, match="still has f13 of keyboard down"):
        await let_go_of_everything(machine, 10)
    assert guest.held == {183}
    guest.dropped = set(range(1000))  # another device's: what is sent to this one changes nothing
    guest.held = {SHIFT}
    with pytest.raises(InputError, match="still has shift of keyboard down"):
        await let_go_of_everything(machine, 10)
    assert not machine.holds_keys


async def test_without_an_agent_only_our_own_are_let_go_of_and_that_is_said(guest: FaultyGuest) -> None:
    machine = machine_of(guest, None)
    guest.held.add(SHIFT)
    done = await let_go_of_everything(machine, 10)
    assert done.sentence("x") == (
        "No keyword holds a key or button down in VM 'x'. What others hold down there is not known, only our own is: "
        "No agent is here."
    )
    await (await machine.typing(5, verified=False)).key_down("ctrl")
    assert "Let go in VM 'x' of ctrl (held here). What others" in (await let_go_of_everything(machine, 10)).sentence(
        "x"
    )
