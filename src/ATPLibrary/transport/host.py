"""One host's libvirt: asked with a deadline on everything, watched by a heartbeat, and connected again when it was lost."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ATPLibrary.errors import ATPError, DeadlineError, HostError
from ATPLibrary.events import Event, EventBus
from ATPLibrary.runtime import deadline
from ATPLibrary.transport import failures, lookup
from ATPLibrary.transport.breaker import Breaker, BreakerState
from ATPLibrary.transport.connection import CALLS_AT_A_TIME, Connection, ConnectionLost, ConnectionState
from ATPLibrary.transport.credentials import Credentials
from ATPLibrary.transport.domain import Domain
from ATPLibrary.transport.host_state import HostState
from ATPLibrary.transport.opening import Opening
from ATPLibrary.transport.pool import Pool
from ATPLibrary.transport.registration import Registration
from ATPLibrary.transport.statistics import HostStatistics, Recorder
from ATPLibrary.transport.stream_connections import Hold
from ATPLibrary.transport.uri import check_uri
from ATPLibrary.transport.vm_sockets import VmSockets

if TYPE_CHECKING:
    import libvirt

    from ATPLibrary.config import PoolSettings

T = TypeVar("T")
# Which of a pool's connections a call goes to.
Lease = Callable[[Pool], Awaitable[Connection]]

# How often a call that may be asked again is, when its connection is lost under it each time.
ATTEMPTS_AT_A_CALL = 3
# Heartbeat timeouts until a stream's connection is given up: a guest that reads late may hold it up, and the daemon's own
# keepalive ends it after 30 s.
STREAM_PATIENCE = 4


class HostConnection:
    """Ask a host's libvirt, over a pool of connections. Belongs to the asyncio loop that `connect` ran on.

    What libvirt reports by itself goes to `bus` (see `callbacks.py`). `workers` is how many calls each connection serves at a
    time. A `drained` host serves the VMs that it has, and `Transport.place` gives it no new work.
    """

    def __init__(
        self,
        name: str,
        uri: str,
        bus: EventBus,
        workers: int = CALLS_AT_A_TIME,
        *,
        settings: PoolSettings | None = None,
        credentials: Credentials | None = None,
        tags: tuple[str, ...] = (),
        drained: bool = False,
    ) -> None:
        if settings is None:
            from ATPLibrary.config import PoolSettings

            settings = PoolSettings()
        self.name = name
        self.uri = uri
        self.bus = bus
        self.settings = settings
        self.tags = tags
        self.sockets = VmSockets(name, uri, bus)
        self._drained = drained
        self._opening = Opening(name, uri, bus, credentials or Credentials(), workers)
        self._state = HostState.NEW
        self._failure = ""
        self._lost_at: float | None = None  # until it is connected again
        self._pool: Pool | None = None
        self._breaker = Breaker(settings.reconnect)
        self._recorder = Recorder()
        self._connecting = asyncio.Lock()
        self._heart: asyncio.Task[None] | None = None
        self._retrying: asyncio.Task[None] | None = None
        self._watchers: list[asyncio.Future[None]] = []

    def __repr__(self) -> str:
        return f"<HostConnection {self.name} {self.uri} {self._state.value}>"

    @property
    def state(self) -> HostState:
        return self._state

    @property
    def failure(self) -> str:
        """Why it is FAILED or BROKEN; else empty."""
        return self._failure

    @property
    def is_local(self) -> bool:
        """Its VMs run on this machine."""
        return self.sockets.are_here

    @property
    def is_simulated(self) -> bool:
        """libvirt's test driver: its VMs are words in memory."""
        return self.uri.startswith("test")

    @property
    def is_coming_back(self) -> bool:
        """It isn't connected but is being tried, and hasn't been given up."""
        is_tried = self._retrying is not None and not self._retrying.done()
        return self._state is HostState.CONNECTING or (self._state is HostState.FAILED and is_tried)

    @property
    def in_flight(self) -> int:
        """How many calls it serves now."""
        return self._pool.in_flight if self._pool is not None else 0

    @property
    def drained(self) -> bool:
        return self._drained

    @drained.setter
    def drained(self, drained: bool) -> None:
        if drained is not self._drained:
            self._drained = drained
            self.bus.publish(Event(f"host:{self.name}", "host.drained" if drained else "host.in-service"))

    def statistics(self) -> HostStatistics:
        connections = len(self._pool.all_connections) if self._pool is not None else 0
        return self._recorder.snapshot(self.name, self._state.value, self._drained, connections, self.in_flight)

    async def connect(self, timeout: float) -> None:
        """Open the connection; returns at once when it is open. `ConfigError` for a bad URI, `HostError` for a refusal.

        One attempt is made at a time: a second caller waits for the first one's. `HostError` at once while the circuit breaker
        is open.
        """
        check_uri(self.name, self.uri)
        if self._state is HostState.CONNECTED:
            return
        end = time.monotonic() + timeout
        got = "another attempt was still under way"
        async with deadline(timeout, self._subject, wanted="accept a connection", got=got, next_step=self._virsh):
            await self._connecting.acquire()
        try:
            if not self._is_connected():  # the attempt that we waited for may have made it so
                if self._breaker.state is BreakerState.OPEN:
                    raise self._broken()
                await self._attempt(timeout, max(0.001, end - time.monotonic()))
        finally:
            self._connecting.release()

    def forgive(self) -> None:
        """Forget earlier failures, so that the next `connect` tries at once."""
        self._breaker.succeeded()
        self.sockets.forgive()

    async def close(self, timeout: float) -> None:
        """Close the connections, if there are any. Never fails: a host that doesn't answer is left to its worker threads."""
        self._stop(self._retrying)
        self._retrying = None
        self._lost_at = None
        self._move(HostState.CLOSED)
        self._opening.forget()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                closing = self._drop_pool("closed")
                await self.sockets.close(timeout)
                for closed in closing:
                    await closed.wait()

    async def wait_for_state(self, wanted: Callable[[HostState], bool], timeout: float, words: str) -> HostState:
        """Wait until `wanted` holds for the state and return it. `DeadlineError` says "should WORDS" and what the state was."""

        try:
            async with asyncio.timeout(timeout):
                while not wanted(self._state):
                    await self._next_move()
        except TimeoutError:
            reason = f" ({self._failure})" if self._failure else ""
            idle = self._state in (HostState.NEW, HostState.CLOSED)
            step = "Nothing connects it by itself: use 'Connect To Host'" if idle else ""
            got = f"was {self._state.value}{reason}"
            raise DeadlineError.about(
                f"Host '{self.name}'", wanted=words, got=got, waited=timeout, next_step=step
            ) from None
        return self._state

    async def call(self, what: str, func: Callable[..., T], *args: Any, timeout: float, idempotent: bool = False) -> T:
        """Return `func(virConnect, *args)`, run on a worker. `what` says it in an error: "list the VMs".

        When the connection is lost meanwhile: `HostError`; an `idempotent` call waits until the host is connected again and
        is asked again, within `timeout`.
        """
        return (await self._ask(what, lambda _, handle: func(handle, *args), timeout, "", idempotent))[0]

    async def list_domains(self, timeout: float) -> list[Domain]:
        """Every VM that the host knows, running or not, by name."""
        found = await self.call("list the VMs", lookup.names_and_uuids, timeout=timeout, idempotent=True)
        return [Domain(self, name, uuid) for name, uuid in sorted(found)]

    async def lookup(self, name_or_uuid: str, timeout: float) -> Domain:
        """The VM of that name or UUID. `VmNotFoundError` tells the names that are near."""
        found = await self.call(
            f"find VM '{name_or_uuid}'", lookup.find, name_or_uuid, timeout=timeout, idempotent=True
        )
        if isinstance(found, tuple):
            return Domain(self, *found)
        raise lookup.not_found(name_or_uuid, f"host '{self.name}'", found)

    async def call_domain(
        self, domain: Domain, what: str, func: Callable[..., T], *args: Any, timeout: float, idempotent: bool = False
    ) -> T:
        """Return `func(virDomain, *args)`, run on a worker; else as `call`."""

        def ask(connection: Connection, handle: libvirt.virConnect) -> T:
            return func(connection.domain(handle, domain.uuid), *args)

        return (await self._ask(what, ask, timeout, domain.name, idempotent))[0]

    async def call_domain_and_pin(
        self, domain: Domain, what: str, func: Callable[[libvirt.virDomain], T], *, timeout: float
    ) -> tuple[T, Hold]:
        """As `call_domain`, for a stream, which lives on its connection afterwards: one beside the pool's.

        Call the second result when the stream ends, and say whether it was stuck.
        """

        def ask(connection: Connection, handle: libvirt.virConnect) -> T:
            return func(connection.domain(handle, domain.uuid))

        answer, pool, connection = await self._ask(what, ask, timeout, domain.name, False, lease=Pool.lease_for_stream)
        return answer, pool.streams.pin(connection)

    async def register(
        self,
        domain: Domain,
        what: str,
        func: Callable[[libvirt.virDomain], int],
        take_back: Callable[[libvirt.virConnect, int], None],
        *,
        timeout: float,
    ) -> Registration:
        """Have `func` register a callback, on the connection that events come by, and return what tells whether it still lives.

        `take_back(virConnect, number)` undoes it: at `Registration.end`, or before that connection is closed.
        """

        def ask(connection: Connection, handle: libvirt.virConnect) -> int:
            return func(connection.domain(handle, domain.uuid))

        number, _, connection = await self._ask(what, ask, timeout, domain.name, False, lease=Pool.lease_first)
        return Registration(connection, lambda handle: take_back(handle, number))

    # -- calls

    async def _ask(
        self,
        what: str,
        func: Callable[[Connection, libvirt.virConnect], T],
        timeout: float,
        vm: str,
        idempotent: bool,
        *,
        lease: Lease = Pool.lease,
    ) -> tuple[T, Pool, Connection]:
        started = time.perf_counter()
        failed = False
        try:
            return await self._ask_until_answered(what, func, timeout, vm, idempotent, lease=lease)
        except ATPError:
            failed = True
            raise
        finally:
            self._recorder.record(what, (time.perf_counter() - started) * 1000, failed)

    async def _ask_until_answered(
        self,
        what: str,
        func: Callable[[Connection, libvirt.virConnect], T],
        timeout: float,
        vm: str,
        idempotent: bool,
        *,
        lease: Lease = Pool.lease,
    ) -> tuple[T, Pool, Connection]:
        end = time.monotonic() + timeout
        for attempt in range(ATTEMPTS_AT_A_CALL):
            pool = self._pool
            if self._state is not HostState.CONNECTED or pool is None:
                reason = f"{self._state.value}: {self._failure}" if self._failure else self._state.value
                raise failures.lost(self.name, self.uri, what, reason)
            try:
                left = timeout if attempt == 0 else max(0.001, end - time.monotonic())
                answer, connection = await self._ask_once(pool, what, func, left, vm, lease=lease)
            except ConnectionLost as gone:
                error = failures.lost(self.name, self.uri, what, str(gone), asked=not idempotent)
                if not idempotent or attempt + 1 == ATTEMPTS_AT_A_CALL:
                    raise error from None
                await self._until_connected_again(end, error)
                self._recorder.counts.add("retried")
            else:
                return answer, pool, connection
        raise AssertionError("the last attempt returns or raises")

    async def _ask_once(
        self,
        pool: Pool,
        what: str,
        func: Callable[[Connection, libvirt.virConnect], T],
        timeout: float,
        vm: str,
        *,
        lease: Lease,
    ) -> tuple[T, Connection]:
        import libvirt

        subject = f"VM '{vm}' on host '{self.name}'" if vm else f"Host '{self.name}'"
        asked = f"{subject}, asked to {what},"
        step = f"Check that its libvirt answers: {self._virsh_command}"
        left = timeout
        connection = pool.take() if lease is Pool.lease else None
        if connection is None:
            started = time.monotonic()
            async with deadline(timeout, asked, wanted="answer", got="did not", next_step=step):
                connection = await lease(pool)
            left = max(0.001, timeout - (time.monotonic() - started))
        try:
            return await connection.run(lambda handle: func(connection, handle), left, asked, step), connection
        except libvirt.libvirtError as error:
            if failures.is_connection_lost(error):
                reason = failures.one_line(error)
                self._connection_lost(pool, connection, reason)
                raise ConnectionLost(reason) from None
            # Without its frames: they hold a virDomain, which would keep the connection open as long as the error is kept.
            cause = error.with_traceback(None)
            raise failures.call_failed(self.name, self.uri, what, cause, vm) from cause

    async def _until_connected_again(self, end: float, error: HostError) -> None:
        """Until CONNECTED, or `error` with what has become of the host."""
        try:
            async with asyncio.timeout(max(0.0, end - time.monotonic())):
                while self._state is not HostState.CONNECTED:
                    if not self.is_coming_back:
                        raise HostError(f"{error} It was not connected again: {self._failure or self._state.value}.")
                    await self._next_move()
        except TimeoutError:
            raise HostError(f"{error} It was not connected again in time: {self._failure or 'no answer'}.") from None

    # -- connecting

    async def _attempt(self, timeout: float, left: float) -> None:
        """One attempt to connect, which `_connecting` guards. `timeout` is for the sentence, `left` of it remains."""
        for _ in self._drop_pool("connected anew"):
            pass  # nobody waits for what an earlier connection left: it may never answer
        self._move(HostState.CONNECTING)
        started = time.perf_counter()

        def failed(reason: str) -> None:
            self._attempt_failed(reason, (time.perf_counter() - started) * 1000)

        try:
            first = await self._opening.open(True, left, self._ended)
        except DeadlineError as error:
            reason = f"no answer within {timeout:g} s"
            failed(reason)
            raise DeadlineError.about(
                self._subject, wanted="accept a connection", got="did not answer", waited=timeout,
                next_step=self._virsh,
            ) from error  # fmt: skip
        except ATPError as error:
            failed(str(error))
            raise
        except BaseException as error:
            if isinstance(error, Exception):  # no thread could be started, say
                failed(failures.unexpected(error))
            elif self._state is HostState.CONNECTING:  # the caller has gone: that says nothing about the host
                self._move(HostState.FAILED, str(error) or type(error).__name__)
            raise
        if self._state is not HostState.CONNECTING:
            first.close()
            raise failures.lost(self.name, self.uri, "accept a connection", self._state.value)
        self._recorder.counts.add("opened")
        self._recorder.record_attempt((time.perf_counter() - started) * 1000, failed=False)
        pool = self._pool = Pool(first, self.settings, self._open_for_pool, self._pool_tells)
        if self._breaker.failures or self._failure:
            self._recorder.counts.add("reconnected")
        self._breaker.succeeded()
        self.sockets.forgive()  # what was refused while the host was away
        away, self._lost_at = self._lost_at, None
        after = f", {time.monotonic() - away:.1f} s after it was lost" if away is not None else ""
        self._move(HostState.CONNECTED, notice=f"Host '{self.name}' is connected again{after}." if after else "")
        if self._retrying is not asyncio.current_task():
            self._stop(self._retrying)
        self._retrying = None
        self._heart = asyncio.get_running_loop().create_task(self._beat(pool), name=f"heartbeat of {self.name}")
        if first.state is ConnectionState.LOST:  # while it was being welcomed
            self._lost(pool, first.why)

    def _attempt_failed(self, reason: str, ms: float) -> None:
        self._recorder.counts.add("not_opened")
        self._recorder.record_attempt(ms, failed=True)
        if self._state is HostState.CONNECTING:
            self._breaker.failed()
            broken = self._breaker.state is not BreakerState.CLOSED
            notice = ""
            if broken and self._lost_at is not None and self._breaker.failures == self.settings.reconnect.max_attempts:
                notice = (
                    f"Host '{self.name}' stays away: {self._breaker.failures} attempts failed. It is tried each "
                    f"{self.settings.reconnect.max_delay:g} s from now on; 'Connect To Host' tries at once. {reason}"
                )
            self._move(HostState.BROKEN if broken else HostState.FAILED, reason, notice, is_warning=True)

    async def _open_for_pool(self) -> Connection:
        connection = await self._opening.open(False, self.settings.connect_timeout, self._ended)
        self._recorder.counts.add("opened")
        return connection

    async def _keep_trying(self) -> None:
        """In the background after a loss, until the host is connected or closed."""
        while True:
            await asyncio.sleep(self._breaker.delay())
            try:
                async with self._connecting:
                    if self._state in (HostState.CONNECTED, HostState.CLOSED):
                        return
                    timeout = self.settings.connect_timeout
                    await self._attempt(timeout, timeout)
                    return
            except ATPError:
                continue  # the bus has heard of it
            except Exception as error:  # noqa: BLE001 - whatever it was, the next attempt may go well; nobody else would make it
                if self._state is HostState.CONNECTING:  # else it is counted and told
                    self._attempt_failed(failures.unexpected(error), 0.0)

    # -- losing

    async def _beat(self, pool: Pool) -> None:
        await asyncio.gather(self._beat_calls(pool), self._beat_streams(pool))

    async def _beat_calls(self, pool: Pool) -> None:
        timeout = self.settings.heartbeat_timeout
        while True:
            await asyncio.sleep(self.settings.heartbeat_interval)
            await asyncio.gather(*(self._ping(pool, connection, timeout) for connection in list(pool.connections)))
            pool.replenish()

    async def _beat_streams(self, pool: Pool) -> None:
        timeout = self.settings.heartbeat_timeout * STREAM_PATIENCE
        while True:
            await asyncio.sleep(self.settings.heartbeat_interval)
            connections = list(pool.streams.connections)
            await asyncio.gather(*(self._ping(pool, connection, timeout) for connection in connections))

    async def _ping(self, pool: Pool, connection: Connection, timeout: float) -> None:
        import libvirt

        if connection.state is not ConnectionState.OPEN:
            return
        self._recorder.counts.add("heartbeats")
        try:
            await connection.ping(timeout)
        except DeadlineError:
            self._connection_lost(pool, connection, f"no answer to a heartbeat within {timeout:g} s")
        except ConnectionLost:
            return  # it was closed meanwhile, by us
        except libvirt.libvirtError as error:
            if failures.is_connection_lost(error):
                self._connection_lost(pool, connection, failures.one_line(error))

    def _ended(self, connection: Connection, reason: str) -> None:
        """libvirt says that `connection` was closed by the other side."""
        pool = self._pool
        if pool is not None and connection in pool.all_connections:
            self._connection_lost(pool, connection, reason)

    def _connection_lost(self, pool: Pool, connection: Connection, reason: str) -> None:
        if connection is pool.first:
            self._lost(pool, reason)
        else:
            pool.drop(connection, reason)

    def _lost(self, pool: Pool, reason: str) -> None:
        """The connection that the events come by has gone: the host has, and is tried again in the background."""
        if pool is not self._pool or self._state is not HostState.CONNECTED:
            return
        self._recorder.counts.add("lost")
        self._retrying = asyncio.get_running_loop().create_task(self._keep_trying(), name=f"reconnect {self.name}")
        self._lost_at = time.monotonic()
        told = reason.rstrip(".")
        notice = f"Host '{self.name}' was lost: {told}. It is tried again by itself."
        self._move(HostState.FAILED, reason, notice, is_warning=True)
        self._drop_pool(reason)

    def _drop_pool(self, why: str) -> list[asyncio.Event]:
        pool, self._pool = self._pool, None
        heart, self._heart = self._heart, None
        self._stop(heart)
        return pool.close(why) if pool is not None else []

    def _pool_tells(self, kind: str, reason: str) -> None:
        if kind != "opened":  # counted where it is done
            self._recorder.counts.add(kind.replace("-", "_"))
        connections = len(self._pool.all_connections) if self._pool is not None else 0
        data = {"connections": connections} | ({"reason": reason} if reason else {})
        self.bus.publish(Event(f"host:{self.name}", f"host.connection.{kind}", data))

    # -- states

    def _is_connected(self) -> bool:
        return self._state is HostState.CONNECTED

    def _move(self, state: HostState, failure: str = "", notice: str = "", is_warning: bool = False) -> None:
        if state is self._state:
            return
        self._state = state
        if failure or state in (HostState.CONNECTED, HostState.CLOSED):
            self._failure = failure
        data: dict[str, Any] = {"uri": self.uri} | ({"reason": failure} if failure else {})
        if state is HostState.BROKEN:
            data["retry_in"] = round(self._breaker.retry_in, 3)
        event = Event(f"host:{self.name}", f"host.{state.value}", data, notice=notice, is_warning=is_warning)
        self.bus.publish(event)
        watchers, self._watchers = self._watchers, []
        for watcher in watchers:
            if not watcher.done():
                watcher.set_result(None)

    async def _next_move(self) -> None:
        watcher: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._watchers.append(watcher)
        await watcher

    def _stop(self, task: asyncio.Task[None] | None) -> None:
        if task is not None:
            with contextlib.suppress(RuntimeError):  # its loop has gone
                task.cancel()

    @property
    def _subject(self) -> str:
        return f"Host '{self.name}' ({self.uri})"

    @property
    def _virsh_command(self) -> str:
        return f"`virsh -c '{self.uri}' list`"

    @property
    def _virsh(self) -> str:
        return f"Check that libvirtd answers there: {self._virsh_command}"

    def _broken(self) -> HostError:
        return HostError.about(
            f"Host '{self.name}' ({self.uri})", wanted="accept a connection",
            got=f"its last {self._breaker.failures} attempts failed, so it isn't tried for {self._breaker.retry_in:.0f} s",
            last_seen=self._failure, next_step="Check the host; 'Connect To Host' tries at once",
        )  # fmt: skip
