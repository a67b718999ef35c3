"""Observations fanned out in order: each subscriber has its own queue and takes what has come in one piece."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable

from ATPLibrary.verifier.observation import Missed, ObserverOverrun, Seen

# A subscriber that takes nothing while this many observations come gets an overrun in their place.
QUEUE_LENGTH = 100_000


class ObservationStream:
    """What the guest saw since the subscription. Use it as a context manager, or `close()` it."""

    def __init__(self, feed: ObservationFeed) -> None:
        self._feed = feed
        self._queue: deque[Seen] = deque()
        self._waiter: asyncio.Future[None] | None = None

    def offer(self, items: Iterable[Seen]) -> None:
        """Called by the feed."""
        self._queue.extend(items)
        if len(self._queue) > QUEUE_LENGTH:
            self._queue.clear()
            reason = f"more than {QUEUE_LENGTH:,} observations were waiting to be read"
            self._queue.append(ObserverOverrun(reason, None, frozenset(), time.monotonic(), Missed.UNREAD))
        self.wake()

    def wake(self) -> None:
        """Let whoever waits in `next_batch()` go on, with whatever has come."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def take(self) -> list[Seen]:
        """Everything that has come and wasn't taken yet, without waiting."""
        items = list(self._queue)
        self._queue.clear()
        return items

    async def next_batch(self, timeout: float | None) -> list[Seen]:
        """Wait for something to come and take all there is. An empty list after `timeout` seconds of nothing, or a `wake()`."""
        if not self._queue:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(timeout):
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
            self._queue.extend(await self.next_batch(None))
        return self._queue.popleft()

    def close(self) -> None:
        self._feed.unsubscribe(self)

    def __enter__(self) -> ObservationStream:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


class ObservationFeed:
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
