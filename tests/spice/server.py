"""The library's stand-in for a SPICE server, with its client beside it, for what QEMU can't be made to do."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator

from ATPLibrary.events import EventBus
from ATPLibrary.protocol.spice.linking import SpiceLink
from ATPLibrary.protocol.spice.options import SpiceOptions
from ATPLibrary.protocol.spice.stand_in import GREETINGS, MAIN_INIT, SESSION, Behaviour, Peer, StandIn
from ATPLibrary.secrets import Secret
from ATPLibrary.transport.spice import SpiceEndpoint
from ATPLibrary.transport.spice_connection import SpiceVmConnection
from ATPLibrary.transport.spice_tls import SpiceTls

__all__ = ["GREETINGS", "MAIN_INIT", "PRIMARY", "SESSION", "Behaviour", "Peer", "SpiceServer", "spice_server"]

# A screen of 4 x 2 pixels.
PRIMARY = bytes.fromhex("00000000 04000000 02000000 20000000 01000000")


class SpiceServer(StandIn):
    """Listens at `port` while it is started; `peers` are the channels linked so far, in order."""

    def __init__(self, behaviour: Behaviour | None = None) -> None:
        super().__init__(behaviour)
        self.bus = EventBus()
        self._tls = False

    async def start(self, tls: ssl.SSLContext | None = None, port: int = 0) -> None:
        self._tls = tls is not None
        await super().start(tls, port)

    def connection(
        self, ticket: str | None = None, options: SpiceOptions | None = None, tls: SpiceTls | None = None
    ) -> SpiceVmConnection:
        """The library's client of this server."""
        ports = (None, self.port) if self._tls else (self.port, None)
        return SpiceVmConnection(
            "win11", "u-1", SpiceEndpoint("win11", "127.0.0.1", *ports), self.bus, tls=tls,
            ticket=Secret(ticket) if ticket is not None else None, link=SpiceLink(options or SpiceOptions()),
        )  # fmt: skip


@contextlib.asynccontextmanager
async def spice_server(behaviour: Behaviour | None = None) -> AsyncIterator[SpiceServer]:
    """A started server, stopped at the end."""
    server = SpiceServer(behaviour)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
