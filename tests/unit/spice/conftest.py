"""A stand-in for a SPICE server, and this library's client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from tests.spice.server import SpiceServer, spice_server

from ATPLibrary.transport.spice_connection import SpiceVmConnection


@pytest_asyncio.fixture
async def server() -> AsyncIterator[SpiceServer]:
    async with spice_server() as running:
        yield running


@pytest_asyncio.fixture
async def connection(server: SpiceServer) -> AsyncIterator[SpiceVmConnection]:
    """A session whose main channel is linked."""
    connection = server.connection()
    await connection.connect_main_channel(5)
    yield connection
    await connection.close()
