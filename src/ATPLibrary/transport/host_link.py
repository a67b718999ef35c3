"""A host's pool of connections: made, watched by a heartbeat, lost, and made again in the background with back-off."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from ATPLibrary.errors import ATPError, DeadlineError, HostError
from ATPLibrary.events import Event, EventBus
from ATPLibrary.runtime import deadline
from ATPLibrary.transport import failures
from ATPLibrary.transport.breaker import Breaker, BreakerState
from ATPLibrary.transport.connection import Connection, ConnectionState
from ATPLibrary.transport.heartbeat import Heartbeat
from ATPLibrary.transport.host_state import HostState
from ATPLibrary.transport.opening import Opening
from ATPLibrary.transport.pool import Pool
from ATPLibrary.transport.remaining import remaining
from ATPLibrary.transport.standing import Standing
from ATPLibrary.transport.statistics import Recorder
from ATPLibrary.transport.uri import check_uri
from ATPLibrary.transport.vm_sockets import VmSockets

if TYPE_CHECKING:
    from ATPLibrary.config import PoolSettings


class HostLink:
    """`pool` is there while the host is CONNECTED. Belongs to the asyncio loop that `connect` ran on."""

    def __init__(
        self,
        standing: Standing,
        opening: Opening,
        *,
        bus: EventBus,
        breaker: Breaker,
        sockets: VmSockets,
        recorder: Recorder,
        settings: PoolSettings,
    ) -> None:
        self.pool: Pool | None = None
        self.settings = settings
        self._standing = standing
        self._bus = bus
        self._opening = opening
        self._breaker = breaker
        self._sockets = sockets
        self._recorder = recorder
        self._lost_at: float | None = None  # until it is connected again
        self._connecting = asyncio.Lock()
        self._heart: asyncio.Task[None] | None = None
        self._retrying: asyncio.Task[None] | None = None

    @property
    def is_coming_back(self) -> bool:
        """It isn't connected but is being tried, and hasn't been given up."""
        is_tried = self._retrying is not None and not self._retrying.done()
        return self._standing.state is HostState.CONNECTING or (self._standing.state is HostState.FAILED and is_tried)

    async def connect(self, timeout: float) -> None:
        """See `HostConnection.connect`."""
        check_uri(self._standing.name, self._standing.uri)
        if self._standing.is_connected:
            return
        end = time.monotonic() + timeout
        got = "another attempt was still under way"
        async with deadline(
            timeout, self._standing.subject, wanted="accept a connection", got=got, next_step=self._standing.virsh
        ):
            await self._connecting.acquire()
        try:
            if not self._standing.is_connected:  # the attempt that we waited for may have made it so
                if self._breaker.state is BreakerState.OPEN:
                    raise self._broken()
                await self._attempt(timeout, max(0.001, end - time.monotonic()))
        finally:
            self._connecting.release()

    async def reach(self, timeout: float) -> None:
        """See `HostConnection.reach`."""
        left = remaining(timeout)
        if self._standing.is_connected and self.pool is not None:
            await self._ask_for_life(self.pool, timeout)
        await self.connect(max(0.001, left()))

    def forgive(self) -> None:
        """Forget earlier failures, so that the next `connect` tries at once."""
        self._breaker.succeeded()
        self._sockets.forgive()

    async def close(self, timeout: float) -> None:
        """Close the connections, if there are any. Never fails: a host that doesn't answer is left to its worker threads."""
        self._stop(self._retrying)
        self._retrying = None
        self._lost_at = None
        self._standing.move(HostState.CLOSED)
        self._opening.forget()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                closing = self._drop_pool("closed")
                await self._sockets.close(timeout)
                for closed in closing:
                    await closed.wait()

    async def _ask_for_life(self, pool: Pool, timeout: float) -> None:
        """As a heartbeat, which loses the connection: but only after the settings' patience, not a shorter one of the caller."""
        patience = self.settings.heartbeat_timeout
        async with deadline(
            timeout, self._standing.subject, wanted="answer", got="did not", next_step=self._standing.virsh
        ):
            await Heartbeat(self.settings, self._recorder, self.connection_lost).ping(pool, pool.first, patience)

    async def _attempt(self, timeout: float, left: float) -> None:
        """One attempt to connect, which `_connecting` guards. `timeout` is for the sentence, `left` of it remains."""
        for _ in self._drop_pool("connected anew"):
            pass  # nobody waits for what an earlier connection left: it may never answer
        self._standing.move(HostState.CONNECTING)
        started = time.perf_counter()

        def failed(reason: str) -> None:
            self._attempt_failed(reason, (time.perf_counter() - started) * 1000)

        try:
            first = await self._opening.open(True, left, self._ended)
        except DeadlineError as error:
            reason = f"no answer within {timeout:g} s"
            failed(reason)
            raise DeadlineError.about(
                self._standing.subject, wanted="accept a connection", got="did not answer", waited=timeout,
                next_step=self._standing.virsh,
            ) from error  # fmt: skip
        except ATPError as error:
            failed(str(error))
            raise
        except BaseException as error:
            if isinstance(error, Exception):  # no thread could be started, say
                failed(failures.unexpected(error))
            elif self._standing.state is HostState.CONNECTING:  # the caller has gone: that says nothing about the host
                self._standing.move(HostState.FAILED, str(error) or type(error).__name__)
            raise
        if self._standing.state is not HostState.CONNECTING:
            first.close()
            raise failures.lost(
                self._standing.name, self._standing.uri, "accept a connection", self._standing.state.value
            )
        self._recorder.counts.add("opened")
        self._recorder.record_attempt((time.perf_counter() - started) * 1000, failed=False)
        pool = self.pool = Pool(first, self.settings, self._open_for_pool, self._pool_tells)
        if self._breaker.failures or self._standing.failure:
            self._recorder.counts.add("reconnected")
        self._breaker.succeeded()
        self._sockets.forgive()  # what was refused while the host was away
        away, self._lost_at = self._lost_at, None
        after = f", {time.monotonic() - away:.1f} s after it was lost" if away is not None else ""
        self._standing.move(
            HostState.CONNECTED, notice=f"Host '{self._standing.name}' is connected again{after}." if after else ""
        )
        if self._retrying is not asyncio.current_task():
            self._stop(self._retrying)
        self._retrying = None
        heartbeat = Heartbeat(self.settings, self._recorder, self.connection_lost)
        self._heart = asyncio.get_running_loop().create_task(
            heartbeat.beat(pool), name=f"heartbeat of {self._standing.name}"
        )
        if first.state is ConnectionState.LOST:  # while it was being welcomed
            self._lost(pool, first.why)

    def _attempt_failed(self, reason: str, ms: float) -> None:
        self._recorder.counts.add("not_opened")
        self._recorder.record_attempt(ms, failed=True)
        if self._standing.state is HostState.CONNECTING:
            self._breaker.failed()
            broken = self._breaker.state is not BreakerState.CLOSED
            notice = ""
            if broken and self._lost_at is not None and self._breaker.failures == self.settings.reconnect.max_attempts:
                notice = (
                    f"Host '{self._standing.name}' stays away: {self._breaker.failures} attempts failed. It is tried each "
                    f"{self.settings.reconnect.max_delay:g} s from now on; 'Connect To Host' tries at once. {reason}"
                )
            self._standing.move(HostState.BROKEN if broken else HostState.FAILED, reason, notice, is_warning=True)

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
                    if self._standing.state in (HostState.CONNECTED, HostState.CLOSED):
                        return
                    timeout = self.settings.connect_timeout
                    await self._attempt(timeout, timeout)
                    return
            except ATPError:
                continue  # the bus has heard of it
            except Exception as error:  # noqa: BLE001 - whatever it was, the next attempt may go well; nobody else would make it
                if self._standing.state is HostState.CONNECTING:  # else it is counted and told
                    self._attempt_failed(failures.unexpected(error), 0.0)

    def _ended(self, connection: Connection, reason: str) -> None:
        """libvirt says that `connection` was closed by the other side."""
        pool = self.pool
        if pool is not None and connection in pool.all_connections:
            self.connection_lost(pool, connection, reason)

    def connection_lost(self, pool: Pool, connection: Connection, reason: str) -> None:
        if connection is pool.first:
            self._lost(pool, reason)
        else:
            pool.drop(connection, reason)

    def _lost(self, pool: Pool, reason: str) -> None:
        """The connection that the events come by has gone: the host has, and is tried again in the background."""
        if pool is not self.pool or self._standing.state is not HostState.CONNECTED:
            return
        self._recorder.counts.add("lost")
        self._retrying = asyncio.get_running_loop().create_task(
            self._keep_trying(), name=f"reconnect {self._standing.name}"
        )
        self._lost_at = time.monotonic()
        told = reason.rstrip(".")
        notice = f"Host '{self._standing.name}' was lost: {told}. It is tried again by itself."
        self._standing.move(HostState.FAILED, reason, notice, is_warning=True)
        self._drop_pool(reason)

    def _drop_pool(self, why: str) -> list[asyncio.Event]:
        pool, self.pool = self.pool, None
        heart, self._heart = self._heart, None
        self._stop(heart)
        return pool.close(why) if pool is not None else []

    def _pool_tells(self, kind: str, reason: str) -> None:
        if kind != "opened":  # counted where it is done
            self._recorder.counts.add(kind.replace("-", "_"))
        connections = len(self.pool.all_connections) if self.pool is not None else 0
        data = {"connections": connections} | ({"reason": reason} if reason else {})
        self._bus.publish(Event(f"host:{self._standing.name}", f"host.connection.{kind}", data))

    def _stop(self, task: asyncio.Task[None] | None) -> None:
        if task is not None:
            with contextlib.suppress(RuntimeError):  # its loop has gone
                task.cancel()

    def _broken(self) -> HostError:
        return HostError.about(
            f"Host '{self._standing.name}' ({self._standing.uri})", wanted="accept a connection",
            got=f"its last {self._breaker.failures} attempts failed, so it isn't tried for {self._breaker.retry_in:.0f} s",
            last_seen=self._standing.failure, next_step="Check the host; 'Connect To Host' tries at once",
        )  # fmt: skip
