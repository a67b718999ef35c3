"""The heartbeat of a host's connections: each is asked something small now and then, and one that doesn't answer is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from ATPLibrary.errors import DeadlineError
from ATPLibrary.transport import failures
from ATPLibrary.transport.connection import Connection, ConnectionLost, ConnectionState
from ATPLibrary.transport.pool import Pool
from ATPLibrary.transport.statistics import Recorder

if TYPE_CHECKING:
    from ATPLibrary.config import PoolSettings

# Heartbeat timeouts until a stream's connection is given up: a guest that reads late may hold it up, and the daemon's own
# keepalive ends it after 30 s.
STREAM_PATIENCE = 4


class Heartbeat:
    """`lost(pool, connection, reason)` is called for a connection that doesn't answer in time, or says that it has gone."""

    def __init__(
        self, settings: PoolSettings, recorder: Recorder, lost: Callable[[Pool, Connection, str], None]
    ) -> None:
        self.settings = settings
        self._recorder = recorder
        self._lost = lost

    async def beat(self, pool: Pool) -> None:
        """Until it is cancelled."""
        await asyncio.gather(self._beat_calls(pool), self._beat_streams(pool))

    async def _beat_calls(self, pool: Pool) -> None:
        timeout = self.settings.heartbeat_timeout
        while True:
            await asyncio.sleep(self.settings.heartbeat_interval)
            await asyncio.gather(*(self.ping(pool, connection, timeout) for connection in list(pool.connections)))
            pool.replenish()

    async def _beat_streams(self, pool: Pool) -> None:
        timeout = self.settings.heartbeat_timeout * STREAM_PATIENCE
        while True:
            await asyncio.sleep(self.settings.heartbeat_interval)
            connections = list(pool.streams.connections)
            await asyncio.gather(*(self.ping(pool, connection, timeout) for connection in connections))

    async def ping(self, pool: Pool, connection: Connection, timeout: float) -> None:
        """Ask once; returns when the answer is there, or the connection lost."""
        import libvirt

        if connection.state is not ConnectionState.OPEN:
            return
        self._recorder.counts.add("heartbeats")
        try:
            await connection.ping(timeout)
        except DeadlineError:
            self._lost(pool, connection, f"no answer to a heartbeat within {timeout:g} s")
        except ConnectionLost:
            return  # it was closed meanwhile, by us
        except libvirt.libvirtError as error:
            if failures.is_connection_lost(error):
                self._lost(pool, connection, failures.one_line(error))
