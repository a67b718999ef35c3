"""Moves, clicks and scrolls in a VM and proves on the guest's tablet that each motion and button arrived.

Positions are fractions of the screen, 0.0 (left, top) to 1.0 (right, bottom), or pixels of `screen=(width, height)`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from ATPLibrary import events
from ATPLibrary.errors import ATPError, DeadlineError, InputError, VmStateError
from ATPLibrary.protocol.qmp.edges import absolute_event, button_event, relative_event
from ATPLibrary.verifier.closed_loop import ClosedLoop, Report, Unit, require_running, send, shielded
from ATPLibrary.verifier.following import Tell, follow
from ATPLibrary.verifier.matcher import Matcher, Symbol
from ATPLibrary.verifier.mouse_choice import mouse_for
from ATPLibrary.verifier.observation import (
    ABS_X,
    ABS_Y,
    EV_ABS,
    EV_KEY,
    EV_REL,
    REL_HWHEEL,
    REL_WHEEL,
    REL_X,
    REL_Y,
    AgentDevice,
    Observation,
)
from ATPLibrary.verifier.queues import ONE_BY_ONE
from ATPLibrary.verifier.release_on_resume import ReleaseOnResume
from ATPLibrary.verifier.report import InputReport, build_report
from ATPLibrary.verifier.session_state import SessionState

if TYPE_CHECKING:
    from ATPLibrary.protocol.qmp import Qmp
    from ATPLibrary.verifier.session import AgentSession
    from ATPLibrary.verifier.stream import ObservationStream

# QMP's absolute axes run from 0 to this (qapi/ui.json, InputMoveEvent).
QMP_MAXIMUM = 0x7FFF
BUTTONS = {"left": 0x110, "right": 0x111, "middle": 0x112, "side": 0x113, "extra": 0x114}
# QEMU's wheel "buttons" and what the guest's kernel makes of one press.
_WHEEL: dict[str, Symbol] = {
    "wheel-up": (EV_REL, REL_WHEEL, 1),
    "wheel-down": (EV_REL, REL_WHEEL, -1),
    "wheel-left": (EV_REL, REL_HWHEEL, -1),
    "wheel-right": (EV_REL, REL_HWHEEL, 1),
}
_SEEN_RELATIVE = {REL_WHEEL, REL_HWHEEL}

DEFAULT_TIMEOUT = 30.0
AGENT_TIMEOUT = 5.0
TABLET_TIMEOUT = 5.0  # a guest that has just booted finds it a moment after its agent has started
RELEASE_TIMEOUT = 1.5
# A motion to where the pointer already is makes no event: so long nothing, and that is where it was.
SILENCE_SECONDS = 0.3
DRAG_STEPS = 8  # from one place to the next
# A PS/2 packet carries 127 counts of each axis at most; QEMU would split or cut what is more.
RELATIVE_STEP = 100
NO_SESSION = "no agent was asked: nothing proves that the pointer moved or clicked"

Screen = tuple[int, int]


class Pointer:
    """The absolute pointer (tablet) of one VM. One input at a time; `session` None means unverified.

    Every failure, deadline and cancellation releases the buttons that it holds.
    """

    def __init__(self, qmp: Qmp, session: AgentSession | None, *, vm_name: str = "") -> None:
        self.tell: Tell | None = None  # is told of each edge of the inputs that begin from now on
        self.last_report: InputReport | None = None
        self._qmp = qmp
        self._session = session
        self._vm_name = vm_name or (session.vm_name if session is not None else qmp.domain.name)
        self._lock = asyncio.Lock()
        self._unheard_because = ""  # why the agent's word at the end of this input is missing
        self._at: tuple[int, int] | None = None  # in QMP units; None: not known
        self._guest_at: dict[int, int] = {}  # axis -> the value that the guest saw last
        self._down: dict[str, None] = {}
        self._on_resume = ReleaseOnResume(self._vm_name, self.release_all)
        self._left_over: set[str] = set()  # those of them that a failed input could not let go of

    async def move(self, x: float, y: float, screen: Screen | None = None, timeout: float | None = None) -> InputReport:
        """Move to `x`, `y`: fractions from 0 to 1, or with `screen=(width, height)` pixels from 0. `InputError` outside of it."""
        target = _position(x, y, screen)
        return await self._input(f"pointer to {_say(x, y)}", [self._motion(target)], timeout)

    async def move_by(self, dx: int, dy: int, timeout: float | None = None) -> InputReport:
        """Move a relative mouse by counts: right and down when positive. The tablet, if there is one, knows nothing of it."""
        if not (dx or dy):
            raise InputError("The mouse can't be moved by nothing: give at least one count.")
        report = await self._input(f"pointer by {dx}, {dy}", _relative(dx, dy), timeout)
        self._at, self._guest_at = None, {}  # where a desktop puts its pointer then, only the desktop knows
        return report

    async def click(self, button: str = "left", timeout: float | None = None) -> InputReport:
        """Press and release a button where the pointer is."""
        return await self._input(f"{button} click", _clicks(button, 1), timeout)

    async def double_click(self, button: str = "left", timeout: float | None = None) -> InputReport:
        """Two clicks as fast as the guest takes them."""
        return await self._input(f"{button} double click", _clicks(button, 2), timeout)

    async def button_down(self, button: str = "left", timeout: float | None = None) -> InputReport:
        """Press a button and leave it down, until `button_up()` or `release_all()`. `InputError` when it is down already."""
        if _checked(button) in self._down:
            raise InputError.about(
                f"The {button} button of VM '{self._vm_name}'",
                wanted="be up to be pressed",
                got="is down already, and a second press would never be seen",
                next_step="Let go of it first",
            )
        return await self._input(f"{button} button down", [_button(button, True)], timeout, keep_down=True)

    async def button_up(self, button: str = "left", timeout: float | None = None) -> InputReport:
        """Release a button that is down. `InputError` when it isn't: its release would never be seen."""
        if _checked(button) not in self._down:
            raise InputError.about(
                f"The {button} button of VM '{self._vm_name}'",
                wanted="be down to be let go",
                got="is not",
                next_step="Press it first",
            )
        return await self._input(f"{button} button up", [_button(button, False)], timeout, keep_down=True)

    async def drag(
        self,
        x: float,
        y: float,
        button: str = "left",
        *,
        start: tuple[float, float] | None = None,
        through: Sequence[tuple[float, float]] = (),
        screen: Screen | None = None,
        timeout: float | None = None,
    ) -> InputReport:
        """Press `button` where the pointer is, or at `start`, move in steps `through` places to `x`, `y`, and let go there."""
        targets = [_position(*place, screen) for place in (*through, (x, y))]
        begin = _position(*start, screen) if start is not None else self._at
        if begin is None:
            raise InputError.about(
                f"Dragging to {_say(x, y)} on VM '{self._vm_name}'",
                wanted="begin somewhere",
                got="nothing has moved the pointer yet, so where it is isn't known",
                next_step="Move there first, or give start=",
            )
        units: list[Unit | _Motion] = [self._motion(begin)] if start is not None else []
        units.append(_button(button, True))
        for leg_begin, leg_end in pairwise((begin, *targets)):
            parts = (step / DRAG_STEPS for step in range(1, DRAG_STEPS + 1))
            places = [
                (_between(leg_begin[0], leg_end[0], part), _between(leg_begin[1], leg_end[1], part)) for part in parts
            ]
            # Of a short leg only the steps that move, and its end.
            steps = [place for place in dict.fromkeys(places) if place != leg_begin] or [leg_end]
            units += [self._motion(place) for place in steps]
        units.append(_button(button, False))
        return await self._input(f"{button} drag to {_say(x, y)}", units, timeout)

    async def scroll(self, amount: int, horizontal: bool = False, timeout: float | None = None) -> InputReport:
        """Turn the wheel by `amount` notches: up (or right, when horizontal) when positive, down (left) when negative."""
        towards = ("right" if amount > 0 else "left") if horizontal else ("up" if amount > 0 else "down")
        units = [unit for _ in range(abs(amount)) for unit in _notch(f"wheel-{towards}")]
        return await self._input(f"scroll {amount}{' horizontally' if horizontal else ''}", units, timeout)

    @property
    def buttons_down(self) -> list[str]:
        """The buttons that are down by this pointer's doing."""
        return list(self._down)

    async def release_all(self) -> None:
        """Let go of every button that this pointer holds, and make sure that the guest saw it."""
        async with self._lock:
            await self._release(list(self._down))

    async def release_left_over(self) -> bool:
        """Let go of what a failed input could not; False when it still can't. Buttons that the caller holds down stay down."""
        async with self._lock:
            await self._release([button for button in self._down if button in self._left_over])
            return not self._left_over.intersection(self._down)

    # -- how it is done -------------------------------------------------------------------------------------------------------

    async def _input(
        self, what: str, units: Sequence[Unit | _Motion], timeout: float | None, *, keep_down: bool = False
    ) -> InputReport:
        seconds = DEFAULT_TIMEOUT if timeout is None else timeout
        matcher = Matcher(held=(BUTTONS[button] for button in self._down))
        follow(matcher, what, self._session, self.tell)
        before = set(self._down) if keep_down else set()
        try:
            async with asyncio.timeout(seconds), self._lock:
                self.last_report, self._unheard_because, complete = None, "", False
                await require_running(self._qmp, self._vm_name, what)
                try:
                    async with mouse_for(self._qmp, _buttons_of(units)):
                        if self._session is None:
                            await self._by_the_clock(units, matcher)
                        else:
                            await self._closed_loop(self._session, what, units, matcher)
                except BaseException:
                    await shielded(self._release([button for button in self._down if button not in before]))
                    self._at = None
                    raise
                else:
                    complete = True
                finally:
                    self.last_report = self._build(what, matcher, complete)
        except TimeoutError as error:
            if isinstance(error, DeadlineError):
                raise
            raise DeadlineError.about(
                f"Input {what} on VM '{self._vm_name}'",
                wanted="be done",
                waited=seconds,
                got=f"is not: {len(matcher.injections)} events were sent, {len(matcher.waiting)} of them not seen",
                last_seen=self._session.describe() if self._session is not None else "",
                next_step="Give it more time (timeout=...), or see what keeps the guest busy",
            ) from None
        return self.last_report

    async def _closed_loop(
        self, session: AgentSession, what: str, units: Sequence[Unit | _Motion], matcher: Matcher
    ) -> None:
        await session.ensure_watching(AGENT_TIMEOUT)
        subject = what[0].upper() + what[1:]
        loop = ClosedLoop(
            self._qmp,
            session,
            subject,
            vm_name=self._vm_name,
            accepts=self._accepts,
            matcher=matcher,
            queue=ONE_BY_ONE,
            note_sent=self._note_sent,
        )
        with session.observations.subscribe() as stream:
            try:
                for unit in units:
                    if isinstance(unit, _Motion):
                        await self._follow(session, loop, unit, stream)
                    else:
                        await loop.run([unit], stream)
                await loop.listen_to_the_end(stream)
                self._unheard_because = loop.unheard_because
            except BaseException:
                await shielded(loop.drain(stream))
                raise

    async def _follow(
        self, session: AgentSession, loop: ClosedLoop, motion: _Motion, stream: ObservationStream
    ) -> None:
        """Send one motion, expecting only the axes on which it differs from where the guest has the pointer."""
        tablet = await session.wait_for_device(lambda device: device.pointer == "absolute", TABLET_TIMEOUT)
        if tablet is None:
            raise InputError.about(
                f"VM '{self._vm_name}'",
                wanted="have an absolute pointer",
                got="its guest sees none",
                last_seen=", ".join(map(str, session.devices.values())) or "no input device at all",
                next_step="Add a tablet to the VM (<input type='tablet' bus='usb'/>) and its driver to the guest",
            )
        wanted = {ABS_X: _scaled(tablet, ABS_X, motion.x), ABS_Y: _scaled(tablet, ABS_Y, motion.y)}
        # A motion to where it is already would be seen by nobody, and so be proved by nothing.
        if self._guest_at.keys() != wanted.keys() or self._guest_at == wanted:
            beside = _Motion(_beside(tablet, ABS_X, motion.x), _beside(tablet, ABS_Y, motion.y))
            await self._approach(session, beside, stream)
            self._guest_at = {ABS_X: _scaled(tablet, ABS_X, beside.x), ABS_Y: _scaled(tablet, ABS_Y, beside.y)}
        changed = tuple((EV_ABS, axis, value) for axis, value in wanted.items() if self._guest_at[axis] != value)
        # Until it is seen to be there, where the guest has the pointer is anyone's guess.
        self._guest_at = {}
        await loop.run([_report(motion, changed)], stream)
        if all(
            i.observation is not None for i in loop.matcher.injections[len(loop.matcher.injections) - len(changed) :]
        ):
            self._guest_at = wanted
        self._at = (motion.x, motion.y)

    async def _approach(self, session: AgentSession, beside: _Motion, stream: ObservationStream) -> None:
        """Go right beside the target, so that the step onto it changes both axes wherever the pointer was before."""
        await send(self._qmp, [_command(beside)], self._vm_name, "a motion of the pointer")
        end = time.monotonic() + SILENCE_SECONDS
        while (remaining := end - time.monotonic()) > 0:
            batch = await stream.next_batch(remaining)
            if any(isinstance(seen, Observation) and self._accepts(seen) and seen.type == EV_ABS for seen in batch):
                break
        # The other axis comes with it, in front of the answer.
        await session.ping(AGENT_TIMEOUT)
        stream.take()

    async def _by_the_clock(self, units: Sequence[Unit | _Motion], matcher: Matcher) -> None:
        for unit in units:
            for report in _report(unit, ()).reports if isinstance(unit, _Motion) else unit.reports:
                self._note_sent(report, False)
                matcher.inject_unwatched((0, 0, 0), time.monotonic(), report.what)
                await send(
                    self._qmp, [("input-send-event", {"events": list(report.events)})], self._vm_name, report.what
                )
                self._note_sent(report, True)
                await asyncio.sleep(ONE_BY_ONE.drain_seconds)
            if isinstance(unit, _Motion):
                self._at = (unit.x, unit.y)

    async def _release(self, buttons: Sequence[str]) -> None:
        """Release buttons and make sure of it; never raises but for a cancellation."""
        if not buttons:
            return
        codes = {BUTTONS[button] for button in buttons}
        try:
            async with asyncio.timeout(RELEASE_TIMEOUT):
                while True:
                    for button in buttons:  # each on the mouse on which it went down
                        command = ("input-send-event", {"events": [button_event(button, False)]})
                        async with mouse_for(self._qmp, [button]):
                            await send(self._qmp, [command], self._vm_name, f"the release of {button}")
                    session = self._session
                    if session is None or session.state is not SessionState.READY:
                        break
                    if not any(code in codes for _, code in await session.held_keys(RELEASE_TIMEOUT)):
                        break
                    await asyncio.sleep(SILENCE_SECONDS)
        except (ATPError, TimeoutError) as error:
            data = {"buttons": ", ".join(buttons), "why": str(error) or type(error).__name__}
            self._left_over.update(buttons)
            events.bus().publish(events.Event(f"vm:{self._vm_name}", "input.buttons_left_down", data))
            if isinstance(error, VmStateError):
                self._on_resume.arm()
            return
        self._left_over.difference_update(buttons)
        for button in buttons:
            self._down.pop(button, None)

    def _note_sent(self, report: Report, written: bool) -> None:
        button, _, direction = report.what.removeprefix("button ").partition(" ")
        if button not in BUTTONS or not report.what.startswith("button "):
            return
        if not written:
            self._down[button] = None  # from now on it may be down
        elif direction == "up":
            self._down.pop(button, None)

    def _accepts(self, observation: Observation) -> bool:
        device = self._session.devices.get(observation.device) if self._session is not None else None
        if device is None or device.pointer is None:
            return False
        if observation.type == EV_ABS:
            return device.pointer == "absolute" and observation.code in (ABS_X, ABS_Y)
        if observation.type == EV_REL:
            if observation.code in (REL_X, REL_Y):
                return device.pointer == "relative"
            return observation.code in _SEEN_RELATIVE  # the high-resolution twins say the same once more
        return observation.type == EV_KEY and observation.code in BUTTONS.values()

    def _build(self, what: str, matcher: Matcher, complete: bool) -> InputReport:
        session = self._session
        return build_report(
            what,
            matcher,
            clock=None if session is None else session.clock,
            unverified_because=NO_SESSION if session is None else "",
            unheard_because=self._unheard_because,
            complete=complete,
        )

    @staticmethod
    def _motion(target: tuple[int, int]) -> _Motion:
        return _Motion(*target)


@dataclass(frozen=True, slots=True)
class _Motion:
    """To a position in QMP units. What the guest sees of it depends on where it is by then."""

    x: int
    y: int


def _report(motion: _Motion, symbols: tuple[Symbol, ...]) -> Unit:
    events_of = (absolute_event("x", motion.x), absolute_event("y", motion.y))
    return Unit((Report(events_of, symbols, f"pointer to {motion.x}, {motion.y}"),))


def _command(motion: _Motion) -> tuple[str, dict[str, object]]:
    return "input-send-event", {"events": list(_report(motion, ()).reports[0].events)}


def _button(button: str, down: bool) -> Unit:
    direction = "down" if down else "up"
    symbol = (EV_KEY, BUTTONS[_checked(button)], int(down))
    return Unit((Report((button_event(button, down),), (symbol,), f"button {button} {direction}"),))


def _relative(dx: int, dy: int) -> list[Unit]:
    """Motions of equal parts, each as the guest will see it: the sideways part first, no event for none."""
    steps = -(-max(abs(dx), abs(dy)) // RELATIVE_STEP)
    units = []
    for step in range(steps):
        x, y = (delta * (step + 1) // steps - delta * step // steps for delta in (dx, dy))
        symbols = tuple((EV_REL, code, delta) for code, delta in ((REL_X, x), (REL_Y, y)) if delta)
        if symbols:
            units.append(
                Unit((Report((relative_event("x", x), relative_event("y", y)), symbols, f"pointer by {x}, {y}"),))
            )
    return units


def _buttons_of(units: Sequence[Unit | _Motion]) -> set[str]:
    names = (report.what.split() for unit in units if isinstance(unit, Unit) for report in unit.reports)
    return {words[1] if words[0] == "button" else words[0] for words in names}


def _clicks(button: str, count: int) -> list[Unit]:
    return [_button(button, down) for _ in range(count) for down in (True, False)]


def _notch(wheel: str) -> list[Unit]:
    # The release of a wheel "button" is QEMU's affair: the guest sees the press only.
    return [
        Unit(
            (
                Report((button_event(wheel, True),), (_WHEEL[wheel],), wheel),
                Report((button_event(wheel, False),), (), wheel),
            )
        )
    ]


def _checked(button: str) -> str:
    if button not in BUTTONS:
        raise InputError.about(
            f"Mouse button '{button}'",
            wanted=f"be one of {', '.join(BUTTONS)}",
            got="is not",
            next_step="Choose one of them",
        )
    return button


def _position(x: float, y: float, screen: Screen | None) -> tuple[int, int]:
    if screen is None:
        if not (0 <= x <= 1 and 0 <= y <= 1):
            raise InputError.about(
                f"Position {_say(x, y)}",
                wanted="be fractions of the screen from 0 to 1",
                got="is outside",
                next_step="Divide a pixel's column by the screen's width and its row by the height: "
                "320, 120 of 1280 x 720 is 0.25, 0.167",
            )
        return round(x * QMP_MAXIMUM), round(y * QMP_MAXIMUM)
    width, height = screen
    if not (width > 0 and height > 0 and 0 <= x < width and 0 <= y < height):
        raise InputError.about(
            f"Position {_say(x, y)}",
            wanted=f"be on the screen of {width} x {height} pixels",
            got="is outside",
            next_step="Pixels count from 0 at the left and the top",
        )
    return _between(0, QMP_MAXIMUM, x / max(width - 1, 1)), _between(0, QMP_MAXIMUM, y / max(height - 1, 1))


def _scaled(device: AgentDevice, axis: int, value: int) -> int:
    low, high = device.absolute.get(axis, (0, QMP_MAXIMUM))
    return _between(low, high, value / QMP_MAXIMUM)


def _beside(device: AgentDevice, axis: int, value: int) -> int:
    """The nearest position, in QMP units, that the guest can tell from `value`; `value` when its axis has only one."""
    there, step = _scaled(device, axis, value), 1
    while step <= QMP_MAXIMUM:
        for near in (value - step, value + step):
            if 0 <= near <= QMP_MAXIMUM and _scaled(device, axis, near) != there:
                return near
        step *= 2
    return value


def _between(begin: int, end: int, part: float) -> int:
    return begin + round((end - begin) * part)


def _say(x: float, y: float) -> str:
    return f"{x:g}, {y:g}"
