"""Bounds of waits: as `asyncio.timeout` keeps them, and one timer for however many."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time

import pytest

from ATPLibrary.deadlines import PRECISE, TICK, deadline, limit
from ATPLibrary.errors import DeadlineError

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("seconds", [0, 0.01, PRECISE])
async def test_what_takes_longer_ends_with_a_timeout_and_the_task_goes_on(seconds: float) -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutError), limit(seconds):
        await asyncio.sleep(60)
    assert time.monotonic() - began >= seconds
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()
    await asyncio.sleep(0)  # nothing is left that would cancel it


@pytest.mark.parametrize("seconds", [None, 0.2, PRECISE])
async def test_what_is_done_in_time_leaves_nothing_behind(seconds: float | None) -> None:
    with limit(seconds):
        await asyncio.sleep(0)
    await asyncio.sleep(0 if seconds is None else seconds + 2 * TICK)


async def test_of_two_the_inner_one_ends_what_is_inside_it_only() -> None:
    with limit(PRECISE * 20):
        with pytest.raises(TimeoutError), limit(PRECISE):
            await asyncio.sleep(60)
        await asyncio.sleep(0.01)


async def test_of_two_the_outer_one_goes_through_the_inner_one() -> None:
    with pytest.raises(TimeoutError), limit(PRECISE), limit(60):
        await asyncio.sleep(60)


@pytest.mark.parametrize("later", [0.01, 0.02, -0.02])
async def test_of_two_that_end_in_one_tick_the_one_that_ends_first_tells(later: float) -> None:
    """What is asked with what is left of a bound ends with it, or just before it."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(TICK - loop.time() % TICK)  # a tick begins: both end in one, unless the machine is very busy
    outer, inner = deadline(PRECISE + 0.02 + later, "The outer"), deadline(PRECISE + 0.02, "The inner")
    with pytest.raises(DeadlineError) as told:
        async with outer, inner:
            await asyncio.sleep(60)
    assert str(told.value).startswith("The inner" if inner.end <= outer.end else "The outer")
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()
    await asyncio.sleep(3 * TICK)  # the other one has gone


async def test_what_catches_the_inner_bound_is_still_ended_by_the_outer_one_a_tick_later() -> None:
    began = time.monotonic()

    async def patient() -> None:
        with contextlib.suppress(TimeoutError), limit(PRECISE):
            await asyncio.sleep(60)
        await asyncio.sleep(60)

    with pytest.raises(TimeoutError), limit(PRECISE):
        await patient()
    assert time.monotonic() - began >= PRECISE


async def test_a_cancellation_from_outside_stays_one() -> None:
    async def bounded() -> None:
        with limit(60):
            await asyncio.sleep(60)

    task = asyncio.create_task(bounded())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_thousand_end_each_in_their_own_time_in_whatever_order_they_were_set() -> None:
    ended: list[float] = []

    async def one(seconds: float) -> None:
        due = time.monotonic() + seconds  # on a busy machine the last one begins a while after the first
        with pytest.raises(TimeoutError), limit(seconds):
            await asyncio.sleep(60)
        assert time.monotonic() >= due
        ended.append(due)

    await asyncio.gather(*(one(PRECISE + TICK * 2 * (number % 5)) for number in range(1000)))
    assert len(ended) == 1000
    assert all(due <= later + TICK for due, later in itertools.pairwise(ended))


async def test_a_deadline_within_another_is_told_by_the_one_that_was_due() -> None:
    with pytest.raises(DeadlineError, match=r"The inner should be done within 0\.01 s"):
        async with deadline(60, "The outer"), deadline(0.01, "The inner"):
            await asyncio.sleep(60)
