"""Moves, clicks and scrolls in a VM and proves on the guest's tablet that each motion and button arrived.

Positions are fractions of the screen, 0.0 (left, top) to 1.0 (right, bottom), or pixels of `screen=(width, height)`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from ATPLibrary.errors import DeadlineError, InputError
from ATPLibrary.protocol.qmp.edges import button_event
from ATPLibrary.verifier.following import Tell, follow
from ATPLibrary.verifier.held import Held
from ATPLibrary.verifier.matcher import Matcher
from ATPLibrary.verifier.mouse_choice import mouse_for
from ATPLibrary.verifier.pacing import send_unwatched
from ATPLibrary.verifier.pointer_places import Place, Screen, path, position, say
from ATPLibrary.verifier.pointer_units import (
    BUTTONS,
    Motion,
    button_unit,
    buttons_of,
    checked_button,
    clicks,
    motion_unit,
    motions_of,
    notch,
    reached,
    relative_units,
)
from ATPLibrary.verifier.proved_pointing import ProvedPointing
from ATPLibrary.verifier.qmp_injector import QmpInjector
from ATPLibrary.verifier.queues import ONE_BY_ONE
from ATPLibrary.verifier.report import InputReport, build_report
from ATPLibrary.verifier.sending import require_running, shielded

if TYPE_CHECKING:
    from ATPLibrary.protocol.qmp import Qmp
    from ATPLibrary.verifier.injector import Injector
    from ATPLibrary.verifier.session import AgentSession
    from ATPLibrary.verifier.units import Unit

DEFAULT_TIMEOUT = 30.0
NO_SESSION = "no agent was asked: nothing proves that the pointer moved or clicked"


class Pointer:
    """The absolute pointer (tablet) of one VM. One input at a time; `session` None means unverified.

    `way` is how motions and buttons go, by default through `qmp`, which tells how the VM is in any case.
    Every failure, deadline and cancellation releases the buttons that it pressed; `button_down()`'s stay down. `ours` says by their
    codes which keys and buttons others of the same caller keep down: another modifier or button, down in the guest before a
    verified input, refuses it.
    """

    def __init__(
        self,
        qmp: Qmp,
        session: AgentSession | None,
        *,
        way: Injector | None = None,
        vm_name: str = "",
        ours: Callable[[], Iterable[int]] = tuple,
    ) -> None:
        self.tell: Tell | None = None  # is told of each edge of the inputs that begin from now on
        self.last_report: InputReport | None = None
        self._qmp = qmp
        self._session = session
        self._vm_name = vm_name or (session.vm_name if session is not None else qmp.domain.name)
        self._way = way or QmpInjector(qmp, self._vm_name)
        self._lock = asyncio.Lock()
        self._began = time.monotonic()  # the input that is on its way, or was last
        self._at: Place | None = None  # None: not known
        self._held = Held(
            "buttons", BUTTONS, self._send_releases, session=session, vm_name=self._vm_name, lock=self._lock
        )
        self._proved: ProvedPointing | None = None
        if session is not None:
            self._proved = ProvedPointing(
                qmp, session, way=self._way, held=self._held, vm_name=self._vm_name, ours=ours
            )

    async def move(self, x: float, y: float, screen: Screen | None = None, timeout: float | None = None) -> InputReport:
        """Move to `x`, `y`: fractions from 0 to 1, or with `screen=(width, height)` pixels from 0. `InputError` outside of it."""
        return await self._input(f"pointer to {say(x, y)}", [Motion(*position(x, y, screen))], timeout)

    async def move_by(self, dx: int, dy: int, timeout: float | None = None) -> InputReport:
        """Move a relative mouse by counts: right and down when positive. The guest's kernel must see exactly those counts.

        The tablet, if there is one, knows nothing of it.
        """
        if not (dx or dy):
            raise InputError("The mouse can't be moved by nothing: give at least one count.")
        report = await self._input(f"pointer by {dx}, {dy}", relative_units(dx, dy), timeout)
        self._at = None  # where a desktop puts its pointer then, only the desktop knows
        if self._proved is not None:
            self._proved.forget_place()
        return report

    async def click(self, button: str = "left", timeout: float | None = None) -> InputReport:
        """Press and release a button where the pointer is."""
        return await self._input(f"{button} click", clicks(button, 1), timeout)

    async def double_click(self, button: str = "left", timeout: float | None = None) -> InputReport:
        """Two clicks as fast as the guest takes them."""
        return await self._input(f"{button} double click", clicks(button, 2), timeout)

    async def button_down(self, button: str = "left", timeout: float | None = None) -> InputReport:
        """Press a button and leave it down, until `button_up()` or `release_all()`. `InputError` when it is down already."""
        if checked_button(button) in self.buttons_down:
            raise InputError.about(
                f"The {button} button of VM '{self._vm_name}'",
                wanted="be up to be pressed",
                got="is down already, and a second press would never be seen",
                next_step="Let go of it first",
            )
        return await self._input(f"{button} button down", [button_unit(button, True)], timeout, keeps=[button])

    async def button_up(self, button: str = "left", timeout: float | None = None) -> InputReport:
        """Release a button that is down. `InputError` when it isn't: its release would never be seen."""
        if checked_button(button) not in self.buttons_down:
            raise InputError.about(
                f"The {button} button of VM '{self._vm_name}'",
                wanted="be down to be let go",
                got="is not",
                next_step="Press it first",
            )
        self._held.wanted.discard(button)
        return await self._input(f"{button} button up", [button_unit(button, False)], timeout, releases=[button])

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
        targets = [position(*place, screen) for place in (*through, (x, y))]
        begin = position(*start, screen) if start is not None else self._at
        if begin is None:
            raise InputError.about(
                f"Dragging to {say(x, y)} on VM '{self._vm_name}'",
                wanted="begin somewhere",
                got="nothing has moved the pointer yet, so where it is isn't known",
                next_step="Move there first, or give start=",
            )
        units: list[Unit | Motion] = [Motion(*begin)] if start is not None else []
        units.append(button_unit(button, True))
        units += [Motion(*place) for place in path((begin, *targets))]
        units.append(button_unit(button, False))
        return await self._input(f"{button} drag to {say(x, y)}", units, timeout)

    async def scroll(self, amount: int, horizontal: bool = False, timeout: float | None = None) -> InputReport:
        """Turn the wheel by `amount` notches: up (or right, when horizontal) when positive, down (left) when negative."""
        towards = ("right" if amount > 0 else "left") if horizontal else ("up" if amount > 0 else "down")
        units = [notch(f"wheel-{towards}") for _ in range(abs(amount))]
        return await self._input(f"scroll {amount}{' horizontally' if horizontal else ''}", units, timeout)

    @property
    def codes_kept(self) -> list[int]:
        """The codes of the buttons that `button_down()` keeps down."""
        return [BUTTONS[button] for button in self._held.wanted]

    @property
    def buttons_down(self) -> list[str]:
        """The buttons that are down by this pointer's doing."""
        return self._held.names

    async def release_all(self) -> None:
        """Let go of every button that this pointer holds, and make sure that the guest saw it."""
        await self._held.release_all()

    async def release_others(self, buttons: Sequence[str]) -> None:
        """Let go of buttons that others hold down, as far as this VM's mice can."""
        await self._held.release_others(buttons)

    async def release_left_over(self) -> bool:
        """Let go of what a failed input could not; False when it still can't. Buttons that the caller holds down stay down."""
        return await self._held.release_left_over()

    # -- how it is done -------------------------------------------------------------------------------------------------------

    async def _input(
        self,
        what: str,
        units: Sequence[Unit | Motion],
        timeout: float | None,
        *,
        releases: Sequence[str] = (),
        keeps: Sequence[str] = (),
    ) -> InputReport:
        seconds = DEFAULT_TIMEOUT if timeout is None else timeout
        held, matcher = self._held, Matcher(held=self._held.codes)
        follow(matcher, what, self._session, self.tell)
        try:
            async with asyncio.timeout(seconds), self._lock:
                self.last_report, complete = None, False
                self._began = time.monotonic()
                await require_running(self._qmp, self._vm_name, what)
                try:
                    if self._proved is not None:
                        await self._proved.know_the_guest()
                    await held.let_go(held.unwanted(but=releases))
                    held.wanted.update(keeps)
                    async with self._way.pointing(buttons_of(units), motions_of(units)):
                        if self._proved is None:
                            await self._by_the_clock(units, matcher)
                        else:
                            await self._proved.carry_out(what, units, matcher, only_lets_go=bool(releases))
                except BaseException:
                    held.wanted.difference_update(keeps)
                    await shielded(held.let_go(held.unwanted()))
                    self._at = None
                    raise
                else:
                    complete = True
                    self._at = next(((each.x, each.y) for each in units[::-1] if isinstance(each, Motion)), self._at)
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

    async def _by_the_clock(self, units: Sequence[Unit | Motion], matcher: Matcher) -> None:
        for each in reached(units, self._way):
            unit = motion_unit(each) if isinstance(each, Motion) else each
            await send_unwatched(
                self._way,
                unit,
                matcher,
                note_sent=self._held.note_sent,
                pause=lambda _: ONE_BY_ONE.drain_seconds,
            )

    async def _send_releases(self, buttons: Sequence[str]) -> None:
        for button in buttons:  # each on the mouse on which it went down
            async with mouse_for(self._qmp, [button]):
                await self._way.release([[button_event(button, False)]], f"the release of {button}")

    def _build(self, what: str, matcher: Matcher, complete: bool) -> InputReport:
        session = self._session
        return build_report(
            what,
            matcher,
            via=self._way.via,
            clock=None if session is None else session.clock,
            unverified_because=NO_SESSION if session is None else "",
            unheard_because="" if self._proved is None else self._proved.unheard_because,
            complete=complete,
            remarks=() if session is None else session.remarks.since(self._began),
        )
