"""Boot them, measure one alone, then all; see the package."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import time
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ATPLibrary.metrics import Histogram
from ATPLibrary.protocol.qmp import open_qmp
from ATPLibrary.verifier import TypingEngine

from ..rows import Row
from ..taps import NOTHING_WRONG, WORDS, Tally, type_piece
from ..world import CALL_SECONDS, BenchVm, Progress, World, booted_vm, connection, world
from .pace import Paced, idle_seconds, interval, most_characters, tap

VMS, QUICK_VMS = 50, 10
BOOTING = 4  # at a time
MIB_EACH = 260  # resident, of a QEMU with a booted guest
MIB_LEFT = 1024  # for all else
TIMES_SINGLE = 3.0
IDLE_SECONDS = 5.0
CHARACTERS, QUICK_CHARACTERS = 200, 50  # each, as fast as it goes
SECONDS, QUICK_SECONDS = 30.0, 6.0  # of paced taps
SINGLE_TAPS, QUICK_SINGLE_TAPS = 200, 50  # of one alone: enough for a p99
PROBE_TAPS = 50
STAT = Path("/proc/stat")
LEAST_CPU = 1e-3  # seconds: less than the kernel's clock of CPU time can tell


@dataclass(frozen=True)
class Typist:
    vm: BenchVm
    engine: TypingEngine


def measure(progress: Progress, *, quick: bool) -> list[Row]:
    """Rows `at-once.*`; none, with the reason, where memory doesn't allow so many guests."""
    vms = QUICK_VMS if quick else VMS
    needed, free = vms * MIB_EACH + MIB_LEFT, free_mib()
    if free < needed:
        progress(f"at-once: NOT MEASURED: {vms} guests take about {needed:,} MiB, and {free:,} MiB are free")
        return []
    with world(progress) as here:
        return asyncio.run(_measure(here, vms, progress, quick=quick))


def free_mib() -> int:
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) // 1024
    raise LookupError("/proc/meminfo has no MemAvailable")


async def _measure(here: World, vms: int, progress: Progress, *, quick: bool) -> list[Row]:
    characters, seconds, single_taps = (
        (QUICK_CHARACTERS, QUICK_SECONDS, QUICK_SINGLE_TAPS) if quick else (CHARACTERS, SECONDS, SINGLE_TAPS)
    )
    processors = len(os.sched_getaffinity(0))
    async with typists(here, vms, progress) as everybody:
        alone = everybody[:1]
        idle, left = await _idle(everybody)
        progress(
            f"at-once: {vms} idle guests take {idle:.2f} of {processors} processors, and all that runs leaves {left:.2f}; one "
            "alone, as fast as it goes"
        )
        single_text, cpu_a_character = await _cost(everybody, idle, _saturated(alone, characters))
        _, cpu_a_tap = await _cost(everybody, idle, _one_by_one(alone[0], PROBE_TAPS))
        every = interval(vms, cpu_a_tap, left)
        progress(
            f"at-once: a tap takes {cpu_a_tap * 1000:.1f} ms of CPU: one each {every * 1000:.0f} ms a VM; one alone"
        )
        single = await _paced(alone, every, max(seconds, single_taps * every))
        progress(f"at-once: all {vms}, paced: {vms / every:.0f} taps/s; {single.tally.sentence()} with one alone")
        paced = await _paced(everybody, every, seconds)
        progress(f"at-once: all {vms}, as fast as they go; {paced.tally.sentence()} when paced")
        text = await _saturated(everybody, characters)
        progress(f"at-once: {text.taps:,} characters, {text.rate:.0f}/s; {text.sentence()}")
    more = {
        **{
            "vms": vms,
            "processors": processors,
            "idle_processors": round(idle, 3),
            "left_processors": round(left, 3),
            "interval_ms": round(every * 1000, 1),
        },
        **{"cpu_ms_a_tap": round(cpu_a_tap * 1000, 3), "cpu_ms_a_character": round(cpu_a_character * 1000, 3)},
    }
    limits = vms / every, most_characters(processors, cpu_a_character)
    return rows((single, paced), (single_text, text), limits, more)


@contextlib.asynccontextmanager
async def typists(here: World, vms: int, progress: Progress) -> AsyncIterator[list[Typist]]:
    """So many VMs, booted a few at a time, each of which has typed already; all gone at the end."""
    gate, booted, silent = asyncio.Semaphore(BOOTING), 0, dataclasses.replace(here, progress=lambda text: None)
    async with contextlib.AsyncExitStack() as stack:
        host = await stack.enter_async_context(connection(here))

        async def one(number: int) -> Typist:
            nonlocal booted
            async with gate:
                vm = await stack.enter_async_context(booted_vm(silent, host, "ps2", f"at-once-{number:02}"))
                qmp = await open_qmp(vm.domain, "direct")
                stack.push_async_callback(qmp.close)
                engine = TypingEngine(qmp, vm.session, ("ps2",), vm_name=vm.domain.name)
                await engine.type_text(WORDS * 2)  # it pages in what the guest needs
                booted += 1
                if not booted % BOOTING or booted == vms:
                    progress(f"at-once: {booted} of {vms} VMs are up")
                return Typist(vm, engine)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(number)) for number in range(vms)]
        yield [task.result() for task in tasks]


async def _cpu(typists: Sequence[Typist]) -> float:
    """Processor seconds so far, of each QEMU and of this process."""
    used = await asyncio.gather(
        *(
            each.vm.domain.call("tell its CPU time", lambda domain: domain.info()[4], timeout=CALL_SECONDS)
            for each in typists
        )
    )
    return sum(used) / 1e9 + time.process_time()


def _idle_now() -> float:
    return idle_seconds(STAT.read_text(encoding="ascii"))


async def _idle(everybody: Sequence[Typist]) -> tuple[float, float]:
    """When nobody types: processors that the guests and we take, and processors that nothing on this machine takes."""
    started, cpu, idle = time.perf_counter(), await _cpu(everybody), _idle_now()
    await asyncio.sleep(IDLE_SECONDS)
    idle = _idle_now() - idle
    cpu, seconds = await _cpu(everybody) - cpu, time.perf_counter() - started
    return cpu / seconds, idle / seconds


async def _cost(everybody: Sequence[Typist], idle: float, typing: Awaitable[Tally]) -> tuple[Tally, float]:
    """What was typed, and the CPU seconds that each character took beside what the guests take when they are idle."""
    cpu, started = await _cpu(everybody), time.perf_counter()
    tally = await typing
    used, seconds = await _cpu(everybody) - cpu, time.perf_counter() - started
    return tally, max(used - idle * seconds, LEAST_CPU) / tally.taps


async def _saturated(typists: Sequence[Typist], characters: int) -> Tally:
    """Each types a text as fast as it goes, all at once. `seconds` is from the first to the last."""
    tallies = [Tally() for _ in typists]
    started = time.perf_counter()
    await asyncio.gather(
        *(type_piece(each.engine, characters, tally) for each, tally in zip(typists, tallies, strict=True))
    )
    return together(tallies, time.perf_counter() - started)


async def _one_by_one(typist: Typist, taps: int) -> Tally:
    tally = Tally()
    for _ in range(taps):
        await type_piece(typist.engine, 1, tally)
    return tally


async def _paced(typists: Sequence[Typist], every: float, seconds: float) -> Paced:
    each_ones = [Paced() for _ in typists]
    started = time.monotonic()
    await asyncio.gather(
        *(
            tap(typist.engine, started + every * number / len(typists), every, started + seconds, into)
            for number, (typist, into) in enumerate(zip(typists, each_ones, strict=True))
        )
    )
    paced = Paced(together([each.tally for each in each_ones], time.monotonic() - started))
    for each in each_ones:
        paced.from_due.merge(each.from_due)
    return paced


def together(tallies: Sequence[Tally], seconds: float) -> Tally:
    """What was typed at the same time, in so many seconds of the clock."""
    whole = Tally()
    for tally in tallies:
        whole.merge(tally)
    whole.seconds = seconds
    return whole


def rows(
    paced: tuple[Paced, Paced],
    text: tuple[Tally, Tally],
    limits: tuple[float, float],
    more: Mapping[str, Any],
) -> list[Row]:
    """Each pair is one VM alone, then all; `limits` are the pace asked for, and the most that the processors could do."""
    single, every = paced
    alone, all_at_once = text
    return [
        _p99("p99", "injection", (single.tally.verification, every.tally.verification), more),
        _p99("due_p99", "due", (single.from_due, every.from_due), more),
        _lossless("paced", "taps", every.tally, ("the pace asked for", limits[0]), more),
        _lossless("saturated", "characters", all_at_once, ("all processors for nothing but that", limits[1]), more),
        Row(
            "at-once.saturated.p99",
            all_at_once.verification.percentile(99),
            "ms, injection to verified, all VMs",
            "one VM alone, as fast as it goes",
            alone.verification.percentile(99),
            more=more,
        ),
    ]


def _p99(name: str, begin: str, pair: tuple[Histogram, Histogram], more: Mapping[str, Any]) -> Row:
    single, every = pair
    value, peer = every.percentile(99), single.percentile(99)
    values = {f"peer_p{p}": round(single.percentile(p), 3) for p in (50, 95)}
    values |= {f"p{p}": round(every.percentile(p), 3) for p in (50, 95)}
    unit = f"ms, {begin} to verified, all VMs"
    # What a tap waits for in this process before it is sent is told, and isn't what was promised.
    aim, met = (f"at most {TIMES_SINGLE:g} times", value <= TIMES_SINGLE * peer) if begin == "injection" else ("", None)
    return Row(f"at-once.paced.{name}", value, unit, "one VM alone, same pace", peer, aim, met, {**more, **values})


def _lossless(kind: str, what: str, tally: Tally, peer: tuple[str, float], more: Mapping[str, Any]) -> Row:
    return Row(
        f"at-once.{kind}",
        tally.rate,
        f"verified {what}/s, all VMs",
        *peer,
        NOTHING_WRONG,
        tally.is_clean,
        {**more, **tally.figures(), "wrong": tally.wrong},
        must=True,
    )
