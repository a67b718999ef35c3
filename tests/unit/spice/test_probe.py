"""What counts as a ticket that was refused, and what is another trouble."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from tests.spice.server import Behaviour, SpiceServer, spice_server

from ATPLibrary.orchestrator.spice_probe import refusal_of
from ATPLibrary.protocol.spice.errors import LinkCode, LinkStage, SpiceLinkError
from ATPLibrary.protocol.spice.linking import SpiceLink
from ATPLibrary.protocol.spice.options import SpiceOptions
from ATPLibrary.protocol.spice.stand_in import _reply
from ATPLibrary.secrets import Secret
from ATPLibrary.transport.spice import SpiceEndpoint
from ATPLibrary.transport.spice_connection import SpiceVmConnection

pytestmark = pytest.mark.unit
Ends = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
TICKETS, SASL = 0xB, 0x5  # AUTH_SELECTION with AUTH_SPICE, or with AUTH_SASL


async def refusal(server: SpiceServer, user: str = "", port: int | None = None) -> SpiceLinkError | None:
    endpoint = SpiceEndpoint("win11", "127.0.0.1", port or server.port)
    known = SpiceVmConnection("win11", "u-1", endpoint, server.bus, link=SpiceLink(SpiceOptions(user=user)))
    workspace: Any = SimpleNamespace(
        spice_sessions=SimpleNamespace(known=lambda machine: known),
    )
    machine: Any = SimpleNamespace(name="win11")
    return await refusal_of(workspace, machine, Secret("a guess"), 5)


async def test_a_ticket_is_refused_where_the_server_says_so_and_taken_where_it_is_right() -> None:
    async with spice_server(Behaviour(ticket="another")) as server:
        error = await refusal(server)
        assert error is not None
        assert (error.stage, error.code) == (LinkStage.RESULT, LinkCode.PERMISSION_DENIED)
    async with spice_server(Behaviour(ticket="a guess")) as server:
        assert await refusal(server) is None


async def test_a_server_that_ends_in_the_midst_has_refused_nothing() -> None:
    reply = _reply(0, TICKETS, 0)
    async with spice_server(Behaviour(ticket="another", cut_at=len(reply) + 2)) as server:
        with pytest.raises(SpiceLinkError, match="in stage RESULT") as told:
            await refusal(server)
        assert told.value.is_end


async def test_a_user_makes_no_sasl_of_a_server_that_knows_tickets_only() -> None:
    reply = _reply(0, TICKETS, 0)
    async with spice_server(Behaviour(ticket="another", cut_at=len(reply) + 2)) as server:
        with pytest.raises(SpiceLinkError, match="in stage RESULT") as told:
            await refusal(server, "tester")
        assert (told.value.is_end, told.value.in_sasl) == (True, False)
        assert "SASL" not in str(told.value)


async def answers(result: bytes, ends: bool) -> tuple[SpiceLinkError | None, SpiceLinkError | None]:
    """Of a server in SASL with that result, which ends the connection, or itself: what was refused, and what was raised."""
    listener: asyncio.Server

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.read(16)
        if head:
            await reader.readexactly(struct.unpack("<4sIII", head)[3])
            writer.write(_reply(0, SASL, 0))
            await reader.readexactly(4)
            writer.write(struct.pack("<I", 11) + b"SCRAM-SHA-1")
            await reader.readexactly(4)
            if ends:
                listener.close()
            writer.write(result)
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        async with spice_server() as server:
            return await refusal(server, "tester", listener.sockets[0].getsockname()[1]), None
    except SpiceLinkError as error:
        return None, error
    finally:
        listener.close()


async def test_in_sasl_a_connection_that_ends_is_a_refusal_while_the_server_lives() -> None:
    refused, raised = await answers(b"", ends=False)
    assert raised is None
    assert refused is not None
    assert (refused.stage, refused.is_end) == (LinkStage.CHALLENGE, True)
    refused, raised = await answers(b"", ends=True)
    assert refused is None
    assert raised is not None
    assert raised.is_end


async def test_what_can_not_be_a_challenge_is_no_refusal() -> None:
    """The server takes a ticket that it never proved to know."""
    refused, raised = await answers(struct.pack("<I", 0) + b"\1", ends=False)
    assert refused is None
    assert raised is not None
    assert "did not prove that it knows the password" in str(raised)


async def test_an_error_of_the_server_s_own_is_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    pack = struct.pack

    class Errs:
        """`struct` for the server: 1 instead of 7."""

        unpack, unpack_from, Struct = struct.unpack, struct.unpack_from, struct.Struct

        @staticmethod
        def pack(layout: str, *values: Any) -> bytes:
            return pack(layout, *(1 if values == (7,) else each for each in values))

    monkeypatch.setattr("ATPLibrary.protocol.spice.stand_in.struct", Errs)
    async with spice_server(Behaviour(ticket="another")) as server:
        with pytest.raises(SpiceLinkError) as told:
            await refusal(server)
        assert (told.value.stage, told.value.code) == (LinkStage.RESULT, LinkCode.ERROR)
