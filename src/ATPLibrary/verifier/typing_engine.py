"""Types into a VM and proves, edge by edge, that the guest saw it: in order and once.

Without a session it types by the clock, slowly enough for the device, and its reports say that nothing was verified.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from ATPLibrary.deadlines import limit
from ATPLibrary.errors import DeadlineError, InputError
from ATPLibrary.protocol.qmp.edges import EVDEV_OF_QCODE, key_event
from ATPLibrary.verifier.device_memory import DeviceMemory
from ATPLibrary.verifier.following import Tell, follow
from ATPLibrary.verifier.held import Held
from ATPLibrary.verifier.hiding import hides
from ATPLibrary.verifier.keys import parse_combination
from ATPLibrary.verifier.layout import Layout, with_newlines
from ATPLibrary.verifier.matcher import Matcher
from ATPLibrary.verifier.pacing import send_unwatched
from ATPLibrary.verifier.proved_typing import SETTLE_SECONDS, KeyInput, ProvedTyping
from ATPLibrary.verifier.qmp_injector import QmpInjector
from ATPLibrary.verifier.queues import queue_of_keyboards
from ATPLibrary.verifier.report import InputReport, build_report
from ATPLibrary.verifier.sending import require_running, shielded
from ATPLibrary.verifier.text_units import described, unit_of, units_of_text

if TYPE_CHECKING:
    from ATPLibrary.protocol.qmp import Qmp
    from ATPLibrary.verifier.injector import Injector
    from ATPLibrary.verifier.lock_keys import LockKey
    from ATPLibrary.verifier.session import AgentSession

# A guest on a busy machine takes a tenth of a second an edge at the very worst.
SECONDS_PER_EDGE = 0.1
SECONDS_AT_LEAST = 30.0
NO_SESSION = "no agent was asked: nothing proves that the keys arrived"


class TypingEngine:
    """The keyboard of one VM. One input at a time: calls wait for each other.

    `way` is how edges go, by default through `qmp`, which tells how the VM is in any case.
    `session` None means unverified. `keyboards` are the VM's ("ps2", "usb", "virtio"); which one takes the keys is learnt from
    what the guest sees, and how fast, into `memory`. Every failure, deadline and cancellation releases the keys that
    the engine holds. `ours` says which keys other engines of the same caller keep down: any but these and its own, down in the
    guest before a verified input, refuse it.
    """

    def __init__(
        self,
        qmp: Qmp,
        session: AgentSession | None,
        keyboards: Sequence[str] = (),
        *,
        way: Injector | None = None,
        layout: Layout | None = None,
        vm_name: str = "",
        memory: DeviceMemory | None = None,
        ours: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self.layout = Layout() if layout is None else layout
        self.tell: Tell | None = None  # is told of each edge of the inputs that begin from now on
        self.last_report: InputReport | None = None  # also of an input that failed half-way
        self._qmp = qmp
        self._session = session
        self._vm_name = vm_name or (session.vm_name if session is not None else qmp.domain.name)
        self._way = way or QmpInjector(qmp, self._vm_name)
        self._queue = queue_of_keyboards(keyboards)
        self._memory = DeviceMemory() if memory is None else memory
        self._lock = asyncio.Lock()
        self._began = time.monotonic()  # the input that is on its way, or was last
        self._held = Held(
            "keys",
            EVDEV_OF_QCODE,
            self._send_releases,
            session=session,
            vm_name=self._vm_name,
            lock=self._lock,
        )
        self._proved: ProvedTyping | None = None
        if session is not None:
            self._proved = ProvedTyping(
                qmp,
                session,
                keyboards,
                way=self._way,
                queue=self._queue,
                memory=self._memory,
                held=self._held,
                vm_name=self._vm_name,
                ours=ours,
            )

    # -- what a tester does ---------------------------------------------------------------------------------------------------

    async def type_text(
        self,
        text: str,
        timeout: float | None = None,
        *,
        layout: Layout | None = None,
        retries: int = 0,
        secret: bool = False,
    ) -> InputReport:
        """Type `text` as a person would on this layout, and return what became of it; `timeout` in seconds is for all of it.

        Of a `secret`, and of text that has a known one in it, neither characters nor keys are told anywhere, only positions.
        `layout` is for this text alone. Where Caps Lock is on in the guest it is off for the text, and on again. What was lost is
        typed again, up to `retries` times, only where nothing came after it: the report's note says so, or why it wasn't.

        Raises `InputError` before anything is sent when a character isn't on the layout or others hold a key down,
        `VmStateError` when the VM doesn't run, `AgentError` when the agent doesn't answer, `VerificationError` when the guest sees
        nothing. A report with bad verdicts is returned, not raised: call its `raise_if_bad()`.
        """
        chosen = self.layout if layout is None else layout
        hidden = secret or hides(text)
        units, characters = units_of_text(text, chosen, hidden=hidden)
        asked = KeyInput(described(text, hidden=secret), units, with_newlines(text), chosen, retries)
        note = chosen.note_about(text, hidden=hidden)
        if not hidden or self._session is None:
            return await self._input(asked, timeout, characters=characters, note=note)
        self._session.hidden.begin()
        settles_after = SETTLE_SECONDS  # of an input that fails something may still come
        try:
            report = await self._input(asked, timeout, characters=characters, note=note)
            settles_after = 0.0
        finally:
            self._session.hidden.end(settles_after)
        return report

    async def press(self, combination: str, timeout: float | None = None) -> InputReport:
        """Press keys together, the first named first, and let them go in the opposite order: "ctrl+alt+delete", "enter", "A"."""
        qcodes = parse_combination(combination, self.layout)
        return await self._input(KeyInput(f"keys '{combination}'", [unit_of(qcodes, True, False)]), timeout)

    async def hold(self, combination: str, seconds: float, timeout: float | None = None) -> InputReport:
        """Hold keys down for `seconds`, then let go. The guest's autorepeat is counted in the report, and is no fault."""
        if seconds < 0:
            raise InputError(f"Key '{combination}' can't be held for {seconds:g} s: give a time of 0 s or more.")
        qcodes = parse_combination(combination, self.layout)
        units = [unit_of(qcodes, True), unit_of(qcodes, False)]
        asked = KeyInput(f"keys '{combination}' held {seconds:g} s", units, hold_seconds=seconds)
        return await self._input(asked, timeout)

    async def key_down(self, name: str, timeout: float | None = None) -> InputReport:
        """Press keys and leave them down, until `key_up()` or `release_all()`; a press that fails, or isn't proved, is let go.

        `InputError` when one is down already: its press would never be seen.
        """
        qcodes = parse_combination(name, self.layout)
        if down := [qcode for qcode in qcodes if qcode in self._held.wanted]:
            raise InputError.about(
                f"Key '{name}' of VM '{self._vm_name}'",
                wanted="be up to be pressed",
                got=f"{', '.join(down)} is down already",
                last_seen=f"down are: {self._held.shown(self.keys_down)}",
                next_step="Let go of it first, with 'Key Up'",
            )
        return await self._input(KeyInput(f"key '{name}' down", [unit_of(qcodes, True)], keeps=qcodes), timeout)

    async def key_up(self, name: str, timeout: float | None = None) -> InputReport:
        """Let go of keys that `key_down()` pressed. `InputError` when one isn't down: its release would never be seen.

        Where only the guest has it up, the release is sent all the same.
        """
        qcodes = parse_combination(name, self.layout)
        if up := [qcode for qcode in qcodes if qcode not in self.keys_down]:
            raise InputError.about(
                f"Key '{name}' of VM '{self._vm_name}'",
                wanted="be down to be let go",
                got=f"{', '.join(up)} is not down",
                last_seen=f"down are: {self._held.shown(self.keys_down) or 'none'}",
                next_step="Press it with 'Key Down' first",
            )
        self._held.wanted.difference_update(qcodes)
        return await self._input(KeyInput(f"key '{name}' up", [unit_of(qcodes, False)], releases=qcodes), timeout)

    async def set_lock_keys(self, wanted: dict[LockKey, bool], timeout: float) -> list[LockKey]:
        """Switch those lock keys that aren't as `wanted`, and return them. Only with a session, whose guest has their lights.

        `InputError` when a light doesn't change.
        """
        assert self._proved is not None, "a light is seen by the agent"
        switched: list[LockKey] = []
        with limit(timeout):
            async with self._lock:
                await require_running(self._qmp, self._vm_name, "a lock key")
                await self._proved.know_the_guest()
                on = await self._proved.lock_keys()
                try:
                    for key, state in wanted.items():
                        if on.get(key) is not state:
                            await self._proved.switch(key, state)
                            switched.append(key)
                except BaseException:
                    await shielded(self._held.let_go(self._held.unwanted()))
                    raise
        return switched

    @property
    def keys_kept(self) -> list[str]:
        """QEMU names of the keys that `key_down()` keeps down."""
        return list(self._held.wanted)

    @property
    def shown_down(self) -> list[str]:
        """`keys_down` for a log: a key that the typing of a secret moved has no name."""
        return [self._held.shown([name]) for name in self._held.names]

    @property
    def keys_down(self) -> list[str]:
        """QEMU names of the keys that are down by this engine's doing."""
        return self._held.names

    async def release_all(self) -> None:
        """Let go of every key that this engine holds, and make sure that the guest saw it."""
        await self._held.release_all()

    async def release_others(self, qcodes: Sequence[str]) -> None:
        """Let go of keys that others hold down, as far as this VM's keyboard can."""
        await self._held.release_others(qcodes)

    async def release_unseen(self) -> None:
        """Let go of keys that are down although the guest doesn't know, and so hears of no release. Takes some seconds."""
        await self._held.release_unseen()

    async def release_left_over(self) -> bool:
        """Let go of what a failed input could not; False when it still can't. Keys that the caller holds down stay down."""
        return await self._held.release_left_over()

    # -- how it is done -------------------------------------------------------------------------------------------------------

    async def _input(
        self, asked: KeyInput, timeout: float | None, *, characters: int = 0, note: str = ""
    ) -> InputReport:
        what, held = asked.what, self._held
        edges = sum(len(unit.reports) for unit in asked.units)
        patience = SECONDS_AT_LEAST + edges * SECONDS_PER_EDGE + (asked.hold_seconds or 0.0)
        seconds = patience if timeout is None else timeout
        matcher = Matcher(held=held.codes)
        follow(matcher, what, self._session, self.tell)
        repeats = asked.hold_seconds is not None or bool(held.wanted or asked.keeps)
        try:
            with limit(seconds):
                async with self._lock:
                    self.last_report, complete, notes = None, False, [note] if note else []
                    self._began = time.monotonic()
                    await require_running(self._qmp, self._vm_name, what)
                    try:
                        if self._proved is not None:
                            await self._proved.know_the_guest()
                        # What `asked` begins by letting go is its own: that release must be seen.
                        await held.let_go(held.unwanted(but=asked.releases))
                        held.wanted.update(asked.keeps)
                        if self._proved is None:
                            await self._by_the_clock(asked, matcher, notes)
                        else:
                            await self._proved.carry_out(asked, matcher)
                    except BaseException:
                        # Cancelled, out of time, refused, lost: whatever happened, no key stays down.
                        held.wanted.difference_update(asked.keeps)
                        await shielded(held.let_go(held.unwanted()))
                        raise
                    else:
                        complete = True
                    finally:
                        self.last_report = self._build(
                            asked, matcher, complete=complete, characters=characters, repeats=repeats, notes=notes
                        )
                    if asked.keeps and self._session is not None and not self.last_report.verified:
                        # Its caller takes it for failed, and so won't let go of it.
                        held.wanted.difference_update(asked.keeps)
                        await held.let_go(asked.keeps)
        except TimeoutError as error:
            if isinstance(error, DeadlineError):
                raise
            raise self._too_late(what, matcher, edges, seconds) from None
        return self.last_report

    async def _by_the_clock(self, asked: KeyInput, matcher: Matcher, notes: list[str]) -> None:
        """Nobody tells when the device has let go of a key: pace by how long it takes."""
        queue = self._memory.keys_go_to or self._queue
        pace = self._memory.drain(queue).pace()
        notes.append(f"paced by {pace.seconds * 1000:.1f} ms a place of the keyboard's queue: {pace.why}")
        for number, unit in enumerate(asked.units):
            if number and asked.hold_seconds is not None:
                await asyncio.sleep(asked.hold_seconds)
            await send_unwatched(
                self._way,
                unit,
                matcher,
                note_sent=self._held.note_sent,
                pause=lambda report: pace.seconds * report.places(queue),
            )

    async def _send_releases(self, qcodes: Sequence[str]) -> None:
        releases = [[key_event(qcode, False)] for qcode in qcodes]
        await self._way.release(releases, f"the release of {self._held.shown(qcodes)}")

    def _build(
        self, asked: KeyInput, matcher: Matcher, *, complete: bool, characters: int, repeats: bool, notes: Sequence[str]
    ) -> InputReport:
        session, proved = self._session, self._proved
        return build_report(
            asked.what,
            matcher,
            via=self._way.via,
            characters=characters,
            clock=None if session is None else session.clock,
            device="" if proved is None else proved.bus,
            repeats_allowed=repeats,
            unverified_because=NO_SESSION if proved is None else "",
            unheard_because="" if proved is None else proved.unheard_because,
            complete=complete,
            note="; ".join([*notes, *([] if proved is None else proved.notes)]),
            remarks=() if session is None else session.remarks.since(self._began),
        )

    def _too_late(self, what: str, matcher: Matcher, edges: int, seconds: float) -> DeadlineError:
        seen = sum(injection.observation is not None for injection in matcher.injections)
        session = self._session
        return DeadlineError.about(
            f"Input {what} on VM '{self._vm_name}'",
            wanted="be done",
            waited=seconds,
            got=f"is not: of {edges} edges {len(matcher.injections)} were sent and {seen} seen by the guest",
            last_seen=session.describe() if session is not None else "",
            next_step="Give it more time (timeout=...), or see what keeps the guest busy",
        )
