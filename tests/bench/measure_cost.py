"""What it costs to watch an edge, by A and B: the same taps, paced alike, with the agent watching and with the agent stopped.

The agent is stopped by SIGSTOP, so in B nothing of the measure runs: not the agent, nor our session and matcher, which hear
nothing. Both kinds go in turns on one VM, so that the machine's noise hits both.

- `measure.delay`: how much later an edge is in the guest's kernel when it is watched. The kernel stamps events for a stopped agent
  too; they are read when it goes on. A few taps a turn: its buffer holds 64 events, three an edge. Both turns of a pair are
  converted with the same offset of the clocks, so that its error is in both and cancels.
- `measure.cpu`: the processor time that an edge takes in all, in QEMU (guest, agent, devices) and in this process (session,
  matcher, report), more with the agent watching than with it stopped. Nothing that is added to an edge's way can be longer than
  the work that is added, unless it waits, and what waits is in `measure.delay` or in the latency's parts. Of it the agent's own
  part, by the guest's account, and the matcher's and report's, by doing that again with what was seen, stand in the row as well.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from ATPLibrary.protocol.qmp import Qmp, open_qmp
from ATPLibrary.protocol.qmp.edges import EVDEV_OF_QCODE, key_event
from ATPLibrary.verifier import Matcher, Observation
from ATPLibrary.verifier.observation import EV_KEY, Seen
from ATPLibrary.verifier.report import build_report
from ATPLibrary.verifier.stream import ObservationStream

from .guest import AgentProcess
from .rivals.arrivals import let_go
from .rows import Row
from .world import CALL_SECONDS, BenchVm, Progress

MOST_MS = 0.5
QCODE = "a"
DELAY_TAPS = 8  # a turn: 16 edges are 48 of the 64 events that the kernel keeps for a stopped reader
CPU_TAPS = 300
GAP_SECONDS = 0.01
REST_SECONDS = 0.3  # after a command in the guest, which leaves it busy for a moment
SEEN_SECONDS = 10.0
MOST_SPOILED = 10

T = TypeVar("T")


@dataclass
class Turns:
    """What was measured in the turns of one kind."""

    delays_ms: list[float] = field(default_factory=list)
    edges: int = 0
    qemu_cpu: float = 0.0  # seconds, of the guest as well
    own_cpu: float = 0.0
    agent_cpu: float = 0.0  # of QEMU's, by the guest's own account
    matcher_cpu: float = 0.0  # of ours: verdicts and report alone

    def add(self, other: Turns) -> None:
        self.delays_ms += other.delays_ms
        for name in ("edges", "qemu_cpu", "own_cpu", "agent_cpu", "matcher_cpu"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def ms(self, seconds: float) -> float:
        """An edge's part of it."""
        return seconds / self.edges * 1000


async def measure(vm: BenchVm, progress: Progress, *, quick: bool) -> list[Row]:
    delay_turns, cpu_turns = (4, 2) if quick else (25, 8)
    agent = await AgentProcess.of(vm.domain)
    qmp = await open_qmp(vm.domain, "direct")
    try:
        watched, stopped = Turns(), Turns()
        taps = _Taps(vm, qmp, agent, progress)
        for turn in range(delay_turns):
            progress(f"measure: delay, turn {turn + 1} of {delay_turns}")
            moments = [await taps.unspoiled(partial(taps.moments, stop=stop)) for stop in (False, True)]
            clock = vm.session.clock
            assert clock is not None
            for turns, pairs in zip((watched, stopped), moments, strict=True):
                turns.delays_ms += [(clock.host_time(kernel_us) - sent) * 1000 for sent, kernel_us in pairs]
        for turn in range(cpu_turns):
            progress(f"measure: CPU, turn {turn + 1} of {cpu_turns}")
            for turns, stop in ((watched, False), (stopped, True)):
                turns.add(await taps.unspoiled(partial(taps.cpu, stop=stop)))
    finally:
        await qmp.close()
    return rows(watched, stopped)


def rows(watched: Turns, stopped: Turns) -> list[Row]:
    delay, bare_delay = (statistics.median(turns.delays_ms) for turns in (watched, stopped))
    added_delay = delay - bare_delay
    bare_qemu, bare_own = stopped.ms(stopped.qemu_cpu), stopped.ms(stopped.own_cpu)
    qemu, own = watched.ms(watched.qemu_cpu) - bare_qemu, watched.ms(watched.own_cpu) - bare_own
    return [
        Row(
            "measure.delay",
            delay,
            "ms, host to kernel (p50), watched",
            "the agent stopped",
            bare_delay,
            f"adds under {MOST_MS:g} ms (added {added_delay:+.3f})",
            added_delay < MOST_MS,
            {"added_ms": round(added_delay, 4), "edges": len(watched.delays_ms), "peer_edges": len(stopped.delays_ms)},
        ),
        Row(
            "measure.cpu",
            qemu + own,
            "ms of CPU an edge that watching adds",
            "an edge's CPU, unwatched",
            bare_qemu + bare_own,
            f"under {MOST_MS:g} ms",
            qemu + own < MOST_MS,
            {
                **{"guest_ms": round(qemu, 4), "host_ms": round(own, 4), "edges": watched.edges},
                "agent_ms": round(watched.ms(watched.agent_cpu), 4),
                "matcher_ms": round(watched.ms(watched.matcher_cpu), 4),
                **{"peer_qemu_ms": round(bare_qemu, 4), "peer_host_ms": round(bare_own, 4)},
            },
        ),
    ]


class Spoiled(Exception):
    """This turn measured the machine's noise: nothing here waits for the guest, so one that stood still for long loses edges."""


class _Taps:
    def __init__(self, vm: BenchVm, qmp: Qmp, agent: AgentProcess, progress: Progress) -> None:
        self._vm, self._qmp, self._agent, self._progress = vm, qmp, agent, progress

    async def unspoiled(self, turn: Callable[[], Awaitable[T]]) -> T:
        for _ in range(MOST_SPOILED):
            try:
                return await turn()
            except Spoiled as spoiled:
                self._progress(f"measure: once more, this turn was spoiled: {spoiled}")
                await self._vm.session.wait_until_quiet(REST_SECONDS, SEEN_SECONDS)
                await let_go(self._vm.session, self._qmp)
        sys.exit(f"measure: {MOST_SPOILED} turns in a row were spoiled: this machine is too busy to measure this on")

    async def moments(self, *, stop: bool) -> list[tuple[float, int]]:
        """Of each edge of a few taps: when its command was written, and when the guest's kernel had it, by the guest's clock."""
        with self._vm.session.observations.subscribe() as stream:
            async with self._agent.stopped() if stop else self._agent.left_alone():
                await asyncio.sleep(REST_SECONDS)
                stream.take()
                sent = await self._paced(DELAY_TAPS)
                if not stop:
                    await _until_seen(stream, seen := [], 2 * DELAY_TAPS)
            if stop:
                await _until_seen(stream, seen := [], 2 * DELAY_TAPS)
        injected = [moment for moment in sent for _ in range(2)]
        return [(moment, edge.time_us) for moment, edge in zip(injected, seen, strict=True)]

    async def cpu(self, *, stop: bool) -> Turns:
        """One turn of many taps, and the CPU seconds that they took."""
        turn, seen = Turns(edges=2 * CPU_TAPS), []
        agent = await self._agent.cpu_seconds()
        with self._vm.session.observations.subscribe() as stream:
            async with self._agent.stopped() if stop else self._agent.left_alone():
                await asyncio.sleep(REST_SECONDS)
                stream.take()
                qemu, own = await self._qemu_cpu(), time.process_time()
                if stop:
                    await self._paced(CPU_TAPS)
                else:
                    seen = await self._watched(stream)
                turn.own_cpu = time.process_time() - own
                turn.qemu_cpu = await self._qemu_cpu() - qemu
            # What the kernel kept for a stopped agent, or the overrun of it, is none of the next turn's.
            await self._vm.session.wait_until_quiet(REST_SECONDS, SEEN_SECONDS)
        if seen:
            turn.agent_cpu = await self._agent.cpu_seconds() - agent
            turn.matcher_cpu = judging_again(seen)
        return turn

    async def _watched(self, stream: ObservationStream) -> list[Observation]:
        """The same taps, each edge of which gets a verdict, and a report of all. What was seen."""
        matcher = Matcher()
        seen: list[Observation] = []
        reading = asyncio.create_task(_until_seen(stream, seen, 2 * CPU_TAPS, matcher))
        try:
            await self._paced(CPU_TAPS, matcher)
            await reading
        finally:
            reading.cancel()
        matcher.finish()
        report = build_report("taps", matcher, clock=self._vm.session.clock)
        if not report.verified:
            raise Spoiled(report.sentence())
        return seen

    async def _paced(self, taps: int, matcher: Matcher | None = None) -> list[float]:
        """Taps, one each `GAP_SECONDS`; the moments at which they were written."""
        sent, due = [], time.monotonic()
        events = {"events": [key_event(QCODE, True), key_event(QCODE, False)]}
        for _ in range(taps):
            now = time.monotonic()
            sent.append(now)
            if matcher is not None:
                for value in (1, 0):
                    matcher.inject((EV_KEY, EVDEV_OF_QCODE[QCODE], value), now)
            await self._qmp.execute("input-send-event", events, timeout=CALL_SECONDS)
            due += GAP_SECONDS
            await asyncio.sleep(max(due - time.monotonic(), 0))
        return sent

    async def _qemu_cpu(self) -> float:
        used = await self._vm.domain.call("tell its CPU time", lambda domain: domain.info()[4], timeout=CALL_SECONDS)
        return float(used) / 1e9


def judging_again(seen: Sequence[Observation]) -> float:
    """CPU seconds of giving a verdict on each edge once more, and of their report."""
    started, matcher = time.process_time(), Matcher()
    for item in seen:
        matcher.inject((item.type, item.code, item.value), item.received)
        matcher.observe(item)
    matcher.finish()
    build_report("taps", matcher, clock=None)
    return time.process_time() - started


async def _until_seen(
    stream: ObservationStream, seen: list[Observation], edges: int, matcher: Matcher | None = None
) -> None:
    """Take observations until so many edges were seen."""
    try:
        async with asyncio.timeout(SEEN_SECONDS + edges * GAP_SECONDS):
            while len(seen) < edges:
                _take(await stream.next_batch(None), seen, matcher)
    except TimeoutError:
        raise Spoiled(f"only {len(seen)} of {edges} edges arrived") from None


def _take(items: Sequence[Seen], seen: list[Observation], matcher: Matcher | None) -> None:
    for item in items:
        if not isinstance(item, Observation):
            raise Spoiled(item.reason)
        if item.type == EV_KEY:
            seen.append(item)
            if matcher is not None:
                matcher.observe(item)
