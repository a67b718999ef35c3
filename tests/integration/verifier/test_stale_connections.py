"""A connection that has gone on without the guest's kernel, which `loadvm` put back: it is cut, so that the agent dials anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from ATPLibrary.errors import AgentError
from ATPLibrary.events import Event
from ATPLibrary.verifier import SessionState, link

from .served_world import PATIENCE, World

pytestmark = pytest.mark.integration

WAYS = ("tcp", "websocket")


@pytest_asyncio.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(link, "SILENT_SECONDS", 0.5)
    made = World(tmp_path)
    await made.service.start()
    yield made
    await made.service.close()


@pytest.mark.parametrize("way", WAYS)
async def test_a_vm_that_goes_on_and_whose_agent_says_nothing_has_its_connection_cut(world: World, way: str) -> None:
    session = world.session()
    async with world.agent(way) as agent:
        await session.start(PATIENCE)
        agent.is_still = True
        world.bus.publish(Event("vm:win11", "qmp.RESUME", {}))
        await asyncio.wait_for(agent.ended.wait(), PATIENCE)
    if way == "tcp":
        assert isinstance(agent.end, ConnectionResetError), (
            "a guest that has gone back in time understands nothing else"
        )
    async with world.agent(way):
        await session.be_there(PATIENCE)
        assert session.state is SessionState.READY
        await session.close()


@pytest.mark.parametrize("way", WAYS)
async def test_one_that_nobody_had_used_is_cut_when_it_does_not_answer_the_first_hello(world: World, way: str) -> None:
    session = world.session()
    async with world.agent(way) as agent:
        await world.until(lambda: len(world.service.agents) == 1)
        agent.is_still = True
        starting = asyncio.create_task(session.start(PATIENCE))
        await asyncio.wait_for(agent.ended.wait(), PATIENCE)
    async with world.agent(way):
        await starting
        await session.close()


@pytest.mark.parametrize("way", WAYS)
async def test_an_input_finds_out_where_nobody_has_told_that_the_vm_was_put_back(
    world: World, way: str, nothing_is_fresh: None
) -> None:
    session = world.session()
    async with world.agent(way) as agent:
        await session.start(PATIENCE)
        agent.is_still = True
        asking = asyncio.create_task(session.be_there(1.0))
        await asyncio.wait_for(agent.ended.wait(), PATIENCE)
    async with world.agent(way):
        await asking
        await session.close()


async def test_an_agent_that_is_only_slow_keeps_its_connection(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "SILENT_SECONDS", PATIENCE)
    session = world.session()
    async with world.agent("tcp") as agent:
        await session.start(PATIENCE)
        for _ in range(3):
            world.bus.publish(Event("vm:win11", "qmp.RESUME", {}))
            await session.be_there(PATIENCE)
        assert not agent.ended.is_set()
        await session.close()


async def test_a_caller_in_a_hurry_cuts_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, nothing_is_fresh: None
) -> None:
    monkeypatch.setattr(link, "SILENT_SECONDS", 2.0)
    session = world.session()
    async with world.agent("tcp") as agent:
        await session.start(PATIENCE)
        agent.is_still = True
        with pytest.raises(AgentError):
            await session.ensure_watching(0.4)
        agent.is_still = False
        await session.ensure_watching(PATIENCE)
        assert not agent.ended.is_set()
        await session.close()
