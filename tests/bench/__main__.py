"""`python -m tests.bench [--quick | --night] [--only PART]`: sets up what each part needs, measures, cleans up."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from . import (
    at_once,
    many,
    measure_cost,
    night,
    over_ssh,
    platform_client,
    pool_cost,
    round_trips,
    spice,
    spice_inputs,
    spice_video,
    start_up,
    stress,
    stuck_host,
    typing_speed,
    window,
)
from .rows import Row, save, table
from .world import Progress, World, running_vm, world

RESULTS = Path(__file__).parents[2] / "results"
KEYBOARDS = ("ps2", "virtio", "usb")
# USB lets go of an edge every 8 ms: a million taps would take it four and a half hours.
NIGHT_KEYBOARDS = KEYBOARDS[:2]

# What `--only` takes. These set up what they need themselves, called with `progress` and `quick`; the others share a host.
ALONE: Mapping[str, Callable[[Progress, bool], list[Row]]] = {
    "start": lambda progress, quick: start_up.measure(progress),
    "client": lambda progress, quick: platform_client.measure(progress, quick=quick),
    "many": lambda progress, quick: many.measure(progress, quick=quick),
    "at-once": lambda progress, quick: at_once.measure(progress, quick=quick),
    "spice": lambda progress, quick: spice.measure(progress, quick=quick),
    "spice-video": lambda progress, quick: spice_video.measure(progress, quick=quick),
    "stress": lambda progress, quick: stress.measure(progress, quick=quick),
    "hosts": lambda progress, quick: [
        *pool_cost.measure(progress, quick=quick),
        *stuck_host.measure(progress, quick=quick),
    ],
}
ON_FIRST = ("qmp", "ssh", "measure", "spice-inputs")  # of the keyboards, on the first only
ON_ONE_HOST = (*ON_FIRST, *KEYBOARDS, "window")  # "window" with each keyboard that is measured, or all

_started = time.monotonic()


@dataclass(frozen=True)
class Size:
    """How much of everything on one VM."""

    taps: int
    presses: int
    commands: int
    quick: bool


QUICK, NORMAL = Size(500, 100, 250, True), Size(10_000, 500, 1000, False)


def progress(text: str) -> None:
    print(f"{time.monotonic() - _started:6.1f} s  {text}", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="fewer of everything: 500 taps a keyboard, not 10,000")
    size.add_argument(
        "--night",
        action="store_true",
        help=f"only taps, {night.TAPS:,} each on {' and '.join(NIGHT_KEYBOARDS)} (or the keyboards of --only); goes on where "
        "an earlier one was cut off",
    )
    parser.add_argument("--taps", type=int, help="so many taps a keyboard instead")
    parser.add_argument(
        "--anew", action="store_true", help="with --night: begin anew, whatever an earlier one has done"
    )
    parser.add_argument(
        "--only", choices=(*ALONE, *ON_ONE_HOST), action="append", help="measure only this (repeatable)"
    )
    parser.add_argument(
        "--output", type=Path, help="where the JSON goes (default: results/bench.json, with --night results/night.json)"
    )
    options = parser.parse_args()
    end_cleanly_on_signals()
    load = os.getloadavg()[0]
    if load > 0.5:
        progress(f"this machine isn't idle (load {load:.1f}): latencies will be longer than they are")
    output = options.output or RESULTS / ("night.json" if options.night else "bench.json")
    rows = measure_night(options, output) if options.night else measure_all(options)
    save(rows, output)
    print(table(rows))
    print(f"\nSaved to {output}")
    if broken := [row.name for row in rows if row.is_broken]:
        sys.exit(f"BROKEN: {', '.join(broken)}")


def end_cleanly_on_signals() -> None:
    """SIGTERM ends a run as Ctrl-C does, VMs and daemons with it, and Ctrl-C does so for one that was started in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda number, frame: signal.raise_signal(signal.SIGINT))


def measure_all(options: argparse.Namespace) -> list[Row]:
    parts = options.only or [*ALONE, *ON_ONE_HOST]
    size = QUICK if options.quick else NORMAL
    if options.taps:
        size = dataclasses.replace(size, taps=options.taps)
    rows: list[Row] = []
    for name, measure in ALONE.items():
        if name in parts:
            rows += measure(progress, options.quick)
    if set(parts) & set(ON_ONE_HOST):
        with world(progress) as here:
            rows += asyncio.run(measure_vms(here, parts, size))
    return rows


def measure_night(options: argparse.Namespace, output: Path) -> list[Row]:
    """The journals lie beside `output`."""
    keyboards = options.only or NIGHT_KEYBOARDS
    if others := [part for part in keyboards if part not in KEYBOARDS]:
        sys.exit(f"--night is taps on a keyboard ({', '.join(KEYBOARDS)}), not {', '.join(others)}")

    async def measure(here: World) -> list[Row]:
        rows: list[Row] = []
        for keyboard in keyboards:
            async with running_vm(here, keyboard) as vm:
                journal = night.journal_of(output.parent, keyboard)
                rows += await night.measure(vm, options.taps or night.TAPS, journal, progress, anew=options.anew)
        return rows

    with world(progress) as here:
        return asyncio.run(measure(here))


async def measure_vms(here: World, parts: list[str], size: Size) -> list[Row]:
    rows: list[Row] = []
    for keyboard in KEYBOARDS:
        on_first = [part for part in ON_FIRST if part in parts and keyboard == KEYBOARDS[0]]
        has_window = "window" in parts and (keyboard in parts or not set(KEYBOARDS) & set(parts))
        if keyboard not in parts and not on_first and not has_window:
            continue
        async with running_vm(here, keyboard) as vm:
            if "qmp" in on_first:
                rows += await round_trips.measure(vm, size.commands, progress)
            if "ssh" in on_first:
                rows += await over_ssh.measure(here, vm, size.commands, progress)
            if "spice-inputs" in on_first:
                rows += await spice_inputs.measure(vm, size.taps, size.presses, progress)
            if keyboard in parts:
                rows += await typing_speed.measure(vm, size.taps, size.presses, progress, quick=size.quick)
            if has_window:
                rows += await window.measure(vm, progress, quick=size.quick)
            if "measure" in on_first:
                rows += await measure_cost.measure(vm, progress, quick=size.quick)
    return rows


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
