"""A connection of an agent that has dialled in, as the service reads it."""

from __future__ import annotations

import asyncio
import socket
import struct

import pytest

from ATPLibrary.errors import ChannelError
from ATPLibrary.verifier.service.peer import LineFraming, StreamPeer

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("resets", [True, False])
async def test_an_agent_that_has_not_read_all_before_it_ends_has_closed_its_connection_too(resets: bool) -> None:
    accepted: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Future()
    server = await asyncio.start_server(lambda *streams: accepted.set_result(streams), "127.0.0.1", 0)
    with socket.create_connection(server.sockets[0].getsockname()) as agent:
        reader, writer = await asyncio.wait_for(accepted, 5)
        peer = StreamPeer("tcp", "127.0.0.1", reader, writer, LineFraming(limit=1000))
        if resets:
            agent.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with pytest.raises(ChannelError, match="ended: closed by the other side") as told:
        await asyncio.wait_for(peer.receive(), 5)
    assert ("(Connection reset by peer)" in str(told.value)) is resets
    peer.abort()
    server.close()
