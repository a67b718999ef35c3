"""Observations fanned out in order: each subscriber has its own queue and takes what has come in one piece."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable

from ATPLibrary.deadlines import limit
from ATPLibrary.verifier.observation import Missed, ObserverOverrun, Seen

# A subscriber that takes nothing while this many observations come gets an overrun in their place.
QUEUE_LENGTH = 100_000


class ObservationStream:
    """What the guest saw since the subscription. Use it as a context manager, or `close()` it."""

    __slots__ = ("_feed", "_queue", "_waiter")

    def __init__(self, feed: ObservationFeed) -> None:
        self._feed = feed
        self._queue: list[Seen] = []  # taken as a whole; a deque begins with 0.6 KiB
        self._waiter: asyncio.Future[None] | None = None

    def offer(self, items: Iterable[Seen]) -> None:
        """Called by the feed."""
        self._queue += items
        if len(self._queue) > QUEUE_LENGTH:
            reason = f"more than {QUEUE_LENGTH:,} observations were waiting to be read"
            self._queue = [ObserverOverrun(reason, None, frozenset(), time.monotonic(), Missed.UNREAD)]
        self.wake()

    def wake(self) -> None:
        """Let whoever waits in `next_batch()` go on, with whatever has come."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def take(self) -> list[Seen]:
        """Everything that has come and wasn't taken yet, without waiting."""
        items, self._queue = self._queue, []
        return items

    async def next_batch(self, timeout: float | None) -> list[Seen]:
        """Wait for something to come and take all there is. An empty list after `timeout` seconds of nothing, or a `wake()`."""
        if not self._queue:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                with limit(timeout):
                    await self._waiter
            except TimeoutError:
                return []
            finally:
                self._waiter = None
        return self.take()

    def __aiter__(self) -> AsyncIterator[Seen]:
        return self

    async def __anext__(self) -> Seen:
        while not self._queue:
            self._queue = await self.next_batch(None)
        return self._queue.pop(0)

    def close(self) -> None:
        self._feed.unsubscribe(self)

    def __enter__(self) -> ObservationStream:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


class ObservationFeed:
    __slots__ = ("_streams",)

    def __init__(self) -> None:
        self._streams: list[ObservationStream] = []

    def subscribe(self) -> ObservationStream:
        stream = ObservationStream(self)
        self._streams.append(stream)
        return stream

    def unsubscribe(self, stream: ObservationStream) -> None:
        if stream in self._streams:
            self._streams.remove(stream)

    def publish(self, items: list[Seen]) -> None:
        for stream in self._streams:
            stream.offer(items)
