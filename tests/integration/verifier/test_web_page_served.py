"""The page as the running service serves it: to a plain HTTP client, with TLS, beside agents, and to whoever asks nonsense."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from ATPLibrary.config import ServiceSettings
from ATPLibrary.events import EventBus
from ATPLibrary.verifier.service import web
from ATPLibrary.verifier.service.service import REFUSALS_TOLD, VerificationService
from ATPLibrary.verifier.service.tokens import TokenBook, VmIdentity

from ..transport.certificates import Authority
from .dialling_agent import DiallingAgent

pytestmark = pytest.mark.integration

PATIENCE = 10.0
VM = VmIdentity.of("uuid-1", "win11")


class Served:
    def __init__(self, **more: object) -> None:
        self.bus, self.tokens = EventBus(), TokenBook()
        self.token = self.tokens.issue(VM)
        given = {"tcp_port": None, "websocket_port": 0, **more}
        self.service = VerificationService(ServiceSettings.model_validate(given), self.tokens, self.bus)

    @property
    def address(self) -> str:
        return self.service.addresses["websocket"]

    async def ask(self, request: bytes, tls: ssl.SSLContext | None = None) -> bytes:
        """Everything that comes until the service has closed; the connection is ours to end only after that."""
        host, _, port = self.address.rpartition("/")[2].rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port), ssl=tls)
        try:
            writer.write(request)
            async with asyncio.timeout(PATIENCE):
                return await reader.read()
        finally:
            writer.close()


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    made = Served()
    await made.service.start()
    yield made
    await made.service.close()


def get(path: str, *more: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *more, "", ""]).encode()


async def test_each_file_is_served_whole_and_the_connection_ended(served: Served) -> None:
    for path, (kind, content) in web.files().items():
        head, _, body = (await served.ask(get(path))).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert f"Content-Type: {kind}; charset=utf-8".encode() in head
        assert b"Content-Security-Policy: default-src 'none'; " in head
        assert body == content
    assert served.service.strangers == 0
    assert served.service.refusals == 0


async def test_an_agent_beside_it_is_served_as_ever(served: Served) -> None:
    async with DiallingAgent("websocket", f"{served.address}/any/path", "win11", served.token.reveal()):
        channel = await served.service.channel(VM, PATIENCE)
        assert (await served.ask(get("/"))).startswith(b"HTTP/1.1 200 OK\r\n")
        await channel.close()


async def test_with_a_certificate_the_page_comes_over_https(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ca")
    certificate, key = authority.server("server", "127.0.0.1")
    served = Served(certificate=certificate, key=key)
    await served.service.start()
    try:
        assert web.page_address(served.service.addresses).startswith("https://127.0.0.1:")
        trusting = ssl.create_default_context(cafile=str(authority.file))
        assert b"<title>ATP web verifier</title>" in await served.ask(get("/"), trusting)
    finally:
        await served.service.close()


async def test_a_page_of_another_server_is_turned_away_counted_and_told_not_too_often(served: Served) -> None:
    for _ in range(REFUSALS_TOLD + 2):
        with pytest.raises(InvalidStatus, match="403"):
            await connect(served.address, origin="http://evil.example")  # type: ignore[arg-type]
    assert served.service.refusals == REFUSALS_TOLD + 2
    told = [event for event in served.bus.recent(limit=100) if event.kind == "service.refused"]
    assert len(told) == REFUSALS_TOLD
    assert "A page of another server (http://evil.example)" in told[0].data["why"]


@pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS", "DELETE"])
async def test_nothing_but_get_is_answered(served: Served, method: str) -> None:
    answer = await served.ask(get("/").replace(b"GET", method.encode()))
    assert answer.split(b" ", 2)[1] != b"200"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300), st.sampled_from([b"", b"GET ", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: "]))
def test_any_bytes_are_survived_and_get_nothing_but_the_page(rest: bytes, begin: bytes) -> None:
    async def attempt() -> None:
        served = Served(hello_timeout=2)
        await served.service.start()
        try:
            answer = await served.ask(begin + rest + b"\r\n\r\n")
            assert not answer or answer.startswith(b"HTTP/1.1 ")
            assert b"101" not in answer.split(b"\r\n", 1)[0]
            assert (await served.ask(get("/"))).startswith(b"HTTP/1.1 200 OK\r\n")
        finally:
            await served.service.close()

    asyncio.run(attempt())
