"""The real agent, as a process, dials in to the real service: over each way, through restarts, new tokens and bad certificates."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ATPLibrary.config import ServiceSettings
from ATPLibrary.events import EventBus
from ATPLibrary.verifier import AgentSession
from ATPLibrary.verifier.service.service import VerificationService
from ATPLibrary.verifier.service.tokens import TokenBook, VmIdentity

from ..transport.certificates import Authority

pytestmark = pytest.mark.integration

PATIENCE = 30.0
AGENT = Path(__file__).resolve().parents[3] / "guest_agent" / "src"
VM = VmIdentity.of("uuid-1", "win11")
WAYS = ("ws", "tcp", "unix", "wss", "tcp+tls")


class World:
    """A service, a certificate for it, and agents that dial it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.bus = EventBus()
        self.tokens = TokenBook()
        self.token_file = directory / "token"
        self.token_file.write_text(self.tokens.issue(VM).reveal())
        self.authority = Authority(directory, "ca")
        self.log = directory / "agent.log"
        self._cleanup = contextlib.AsyncExitStack()
        self.service: VerificationService | None = None

    async def listen(self, *, tls: bool = False, host: str = "127.0.0.1", **ports: int) -> dict[str, str]:
        """Start the service; its certificate is for `host`. Returns its addresses as an agent is given them."""
        settings: dict[str, Any] = {"websocket_port": 0, "tcp_port": 0, "unix_socket": self.directory / "s", **ports}
        if tls:
            settings["certificate"], settings["key"] = self.authority.server("server", host)
        self.service = VerificationService(ServiceSettings.model_validate(settings), self.tokens, self.bus)
        await self.service.start()
        at = self.service.addresses
        web = at["websocket"].rpartition("//")[2]
        return {
            "ws": f"ws://{web}/agents", "wss": f"wss://{web}", "tcp": f"tcp://{at['tcp']}", "tcp+tls": f"tcp+tls://{at['tcp']}",
            "unix": f"unix://{at['unix']}",
        }  # fmt: skip

    async def agent(self, *urls: str, ca: Path | None = None) -> asyncio.subprocess.Process:
        options = ["--port", "none", "--vm-id", "win11", "--token-file", str(self.token_file), "--log", str(self.log)]
        options += [word for url in urls for word in ("--connect", url)]
        options += ["--ca-file", str(ca)] if ca else []
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "atp_guest_agent", *options, env={**os.environ, "PYTHONPATH": str(AGENT)},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._cleanup.push_async_callback(_end, process)
        return process

    def session(self) -> AgentSession:
        async def opens() -> Any:
            assert self.service is not None
            return await self.service.channel(VM, PATIENCE)

        session = AgentSession(opens, VM.name, self.bus)
        self._cleanup.push_async_callback(session.close)
        return session

    async def until_logged(self, words: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while not self.log.exists() or words not in self.log.read_text():  # noqa: ASYNC110 - a file has no event
                await asyncio.sleep(0.02)

    async def until_told(self, kind: str, count: int = 1) -> None:
        with self.bus.subscribe(lambda event: event.kind == kind) as news:
            async with asyncio.timeout(PATIENCE):
                while sum(event.kind == kind for event in self.bus.recent(limit=500)) < count:
                    await anext(news)

    async def close(self) -> None:
        await self._cleanup.aclose()
        if self.service is not None:
            await self.service.close()


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    yield made
    await made.close()


@pytest.mark.parametrize("way", WAYS)
async def test_over_each_way_a_session_opens_asks_ends_and_opens_again(world: World, way: str) -> None:
    addresses = await world.listen(tls=way in ("wss", "tcp+tls"))
    await world.agent(addresses[way], ca=world.authority.file)
    session = world.session()
    for _ in range(2):
        await session.start(PATIENCE)
        assert session.hello is not None
        assert session.hello.vm_id == "win11"
        assert await session.held_keys(PATIENCE) == frozenset()
        assert (await session.ping(PATIENCE)).error_us >= 0
        await session.close()


@pytest.mark.parametrize("way", WAYS)
async def test_over_each_way_large_and_many_messages_go_both_ways(world: World, way: str) -> None:
    addresses = await world.listen(tls=way in ("wss", "tcp+tls"))
    await world.agent(addresses[way], ca=world.authority.file)
    assert world.service is not None
    channel = await world.service.channel(VM, PATIENCE)
    # What can't be answered comes back as an error: as many as there were questions, and a question of 10 MiB among them.
    odd = [b'{"type":"%b"}' % (b"x" * size) for size in (1, 124, 125, 126, 127, 65_000, 66_000, 10 * 1024 * 1024 - 100)]
    received = b""

    async def read() -> None:
        nonlocal received
        while received.count(b"\n") < len(odd):
            received += await channel.read(PATIENCE)

    reading = asyncio.create_task(read())
    for message in odd:
        await channel.write(message + b"\n", PATIENCE)
    await asyncio.wait_for(reading, PATIENCE)
    answers = [json.loads(line) for line in received.splitlines() if line]
    assert [(answer["type"], len(answer["about"])) for answer in answers] == [
        ("error", min(len(message) - len(b'{"type":""}'), 100)) for message in odd
    ]
    await channel.close()


@pytest.mark.parametrize("way", ["ws", "tcp", "tcp+tls"])
async def test_a_service_that_is_started_again_has_its_agents_back(world: World, way: str) -> None:
    tls = way == "tcp+tls"
    addresses = await world.listen(tls=tls)
    await world.agent(addresses[way], ca=world.authority.file)
    session = world.session()
    await session.start(PATIENCE)
    assert world.service is not None
    ports = {
        f"{kind}_port": int(address.rpartition(":")[2])
        for kind, address in world.service.addresses.items()
        if kind != "unix"
    }
    await world.service.close()
    await world.listen(tls=tls, **ports)
    await world.until_told("agent.connected", 2)
    await session.wait_ready(PATIENCE)
    assert (await session.ping(PATIENCE)).error_us >= 0


async def test_a_token_that_is_changed_in_its_file_is_taken_up(world: World) -> None:
    addresses = await world.listen()
    await world.agent(addresses["tcp"])
    session = world.session()
    await session.start(PATIENCE)
    new = world.tokens.issue(VM).reveal()  # the old one is no longer good
    assert world.service is not None
    world.service.drop(VM, "its token is no longer valid")
    await world.until_logged("refused: not admitted")
    world.token_file.write_text(new)
    await world.until_told("agent.connected", 2)
    await session.wait_ready(PATIENCE)
    assert new not in world.log.read_text()


async def test_an_agent_with_a_rotated_token_uses_it_the_next_time_that_it_dials(world: World) -> None:
    addresses = await world.listen()
    await world.agent(addresses["ws"])
    session = world.session()
    await session.start(PATIENCE)
    world.token_file.write_text(world.tokens.rotate(VM).reveal())
    assert (await session.ping(PATIENCE)).error_us >= 0  # nothing ended
    await session.close()
    await session.start(PATIENCE)
    assert world.service is not None
    assert world.service.refusals == 0


@pytest.mark.parametrize("way", ["wss", "tcp+tls"])
@pytest.mark.parametrize("wrong", ["signer", "name"])
async def test_a_certificate_that_is_not_the_services_is_no_way_in(world: World, way: str, wrong: str) -> None:
    addresses = await world.listen(tls=True, host="127.0.0.2" if wrong == "name" else "127.0.0.1")
    ca = Authority(world.directory, "another").file if wrong == "signer" else world.authority.file
    await world.agent(addresses[way], ca=ca)
    await world.until_logged("TLS: ")
    said = world.log.read_text()
    assert ("self-signed certificate" in said or "unable to get" in said) if wrong == "signer" else "mismatch" in said
    assert world.service is not None
    assert world.service.agents == []


async def test_the_first_address_that_answers_is_taken_and_its_speech_must_be_right(world: World) -> None:
    addresses = await world.listen()
    swapped = "ws://" + addresses["tcp"].removeprefix("tcp://")
    await world.agent("tcp://127.0.0.1:1", swapped, addresses["ws"])
    session = world.session()
    await session.start(PATIENCE)
    (agent,) = world.service.agents if world.service else []
    assert agent.channel.peer.way == "websocket"
    assert "tcp://127.0.0.1:1: Connection refused" in world.log.read_text()


@pytest.mark.parametrize("way", ["ws", "tcp"])
async def test_an_agent_that_is_told_to_end_says_so(world: World, way: str) -> None:
    addresses = await world.listen()
    process = await world.agent(addresses[way])
    session = world.session()
    await session.start(PATIENCE)
    process.terminate()
    assert await asyncio.wait_for(process.wait(), PATIENCE) == 0
    await world.until_told("agent.disconnected")
    ended = next(event for event in world.bus.recent(limit=500) if event.kind == "agent.disconnected")
    assert "1001" in ended.data["why"] if way == "ws" else "closed by the other side" in ended.data["why"]


async def test_a_connected_agent_that_has_nothing_to_do_does_not_wake(world: World) -> None:
    addresses = await world.listen()
    process = await world.agent(addresses["ws"])
    await world.until_told("agent.connected")

    def switches() -> int:
        status = Path(f"/proc/{process.pid}/status").read_text()
        return int(status.split("\nvoluntary_ctxt_switches:")[1].split()[0])

    before = switches()
    await asyncio.sleep(1.0)
    assert switches() - before <= 20  # a timer that spins would be hundreds; the kernel may announce a device or two
