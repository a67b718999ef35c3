"""Calls on a host's libvirt: each with a deadline, counted, and asked again where that is safe and its connection was lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from ATPLibrary.errors import ATPError, HostError
from ATPLibrary.runtime import deadline
from ATPLibrary.transport import failures
from ATPLibrary.transport.connection import Connection, ConnectionLost
from ATPLibrary.transport.host_link import HostLink
from ATPLibrary.transport.host_state import HostState
from ATPLibrary.transport.pool import Pool
from ATPLibrary.transport.standing import Standing
from ATPLibrary.transport.statistics import Recorder

if TYPE_CHECKING:
    import libvirt

T = TypeVar("T")
# Which of a pool's connections a call goes to.
Lease = Callable[[Pool], Awaitable[Connection]]

# How often a call that may be asked again is, when its connection is lost under it each time.
ATTEMPTS_AT_A_CALL = 3


class HostCalls:
    def __init__(self, standing: Standing, link: HostLink, recorder: Recorder) -> None:
        self._standing = standing
        self._link = link
        self._recorder = recorder

    async def ask(
        self,
        what: str,
        func: Callable[[Connection, libvirt.virConnect], T],
        timeout: float,
        vm: str,
        idempotent: bool,
        *,
        lease: Lease = Pool.lease,
    ) -> tuple[T, Pool, Connection]:
        """What `func(connection, virConnect)` returns on a worker, and the pool and connection that it ran on.

        `what` says it in an error, `vm` is the VM's name there if it is about one. An `idempotent` call whose connection is lost
        waits until the host is connected again and is asked again, within `timeout`.
        """
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
            pool = self._link.pool
            if not self._standing.is_connected or pool is None:
                raise failures.lost(self._standing.name, self._standing.uri, what, self._standing.why)
            try:
                left = timeout if attempt == 0 else max(0.001, end - time.monotonic())
                answer, connection = await self._ask_once(pool, what, func, left, vm, lease=lease)
            except ConnectionLost as gone:
                error = failures.lost(self._standing.name, self._standing.uri, what, str(gone), asked=not idempotent)
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

        subject = f"VM '{vm}' on host '{self._standing.name}'" if vm else f"Host '{self._standing.name}'"
        asked = f"{subject}, asked to {what},"
        step = f"Check that its libvirt answers: {self._standing.virsh_command}"
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
                self._link.connection_lost(pool, connection, reason)
                raise ConnectionLost(reason) from None
            # Without its frames: they hold a virDomain, which would keep the connection open as long as the error is kept.
            cause = error.with_traceback(None)
            raise failures.call_failed(self._standing.name, self._standing.uri, what, cause, vm) from cause

    async def _until_connected_again(self, end: float, error: HostError) -> None:
        """Until CONNECTED, or `error` with what has become of the host."""
        standing = self._standing
        try:
            async with asyncio.timeout(max(0.0, end - time.monotonic())):
                while standing.state is not HostState.CONNECTED:
                    if not self._link.is_coming_back:
                        raise HostError(
                            f"{error} It was not connected again: {standing.failure or standing.state.value}."
                        )
                    await standing.next_move()
        except TimeoutError:
            raise HostError(f"{error} It was not connected again in time: {standing.failure or 'no answer'}.") from None
