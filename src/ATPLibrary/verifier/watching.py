"""What a guest sees of input that others send: a person at the console, a SPICE client, another tool."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from ATPLibrary.errors import AgentError
from ATPLibrary.verifier.hiding import A_KEY, NOTHING_HIDDEN, HiddenTimes
from ATPLibrary.verifier.key_names import key_name
from ATPLibrary.verifier.lock_keys import lit
from ATPLibrary.verifier.observation import (
    ABS_X,
    ABS_Y,
    AUTOREPEAT,
    EV_ABS,
    EV_KEY,
    EV_REL,
    PRESSED,
    REL_HWHEEL,
    REL_WHEEL,
    REL_X,
    REL_Y,
    AgentDevice,
    Observation,
    ObserverOverrun,
    Seen,
    fraction,
)
from ATPLibrary.verifier.pointer_units import BUTTONS
from ATPLibrary.verifier.touches import TOUCH_AXES, Fingers

if TYPE_CHECKING:
    from ATPLibrary.verifier.answers import InputState
    from ATPLibrary.verifier.session import AgentSession

# As many observations a watch keeps; where more come it says that the older ones are unknown.
MOST_KEPT = 100_000
Places = Mapping[int, Mapping[int, int]]  # device -> axis -> value
NOWHERE: Places = MappingProxyType({})
_MOTIONS = {
    REL_X: "pointer by {} to the right",
    REL_Y: "pointer by {} down",
    REL_WHEEL: "wheel by {}",
    REL_HWHEEL: "wheel by {} to the right",
}


class KeyEdge(NamedTuple):
    """A key or button that the guest saw go down or up."""

    name: (
        str  # QEMU's name of a key ("a", "ctrl"), "left button", else the kernel's ("brightnessup"), or "key code 240"
    )
    down: bool
    is_hidden: bool = False  # it came while a secret was typed

    def __str__(self) -> str:
        return A_KEY[self.down] if self.is_hidden else f"{self.name} {'down' if self.down else 'up'}"


class InputWatch:
    """Everything that the guest sees from its making to `close()`. Belongs to the loop that it was made on.

    `begin` is how the guest's input stood then: what was down already, where the pointers were, which lock lights were lit.
    """

    def __init__(self, session: AgentSession, begin: InputState | None = None) -> None:
        self.session = session
        self.held = frozenset(key_name(code) for _, code in begin.held) if begin is not None else frozenset[str]()
        self.places: Places = NOWHERE if begin is None else begin.absolute or NOWHERE
        self.caps_lock = begin is not None and lit(begin.leds).get("caps", False)
        self._stream = session.observations.subscribe()
        self._seen: list[Seen] = []

    @property
    def seen(self) -> Sequence[Seen]:
        """In the order in which the guest's kernel saw it."""
        self._keep(self._stream.take())
        return self._seen

    @property
    def edges(self) -> list[KeyEdge]:
        return [*key_edges(self.seen, self.session.hidden)]

    @property
    def down(self) -> set[str]:
        """The keys and buttons that are down now."""
        down = set(self.held)
        for edge in self.edges:
            (down.add if edge.down else down.discard)(edge.name)
        return down

    @property
    def repeats(self) -> list[str]:
        """The keys that the guest has repeated by itself, each once."""
        hidden = self.session.hidden
        repeats = (
            each
            for each in self.seen
            if isinstance(each, Observation) and (each.type, each.value) == (EV_KEY, AUTOREPEAT)
        )
        return [*dict.fromkeys("a key" if _is_hidden(each, hidden) else key_name(each.code) for each in repeats)]

    def lines(self) -> list[str]:
        """A line for each thing seen: "a down", "left button up", "pointer at 0.500, 0.250", "unknown: ...".

        What came while a secret was typed is "a key down".
        """
        return [*told(self.seen, self.session.devices, self.session.hidden, self.places)]

    def check_is_whole(self) -> None:
        """`AgentError` where something may have been seen that the agent did not tell."""
        for each in self.seen:
            if isinstance(each, ObserverOverrun):
                raise AgentError.about(
                    f"What VM '{self.session.vm_name}' has seen",
                    wanted="be known",
                    got=f"is not, of a part of the time: {each.reason}",
                    next_step="Do it again: 'Start Watching Input' begins anew",
                )

    async def until(self, holds: Callable[[], bool], timeout: float) -> bool:
        """Whether `holds()` became true within `timeout` seconds, asked anew each time that something was seen."""
        end = time.monotonic() + timeout
        while not holds():
            left = end - time.monotonic()
            if left <= 0:
                return False
            self._keep(await self._stream.next_batch(left))
        return True

    async def for_(self, seconds: float) -> None:
        """Let `seconds` pass, or return sooner where something was seen."""
        before = len(self.seen)
        await self.until(lambda: len(self.seen) > before, seconds)

    async def settle(self, timeout: float) -> None:
        """Wait for the agent's word that all which its kernel has seen by now was told: its answers come after."""
        await self.session.held_keys(timeout)

    def close(self) -> None:
        self._stream.close()

    def _keep(self, items: Iterable[Seen]) -> None:
        self._seen += items
        if len(self._seen) > MOST_KEPT:
            reason = f"more than {MOST_KEPT:,} observations came, the older ones aren't kept"
            kept = self._seen[-MOST_KEPT // 2 :]
            self._seen = [ObserverOverrun(reason, None, frozenset(), time.monotonic()), *kept]


def key_edges(seen: Iterable[Seen], hidden: HiddenTimes = NOTHING_HIDDEN) -> Iterator[KeyEdge]:
    """The keys and buttons that went down and up; repeats that the guest makes itself aren't edges."""
    for each in seen:
        if isinstance(each, Observation) and each.type == EV_KEY and each.value != AUTOREPEAT:
            yield KeyEdge(key_name(each.code), each.value == PRESSED, _is_hidden(each, hidden))


def _is_hidden(seen: Observation, hidden: HiddenTimes) -> bool:
    return seen.code not in BUTTONS.values() and hidden.cover(seen.received)


def told(
    seen: Iterable[Seen],
    devices: Mapping[int, AgentDevice],
    hidden: HiddenTimes = NOTHING_HIDDEN,
    places: Places = NOWHERE,
) -> Iterator[str]:
    """A line for each thing seen; a motion of several axes at once is one. `places`: where the pointers were before it."""
    at = {number: dict(axes) for number, axes in places.items()}
    fingers: dict[int, Fingers] = {}
    moved: tuple[int, int] | None = None  # the device and the kernel's time of a motion that isn't told yet

    def motion_of(number: int) -> Iterator[str]:
        device = devices.get(number)
        if axes := at.get(number):
            yield _place(axes, device)
        if number in fingers:
            yield from fingers[number].lines(device.absolute if device is not None else {})

    for each in seen:
        motion = (each.device, each.time_us) if isinstance(each, Observation) and each.type == EV_ABS else None
        if moved is not None and moved != motion:
            yield from motion_of(moved[0])
            moved = None
        if isinstance(each, ObserverOverrun):
            yield f"unknown: {each.reason}"
        elif motion is not None:
            if each.code in TOUCH_AXES:
                fingers.setdefault(each.device, Fingers()).note(each.code, each.value)
            else:
                at.setdefault(each.device, {})[each.code] = each.value
            moved = motion
        elif each.type == EV_KEY:
            if each.value != AUTOREPEAT:
                yield str(next(key_edges([each], hidden)))
            else:
                yield f"{'a key' if _is_hidden(each, hidden) else key_name(each.code)} repeated"
        elif each.type == EV_REL:
            yield _MOTIONS.get(each.code, f"axis {each.code} by {{}}").format(each.value)
    if moved is not None:
        yield from motion_of(moved[0])


def drag_path(
    seen: Iterable[Seen], devices: Mapping[int, AgentDevice], button: str, places: Places = NOWHERE
) -> list[tuple[float, float]]:
    """Where the absolute pointer was from the last press of `button` until its release, as fractions of the screen.

    `places`: where the pointers were when the watch began. The kernel tells an axis only when it changes.
    """
    at = {number: dict(axes) for number, axes in places.items()}
    path: list[tuple[float, float]] = []
    begun = False
    tablet = next(iter(at)) if len(at) == 1 else None

    def note() -> None:
        place = None if tablet is None else fraction(at.get(tablet, {}), devices.get(tablet))
        if place is not None and (not path or path[-1] != place):
            path.append(place)

    for _, report in groupby((each for each in seen if isinstance(each, Observation)), _report_of):
        # Both axes and the button of one report are one moment, in whatever order the kernel names them.
        events = [*report]
        for each in events:
            if each.type == EV_ABS and each.code in (ABS_X, ABS_Y):
                tablet = each.device
                at.setdefault(tablet, {})[each.code] = each.value
        edges = [each.value == PRESSED for each in events if each.type == EV_KEY and each.code == BUTTONS[button]]
        if begun:
            note()
        for begun in edges:
            if begun:
                path.clear()
                note()
    return path


def _report_of(seen: Observation) -> tuple[int, int]:
    return seen.device, seen.time_us


def _place(at: Mapping[int, int], device: AgentDevice | None) -> str:
    place = fraction(at, device)
    return (
        f"pointer at {_say(place)}" if place is not None else f"pointer at {at.get(ABS_X, '?')}, {at.get(ABS_Y, '?')}"
    )


def _say(place: tuple[float, float]) -> str:
    return f"{place[0]:.3f}, {place[1]:.3f}"
