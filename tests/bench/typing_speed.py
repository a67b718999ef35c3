"""Verified characters a second, beside a loop of `virsh send-key` on the same VM; and how long one verified tap takes."""

from __future__ import annotations

import asyncio
import statistics
import sys
import time

from ATPLibrary.metrics import Histogram
from ATPLibrary.protocol.qmp import Qmp, open_qmp
from ATPLibrary.protocol.qmp.edges import key_event
from ATPLibrary.verifier import InputReport, Observation, TypingEngine

from .rows import Row
from .world import BenchVm, Progress

PIECE = 500  # characters typed at one go
WORDS = "the quick brown fox jumps over the lazy dog "
DRAIN_EDGES = 14  # in one command: fewer than the queue of any keyboard holds
DRAIN_ROUNDS = 20
SETTLE_SECONDS = 1.0


async def measure(
    vm: BenchVm, taps: int, virsh_keys: int, presses: int, progress: Progress
) -> tuple[list[Row], Histogram]:
    """The rows of one keyboard, and how long its single taps took until they were verified, in ms."""
    qmp = await open_qmp(vm.domain, "direct")
    try:
        keyboards = (await vm.domain.description(10)).keyboards
        engine = TypingEngine(qmp, vm.session, keyboards, vm_name=vm.domain.name)
        # Not measured: the first text pages in what the guest needs.
        await engine.type_text(WORDS * 2)
        virsh = await _virsh_loop(vm, virsh_keys, progress)
        rows = [await _typing_row(vm, engine, taps, virsh, progress)]
        if vm.keyboard == "usb":
            rows.append(await _drain_row(vm, qmp, rows[0], progress))
        progress(f"{vm.keyboard}: {presses} single taps")
        latency, verification = Histogram(), Histogram()
        for _ in range(presses):
            report = await engine.press("a")
            latency.merge(report.latency)
            verification.merge(report.verification)
        rows += [
            Row(
                f"latency.{vm.keyboard}.p{p}",
                verification.percentile(p),
                "ms",
                "injection to guest kernel, by its clock",
                max(latency.percentile(p), 0.0),
                more={
                    "taps": presses,
                    "clock_error_ms": round((vm.session.clock.error_us if vm.session.clock else 0) / 1000, 2),
                },
            )
            for p in (50, 95, 99)
        ]
        return rows, verification
    finally:
        await qmp.close()


async def _typing_row(
    vm: BenchVm, engine: TypingEngine, taps: int, virsh: tuple[float, float], progress: Progress
) -> Row:
    reports: list[InputReport] = []
    typed = 0
    seconds = cpu = 0.0
    while typed < taps:
        piece = (WORDS * (PIECE // len(WORDS) + 1))[: min(PIECE, taps - typed)]
        started, cpu_before = time.perf_counter(), time.process_time()
        reports.append(await engine.type_text(piece))
        seconds += time.perf_counter() - started
        cpu += time.process_time() - cpu_before
        typed += len(piece)
        progress(
            f"{vm.keyboard}: {typed:,} of {taps:,} taps, {typed / seconds:.0f} characters/s; {reports[-1].sentence()}"
        )
    lost, duplicated, reordered, repeated, unknown = (
        sum(getattr(report, count) for report in reports)
        for count in ("lost", "duplicated", "reordered", "repeated", "observer_overrun")
    )
    clean = not (lost or duplicated or reordered or repeated or unknown) and all(report.verified for report in reports)
    value = typed / seconds
    aim, met = ("zero lost, duplicated, reordered", clean)
    if vm.keyboard != "usb":
        aim, met = f"{aim}; at least 20 times the loop", clean and value >= 20 * virsh[0]
    return Row(
        f"typing.{vm.keyboard}",
        value,
        "verified characters/s",
        "virsh send-key loop, arrived characters/s",
        virsh[0],
        aim,
        met,
        {
            "taps": typed,
            "lost": lost,
            "duplicated": duplicated,
            "reordered": reordered,
            "repeated": repeated,
            "observer_overrun": unknown,
            "edges_per_s": round(sum(report.edges for report in reports) / seconds, 1),
            "peer_sent_per_s": round(virsh[1], 1),
            "host_cpu": round(cpu / seconds, 3),
        },
    )


async def _virsh_loop(vm: BenchVm, keys: int, progress: Progress) -> tuple[float, float]:
    """Characters a second that a loop of `virsh send-key` brings into the guest, and that it sends."""
    progress(f"{vm.keyboard}: a loop of {keys} virsh send-key")
    with vm.session.observations.subscribe() as stream:
        started = time.perf_counter()
        for _ in range(keys):
            process = await asyncio.create_subprocess_exec(
                "virsh", "-q", "-c", vm.uri, "send-key", vm.domain.name, "KEY_A", stdout=asyncio.subprocess.DEVNULL
            )
            if await process.wait():
                sys.exit(f"virsh send-key failed with {process.returncode}")
        sent = time.perf_counter() - started
        taken = stream.take()
        while batch := await stream.next_batch(SETTLE_SECONDS):
            taken += batch
    ups = [seen for seen in taken if isinstance(seen, Observation) and seen.type == 1 and seen.value == 0]
    elapsed = max([sent, *(seen.received - started for seen in ups[-1:])])
    progress(
        f"{vm.keyboard}: virsh sent {keys / sent:.1f} and brought in {len(ups) / elapsed:.1f} characters/s ({len(ups)} of {keys})"
    )
    return len(ups) / elapsed, keys / sent


async def _drain_row(vm: BenchVm, qmp: Qmp, typing: Row, progress: Progress) -> Row:
    """How fast the device itself lets go: its queue filled at one go, timed by the guest's kernel."""
    rates = []
    edges = [key_event("a", number % 2 == 0) for number in range(DRAIN_EDGES)]
    with vm.session.observations.subscribe() as stream:
        for _ in range(DRAIN_ROUNDS):
            stream.take()
            await qmp.execute("input-send-event", {"events": edges}, timeout=10)
            seen: list[Observation] = []
            while len(seen) < DRAIN_EDGES and (batch := await stream.next_batch(SETTLE_SECONDS)):
                seen += [item for item in batch if isinstance(item, Observation) and item.type == 1 and item.value != 2]
            if len(seen) == DRAIN_EDGES:
                rates.append((DRAIN_EDGES - 1) * 1e6 / (seen[-1].time_us - seen[0].time_us))
    drain = statistics.median(rates)
    progress(f"{vm.keyboard}: the device drains {drain:.1f} edges/s (median of {len(rates)} full queues)")
    value = float(typing.more["edges_per_s"])
    return Row(
        f"typing.{vm.keyboard}.drain",
        value,
        "verified edges/s",
        "the device's drain rate, edges/s",
        drain,
        "at least 90 % of the drain rate",
        value >= 0.9 * drain,
    )
