"""One libvirt connection out of a host's pool, with worker threads of its own.

libvirt's calls block, so each runs on a daemon thread; a call that is never answered costs its thread, and only this connection's.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ATPLibrary.runtime import Workers
from ATPLibrary.transport.callbacks import Callbacks

if TYPE_CHECKING:
    import libvirt

T = TypeVar("T")

# Calls at a time. libvirtd serves at most 5 of one client (max_client_requests); the fifth is the heartbeat's.
CALLS_AT_A_TIME = 4


class ConnectionLost(Exception):
    """The connection has gone while a call on it was under way. The text is the reason."""


class ConnectionState(enum.Enum):
    """OPEN -the peer has gone-> LOST -close-> CLOSED; OPEN -close-> CLOSED."""

    OPEN = "open"
    LOST = "lost"
    CLOSED = "closed"


class _Place(enum.Enum):
    """WAITING -a thread takes it-> RUNNING -> DONE; WAITING or RUNNING -the caller goes-> LEFT."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    LEFT = "left"


class Connection:
    """`handle` and everything made from it are released on threads only: the last release asks the daemon and may block.

    `in_flight` counts the places taken, by whoever leases the connection and by calls whose caller has gone while their thread
    still waits for the answer.
    """

    def __init__(
        self,
        name: str,
        handle: libvirt.virConnect,
        callbacks: Callbacks | None,
        calls: int = CALLS_AT_A_TIME,
    ) -> None:
        self.name = name
        self.callbacks = callbacks
        self.state = ConnectionState.OPEN
        self.why = ""  # why it was lost
        self.in_flight = 0
        self.pins = 0  # streams that live on it: it isn't idle while there is one
        self.at_close: list[
            Callable[[libvirt.virConnect], None]
        ] = []  # what takes back callbacks that others registered
        self.when_lost: list[
            Callable[[str], None]
        ] = []  # told on the loop, with the reason: what lives on it has ended
        self.freed: Callable[[Connection], None] | None = None  # the pool's, once it is in one
        self.idle_timer: asyncio.TimerHandle | None = None
        self._calls = calls
        self._handle: libvirt.virConnect | None = handle
        self._domains: dict[str, libvirt.virDomain] = {}
        self._loop = asyncio.get_running_loop()
        self._workers = Workers(name, calls)
        # A heartbeat must not wait in line behind calls that are slow, and rightly so.
        self._pulse = Workers(f"{name}-heartbeat", 1)
        self._waiting: set[asyncio.Timeout] = set()
        # Threads that are in a call. libvirt frees what is closed under a call: closing waits until nobody is in one.
        self._quiet = threading.Condition()
        self._inside = 0

    @property
    def has_room(self) -> bool:
        return self.state is ConnectionState.OPEN and self.in_flight < self._calls

    @property
    def is_idle(self) -> bool:
        return self.in_flight == 0 and self.pins == 0

    async def run(self, func: Callable[[libvirt.virConnect], T], timeout: float, what: str, next_step: str) -> T:
        """Return `func(virConnect)`. Its place must have been taken (`in_flight`), and is given back when the call has ended.

        Raises what `func` raised, `ConnectionLost` as soon as the connection is, and `DeadlineError` about `what`.
        """
        place = _Ticket(self._give_back, self._loop)

        def ask() -> T:
            if not place.begin():
                raise ConnectionLost("nobody waits for the answer")
            try:
                handle = self._enter()
                try:
                    return func(handle)
                finally:
                    del handle
                    self._leave()
            finally:
                place.finish()

        scope: asyncio.Timeout | None = None
        try:
            async with asyncio.timeout(None) as scope:
                if self.state is not ConnectionState.OPEN:
                    raise ConnectionLost(self.why or self.state.value)
                self._waiting.add(scope)
                return await self._workers.call(ask, timeout=timeout, what=what, next_step=next_step)
        except TimeoutError:
            if scope is not None and scope.expired():
                raise ConnectionLost(self.why or self.state.value) from None
            raise
        finally:
            if scope is not None:
                self._waiting.discard(scope)
            place.leave()

    def domain(self, handle: libvirt.virConnect, uuid: str) -> libvirt.virDomain:
        """In a worker: the VM's handle, looked up once."""
        domain = self._domains.get(uuid)
        if domain is None:
            domain = handle.lookupByUUIDString(uuid)
            if self._handle is handle:
                self._domains[uuid] = domain
        return domain

    async def ping(self, timeout: float) -> None:
        """Ask for libvirt's version, beside calls. `DeadlineError` when no answer comes, `ConnectionLost`, libvirt's error."""

        def ask() -> None:
            handle = self._enter()
            try:
                handle.getLibVersion()
            finally:
                del handle
                self._leave()

        await self._pulse.call(ask, timeout=timeout, what=f"The heartbeat of {self.name}")

    def lose(self, why: str) -> None:
        """It has gone: whoever waits for an answer is told at once. The handle stays until `close`."""
        if self.state is ConnectionState.OPEN:
            self.state = ConnectionState.LOST
            self._release_waiting(why)
            told, self.when_lost = self.when_lost, []
            for tell in told:
                tell(why)

    def close(self) -> asyncio.Event:
        """Give it up. The event is set when that is done, which may take long with a peer that doesn't answer."""
        closed = asyncio.Event()
        self.state = ConnectionState.CLOSED
        self._release_waiting(self.why or "closed")
        if self.idle_timer is not None:
            self.idle_timer.cancel()
            self.idle_timer = None
        self._workers.close()
        self._pulse.close()
        with self._quiet:
            handle, self._handle = self._handle, None
        domains, self._domains = self._domains, {}
        if handle is None:
            closed.set()
            return closed
        held: list[Any] = [handle, self.callbacks, domains, self.at_close]
        del handle, domains
        arguments = (held, self._until_quiet, self._loop, closed)
        # A thread of its own: workers may all be stuck, and a closing must not be lost when its caller is cancelled.
        threading.Thread(target=_close, args=arguments, name=f"{self.name}-close", daemon=True).start()
        return closed

    def _enter(self) -> libvirt.virConnect:
        """In a worker: the handle, which isn't closed until `_leave`. `ConnectionLost` when it has been given up."""
        with self._quiet:
            if self._handle is None:
                raise ConnectionLost(self.why or self.state.value)
            self._inside += 1
            return self._handle

    def _leave(self) -> None:
        with self._quiet:
            self._inside -= 1
            if not self._inside and self._handle is None:
                self._quiet.notify_all()

    def _until_quiet(self) -> None:
        with self._quiet:
            self._quiet.wait_for(lambda: self._inside == 0)

    def _release_waiting(self, why: str) -> None:
        self.why = self.why or why
        waiting, self._waiting = self._waiting, set()
        for scope in waiting:
            # One whose own exception is on its way already can't be expired, and needn't.
            with contextlib.suppress(RuntimeError):
                scope.reschedule(self._loop.time() - 1)

    def _give_back(self) -> None:
        self.in_flight -= 1
        if self.freed is not None:
            self.freed(self)


class _Ticket:
    """Gives a call's place back once: on the loop, when its caller is there to do it, else when its thread has ended."""

    def __init__(self, give_back: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
        self._give_back = give_back
        self._loop = loop
        self._lock = threading.Lock()
        self._place = _Place.WAITING

    def begin(self) -> bool:
        """In the worker: whether the call is still wanted."""
        with self._lock:
            if self._place is _Place.LEFT:
                return False
            self._place = _Place.RUNNING
            return True

    def finish(self) -> None:
        """In the worker: the call has ended."""
        with self._lock:
            left, self._place = self._place is _Place.LEFT, _Place.DONE
        if left:
            with contextlib.suppress(RuntimeError):  # the loop has gone, and with it the pool
                self._loop.call_soon_threadsafe(self._give_back)

    def leave(self) -> None:
        """On the loop: the caller goes, with the answer or without."""
        with self._lock:
            running, self._place = self._place is _Place.RUNNING, _Place.LEFT
        if not running:
            self._give_back()


def _close(
    held: list[Any], until_quiet: Callable[[], None], loop: asyncio.AbstractEventLoop, closed: asyncio.Event
) -> None:
    """Unregister, drop every virDomain, close. The daemon may have gone: then there is nothing to tell it."""
    import libvirt

    handle, callbacks, domains, at_close = held
    held.clear()
    for take_back in at_close:
        with contextlib.suppress(libvirt.libvirtError):
            take_back(handle)
    if callbacks is not None:
        callbacks.unregister(handle)
    domains.clear()
    until_quiet()
    with contextlib.suppress(libvirt.libvirtError):
        handle.close()
    del handle
    with contextlib.suppress(RuntimeError):  # the loop has gone, and with it whoever waited
        loop.call_soon_threadsafe(closed.set)
