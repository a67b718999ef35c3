"""What the watching keywords call proved, and what they don't: observations of a guest that no VM is needed for."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from robot.api.types import Secret

from ATPLibrary.errors import ATPError
from ATPLibrary.keywords.component import Component
from ATPLibrary.keywords.libraries import Verifier
from ATPLibrary.keywords.places import Place
from ATPLibrary.protocol.qmp.edges import EVDEV_OF_QCODE
from ATPLibrary.verifier.answers import InputState
from ATPLibrary.verifier.grabs import Grabbed
from ATPLibrary.verifier.hiding import NOTHING_HIDDEN
from ATPLibrary.verifier.layout import Layout
from ATPLibrary.verifier.observation import EV_ABS, EV_KEY, AgentDevice, Observation
from ATPLibrary.verifier.pointer_units import BUTTONS
from ATPLibrary.verifier.stream import ObservationFeed
from ATPLibrary.verifier.watching import InputWatch

pytestmark = pytest.mark.unit

TABLET = AgentDevice(2, "/dev/input/event1", "Tablet", "usb", False, "absolute", {0: (0, 1000), 1: (0, 1000)})
NOTHING_DOWN = InputState(frozenset(), {2: {0: 100, 1: 100}}, {})


class Guest:
    """Stands for the VM: what it sees is said by a test."""

    def __init__(self) -> None:
        self.feed = ObservationFeed()
        self.patience = 0.0
        self.session: Any = SimpleNamespace(
            vm_name="win11", observations=self.feed, hidden=NOTHING_HIDDEN, devices={2: TABLET}, held_keys=self._answer,
            taken_by_others=self._taken, ensure_watching=self._answer, hello=SimpleNamespace(version="0.0.9"),
        )  # fmt: skip
        self.taken: list[Grabbed] | None = []
        self.name, self.watches = "win11", SimpleNamespace(current=lambda: self.watch, where="")
        self.begin(NOTHING_DOWN)

    async def _answer(self, timeout: float) -> frozenset[tuple[int, int]]:
        self.patience = timeout
        return frozenset()

    async def _taken(self, timeout: float) -> list[Grabbed] | None:
        return self.taken

    def begin(self, state: InputState) -> None:
        self.watch = InputWatch(self.session, state)

    @contextlib.asynccontextmanager
    async def answering(self) -> AsyncIterator[None]:
        yield

    async def agent(self, timeout: float) -> Any:
        return self.session

    def layout(self) -> Layout:
        return Layout("us")

    def sees(self, *said: str) -> None:
        """Each a key ("ctrl+u" goes down and up), "a down", "a repeats" or "a up"."""
        for each in said:
            name, _, what = each.rpartition(" ") if each.split()[-1] in ("down", "up", "repeats") else (each, "", "")
            for key in name.split("+"):
                if what != "up":
                    self._edge(key, 2 if what == "repeats" else 1)
            for key in reversed(name.split("+")):
                if what not in ("down", "repeats"):
                    self._edge(key, 0)

    def moves(self, x: int, y: int, time_us: int) -> None:
        axes = ((0, x), (1, y))
        self.feed.publish([Observation(2, "usb", EV_ABS, axis, value, time_us, 0.0) for axis, value in axes])

    def _edge(self, key: str, value: int) -> None:
        button = key.removesuffix(" button")
        code = EVDEV_OF_QCODE[key] if button == key else BUTTONS[button]
        self.feed.publish([Observation(1, "usb", EV_KEY, code, value, 0, 0.0)])


@pytest.fixture
def guest(monkeypatch: pytest.MonkeyPatch) -> Guest:
    guest = Guest()

    async def machine(self: Component, vm: str | None, timeout: float) -> Guest:
        return guest

    monkeypatch.setattr(Component, "machine", machine)
    return guest


@pytest.fixture
def keywords() -> Callable[..., Any]:
    """Run a keyword of the library by its name."""
    library = Verifier()
    return lambda name, *args, **named: getattr(library, name)(*args, **named)


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (
            ["a", "b", "backspace", "f5", "left", "ctrl+u", "c"],
            "keys that aren't text came with it: backspace, f5, left",
        ),
        (["a", "b", "c", "caps_lock"], "caps_lock"),
        (["a", "b", "c", "meta_l"], "meta_l"),
        (["a down", "b", "c"], "still down: a"),
        (["a", "b", "c down", "c repeats", "c up"], "repeated by the guest itself: c"),
    ],
)
def test_a_text_with_more_than_text_is_red(guest: Guest, keywords: Any, seen: list[str], said: str) -> None:
    guest.sees(*seen)
    with pytest.raises(ATPError, match=said):
        keywords("text_should_have_arrived_in_order", "abc")


def test_a_text_alone_is_green_whatever_the_mouse_does(guest: Guest, keywords: Any) -> None:
    guest.sees("left button", "shift", "a", "b", "c")
    keywords("text_should_have_arrived_in_order", "abc")


def test_of_a_secret_no_key_is_named(guest: Guest, keywords: Any) -> None:
    guest.sees("a", "b", "f5", "c")
    with pytest.raises(ATPError, match="came with it: 1 of them") as failed:
        keywords("text_should_have_arrived_in_order", Secret("abc"))
    assert "f5" not in str(failed.value)


def test_a_shift_that_was_down_before_the_watch_is_known(guest: Guest, keywords: Any) -> None:
    guest.begin(InputState(frozenset({(1, EVDEV_OF_QCODE["shift"])}), {}, {}))
    guest.sees("f", "i", "n", "e", "shift up")
    assert keywords("get_observed_input", kind="text") == "FINE"
    keywords("text_should_have_arrived_in_order", "FINE")


@pytest.mark.parametrize("seen", [["ctrl+shift+c"], ["c+ctrl"], ["c"], ["ctrl", "c"]])
def test_a_combination_with_other_modifiers_has_not_arrived(guest: Guest, keywords: Any, seen: list[str]) -> None:
    guest.sees(*seen)
    with pytest.raises(ATPError, match="did not"):
        keywords("key_should_have_arrived", "ctrl+c")


def test_a_key_of_a_combination_has_not_arrived_by_itself(guest: Guest, keywords: Any) -> None:
    guest.sees("ctrl+c", "ctrl+left button")
    keywords("key_should_have_arrived", "ctrl+c", 1)
    keywords("key_should_have_arrived", "ctrl+left button", 1)
    for key in ("c", "ctrl", "left button"):
        with pytest.raises(ATPError, match="did not"):
            keywords("key_should_have_arrived", key)


def test_a_drag_whose_button_is_still_down_has_not_ended(guest: Guest, keywords: Any) -> None:
    guest.sees("left button down")
    guest.moves(800, 100, 1)
    way = Place(0.1, 0.1), Place(0.8, 0.1)
    with pytest.raises(ATPError, match="has not ended: the button is still down"):
        keywords("drag_should_match", *way)
    guest.sees("left button up")
    keywords("drag_should_match", *way, timeout=timedelta(seconds=5))


def test_a_timeout_is_the_agents_too(guest: Guest, keywords: Any) -> None:
    guest.sees("a")
    keywords("key_should_have_arrived", "a", timeout=timedelta(seconds=2))
    assert 0 < guest.patience <= 2
    keywords("text_should_have_arrived_in_order", "a", timeout=timedelta(seconds=3))
    assert 2 < guest.patience <= 3
    keywords("key_should_have_arrived", "a", timeout=timedelta(0))
    assert guest.patience > 3, "nothing to wait for, but the agent may take its time to answer"


def test_a_pointer_that_has_not_moved_yet_is_no_missing_tablet(guest: Guest, keywords: Any) -> None:
    async def nowhere(timeout: float) -> dict[int, tuple[float, float]]:
        return {}

    guest.session.pointers_at = nowhere
    with pytest.raises(ATPError, match="has not moved yet"):
        keywords("mouse_should_be_at", 0.5, 0.5)
    guest.session.devices = {}
    with pytest.raises(ATPError, match="Add a tablet"):
        keywords("mouse_should_be_at", 0.5, 0.5)


def test_silence_is_not_proved_where_a_program_in_the_guest_has_the_keyboard(guest: Guest, keywords: Any) -> None:
    keywords("no_input_should_arrive", timedelta(milliseconds=1))
    guest.taken = [Grabbed(TABLET)]
    with pytest.raises(ATPError, match=r"can't be: a program in the guest has Tablet .usb. to itself"):
        keywords("no_input_should_arrive", timedelta(milliseconds=1))
    guest.taken = [Grabbed(TABLET, ("evtest (process 312)", "cat (process 7)"))]
    with pytest.raises(
        ATPError, match=r"one of evtest .process 312., cat .process 7. in the guest has Tablet .usb. to"
    ):
        keywords("no_input_should_arrive", timedelta(milliseconds=1))


def test_silence_is_not_proved_by_an_agent_that_is_too_old_to_tell_of_grabs(guest: Guest, keywords: Any) -> None:
    guest.taken = None
    with pytest.raises(ATPError, match=r"agent .version 0.0.9. is too old to tell.*'Deploy Agent"):
        keywords("no_input_should_arrive", timedelta(milliseconds=1))
    guest.session.devices = {2: dataclasses.replace(TABLET, path="\\\\?\\HID#1")}  # Windows: there is nothing to tell
    keywords("no_input_should_arrive", timedelta(milliseconds=1))
