"""One keyboard: verified characters a second beside other ways to type into the same VM, and how long a single tap takes."""

from __future__ import annotations

import statistics

from ATPLibrary.protocol.qmp import Qmp, open_qmp
from ATPLibrary.protocol.qmp.edges import key_event
from ATPLibrary.verifier import Observation, TypingEngine

from . import latency_split, rivals
from .rows import Row
from .taps import PIECE, WORDS, Tally, type_piece
from .world import BenchVm, Progress

DRAIN_EDGES = 14  # in one command: fewer than the queue of any keyboard holds
DRAIN_ROUNDS = 20
SEEN_SECONDS = 1.0


async def measure(vm: BenchVm, taps: int, presses: int, progress: Progress, *, quick: bool) -> list[Row]:
    qmp = await open_qmp(vm.domain, "direct")
    try:
        engine = TypingEngine(qmp, vm.session, (await vm.domain.description(10)).keyboards, vm_name=vm.domain.name)
        await engine.type_text(WORDS * 2)  # not measured: it pages in what the guest needs
        others = await rivals.measure(vm, qmp, progress, quick=quick)
        tally = await _type(vm, engine, taps, progress)
        rows = rivals.rows(vm.keyboard, tally, others)
        if vm.keyboard == "usb":
            rows.append(_drain_row(tally, await _drain(vm, qmp, progress)))
        return rows + await latency_split.measure(vm, engine, qmp, presses, progress)
    finally:
        await qmp.close()


async def _type(vm: BenchVm, engine: TypingEngine, taps: int, progress: Progress) -> Tally:
    tally = Tally()
    while tally.taps < taps:
        report = await type_piece(engine, min(PIECE, taps - tally.taps), tally)
        progress(f"{vm.keyboard}: {tally.taps:,} of {taps:,} taps, {tally.rate:.0f} characters/s; {report.sentence()}")
    return tally


def _drain_row(tally: Tally, drain: float) -> Row:
    value = tally.edges / tally.seconds
    peer = "the device's drain rate, edges/s"
    return Row(
        "typing.usb.drain",
        value,
        "verified edges/s",
        peer,
        drain,
        "at least 90 % of the drain rate",
        value >= 0.9 * drain,
    )


async def _drain(vm: BenchVm, qmp: Qmp, progress: Progress) -> float:
    """Edges a second that the device itself lets go of: its queue filled at one go, timed by the guest's kernel."""
    rates = []
    edges = [key_event("a", number % 2 == 0) for number in range(DRAIN_EDGES)]
    with vm.session.observations.subscribe() as stream:
        for _ in range(DRAIN_ROUNDS):
            stream.take()
            await qmp.execute("input-send-event", {"events": edges}, timeout=10)
            seen: list[Observation] = []
            while len(seen) < DRAIN_EDGES and (batch := await stream.next_batch(SEEN_SECONDS)):
                seen += [item for item in batch if isinstance(item, Observation) and item.type == 1 and item.value != 2]
            if len(seen) == DRAIN_EDGES and seen[-1].time_us > seen[0].time_us:
                rates.append((DRAIN_EDGES - 1) * 1e6 / (seen[-1].time_us - seen[0].time_us))
    drain = statistics.median(rates) if rates else float("nan")
    progress(f"{vm.keyboard}: the device drains {drain:.1f} edges/s (median of {len(rates)} full queues)")
    return drain
