"""The closed loop: send no more than the device's queue holds, and go on as the guest proves to have seen it.

Used for keys and for the pointer alike; what differs is the queue and what each report should be observed as.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ATPLibrary import events
from ATPLibrary.errors import AgentError, ATPError, CommandError, DeadlineError, VerificationError, VmStateError
from ATPLibrary.verifier.matcher import Injection, Matcher, Symbol, Verdict
from ATPLibrary.verifier.observation import AUTOREPEAT, EV_KEY, Observation, ObserverOverrun, Seen
from ATPLibrary.verifier.queues import DeviceQueue, queue_of_bus, scancode_bytes
from ATPLibrary.verifier.session import AgentSession
from ATPLibrary.verifier.session_state import STATUS_ADVICE

if TYPE_CHECKING:
    from ATPLibrary.protocol.qmp import Qmp
    from ATPLibrary.protocol.qmp.edges import Edge
    from ATPLibrary.verifier.stream import ObservationStream

COMMAND_TIMEOUT = 10.0
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
# QEMU's run states of a VM that is going, or has gone, to another host (qapi/run-state.json).
MOVES = frozenset({"finish-migrate", "postmigrate"})
BEGINS_ANEW = frozenset({"qmp.RESET", "libvirt.reboot"})
COMMANDS_AT_ONCE = 4


class Report(NamedTuple):
    """What may not be split: the QMP events of one edge or motion, and what the guest should see of it (nothing, perhaps)."""

    events: tuple[Mapping[str, Any], ...]
    symbols: tuple[Symbol, ...]
    what: str
    edge: Edge | None = None  # the key that it moves, if it is a key


class Unit(NamedTuple):
    """Reports that are sent at one go, so that no key stays down across a wait: a tap. `position` is the character's."""

    reports: tuple[Report, ...]
    position: int | None = None
    character: str = ""

    def places(self, queue: DeviceQueue) -> int:
        """How much of the device's queue it takes."""
        return sum(places_of(report, queue) for report in self.reports)


class ClosedLoop:
    """One input on its way.

    `accepts` says whether an observation is of a device that this input may arrive on. `note_sent` is called before a report is
    written (False) and when it has been (True). With `joins` many edges ride in one command where the device allows it.
    """

    def __init__(
        self,
        qmp: Qmp,
        session: AgentSession,
        what: str,
        *,
        vm_name: str,
        accepts: Callable[[Observation], bool],
        matcher: Matcher,
        queue: DeviceQueue,
        note_sent: Callable[[Report, bool], None],
        joins: bool = False,
    ) -> None:
        self.matcher = matcher
        self.queue = queue  # becomes that of the device that the guest sees the input on
        self.bus = ""  # of that device
        self.unheard_because = ""  # why it isn't known whether more came at the end
        self._qmp = qmp
        self._session = session
        self._vm_name = vm_name
        self._what = what
        self._accepts = accepts
        self._note_sent = note_sent
        self._joins = joins
        self._reports: dict[int, Report] = {}  # by the index of the injection
        self._flying: deque[asyncio.Task[None]] = deque()  # commands without a reply yet, oldest first
        self._units: Sequence[Unit] = ()
        self._next = 0
        self._last_seen: Observation | None = None
        self._progress = time.monotonic()
        self._life = session.life.number
        self._trouble: ATPError | None = None  # what the guest has come to while this was on its way

    async def run(self, units: Sequence[Unit], stream: ObservationStream) -> None:
        """Send every unit and return when all of it is seen, or settled as not seen."""
        self._units, self._next = units, 0
        self._progress = time.monotonic()
        source, kinds = f"vm:{self._vm_name}", STANDS_STILL | BEGINS_ANEW
        with events.bus().subscribe(lambda event: event.kind in kinds, source) as news:
            watching = asyncio.create_task(self._watch(news, stream))
            try:
                await self._run(stream)
            finally:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)

    async def _run(self, stream: ObservationStream) -> None:
        try:
            while self._next < len(self._units) or self.matcher.outstanding or self.matcher.disturbed:
                if self._trouble is not None:
                    raise self._trouble
                self._reap()
                if not self.matcher.disturbed:
                    self._fill(stream)
                await self._hear(stream)
            while self._flying:
                await self._flying.popleft()
        except VmStateError as refused:
            raise self._stood_still(await self._run_state()) from refused
        finally:
            # Only after a failure is anything left. What was written stays written; what comes next is written behind it.
            for task in self._flying:
                task.cancel()
            await asyncio.gather(*self._flying, return_exceptions=True)
            self._flying.clear()

    async def hold(self, seconds: float, stream: ObservationStream) -> None:
        """Let time pass while what is down stays down; autorepeat is heard."""
        end = time.monotonic() + seconds
        while (remaining := end - time.monotonic()) > 0:
            self._feed(await stream.next_batch(remaining))

    async def drain(self, stream: ObservationStream) -> None:
        """After a failure: let what is still in the device's queue arrive, so that the next input doesn't see it. Never long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                while self.matcher.outstanding and (items := await stream.next_batch(DRAIN_QUIET_SECONDS)):
                    self._feed(items)

    async def listen_to_the_end(self, stream: ObservationStream) -> None:
        """Wait for an answer of the agent's and settle: what came twice came before it.

        Without that answer `unheard_because` says so: every edge was seen, but nobody knows that it was seen once.
        """
        try:
            await self._session.ping(END_SECONDS)
        except (ATPError, OSError) as error:
            self.unheard_because = f"the agent was lost before it could say that nothing came twice: {error}"
        self._feed(stream.take())
        self.matcher.finish()

    async def _hear(self, stream: ObservationStream) -> None:
        """Take what comes. When nothing that counts came for too long: settle, or raise when that would hide the reason."""
        patience = QUIET_SECONDS if self.matcher.disturbed else STALL_SECONDS
        remaining = self._progress + patience - time.monotonic()
        self._feed(stream.take() or (await stream.next_batch(remaining) if remaining > 0 else []))
        if time.monotonic() < self._progress + patience:
            return
        before = self._progress
        # The agent's answer stands behind every observation that it had made: after it, silence is the guest's, not the agent's.
        try:
            await self._session.ping(STALL_SECONDS)
        except (AgentError, DeadlineError) as error:
            if self._trouble is not None:
                raise self._trouble from error
            raise await self._no_progress("the agent stopped answering", STATUS_ADVICE) from error
        self._feed(stream.take())
        if self._progress != before:
            return
        if self._last_seen is None and not self.matcher.disturbed:
            step = (
                "See whether the guest has a driver for that device and isn't busy or frozen (screenshot, console log)"
            )
            raise await self._no_progress(
                "the agent answers but saw nothing on any device that this input goes to", step
            )
        self.matcher.settle()
        self._progress = time.monotonic()
        counts = self.matcher.counts()
        if sum(counts.values()) - counts[Verdict.OK] - counts[Verdict.REPEATED] >= HOPELESS:
            self._units = self._units[: self._next]

    def _reap(self) -> None:
        """Take the replies that came; raises what QEMU refused."""
        while self._flying and self._flying[0].done():
            self._flying.popleft().result()

    def _fill(self, stream: ObservationStream) -> None:
        """Send what the window has room for: at once where commands queue up anyway, else in pieces, so that QEMU reads the next
        while the guest sees to the one before.
        """
        is_direct = self._qmp.kind == "direct"
        waiting = (self._reports.get(injection.index) for injection in self.matcher.waiting)
        taken = sum(places_of(report, self.queue) for report in waiting if report is not None)
        piece = self.queue.window // PIECES if is_direct else self.queue.window
        while self._next < len(self._units) and len(self._flying) < (COMMANDS_AT_ONCE if is_direct else 1):
            batch: list[Report] = []
            first, size = self._next, 0
            while self._next < len(self._units):
                unit = self._units[self._next]
                places = unit.places(self.queue)
                if (taken and taken + places > self.queue.window) or (size and size + places > piece):
                    break
                taken, size = taken + places, size + places
                batch += unit.reports
                self._next += 1
            if not batch:
                return
            injections = [injection for unit in self._units[first : self._next] for injection in self._inject(unit)]
            task = asyncio.create_task(self._send(batch, injections, self._at(self._units[first])))
            task.add_done_callback(lambda _: stream.wake())
            self._flying.append(task)

    def _inject(self, unit: Unit) -> Iterator[Injection]:
        now = time.monotonic()
        for report in unit.reports:
            self._note_sent(report, False)
            for symbol in report.symbols:
                injection = self.matcher.inject(symbol, now, report.what, unit.position)
                self._reports[injection.index] = report
                yield injection

    async def _send(self, batch: Sequence[Report], injections: Sequence[Injection], at: str) -> None:
        now = time.monotonic()
        for injection in injections:
            injection.injected = now
        await send(self._qmp, self._commands(batch), self._vm_name, f"{self._what}{at}")
        self._progress = max(self._progress, now)
        for report in batch:
            self._note_sent(report, True)

    def _commands(self, batch: Sequence[Report]) -> list[tuple[str, dict[str, Any]]]:
        if self._joins and self.queue.joins:
            return [("input-send-event", {"events": [event for report in batch for event in report.events]})]
        return [("input-send-event", {"events": list(report.events)}) for report in batch]

    def _feed(self, items: Sequence[Seen]) -> None:
        for item in items:
            if isinstance(item, ObserverOverrun):
                self.matcher.overrun(item)
                self._progress = time.monotonic()
                if self._session.life.number != self._life:
                    self._trouble = self._trouble or self._began_anew(self._session.life.why)
            elif self._accepts(item):
                self.matcher.observe(item)
                if not (item.type == EV_KEY and item.value == AUTOREPEAT):  # a stuck key repeats for ever: no progress
                    self._last_seen = item
                    self._progress = max(self._progress, item.received)
                    if item.bus != self.bus:
                        self.bus = item.bus
                        self.queue = queue_of_bus(item.bus) if self.queue.learns else self.queue

    async def _watch(self, news: events.Subscription, stream: ObservationStream) -> None:
        """Until the VM stands still, or its guest begins anew: then whoever waits for it to see something needn't."""
        async for event in news:
            if event.kind in BEGINS_ANEW:
                self._trouble = self._began_anew("was restarted")
            else:
                if (state := await self._run_state()) == "running":
                    continue  # again: what became of its guest meanwhile is said by the agent
                self._trouble = self._stood_still(state)
            stream.wake()
            return

    def _so_far(self) -> str:
        """What was sent and seen, in words."""
        edges = sum(len(unit.reports) for unit in self._units)
        seen = sum(injection.observation is not None for injection in self.matcher.injections)
        words = f"of {edges} edges {len(self.matcher.injections)} were sent and {seen} seen by the guest"
        if (unit := self._first_unseen()) is not None and unit.position is not None:
            words += f", all before character {unit.character!r} at position {unit.position + 1}"
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

    def _stood_still(self, state: str) -> VmStateError:
        moves = state in MOVES
        return VmStateError.about(
            f"VM '{self._vm_name}'",
            wanted=f"be running to take {self._what}",
            got=f"was {'moved to another host' if moves else 'paused'} meanwhile (QEMU says {state}): {self._so_far()}; keys that "
            "are down are let go when it runs again",
            next_step=f"{'Wait until it runs there' if moves else 'Resume it'}, then type what is missing",
        )

    def _began_anew(self, what_the_guest: str) -> VerificationError:
        return VerificationError.about(
            f"{self._what} on VM '{self._vm_name}'",
            wanted="be seen by the guest",
            got=f"was not, to its end: the guest {what_the_guest} meanwhile; {self._so_far()}",
            next_step="Wait until the verifier is ready ('Wait Until Verifier Is Ready'), then type it anew",
        )

    async def _no_progress(self, got: str, next_step: str) -> ATPError:
        unit = self._first_unseen() if self.matcher.waiting else None
        seen = sum(injection.observation is not None for injection in self.matcher.injections)
        run_state = await self._run_state()
        return VerificationError.about(
            f"{self._what}{self._at(unit)} on VM '{self._vm_name}'",
            wanted="be seen by the guest",
            waited=STALL_SECONDS,
            got=f"{got}: {len(self.matcher.injections)} edges were injected, {seen} observed, VM is {run_state}",
            last_seen=self._session.describe(),
            next_step=next_step,
        )

    def _at(self, unit: Unit | None) -> str:
        if unit is None or unit.position is None:
            return ""
        return f", character {unit.character!r} at position {unit.position + 1},"


def places_of(report: Report, queue: DeviceQueue) -> int:
    return queue.places(1 if report.edge is None else scancode_bytes(report.edge))


async def send(qmp: Qmp, commands: list[tuple[str, dict[str, Any]]], vm_name: str, what: str) -> None:
    """Write `input-send-event` commands; `VmStateError` when the VM is not running. `what` is the subject of the sentence."""
    try:
        if len(commands) == 1:
            await qmp.execute(*commands[0], timeout=COMMAND_TIMEOUT)
        else:
            await qmp.execute_many(commands, timeout=COMMAND_TIMEOUT)
    except CommandError as error:
        if "not running" not in f"{error.description} {error}".lower():
            raise
        raise VmStateError.about(
            f"VM '{vm_name}'",
            wanted=f"be running to take {what.rstrip(',')}",
            got="is not: QEMU refused the input, and the guest did not get it",
            next_step="Resume or start the VM first",
        ) from error


async def require_running(qmp: Qmp, vm_name: str, what: str) -> None:
    """`VmStateError` unless the VM's run state is "running": a VM that stands still takes no input."""
    status = await qmp.query_status(COMMAND_TIMEOUT)
    if status != "running":
        raise VmStateError.about(
            f"VM '{vm_name}'",
            wanted=f"be running to take {what}",
            got=f"is {status}, and nothing was sent",
            next_step="Resume it" if status == "paused" else "Start or resume it, and wait until it runs",
        )


async def shielded(work: Any) -> None:
    """Finish `work` even when the task that asked for it is cancelled meanwhile; then the cancellation goes on."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait((task,))
        raise
