"""One timer for all channels of a loop: each is asked when it comes, and none is kept that no longer waits."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from ATPLibrary.protocol.qmp.bounds import Bounds, bounds_of

pytestmark = pytest.mark.unit


class Channel:
    def __init__(self, bounds: Bounds) -> None:
        self.asked = asyncio.Event()
        bounds.add(self)

    def expire(self) -> None:
        self.asked.set()


async def test_the_timer_comes_when_the_first_command_of_any_channel_is_due() -> None:
    loop, bounds = asyncio.get_running_loop(), Bounds()
    first, second = Channel(bounds), Channel(bounds)
    bounds.sent(loop, 30)
    sent = bounds.sent(loop, 0.05)
    bounds.sent(loop, 20)
    async with asyncio.timeout(5):
        await asyncio.gather(first.asked.wait(), second.asked.wait())
    assert loop.time() >= sent + 0.05


async def test_it_comes_again_only_when_somebody_asks_for_that() -> None:
    loop, bounds = asyncio.get_running_loop(), Bounds()
    channel, other = Channel(bounds), Channel(bounds)
    for _ in range(3):
        bounds.call_at(loop, loop.time() + 0.02)
        async with asyncio.timeout(5):
            await channel.asked.wait()
            await other.asked.wait()
        channel.asked.clear()
        other.asked.clear()
        bounds.call_at(loop, loop.time() + 30)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await channel.asked.wait()


async def test_a_channel_that_was_removed_is_neither_asked_nor_kept() -> None:
    loop, bounds = asyncio.get_running_loop(), Bounds()
    gone, stays = Channel(bounds), Channel(bounds)
    bounds.sent(loop, 0.02)
    bounds.remove(gone)
    bounds.remove(gone)
    async with asyncio.timeout(5):
        await stays.asked.wait()
    assert not gone.asked.is_set()
    dead = weakref.ref(gone)
    del gone
    gc.collect()
    assert dead() is None


async def test_commands_that_are_sent_at_once_share_their_moment() -> None:
    loop, bounds = asyncio.get_running_loop(), Bounds()
    before = loop.time()
    moments = [bounds.sent(loop, 10) for _ in range(10_000)]
    assert moments == sorted(moments)
    assert before <= moments[0] <= moments[-1] <= loop.time()
    assert len({id(moment) for moment in moments}) < len(moments)
    await asyncio.sleep(0.002)
    assert bounds.sent(loop, 10) > moments[-1]
    bounds.remove(Channel(bounds))


async def test_a_loop_has_one() -> None:
    loop = asyncio.get_running_loop()
    assert bounds_of(loop) is bounds_of(loop)
