"""A VM's agent dials in, and the VM's keywords use it: by configuration, or because the VM has no port for an agent."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ATPLibrary.config import Config, ServiceSettings
from ATPLibrary.errors import AgentError, ChannelError
from ATPLibrary.events import EventBus
from ATPLibrary.orchestrator import Workspace
from ATPLibrary.orchestrator.served_agents import identity
from ATPLibrary.secrets import as_secret
from ATPLibrary.verifier import AgentSession, SessionState
from ATPLibrary.verifier.service.service import VerificationService
from ATPLibrary.verifier.service.tokens import TokenBook, VmIdentity

from ..transport.certificates import Authority
from .dialling_agent import DiallingAgent

pytestmark = pytest.mark.integration

PATIENCE = 20.0
FREE = {"websocket_port": 0, "tcp_port": 0}
AGENT = Path(__file__).resolve().parents[3] / "guest_agent" / "src"


def config(**agent: Any) -> Config:
    hosts = {"simulated": {"uri": "test:///default"}}
    return Config.model_validate({"hosts": hosts, "agent": agent, "service": FREE})


@pytest.fixture
async def workspace() -> AsyncIterator[Workspace]:
    made = Workspace(config())
    yield made
    await made.close()


async def test_a_vm_without_a_port_is_reached_through_the_service(workspace: Workspace) -> None:
    machine = await workspace.machine("test", timeout=PATIENCE)
    service = await workspace.served_agents.start(workspace.config.service, PATIENCE)
    with pytest.raises(AgentError, match=r"should have a token to dial in with .*'Create Agent Token'"):
        await machine.agent(PATIENCE)
    token = workspace.served_agents.tokens.issue(await identity(machine, PATIENCE))
    async with DiallingAgent("tcp", service.addresses["tcp"], machine.uuid.upper(), token.reveal()) as agent:
        session = await machine.agent(PATIENCE)
        assert session.devices[1].name == "AT keyboard"
        assert await machine.held_keys(PATIENCE) == []
        await machine.close_agent()
        await asyncio.wait_for(agent.ended.wait(), PATIENCE)
    async with DiallingAgent("websocket", service.addresses["websocket"], "test", token.reveal()):
        assert await machine.agent(PATIENCE) is not session


async def test_by_configuration_the_service_is_meant_and_must_run(workspace: Workspace) -> None:
    workspace.follow(config(via="service", token="known-to-the-guest"))
    machine = await workspace.machine("test", timeout=PATIENCE)
    with pytest.raises(AgentError, match=r"was not started.*'Start Verification Service'"):
        await machine.agent(PATIENCE)
    service = await workspace.served_agents.start(workspace.config.service, PATIENCE)

    async def dial() -> None:
        async with DiallingAgent("tcp", service.addresses["tcp"], "test", "known-to-the-guest") as agent:
            await agent.ended.wait()

    # The agent comes while it is waited for: the VM's token is known as soon as it is asked for.
    opening = asyncio.create_task(machine.agent(PATIENCE))
    vm = await identity(machine, PATIENCE)
    while not workspace.served_agents.tokens.knows(vm.key):
        await asyncio.wait((opening,), timeout=0.01)
    dialling = asyncio.create_task(dial())
    assert (await opening).hello is not None
    with pytest.raises(AgentError, match="runs already"):
        await workspace.served_agents.start(ServiceSettings(tcp_port=0, websocket_port=None), PATIENCE)
    await workspace.close()
    await asyncio.wait_for(dialling, PATIENCE)
    assert workspace.served_agents.service is None


async def test_a_service_that_was_stopped_and_runs_again_is_used_by_the_wait_after_that(workspace: Workspace) -> None:
    workspace.follow(config(via="service", token="known-to-the-guest"))
    machine = await workspace.machine("test", timeout=PATIENCE)

    def dialling(service: VerificationService) -> DiallingAgent:
        return DiallingAgent("tcp", service.addresses["tcp"], "test", "known-to-the-guest")

    vm = await identity(machine, PATIENCE)
    workspace.served_agents.tokens.issue(vm, as_secret("known-to-the-guest"))
    async with dialling(await workspace.served_agents.start(workspace.config.service, PATIENCE)):
        session = await machine.agent(PATIENCE)
    await workspace.served_agents.stop()
    # Again and again: the session waits longer before each try.
    for _ in range(5):
        with pytest.raises(AgentError, match=r"should run but was stopped.*'Start Verification Service'"):
            await session.wait_ready(PATIENCE)
    assert session.state is SessionState.LOST
    async with dialling(await workspace.served_agents.start(workspace.config.service, PATIENCE)):
        await session.wait_ready(PATIENCE)


async def test_who_waits_for_an_agent_when_the_service_is_stopped_waits_at_the_next_one(workspace: Workspace) -> None:
    service = await workspace.served_agents.start(workspace.config.service, PATIENCE)
    vm = VmIdentity.of("u", "win11")
    waiting = asyncio.create_task(service.channel(vm, PATIENCE))
    await asyncio.sleep(0)
    await workspace.served_agents.stop()
    with pytest.raises(ChannelError, match="the service was stopped"):
        await asyncio.wait_for(waiting, PATIENCE / 2)


@pytest.mark.parametrize("way", ["tcp", "websocket"])
async def test_with_a_certificate_both_ports_speak_tls(tmp_path: Path, way: str) -> None:
    authority = Authority(tmp_path, "ca")
    certificate, key = authority.server("server", "127.0.0.1")
    tokens, vm = TokenBook(), VmIdentity.of("u", "win11")
    token = tokens.issue(vm).reveal()
    settings = ServiceSettings.model_validate({**FREE, "certificate": certificate, "key": key})
    service = VerificationService(settings, tokens, EventBus())
    await service.start()
    session = AgentSession(lambda: service.channel(vm, PATIENCE), "win11", EventBus())
    trusting = ssl.create_default_context(cafile=str(authority.file))
    try:
        async with DiallingAgent(way, service.addresses[way], "win11", token, trusting):
            await session.start(PATIENCE)
        with pytest.raises(ssl.SSLCertVerificationError):
            await DiallingAgent(way, service.addresses[way], "win11", token, ssl.create_default_context()).__aenter__()
    finally:
        await session.close()
        await service.close()


async def test_the_real_agent_dials_the_unix_socket(tmp_path: Path) -> None:
    tokens, vm = TokenBook(), VmIdentity.of("u", "win11")
    (tmp_path / "token").write_text(tokens.issue(vm).reveal())
    bus = EventBus()
    settings = ServiceSettings(tcp_port=None, websocket_port=None, unix_socket=tmp_path / "s")
    service = VerificationService(settings, tokens, bus)
    await service.start()
    session = AgentSession(lambda: service.channel(vm, PATIENCE), "win11", bus)
    options = ["--port", str(tmp_path / "s"), "--vm-id", "win11", "--token-file", str(tmp_path / "token")]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "atp_guest_agent", *options, env={**os.environ, "PYTHONPATH": str(AGENT)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await session.start(PATIENCE)
        assert session.hello is not None
        assert session.hello.vm_id_source == "option"
        assert await session.held_keys(PATIENCE) == frozenset()
        await session.close()
        await session.start(PATIENCE)  # it has dialled in again by itself
    finally:
        process.kill()
        await process.wait()
        await session.close()
        await service.close()
