"""The closed loop: send no more than the device's queue holds, and go on as the guest proves to have seen it.

Used for keys and for the pointer alike; what differs is the queue and what each report should be observed as.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from ATPLibrary import events
from ATPLibrary.deadlines import limit
from ATPLibrary.errors import AgentError, ATPError, ChannelError, DeadlineError, VmStateError
from ATPLibrary.verifier import input_troubles as troubles
from ATPLibrary.verifier.grabs import WHAT_GRABS, Grabbed, in_words
from ATPLibrary.verifier.matcher import Finding, Injection, Matcher, Verdict
from ATPLibrary.verifier.observation import AUTOREPEAT, BROWSER, EV_KEY, AgentDevice, Observation, ObserverOverrun, Seen
from ATPLibrary.verifier.queues import DeviceQueue, queue_of_bus
from ATPLibrary.verifier.session import AgentSession
from ATPLibrary.verifier.session_state import STATUS_ADVICE, SessionState
from ATPLibrary.verifier.units import Report, Unit

if TYPE_CHECKING:
    from ATPLibrary.protocol.qmp import Qmp
    from ATPLibrary.verifier.clock import ClockOffset
    from ATPLibrary.verifier.device_memory import DeviceMemory
    from ATPLibrary.verifier.injector import Events, Injector
    from ATPLibrary.verifier.stream import ObservationStream

# Nothing observed for so long while something is outstanding: find out why.
STALL_SECONDS = 2.0
# How long the agent may take to say, when all was seen, that there is nothing more.
END_SECONDS = 5.0
# After something arrived otherwise than sent, so long without anything new means that nothing more will come.
QUIET_SECONDS = 0.5
# This many bad verdicts in one input and the rest isn't typed: it would prove nothing more.
HOPELESS = 64
# After a failure, for what is still on its way: at most, and without anything new. A full USB queue takes 0.13 s.
DRAIN_SECONDS = 0.5
DRAIN_QUIET_SECONDS = 0.1
# Of a window, what one command carries on a direct channel; and how many such commands may wait for their replies.
PIECES = 2
# What ends an input at once, instead of at its next edge or after a silence: the VM stands still, or its guest begins anew.
STANDS_STILL = frozenset({"qmp.STOP", "libvirt.lifecycle.suspended"})
BEGINS_ANEW = frozenset({"qmp.RESET", "libvirt.reboot"})
COMMANDS_AT_ONCE = 4
SEEN_BEFORE = "the guest had seen the same from somebody else before it was sent, which proves nothing of what was sent"


class _Flight(NamedTuple):
    """A piece of an input that was written."""

    begun: asyncio.Future[Any]
    reports: Sequence[Report]
    unit: Unit  # the first of it


class ClosedLoop:
    """One input on its way, by `way`; `qmp` tells how the VM is.

    `goes_to` says whether this input may arrive on a device, `accepts` whether an observation of one may be of it. `note_sent` is
    called before a report is written (False) and when it has been (True). With `joins` many edges ride in one command where the
    device allows it. With `stops_at_loss` nothing more is sent once something was lost. `memory` is what is known of the VM's
    devices, and learns.
    """

    def __init__(
        self,
        qmp: Qmp,
        session: AgentSession,
        what: str,
        *,
        way: Injector,
        vm_name: str,
        accepts: Callable[[Observation], bool],
        goes_to: Callable[[AgentDevice], bool],
        matcher: Matcher,
        queue: DeviceQueue,
        memory: DeviceMemory,
        note_sent: Callable[[Report, bool], None],
        joins: bool = False,
        stops_at_loss: bool = False,
    ) -> None:
        self.matcher = matcher
        self.queue = queue  # becomes that of the device that the guest sees the input on
        self.bus = ""  # of that device
        self.unheard_because = ""  # why it isn't known whether more came at the end
        self._qmp = qmp
        self._session = session
        self._way = way
        self._vm_name = vm_name
        self._what = what
        self._accepts = accepts
        self._goes_to = goes_to
        self._note_sent = note_sent
        self._joins = joins
        self._stops_at_loss = stops_at_loss
        self._memory = memory
        self._window, self._drain = memory.window(queue), memory.drain(queue)
        self._flying: list[_Flight] = []  # commands whose reply isn't known yet, oldest first
        self._is_full = False  # more would be sent but for what flies
        self._units: Sequence[Unit] = ()
        self._next = 0
        self._last_seen: Observation | None = None
        self._last_arrived: Injection | None = None
        self._progress = time.monotonic()
        self._life = session.life.number
        self._trouble: ATPError | None = None  # what the guest has come to while this was on its way
        self._stream: ObservationStream | None = None
        self._looking: asyncio.Task[None] | None = None  # whether the VM still runs
        self._in_doubt = False  # it may stand still

    async def run(self, units: Sequence[Unit], stream: ObservationStream) -> None:
        """Send every unit and return when all of it is seen, or settled as not seen."""
        self._units, self._next = units, 0
        self._progress = time.monotonic()
        self._stream = stream
        with events.bus().listen(
            self._hear_news, STANDS_STILL | BEGINS_ANEW | self._way.ended_by, f"vm:{self._vm_name}"
        ):
            try:
                await self._run(stream)
            finally:
                if self._looking is not None:
                    self._looking.cancel()
                    await asyncio.gather(self._looking, return_exceptions=True)
                    self._looking = None

    async def _run(self, stream: ObservationStream) -> None:
        try:
            while self._next < len(self._units) or self.matcher.outstanding or self.matcher.disturbed:
                if self._trouble is not None:
                    raise self._trouble
                self._reap()
                if not self.matcher.disturbed:
                    self._fill()
                await self._hear(stream)
            while self._flying:
                await asyncio.wait((self._flying[0].begun,))
                self._reap()
        except VmStateError as refused:
            raise self._stood_still(await self._run_state()) from refused
        except ChannelError as error:
            if (ended := self._way.why_ended()) is None:
                raise
            raise troubles.way_ended(self._vm_name, self._what, ended, self._so_far()) from error
        finally:
            # Only after a failure is anything left. What was written stays written; what comes next is written behind it.
            for flight in self._flying:
                flight.begun.cancel()
            ends = await asyncio.gather(*(flight.begun for flight in self._flying), return_exceptions=True)
            for flight, end in zip(self._flying, ends, strict=True):
                if not isinstance(end, BaseException) and not _is_refusal(end):
                    self._note_written(flight)
            self._flying.clear()

    async def hold(self, seconds: float, stream: ObservationStream) -> None:
        """Let time pass while what is down stays down; autorepeat is heard."""
        end = time.monotonic() + seconds
        while (remaining := end - time.monotonic()) > 0:
            self._feed(await stream.next_batch(remaining))

    async def drain(self, stream: ObservationStream) -> None:
        """After a failure: let what is still in the device's queue arrive, so that the next input doesn't see it. Never long."""
        with contextlib.suppress(TimeoutError), limit(DRAIN_SECONDS):
            while self.matcher.outstanding and (items := await stream.next_batch(DRAIN_QUIET_SECONDS)):
                self._feed(items)

    async def listen_to_the_end(self, stream: ObservationStream) -> None:
        """Wait for an answer of the agent's and settle: what came twice came before it.

        Without that answer `unheard_because` says so: every edge was seen, but nobody knows that it was seen once.
        """
        asked = time.monotonic()
        try:
            await self._session.ping(END_SECONDS)
        except (ATPError, OSError) as error:
            why = await self._session.why_silent(asked)
            self.unheard_because = f"the agent was lost before it could say that nothing came twice ({why}): {error}"
        self._feed(stream.take())
        if not self.unheard_because and self._disprove():
            self._progress = time.monotonic()
            while self.matcher.disturbed:  # what was sent may still be on its way
                await self._hear(stream)
        self.matcher.finish()

    def _disprove(self) -> bool:
        """Of what was seen before it was sent. Right behind a ping: a clock that leapt since shows in that."""
        clock = self._session.clock
        if clock is None or not self.matcher.disprove(partial(_is_before, clock)):
            return False
        self._session.remarks.add("seen_before", SEEN_BEFORE)
        return True

    async def _hear(self, stream: ObservationStream) -> None:
        """Take what comes. When nothing that counts came for too long: settle, or raise when that would hide the reason."""
        patience = QUIET_SECONDS if self.matcher.disturbed else STALL_SECONDS
        remaining = self._progress + patience - time.monotonic()
        self._feed(stream.take() or (await stream.next_batch(remaining) if remaining > 0 else []))
        if time.monotonic() < self._progress + patience:
            return
        before = self._progress
        # The agent's answer stands behind every observation that it had made: after it, silence is the guest's, not the agent's.
        asked = time.monotonic()
        try:
            await self._session.confirm(STALL_SECONDS)
            await self._session.ping(STALL_SECONDS)
        except (AgentError, DeadlineError) as error:
            if self._trouble is not None:
                raise self._trouble from error
            if not await self._is_greeted_anew():
                raise await self._no_progress(await self._session.why_silent(asked), STATUS_ADVICE) from error
        self._feed(stream.take())
        if self._progress != before:
            return
        if self._last_seen is None and not self.matcher.disturbed:
            raise await self._no_progress(*await self._why_unseen())
        self._disprove()
        findings = self.matcher.settle()
        self._progress = time.monotonic()
        if is_lost := any(finding.verdict in (Verdict.LOST, Verdict.STUCK) for finding in findings):
            self._window.lost()
        counts = self.matcher.counts()
        is_hopeless = sum(counts.values()) - counts[Verdict.OK] - counts[Verdict.REPEATED] >= HOPELESS
        if is_hopeless or (is_lost and self._stops_at_loss):
            self._units = self._units[: self._next]

    async def _why_unseen(self) -> tuple[str, str]:
        """Of an agent that answers, and has seen nothing: in words, and the next step."""
        grabbed: list[Grabbed] = []
        with contextlib.suppress(ATPError):
            grabbed = await self._session.taken_by_others(STALL_SECONDS) or []
        if theirs := [each for each in grabbed if self._goes_to(each.device)]:
            return f"the agent answers but can't see it: {in_words(theirs)}", WHAT_GRABS
        unseen = "the agent answers but saw nothing on any device that this input goes to"
        return (
            unseen,
            "See whether the guest has a driver for that device and isn't busy or frozen (screenshot, console log)",
        )

    async def _is_greeted_anew(self) -> bool:
        """Whether the session only began anew under a question: what it missed meanwhile it says by itself."""
        return self._session.state is not SessionState.READY and await self._session.comes_back(STALL_SECONDS)

    def _reap(self) -> None:
        """Take the replies that came; raises what QEMU refused."""
        while self._flying and self._flying[0].begun.done():
            flight = self._flying.pop(0)
            self._way.finish(flight.begun, f"{self._what}{self._at(flight.unit)}")
            self._note_written(flight)

    def _note_written(self, flight: _Flight) -> None:
        for report in flight.reports:
            self._note_sent(report, True)

    def _fill(self) -> None:
        """Send what the window has room for: at once where commands queue up anyway, else in pieces, so that QEMU reads the next
        while the guest sees to the one before.
        """
        takes_several = self._way.takes_several
        reports = (injection.report for injection in self.matcher.waiting)
        taken = sum(report.places(self.queue) for report in reports if report is not None)
        window = self._window.size
        piece = window // PIECES if takes_several else window
        most = COMMANDS_AT_ONCE if takes_several else 1
        self._is_full = False
        while self._next < len(self._units):
            if len(self._flying) >= most:
                self._is_full = True
                return
            batch: list[Report] = []
            first, size = self._next, 0
            while self._next < len(self._units):
                unit = self._units[self._next]
                places = unit.places(self.queue)
                if (taken and taken + places > window) or (size and size + places > piece):
                    break
                taken, size = taken + places, size + places
                batch += unit.reports
                self._next += 1
            if not batch:
                return
            self._progress = max(self._progress, self._inject(self._units[first : self._next], taken - size))
            self._send(batch, self._units[first])

    def _inject(self, units: Sequence[Unit], ahead: int) -> float:
        """`ahead`: how many places are taken before them. Returns the moment."""
        now = time.monotonic()
        for unit in units:
            for report in unit.reports:
                self._note_sent(report, False)
                ahead += report.places(self.queue)
                for symbol in report.symbols:
                    injection = self.matcher.inject(symbol, now, report.what, unit.position)
                    injection.report, injection.ahead = report, ahead
        return now

    def _send(self, reports: Sequence[Report], unit: Unit) -> None:
        begun = self._way.begin(self._commands(reports), f"{self._what}{self._at(unit)}")
        self._flying.append(_Flight(begun, reports, unit))
        begun.add_done_callback(self._hear_reply)

    def _hear_reply(self, begun: asyncio.Future[Any]) -> None:
        """Whoever waits for observations needn't know of a reply that is as it should be, unless more can be sent now."""
        is_well = not begun.cancelled() and begun.exception() is None and not _is_refusal(begun.result())
        if self._stream is not None and (self._is_full or not is_well):
            self._stream.wake()

    def _commands(self, reports: Sequence[Report]) -> list[Events]:
        if self._joins and self.queue.joins:
            return [[event for report in reports for event in report.events]]
        return [report.events for report in reports]

    def _feed(self, items: Sequence[Seen]) -> None:
        arrived: list[Finding] = []
        for item in items:
            if isinstance(item, ObserverOverrun):
                self.matcher.overrun(item)
                self._window.overran()
                self._progress = time.monotonic()
                if self._session.life.number != self._life:
                    self._trouble = self._trouble or self._began_anew(self._session.life.why)
            elif self._accepts(item):
                arrived += self.matcher.observe(item)
                if not (item.type == EV_KEY and item.value == AUTOREPEAT):  # a stuck key repeats for ever: no progress
                    self._last_seen = item
                    self._progress = max(self._progress, item.received)
                    if item.bus != self.bus:
                        self._learn(item.bus)
        if arrived:
            self._measure(arrived)

    def _learn(self, bus: str) -> None:
        """The guest sees the input on a device of that bus."""
        self.bus = bus
        if self.queue.learns:
            self.queue = queue_of_bus(bus)
            self._window, self._drain = self._memory.window(self.queue), self._memory.drain(self.queue)

    def _measure(self, arrived: Sequence[Finding]) -> None:
        """What came back, and how fast, says how much more may be sent and how fast the device lets go."""
        places, newest = 0, None
        for _, injection, seen in arrived:
            if injection is None or seen is None or (report := injection.report) is None:
                continue
            injection.report = None
            size = report.places(self.queue)
            places, newest = places + size, (injection.ahead, seen.received - injection.injected)
            before, self._last_arrived = self._last_arrived, injection
            # Of one command: they were in the queue together.
            if before is not None and before.injected == injection.injected and before.observation is not None:
                self._drain.took(size, (seen.time_us - before.observation.time_us) / 1e6)
        if newest is not None:
            self._window.came_back(places, *newest)
            self._drain.came_back(*newest)

    def _hear_news(self, event: events.Event) -> None:
        """The VM stands still, or its guest begins anew: whoever waits for it to see something needn't."""
        if self._trouble is not None:
            return
        if event.kind in self._way.ended_by:
            if (ended := self._way.why_ended()) is not None:  # else it is another channel's affair
                self._give_up(troubles.way_ended(self._vm_name, self._what, ended, self._so_far()))
        elif event.kind in BEGINS_ANEW:
            self._give_up(self._began_anew("was restarted"))
        else:
            self._in_doubt = True
            if self._looking is None:
                self._looking = asyncio.create_task(self._look())

    async def _look(self) -> None:
        while self._in_doubt:
            self._in_doubt = False
            if (state := await self._run_state()) != "running":
                self._give_up(self._stood_still(state))
                return
        self._looking = None  # it runs again: what became of its guest meanwhile is said by the agent

    def _give_up(self, trouble: ATPError) -> None:
        self._trouble = self._trouble or trouble
        if self._stream is not None:
            self._stream.wake()

    def _so_far(self) -> str:
        """What was sent and seen, in words."""
        edges = sum(len(unit.reports) for unit in self._units)
        seen = sum(injection.observation is not None for injection in self.matcher.injections)
        words = f"of {edges} edges {len(self.matcher.injections)} were sent and {seen} seen by the guest"
        if (unit := self._first_unseen()) is not None and unit.position is not None:
            words += f", all before {_character(unit)} at position {unit.position + 1}"
        return words

    def _first_unseen(self) -> Unit | None:
        if self.matcher.waiting:
            position = self.matcher.waiting[0].position
            return next((unit for unit in self._units if unit.position == position), None)
        return self._units[self._next] if self._next < len(self._units) else None

    async def _run_state(self) -> str:
        try:
            return await self._qmp.query_status(STALL_SECONDS)
        except ATPError as error:
            return f"unknown ({error})"

    def _stood_still(self, state: str) -> ATPError:
        return troubles.stood_still(self._vm_name, self._what, state, self._so_far())

    def _began_anew(self, what_the_guest: str) -> ATPError:
        return troubles.began_anew(self._vm_name, self._what, what_the_guest, self._so_far())

    async def _no_progress(self, got: str, next_step: str) -> ATPError:
        unit = self._first_unseen() if self.matcher.waiting else None
        seen = sum(injection.observation is not None for injection in self.matcher.injections)
        run_state = await self._run_state()
        return troubles.no_progress(
            self._vm_name,
            f"{self._what}{self._at(unit)}",
            waited=STALL_SECONDS,
            got=f"{got}: {len(self.matcher.injections)} edges were injected, {seen} observed, VM is {run_state}",
            last_seen=self._session.describe(),
            next_step=next_step,
        )

    def _at(self, unit: Unit | None) -> str:
        if unit is None or unit.position is None:
            return ""
        return f", {_character(unit)} at position {unit.position + 1},"


def _is_before(clock: ClockOffset, seen: Observation, moment: float) -> bool:
    """A browser's times are as coarse as it likes."""
    return seen.bus != BROWSER and clock.is_surely_before(seen.time_us, seen.received, moment)


def _is_refusal(answer: Any) -> bool:
    """Of QMP's: a reply that says so is read by whoever reaps it."""
    return isinstance(answer, dict) and "error" in answer


def _character(unit: Unit) -> str:
    """One of a secret has no name."""
    return f"character {unit.character!r}" if unit.character else "the character"
