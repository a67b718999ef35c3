"""The run: type a piece, add it up, write a line a stretch, look at the memory now and then, and tell how long it will take."""

from __future__ import annotations

import time
from pathlib import Path

from ATPLibrary.errors import ATPError
from ATPLibrary.protocol.qmp import open_qmp
from ATPLibrary.verifier import TypingEngine

from ..guest import AgentProcess
from ..rows import Row
from ..taps import NOTHING_WRONG, PIECE, WORDS, Tally, type_piece
from ..world import BenchVm, Progress
from .journal import Journal
from .memory import Sample, growth, sample

TAPS = 1_000_000
STRETCHES = 200  # lines in the journal
SAMPLES = 40  # of the memory
TOLD_EVERY = 10.0  # seconds
FLAT_KIB = 1024.0  # a byte a tap, over a million, would be nearly that much


def journal_of(directory: Path, keyboard: str) -> Path:
    return directory / f"taps-{keyboard}.jsonl"


async def measure(vm: BenchVm, taps: int, path: Path, progress: Progress, *, anew: bool) -> list[Row]:
    """Rows `night.KEYBOARD` and `night.KEYBOARD.memory`, from the journal and this process's part of the run."""
    journal = Journal(path, vm.keyboard, taps)
    journal.open(anew=anew)
    if journal.done.taps:
        progress(f"{vm.keyboard}: going on after {journal.done.taps:,} taps of an earlier run ({path})")
    qmp = await open_qmp(vm.domain, "direct")
    try:
        engine = TypingEngine(qmp, vm.session, (await vm.domain.description(10)).keyboards, vm_name=vm.domain.name)
        await engine.type_text(WORDS * 2)  # not measured: it pages in what the guest needs
        samples = await _type(vm, engine, journal, progress)
    finally:
        await qmp.close()
    return _rows(vm.keyboard, journal, samples)


async def _type(vm: BenchVm, engine: TypingEngine, journal: Journal, progress: Progress) -> list[Sample]:
    agent = await AgentProcess.of(vm.domain)
    before, began, told = journal.done.taps, time.monotonic(), 0.0
    every, looked = max(journal.taps // SAMPLES, PIECE), 0
    samples = [await sample(vm, agent, 0)]
    stretch = Tally()
    try:
        while (so_far := journal.done.taps + stretch.taps) < journal.taps:
            await type_piece(engine, min(PIECE, journal.taps - so_far), stretch)
            typed = journal.done.taps + stretch.taps - before
            if stretch.taps >= max(journal.taps // STRETCHES, PIECE):
                seen = None
                if typed - looked >= every:
                    looked = typed
                    samples.append(seen := await sample(vm, agent, typed))
                journal.write(stretch, seen)
                stretch = Tally()
            if time.monotonic() - told >= TOLD_EVERY:
                told = time.monotonic()
                progress(f"{vm.keyboard}: {how_far(journal, stretch, typed, told - began)}")
    except BaseException as error:
        if isinstance(error, ATPError):
            stretch.add_failed(
                engine.last_report, str(error)
            )  # a run that is gone on with stays one in which this happened
        journal.write(stretch, None, ended=f"{type(error).__name__}: {error}".rstrip(": "))
        done = f"{journal.done.taps:,} of {journal.taps:,} taps"
        progress(f"{vm.keyboard}: cut off after {done}; the same command goes on from there")
        raise
    if stretch.taps:
        journal.write(stretch, None)
    progress(f"{vm.keyboard}: {how_far(journal, Tally(), journal.done.taps - before, time.monotonic() - began)}")
    return samples


def how_far(journal: Journal, stretch: Tally, typed: int, seconds: float) -> str:
    """ "120,500 of 1,000,000 taps, 1,204/s, 12 min left; lost 0, ...". `typed` in `seconds` by this process."""
    total = Tally()
    total.merge(journal.done)
    total.merge(stretch)
    rate = typed / seconds if seconds else 0.0
    words = f"{total.taps:,} of {journal.taps:,} taps"
    if rate:
        left = (journal.taps - total.taps) / rate
        words += f", {rate:,.0f}/s, {f'{left / 60:.0f} min' if left >= 90 else f'{left:.0f} s'} left"
    return f"{words}; {total.sentence()}"


def _rows(keyboard: str, journal: Journal, samples: list[Sample]) -> list[Row]:
    done = journal.done
    latency = {f"p{p}": round(done.verification.percentile(p), 3) for p in (50, 99)}
    rows = [
        Row(
            f"night.{keyboard}",
            done.rate,
            "verified characters/s",
            "its own first stretch",
            journal.first_rate,
            NOTHING_WRONG,
            done.is_clean,
            done.figures() | latency | {"max": round(done.verification.max_ms, 3), "wrong": done.wrong},
            must=True,
        )
    ]
    ours, qemu, agent = (growth([getattr(each, name) for each in samples]) for name in ("ours", "qemu", "agent"))
    if ours is None or qemu is None:
        return rows
    span = samples[-1].taps - samples[0].taps
    more = {"over_taps": span, "agent_kib": agent, "samples": [each.as_json() for each in samples]}
    aim = f"at most {FLAT_KIB:,.0f} KiB over {span:,} taps, and the agent as well"
    flat = ours <= FLAT_KIB and (agent or 0.0) <= FLAT_KIB
    return [
        *rows,
        Row(
            f"night.{keyboard}.memory", ours, "KiB more resident", "QEMU's, meanwhile", qemu, aim, flat, more, must=True
        ),
    ]
