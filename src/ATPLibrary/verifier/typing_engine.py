"""Types into a VM and proves, edge by edge, that the guest saw it: in order and once.

Without a session it types by the clock, slowly enough for the device, and its reports say that nothing was verified.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from ATPLibrary import events, secrets
from ATPLibrary.errors import ATPError, DeadlineError, InputError, VmStateError
from ATPLibrary.protocol.qmp.edges import EVDEV_OF_QCODE, Edge, key_event
from ATPLibrary.verifier.closed_loop import ClosedLoop, Report, Unit, places_of, require_running, send, shielded
from ATPLibrary.verifier.following import Tell, follow
from ATPLibrary.verifier.keys import MODIFIERS, parse_combination
from ATPLibrary.verifier.layout import Layout
from ATPLibrary.verifier.matcher import Matcher, Symbol
from ATPLibrary.verifier.observation import AUTOREPEAT, EV_KEY, Observation
from ATPLibrary.verifier.queues import DeviceQueue, queue_of_keyboards
from ATPLibrary.verifier.release_on_resume import ReleaseOnResume
from ATPLibrary.verifier.report import InputReport, build_report
from ATPLibrary.verifier.session_state import SessionState

if TYPE_CHECKING:
    from ATPLibrary.protocol.qmp import Qmp
    from ATPLibrary.verifier.session import AgentSession

AGENT_TIMEOUT = 5.0
KEYBOARD_TIMEOUT = 10.0  # a guest that has just booted finds its USB devices a moment after its agent has started
RELEASE_TIMEOUT = 1.5
RELEASE_TURN = 0.2
# Before the input after one that failed: so long nothing seen, and what that one had sent has arrived, or won't.
QUIET_SECONDS = 0.2
SETTLE_SECONDS = 2.0
# A guest on a busy machine takes a tenth of a second an edge at the very worst.
SECONDS_PER_EDGE = 0.1
SECONDS_AT_LEAST = 30.0
DESCRIBED_CHARACTERS = 40
NO_SESSION = "no agent was asked: nothing proves that the keys arrived"

_QCODE_OF_EVDEV = {code: qcode for qcode, code in reversed(EVDEV_OF_QCODE.items())}
_MODIFIER_CODES = frozenset(EVDEV_OF_QCODE[qcode] for qcode in MODIFIERS if qcode in EVDEV_OF_QCODE)


class TypingEngine:
    """The keyboard of one VM. One input at a time: calls wait for each other.

    `session` None means unverified. `keyboards` are the VM's ("ps2", "usb", "virtio"); which one takes the keys is learnt from
    what the guest sees. Every failure, deadline and cancellation releases the keys that the engine holds.
    """

    def __init__(
        self,
        qmp: Qmp,
        session: AgentSession | None,
        keyboards: Sequence[str] = (),
        *,
        layout: Layout | None = None,
        vm_name: str = "",
    ) -> None:
        self.layout = Layout() if layout is None else layout
        self.tell: Tell | None = None  # is told of each edge of the inputs that begin from now on
        self.last_report: InputReport | None = None  # also of an input that failed half-way
        self._qmp = qmp
        self._session = session
        self._vm_name = vm_name or (session.vm_name if session is not None else qmp.domain.name)
        self._queue: DeviceQueue = queue_of_keyboards(keyboards)
        # Buses on which the guest should have a keyboard before the first key is sent; its PS/2 one is always there.
        self._expected_buses = frozenset(keyboards) & {"usb", "virtio"}
        self._bus = ""  # of the device that the guest saw keys on
        self._lock = asyncio.Lock()
        # The keys that are down or may be, in the order in which they went down, each with the newest report that moves it.
        self._down: dict[str, Report] = {}
        self._on_resume = ReleaseOnResume(self._vm_name, self._release_unwanted)
        self._wanted_down: set[str] = set()  # those of them that the caller asked to stay down
        self._unheard_because = ""  # why the agent's word at the end of this input is missing
        self._unsettled = False  # an input failed with edges on their way
        self._life = 0 if session is None else session.life.number  # of the guest in which the keys are down

    # -- what a tester does ---------------------------------------------------------------------------------------------------

    async def type_text(self, text: str, timeout: float | None = None) -> InputReport:
        """Type `text` as a person would on this layout, and return what became of it; `timeout` in seconds is for all of it.

        Raises `InputError` before anything is sent when a character isn't on the layout, `VmStateError` when the VM doesn't run,
        `AgentError` when the agent doesn't answer, `VerificationError` when the guest sees nothing. A report with bad verdicts
        is returned, not raised: call its `raise_if_bad()`.
        """
        units, characters = self._units(text)
        what = _described(text)
        report = await self._input(what, units, timeout, characters=characters)
        if note := self.layout.note_about(text):
            report = self.last_report = replace(report, note=note)
        return report

    async def press(self, combination: str, timeout: float | None = None) -> InputReport:
        """Press keys together, the first named first, and let them go in the opposite order: "ctrl+alt+delete", "enter", "A"."""
        qcodes = parse_combination(combination, self.layout)
        edges = [Edge(qcode, True) for qcode in qcodes] + [Edge(qcode, False) for qcode in reversed(qcodes)]
        return await self._input(f"keys '{combination}'", [self._unit(edges)], timeout)

    async def hold(self, combination: str, seconds: float, timeout: float | None = None) -> InputReport:
        """Hold keys down for `seconds`, then let go. The guest's autorepeat is counted in the report, and is no fault."""
        if seconds < 0:
            raise InputError(f"Key '{combination}' can't be held for {seconds:g} s: give a time of 0 s or more.")
        qcodes = parse_combination(combination, self.layout)
        units = [self._unit([Edge(q, True) for q in qcodes]), self._unit([Edge(q, False) for q in reversed(qcodes)])]
        return await self._input(f"keys '{combination}' held {seconds:g} s", units, timeout, hold_seconds=seconds)

    async def key_down(self, name: str, timeout: float | None = None) -> InputReport:
        """Press keys and leave them down, until `key_up()` or `release_all()`; a press that fails, or isn't proved, is let go.

        `InputError` when one is down already: its press would never be seen.
        """
        qcodes = parse_combination(name, self.layout)
        if down := [qcode for qcode in qcodes if qcode in self._wanted_down]:
            raise InputError.about(
                f"Key '{name}' of VM '{self._vm_name}'",
                wanted="be up to be pressed",
                got=f"{', '.join(down)} is down already",
                last_seen=f"down are: {', '.join(self._down)}",
                next_step="Let go of it first, with 'Key Up'",
            )
        units = [self._unit([Edge(q, True) for q in qcodes])]
        return await self._input(f"key '{name}' down", units, timeout, keeps=qcodes)

    async def key_up(self, name: str, timeout: float | None = None) -> InputReport:
        """Let go of keys that `key_down()` pressed. `InputError` when one isn't down: its release would never be seen."""
        qcodes = parse_combination(name, self.layout)
        if up := [qcode for qcode in qcodes if qcode not in self._down]:
            raise InputError.about(
                f"Key '{name}' of VM '{self._vm_name}'",
                wanted="be down to be let go",
                got=f"{', '.join(up)} is not down",
                last_seen=f"down are: {', '.join(self._down) or 'none'}",
                next_step="Press it with 'Key Down' first",
            )
        self._wanted_down.difference_update(qcodes)
        units = [self._unit([Edge(q, False) for q in reversed(qcodes)])]
        return await self._input(f"key '{name}' up", units, timeout, releases=qcodes)

    @property
    def keys_down(self) -> list[str]:
        """QEMU names of the keys that are down by this engine's doing."""
        return list(self._down)

    async def release_all(self) -> None:
        """Let go of every key that this engine holds, and make sure that the guest saw it."""
        async with self._lock:
            self._wanted_down.clear()
            if self._down:
                await self._release(list(self._down))

    async def release_left_over(self) -> bool:
        """Let go of what a failed input could not; False when it still can't. Keys that the caller holds down stay down."""
        async with self._lock:
            await self._release([qcode for qcode in self._down if qcode not in self._wanted_down])
            return self._down.keys() <= self._wanted_down

    # -- how it is done -------------------------------------------------------------------------------------------------------

    async def _input(
        self,
        what: str,
        units: Sequence[Unit],
        timeout: float | None,
        *,
        characters: int = 0,
        hold_seconds: float | None = None,
        releases: Sequence[str] = (),
        keeps: Sequence[str] = (),
    ) -> InputReport:
        edges = sum(len(unit.reports) for unit in units)
        seconds = (
            timeout if timeout is not None else SECONDS_AT_LEAST + edges * SECONDS_PER_EDGE + (hold_seconds or 0.0)
        )
        matcher = Matcher(held=(EVDEV_OF_QCODE[qcode] for qcode in self._down))
        follow(matcher, what, self._session, self.tell)
        repeats = hold_seconds is not None or bool(self._wanted_down or keeps)
        try:
            async with asyncio.timeout(seconds), self._lock:
                self.last_report, self._unheard_because, complete = None, "", False
                await require_running(self._qmp, self._vm_name, what)
                try:
                    if self._session is not None:
                        await self._know_the_guest(self._session)
                    # What `units` begin by letting go is theirs: their release must be seen.
                    if left_over := [q for q in self._down if q not in self._wanted_down and q not in releases]:
                        await self._release(left_over)
                    self._wanted_down.update(keeps)
                    if self._session is None:
                        await self._by_the_clock(units, matcher, hold_seconds)
                    else:
                        await self._closed_loop(self._session, what, units, matcher, hold_seconds, joins=characters > 0)
                except BaseException:
                    # Cancelled, out of time, refused, lost: whatever happened, no key stays down.
                    self._wanted_down.difference_update(keeps)
                    await shielded(self._release([q for q in self._down if q not in self._wanted_down]))
                    raise
                else:
                    complete = True
                finally:
                    self.last_report = self._build(what, matcher, complete, characters, repeats)
                if keeps and self._session is not None and not self.last_report.verified:
                    # Its caller takes it for failed, and so won't let go of it.
                    self._wanted_down.difference_update(keeps)
                    await self._release(keeps)
        except TimeoutError as error:
            if isinstance(error, DeadlineError):
                raise
            raise self._too_late(what, matcher, edges, seconds) from None
        return self.last_report

    async def _closed_loop(
        self,
        session: AgentSession,
        what: str,
        units: Sequence[Unit],
        matcher: Matcher,
        hold_seconds: float | None,
        *,
        joins: bool,
    ) -> None:
        await self._until_keyboard_is_there(session)
        if self._unsettled:
            await session.wait_until_quiet(QUIET_SECONDS, SETTLE_SECONDS)
            self._unsettled = False
        subject = what[0].upper() + what[1:]
        loop = ClosedLoop(
            self._qmp,
            session,
            subject,
            vm_name=self._vm_name,
            accepts=self._is_key,
            matcher=matcher,
            queue=self._queue,
            note_sent=self._note_sent,
            # A combination or a held key is what it is by its reports; text may ride in few.
            joins=joins,
        )
        with session.observations.subscribe() as stream:
            try:
                if hold_seconds is None:
                    await loop.run(units, stream)
                else:
                    await loop.run(units[:1], stream)
                    await loop.hold(hold_seconds, stream)
                    await loop.run(units[1:], stream)
                await loop.listen_to_the_end(stream)
                self._unheard_because = loop.unheard_because
            except BaseException:
                await shielded(loop.drain(stream))
                self._unsettled = bool(matcher.outstanding)
                raise
            finally:
                self._queue, self._bus = loop.queue, loop.bus or self._bus
        # A release that was lost, or a key that came twice: the guest holds what we don't.
        ours = {_QCODE_OF_EVDEV[i.symbol[1]] for i in matcher.injections if i.symbol[1] in matcher.held}
        if stuck := [qcode for qcode in ours if qcode not in self._wanted_down]:
            await self._release(stuck)

    async def _know_the_guest(self, session: AgentSession) -> None:
        """Make sure that the agent watches. In a guest that began anew what we held is up, and what its snapshot holds is down."""
        await session.ensure_watching(AGENT_TIMEOUT)
        if self._life == session.life.number:
            return
        self._life = session.life.number
        codes = {code for _, code in await session.held_keys(AGENT_TIMEOUT)}
        held = [_QCODE_OF_EVDEV[code] for code in codes if code in _QCODE_OF_EVDEV]
        self._wanted_down.intersection_update(held)
        for qcode in [each for each in self._down if each not in held]:
            del self._down[qcode]
        for qcode in held:
            self._down.setdefault(qcode, _report(Edge(qcode, True)))

    async def _until_keyboard_is_there(self, session: AgentSession) -> None:
        """QEMU sends keys to a USB or virtio keyboard from the start, but until the guest has set it up they are lost."""
        expected, self._expected_buses = self._expected_buses, frozenset()
        if expected:
            await session.wait_for_device(lambda device: device.keyboard and device.bus in expected, KEYBOARD_TIMEOUT)

    async def _by_the_clock(self, units: Sequence[Unit], matcher: Matcher, hold_seconds: float | None) -> None:
        for number, unit in enumerate(units):
            if number and hold_seconds is not None:
                await asyncio.sleep(hold_seconds)
            for report in unit.reports:
                self._note_sent(report, False)
                matcher.inject_unwatched(report.symbols[0], time.monotonic(), report.what, unit.position)
                await send(
                    self._qmp, [("input-send-event", {"events": list(report.events)})], self._vm_name, report.what
                )
                self._note_sent(report, True)
                # Nobody tells when the device has let go of it: pace by how long it takes at most.
                await asyncio.sleep(self._queue.drain_seconds * places_of(report, self._queue))

    async def _release(self, qcodes: Sequence[str]) -> None:
        """Send releases until the guest's kernel says that none of the keys is down; never raises but for a cancellation."""
        if not qcodes:
            return
        commands = [("input-send-event", {"events": [key_event(qcode, False)]}) for qcode in reversed(qcodes)]
        try:
            async with asyncio.timeout(RELEASE_TIMEOUT):
                while True:
                    await send(self._qmp, commands, self._vm_name, f"the release of {', '.join(qcodes)}")
                    if not await self._are_held(qcodes):
                        break
                    # They may still wait in the device's queue, behind what was sent before, or were dropped: once more.
                    await asyncio.sleep(RELEASE_TURN)
        except (ATPError, TimeoutError) as error:
            self._say_left_down(qcodes, error)
            return
        for qcode in qcodes:
            self._down.pop(qcode, None)

    async def _are_held(self, qcodes: Sequence[str]) -> bool:
        session = self._session
        if session is None or session.state is not SessionState.READY:
            return False  # nobody to ask: the releases were sent, and that must do
        codes = {EVDEV_OF_QCODE[qcode] for qcode in qcodes}
        return any(code in codes for _, code in await session.held_keys(RELEASE_TIMEOUT))

    def _say_left_down(self, qcodes: Sequence[str], error: Exception) -> None:
        data = {"keys": ", ".join(qcodes), "why": str(error) or type(error).__name__}
        events.bus().publish(events.Event(f"vm:{self._vm_name}", "input.keys_left_down", data))
        if isinstance(error, VmStateError):
            self._on_resume.arm()

    async def _release_unwanted(self) -> None:
        async with self._lock:
            await self._release([qcode for qcode in self._down if qcode not in self._wanted_down])

    def _note_sent(self, report: Report, written: bool) -> None:
        assert report.edge is not None
        if not written:
            self._down[report.edge.qcode] = report  # from now on it may be down
        elif not report.edge.down and self._down.get(report.edge.qcode) is report:
            del self._down[report.edge.qcode]

    def _is_key(self, observation: Observation) -> bool:
        device = self._session.devices.get(observation.device) if self._session is not None else None
        if observation.type != EV_KEY or device is None or not device.keyboard:
            return False
        # A modifier that is held repeats like any key, and means nothing by it.
        return not (observation.value == AUTOREPEAT and observation.code in _MODIFIER_CODES)

    def _units(self, text: str) -> tuple[list[Unit], int]:
        """The units of a text, and how many characters it has."""
        strokes = self.layout.strokes(text)
        units = [
            Unit(tuple([_report(edge) for edge in group]), stroke.position, stroke.character)
            for stroke in strokes
            for group in _taps(stroke.edges)
        ]
        return units, len(strokes)

    def _unit(self, edges: Sequence[Edge]) -> Unit:
        return Unit(tuple(_report(edge) for edge in edges))

    def _build(self, what: str, matcher: Matcher, complete: bool, characters: int, repeats: bool) -> InputReport:
        session = self._session
        return build_report(
            what,
            matcher,
            characters=characters,
            clock=None if session is None else session.clock,
            device=self._bus,
            repeats_allowed=repeats,
            unverified_because=NO_SESSION if session is None else "",
            unheard_because=self._unheard_because,
            complete=complete,
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


def _described(text: str) -> str:
    """What is typed, in a few words. A secret is hidden before the text is cut: a part of one wouldn't be known for it."""
    shown = secrets.redact(text)
    if len(text) <= DESCRIBED_CHARACTERS:
        return f"text {shown!r}"
    begin = repr(text[:DESCRIBED_CHARACTERS]) if shown == text else secrets.MASK
    return f"text {begin}... ({len(text)} characters)"


def _report(edge: Edge) -> Report:
    return Report(*_parts(edge.qcode, edge.down), edge)


@cache
def _parts(qcode: str, down: bool) -> tuple[tuple[Mapping[str, Any], ...], tuple[Symbol, ...], str]:
    """What the reports of one edge have in common. Each report is of one moment, though: the engine tells them apart."""
    events, symbols = (key_event(qcode, down),), ((EV_KEY, EVDEV_OF_QCODE[qcode], int(down)),)
    return events, symbols, f"key {'down' if down else 'up'} {qcode}"


def _taps(edges: Sequence[Edge]) -> Iterator[Sequence[Edge]]:
    """Cut edges so that a key and its release stay together and a modifier stands alone."""
    start = 0
    while start < len(edges):
        is_tap = start + 1 < len(edges) and edges[start + 1] == Edge(edges[start].qcode, not edges[start].down)
        yield edges[start : start + 1 + is_tap]
        start += 1 + is_tap
