"""Keys that were down when a VM's QMP channel ended: the next channel lets go of them, whoever else asks for it meanwhile."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from ATPLibrary.config import Config
from ATPLibrary.errors import CommandError
from ATPLibrary.events import EventBus
from ATPLibrary.orchestrator.machine import Machine
from ATPLibrary.protocol.qmp.edges import key_event

pytestmark = pytest.mark.unit


class Channel:
    """A QMP channel of a VM that is paused: it refuses inputs, once it may."""

    is_open = True

    def __init__(self) -> None:
        self.is_asked, self.may_answer, self.is_paused = asyncio.Event(), asyncio.Event(), True
        self.sent: list[Any] = []

    async def execute(self, command: str, arguments: Any, timeout: float) -> None:
        self.is_asked.set()
        await self.may_answer.wait()
        if self.is_paused:
            raise CommandError("The VM is paused")
        self.sent += arguments["events"]


async def test_a_release_that_is_refused_is_sent_by_the_next_use_although_another_came_in_between() -> None:
    domain: Any = SimpleNamespace(name="win11", uuid="u", host=SimpleNamespace(name="rack-1"))
    machine, channel = Machine(domain, Config(), EventBus()), Channel()
    opened: Any = machine._qmp
    opened.value = channel
    release = key_event("shift", False)
    machine.engines.left_down = [release]
    first = asyncio.create_task(machine.qmp(5))
    await channel.is_asked.wait()
    assert await machine.qmp(5) is channel  # while the release is on its way
    channel.may_answer.set()
    assert await first is channel
    assert machine.engines.left_down == [release]
    channel.is_paused = False
    assert await machine.qmp(5) is channel
    assert (channel.sent, machine.engines.left_down) == ([release], [])
