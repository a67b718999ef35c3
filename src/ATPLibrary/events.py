"""The process's event bus: what happened, when, to whom. Everything that waits, waits for one of these.

Publishing works from any thread and never blocks. Subscribers live on asyncio loops; each has a bounded queue, and when that
is full its oldest events go and `Subscription.dropped` counts them. The newest events of each source are kept for evidence.
"""

from __future__ import annotations

import asyncio
import threading
import time as clock
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ATPLibrary.errors import DeadlineError

KEPT_PER_SOURCE = 200
KEPT_SOURCES = 1000
KEPT_NOTICES = 100
QUEUE_LENGTH = 10_000


@dataclass(frozen=True, slots=True)
class Event:
    """`source` says who ("vm:win11", "host:lab-a", "platform:lab"), `kind` what ("libvirt.lifecycle.suspended", "qmp.STOP")."""

    source: str
    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)
    time: float = field(default_factory=clock.time)  # seconds since the epoch, on this machine
    notice: str = ""  # what a tester should read of it in the log, though no keyword is about it; empty for most events
    is_warning: bool = False  # of the notice

    def __str__(self) -> str:
        moment = clock.strftime("%H:%M:%S", clock.localtime(self.time))
        details = " ".join(f"{key}={value}" for key, value in self.data.items())
        return f"{moment} {self.source} {self.kind}" + (f" ({details})" if details else "")


Predicate = Callable[[Event], bool]


class Subscription:
    """An asynchronous iterator over the events that `predicate` picked since the subscription was made."""

    def __init__(self, bus: EventBus, predicate: Predicate, source: str | None) -> None:
        self.source = source
        self._bus = bus
        self._predicate = predicate
        self._loop = asyncio.get_running_loop()
        self._queue: deque[Event] = deque()
        self._arrived = asyncio.Event()
        self._closed = False
        self.dropped = 0

    def offer(self, event: Event) -> None:
        """Called by the bus in the publisher's thread."""
        if self._predicate(event):
            try:
                self._loop.call_soon_threadsafe(self._accept, event)
            except RuntimeError:  # its loop has gone, and so has whoever would read this
                self.close()

    def _accept(self, event: Event) -> None:
        if len(self._queue) >= QUEUE_LENGTH:
            self._queue.popleft()
            self.dropped += 1
        self._queue.append(event)
        self._arrived.set()

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        while not self._queue:
            if self._closed:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self._queue.popleft()

    def close(self) -> None:
        self._closed = True
        self._bus.unsubscribe(self)
        try:
            self._loop.call_soon_threadsafe(self._arrived.set)
        except RuntimeError:
            return  # the loop is closed: nobody waits on it

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


class Listener:
    """Calls `tell` on its loop for each event of `source` that is of one of `kinds`: a subscription without a queue, for many."""

    __slots__ = ("_bus", "_closed", "_kinds", "_loop", "_tell", "source")

    def __init__(self, bus: EventBus, tell: Callable[[Event], None], kinds: frozenset[str], source: str) -> None:
        self.source = source
        self._bus = bus
        self._tell = tell
        self._kinds = kinds
        self._loop = asyncio.get_running_loop()
        self._closed = False

    def offer(self, event: Event) -> None:
        """Called by the bus in the publisher's thread."""
        if event.kind in self._kinds:
            try:
                self._loop.call_soon_threadsafe(self._accept, event)
            except RuntimeError:  # its loop has gone, and so has whoever would hear this
                self.close()

    def _accept(self, event: Event) -> None:
        if not self._closed:
            self._tell(event)

    def close(self) -> None:
        self._closed = True
        self._bus.unsubscribe(self)

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


class EventBus:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recent: dict[str, deque[Event]] = {}
        # By the source that they want events of, None for those of every source. A thousand VMs have each their own: an event
        # must not cost a question to each. The dictionaries are ordered sets.
        self._subscriptions: dict[str | None, dict[Subscription | Listener, None]] = {}
        self._notices: deque[Event] = deque(maxlen=KEPT_NOTICES)

    def publish(self, event: Event) -> None:
        with self._lock:
            recent = self._recent.pop(event.source, None)
            if recent is None:
                recent = deque(maxlen=KEPT_PER_SOURCE)
                while len(self._recent) >= KEPT_SOURCES:
                    self._recent.pop(next(iter(self._recent)))
            self._recent[event.source] = recent  # the source heard of last stands last
            recent.append(event)
            subscriptions = [*self._subscriptions.get(None, ()), *self._subscriptions.get(event.source, ())]
            if event.notice:
                self._notices.append(event)
        for subscription in subscriptions:
            subscription.offer(event)

    def recent(self, source: str | None = None, limit: int = 20) -> list[Event]:
        """The newest `limit` events, oldest first: of one source, or of all."""
        with self._lock:
            if source is not None:
                return list(self._recent.get(source, ()))[-limit:]
            everything = [event for events in self._recent.values() for event in events]
        return sorted(everything, key=lambda event: event.time)[-limit:]

    def take_notices(self) -> list[Event]:
        """The events with a notice that nobody has taken yet, oldest first."""
        if not self._notices:  # as nearly always, and each keyword asks
            return []
        with self._lock:
            taken = list(self._notices)
            self._notices.clear()
        return taken

    def subscribe(self, predicate: Predicate = lambda event: True, source: str | None = None) -> Subscription:
        """Start listening now; must be called on an asyncio loop. Use it as a context manager, or `close()` it.

        With `source`, `predicate` is asked about that source's events only: name it wherever there may be many subscriptions.
        """
        subscription = Subscription(self, predicate, source)
        with self._lock:
            self._subscriptions.setdefault(source, {})[subscription] = None
        return subscription

    def listen(self, tell: Callable[[Event], None], kinds: frozenset[str], source: str) -> Listener:
        """Have `tell` called on the running loop, which it may not block, until the listener is closed."""
        listener = Listener(self, tell, kinds, source)
        with self._lock:
            self._subscriptions.setdefault(source, {})[listener] = None
        return listener

    def unsubscribe(self, subscription: Subscription | Listener) -> None:
        with self._lock:
            others = self._subscriptions.get(subscription.source, {})
            others.pop(subscription, None)
            if not others:
                self._subscriptions.pop(subscription.source, None)

    async def wait_for(self, predicate: Predicate, timeout: float, what: str) -> Event:
        """The next event that `predicate` picks. `what` completes "... should": raises `DeadlineError` after `timeout` seconds."""
        with self.subscribe(predicate) as subscription:
            try:
                async with asyncio.timeout(timeout):
                    return await anext(subscription)
            except TimeoutError:
                latest = self.recent(limit=1)
                raise DeadlineError.about(
                    what,
                    wanted="happen",
                    got="did not",
                    waited=timeout,
                    last_seen=str(latest[0]) if latest else "no event at all",
                ) from None


_BUS = EventBus()


def bus() -> EventBus:
    """The process's one bus."""
    return _BUS
