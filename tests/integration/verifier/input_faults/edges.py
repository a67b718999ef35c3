"""What goes wrong in the guest: with edges on their way to the agent, by somebody else at the keyboard, with the clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ATPLibrary.errors import InputError
from ATPLibrary.protocol.qmp.edges import EVDEV_OF_QCODE

from ..fault_bench import TEXT, Outcome, bench
from ..faulty_guest import FaultyGuest
from .table import fault

# -- edges, between QEMU and the agent


async def _with_edges(directory: Path, spoil: Callable[[FaultyGuest], None], text: str = TEXT) -> Outcome:
    async with bench(directory) as made:
        spoil(made.guest)
        outcome = await made.type(text)
        outcome.well = await made.is_well()
        return outcome


@fault("a key's press and release are dropped")
async def _(directory: Path, way: str) -> Outcome:
    return await _with_edges(directory, lambda guest: guest.dropped.update({8, 9}))


@fault("a release is dropped: the key is stuck")
async def _(directory: Path, way: str) -> Outcome:
    return await _with_edges(directory, lambda guest: guest.dropped.add(9), "hell0 there")


@fault("an edge is doubled")
async def _(directory: Path, way: str) -> Outcome:
    return await _with_edges(directory, lambda guest: guest.doubled.add(4))


@fault("two edges are swapped")
async def _(directory: Path, way: str) -> Outcome:
    return await _with_edges(directory, lambda guest: guest.swapped.add(3))


@fault("a key repeats (autorepeat)")
async def _(directory: Path, way: str) -> Outcome:
    return await _with_edges(directory, lambda guest: setattr(guest, "repeats_at", 6))


@fault("reader overrun: the kernel's buffer is full before the agent reads it")
async def _(directory: Path, way: str) -> Outcome:
    return await _with_edges(directory, lambda guest: setattr(guest, "overrun_at", 6))


# -- somebody else at the keyboard


@fault("a key is held by somebody else before the input")
async def _(directory: Path, way: str) -> Outcome:
    async with bench(directory) as made:
        made.guest.held.add(EVDEV_OF_QCODE["shift"])
        outcome = await made.type()
        assert not made.guest.received
        await made.engine.release_others(["shift"])
        outcome.well = await made.is_well()
        return outcome


@fault("a program in the guest has the keyboard to itself")
async def _(directory: Path, way: str) -> Outcome:
    async with bench(directory) as made:
        made.guest.taken_by = 312, "evtest"
        outcome = await made.type()
        made.guest.taken_by = None
        outcome.well = await made.is_well()
        return outcome


@fault("a key that a keyword holds is let go of by somebody else")
async def _(directory: Path, way: str) -> Outcome:
    async with bench(directory) as made:
        await made.engine.key_down("shift")
        made.guest.do_unread(EVDEV_OF_QCODE["shift"], 0)
        began = time.monotonic()
        with pytest.raises(InputError) as told:
            await made.engine.key_up("shift")
        within = time.monotonic() - began
        return Outcome(str(told.value), frozenset({"InputError"}), within, await made.is_well())


@fault("somebody else types the same right before the input")
async def _(directory: Path, way: str) -> Outcome:
    async with bench(directory) as made:

        def somebody_types() -> None:
            for value in (1, 0):
                made.guest.observe(EVDEV_OF_QCODE[TEXT[0]], value, ago=0.5)

        made.guest.before_taking = somebody_types
        outcome = await made.type()
        outcome.well = await made.is_well()
        return outcome


# -- the guest's clock


async def _with_clock(directory: Path, change: Callable[[FaultyGuest], None]) -> Outcome:
    async with bench(directory) as made:
        outcome = await made.type_while(lambda: change(made.guest), text=TEXT)
        outcome.well = await made.is_well()
        return outcome


@fault("the guest's clock is set forwards")
async def _(directory: Path, way: str) -> Outcome:
    return await _with_clock(directory, lambda guest: setattr(guest, "wall_us", guest.wall_us + 3600e6))


@fault("the guest's clock is set backwards")
async def _(directory: Path, way: str) -> Outcome:
    return await _with_clock(directory, lambda guest: setattr(guest, "wall_us", guest.wall_us - 3600e6))


@fault("the guest's time stands still: a pause that nobody tells of")
async def _(directory: Path, way: str) -> Outcome:
    async with bench(directory) as made:

        async def stand_still() -> None:
            made.guest.pause(0.4)

        outcome = await made.type_while(stand_still, text=TEXT)
        outcome.well = await made.is_well()
        return outcome
