"""What is down in a VM by our doing, or may be, and how it is let go of for certain."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from ATPLibrary import events
from ATPLibrary.deadlines import limit
from ATPLibrary.errors import ATPError, VmStateError
from ATPLibrary.verifier.hiding import A_KEY
from ATPLibrary.verifier.observation import EV_KEY
from ATPLibrary.verifier.release_on_resume import ReleaseOnResume
from ATPLibrary.verifier.session_state import SessionState

if TYPE_CHECKING:
    from ATPLibrary.verifier.matcher import Matcher
    from ATPLibrary.verifier.session import AgentSession
    from ATPLibrary.verifier.units import Report

RELEASE_TIMEOUT = 1.5
RELEASE_TURN = 0.2
# A keyboard's queue takes 16 bytes, a key up to two of them, and a USB keyboard reads one each 8 ms.
RELEASES_AT_ONCE = 8
AT_ONCE_SECONDS = 0.15


class Held:
    """The keys, or the buttons, of one VM that an engine holds. `lock` is the engine's: one input at a time.

    `codes` are their evdev codes by name; `send_releases` writes their releases and does no more.
    """

    __slots__ = (
        "_codes", "_down", "_kind", "_life", "_lock", "_nameless", "_on_resume", "_send_releases", "_session", "_vm_name", "wanted",
    )  # fmt: skip

    def __init__(
        self,
        kind: Literal["keys", "buttons"],
        codes: Mapping[str, int],
        send_releases: Callable[[Sequence[str]], Awaitable[None]],
        *,
        session: AgentSession | None,
        vm_name: str,
        lock: asyncio.Lock,
    ) -> None:
        self.wanted: set[str] = set()  # what the caller asked to stay down
        # What is down or may be, in the order in which it went down, each with the newest report that moves it.
        self._down: dict[str, Report | None] = {}
        self._nameless: set[str] = set()
        self._kind = kind
        self._codes = codes
        self._send_releases = send_releases
        self._session = session
        self._vm_name = vm_name
        self._lock = lock
        self._life = 0 if session is None else session.life.number  # of the guest in which they are down
        self._on_resume = ReleaseOnResume(vm_name, self._release_unwanted)

    @property
    def names(self) -> list[str]:
        return list(self._down)

    def shown(self, names: Sequence[str]) -> str:
        """These in words: a key that was last moved by the typing of a secret has no name."""
        return ", ".join("a key" if name in self._nameless else name for name in names)

    @property
    def codes(self) -> set[int]:
        return {self._codes[name] for name in self._down}

    def name_of(self, code: int) -> str | None:
        # A table of its own for each VM would keep 5 KiB.
        return next((name for name, known in self._codes.items() if known == code), None)

    def unwanted(self, but: Sequence[str] = ()) -> list[str]:
        """What is down and nobody asked to stay down; without those of `but`."""
        return [name for name in self._down if name not in self.wanted and name not in but]

    def note_sent(self, report: Report, written: bool) -> None:
        """A report is about to be written, or has been."""
        if report.moves is None:
            return
        name, is_down = report.moves
        (self._nameless.add if report.what == A_KEY[is_down] else self._nameless.discard)(name)
        if not written:
            self._down[name] = report  # from now on it may be down
        elif not is_down and self._down.get(name) is report:
            del self._down[name]

    def doubt(self, matcher: Matcher) -> None:
        """Of an input that failed, by a way on which what was written may be dropped: what the guest hasn't shown to be up may be
        down, although its release was written.
        """
        codes = set(matcher.held)
        codes.update(each.symbol[1] for each in matcher.waiting if each.symbol[0] == EV_KEY)
        for name in filter(None, map(self.name_of, sorted(codes))):
            self._down.setdefault(name, None)

    async def release_all(self) -> None:
        """Let go of everything, and make sure that the guest saw it."""
        async with self._lock:
            self.wanted.clear()
            await self.let_go(self.names)

    async def release_others(self, names: Sequence[str]) -> None:
        """Let go of what others hold; what stays down all the same doesn't become ours."""
        async with self._lock:
            ours = set(self._down)
            await self.let_go(names)
            for name in set(names) - ours:
                self._down.pop(name, None)

    async def release_unseen(self) -> None:
        """Send the release of everything that there is: what is down may hide itself from the guest.

        A USB keyboard with more than six keys down says no more which ones, so the guest still sees those that it saw before, and
        hears of no release until six or fewer are down.
        """
        async with self._lock:
            names = list(self._codes)
            for at in range(0, len(names), RELEASES_AT_ONCE):
                await self._send_releases(names[at : at + RELEASES_AT_ONCE])
                await asyncio.sleep(AT_ONCE_SECONDS)  # nothing tells when the device's queue is empty

    async def release_left_over(self) -> bool:
        """Let go of what a failed input could not; False when it still can't. What the caller holds down stays down."""
        async with self._lock:
            await self.let_go(self.unwanted())
            return not self.unwanted()

    async def know_the_guest(self, session: AgentSession, timeout: float) -> bool:
        """Whether the guest began anew: then what we held is up in it, and what its snapshot holds is down and unwanted."""
        if self._life == session.life.number:
            return False
        self._life = session.life.number
        codes = {code for _, code in await session.held_keys(timeout)}
        held = [name for code in codes if (name := self.name_of(code)) is not None]
        self.wanted.intersection_update(held)
        self._down = {name: self._down.get(name) for name in held}
        return True

    async def let_go(self, names: Sequence[str]) -> None:
        """Send releases until the guest's kernel says that none of `names` is down; never raises but for a cancellation."""
        if not names:
            return
        try:
            with limit(RELEASE_TIMEOUT):
                while True:
                    await self._send_releases(names[::-1])
                    if not await self._are_held(names):
                        break
                    # They may still wait in the device's queue, behind what was sent before, or were dropped: once more.
                    await asyncio.sleep(RELEASE_TURN)
        except (ATPError, TimeoutError) as error:
            for name in names:
                self._down.setdefault(name, None)
            data = {self._kind: self.shown(names), "why": str(error) or type(error).__name__}
            events.bus().publish(events.Event(f"vm:{self._vm_name}", f"input.{self._kind}_left_down", data))
            if isinstance(error, VmStateError):
                self._on_resume.arm()
            return
        for name in names:
            self._down.pop(name, None)

    async def _are_held(self, names: Sequence[str]) -> bool:
        session = self._session
        if session is None or session.state is not SessionState.READY:
            return False  # nobody to ask: the releases were sent, and that must do
        codes = {self._codes[name] for name in names}
        return any(code in codes for _, code in await session.held_keys(RELEASE_TIMEOUT))

    async def _release_unwanted(self) -> None:
        async with self._lock:
            await self.let_go(self.unwanted())
