"""`python -m tests.bench [--quick] [--only PART]`: sets up what each part needs, measures, cleans up."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from ATPLibrary.metrics import Histogram

from . import many, over_ssh, platform_client, pool_cost, round_trips, start_up, stress, stuck_host, typing_speed
from .rows import Row, save, table
from .world import Progress, World, running_vm, world

RESULTS = Path(__file__).parents[2] / "results" / "bench.json"
KEYBOARDS = ("ps2", "virtio", "usb")
SLOWEST_P99_MS = 20.0

# What `--only` takes. These set up what they need themselves, called with `progress` and `quick`; the others share a host.
ALONE: Mapping[str, Callable[[Progress, bool], list[Row]]] = {
    "start": lambda progress, quick: start_up.measure(progress),
    "client": lambda progress, quick: platform_client.measure(progress, quick=quick),
    "many": lambda progress, quick: many.measure(progress, quick=quick),
    "stress": lambda progress, quick: stress.measure(progress, quick=quick),
    "hosts": lambda progress, quick: [
        *pool_cost.measure(progress, quick=quick),
        *stuck_host.measure(progress, quick=quick),
    ],
}
ON_ONE_HOST = ("qmp", "ssh", *KEYBOARDS)

_started = time.monotonic()


def progress(text: str) -> None:
    print(f"{time.monotonic() - _started:6.1f} s  {text}", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer of everything: 500 taps a keyboard, not 10,000")
    parser.add_argument(
        "--only", choices=(*ALONE, *ON_ONE_HOST), action="append", help="measure only this (repeatable)"
    )
    parser.add_argument(
        "--output", type=Path, default=RESULTS, help="where the JSON goes (default: results/bench.json)"
    )
    options = parser.parse_args()
    parts = options.only or [*ALONE, *ON_ONE_HOST]
    load = os.getloadavg()[0]
    if load > 0.5:
        progress(f"this machine isn't idle (load {load:.1f}): latencies will be longer than they are")
    rows: list[Row] = []
    for name, measure in ALONE.items():
        if name in parts:
            rows += measure(progress, options.quick)
    if set(parts) & set(ON_ONE_HOST):
        with world(progress) as here:
            rows += asyncio.run(measure_vms(here, parts, quick=options.quick))
    save(rows, options.output)
    print(table(rows))
    print(f"\nSaved to {options.output}")


async def measure_vms(here: World, parts: list[str], *, quick: bool) -> list[Row]:
    taps, virsh_keys, presses, commands = (500, 30, 100, 250) if quick else (10_000, 100, 500, 1000)
    rows: list[Row] = []
    verification, bare = Histogram(), Histogram()
    for keyboard in KEYBOARDS:
        with_qmp = keyboard == KEYBOARDS[0] and "qmp" in parts
        with_ssh = keyboard == KEYBOARDS[0] and "ssh" in parts
        if keyboard not in parts and not with_qmp and not with_ssh:
            continue
        async with running_vm(here, keyboard) as vm:
            if with_qmp:
                qmp_rows, bare = await round_trips.measure(vm, commands, progress)
                rows += qmp_rows
            if with_ssh:
                rows += await over_ssh.measure(here, vm, commands, progress)
            if keyboard in parts:
                typing_rows, taken = await typing_speed.measure(vm, taps, virsh_keys, presses, progress)
                rows += typing_rows
                verification.merge(taken)
    if verification.count:
        rows += [
            Row(
                f"latency.p{p}",
                verification.percentile(p),
                "ms, injection to verified",
                "bare QMP round trip",
                bare.percentile(p),
                f"under {SLOWEST_P99_MS:g} ms" if p == 99 else "",
                verification.percentile(p) < SLOWEST_P99_MS if p == 99 else None,
                {"taps": verification.count},
            )
            for p in (50, 95, 99)
        ]
    return rows


if __name__ == "__main__":
    main()
