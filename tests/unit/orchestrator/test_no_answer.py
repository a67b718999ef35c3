"""An agent that doesn't answer because its VM stands still: the sentence names the VM's state."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ATPLibrary.config import Config
from ATPLibrary.errors import AgentError, ChannelError, DeadlineError, VmStateError
from ATPLibrary.events import EventBus
from ATPLibrary.orchestrator.machine import Machine
from ATPLibrary.transport.domain_state import VmState

pytestmark = pytest.mark.unit


class Domain:
    """What the machine asks libvirt."""

    name, uuid, host = "win11", "u", SimpleNamespace(name="rack-1")

    def __init__(self, state: VmState | Exception) -> None:
        self._state = state

    async def state(self, timeout: float) -> Any:
        if isinstance(self._state, Exception):
            raise self._state
        return SimpleNamespace(state=self._state, __str__=lambda self: "x")


def machine(state: VmState | Exception) -> Machine:
    domain: Any = Domain(state)
    return Machine(domain, Config(), EventBus())


@pytest.mark.parametrize("silence", [DeadlineError("did not answer"), AgentError("ended")])
async def test_a_paused_vm_is_called_paused(silence: Exception) -> None:
    with pytest.raises(VmStateError, match="Let it go on with 'Resume VM'"):
        async with machine(VmState.PAUSED).answering():
            raise silence


@pytest.mark.parametrize("state", [VmState.RUNNING, ChannelError("libvirt is gone")])
async def test_where_it_runs_or_nobody_can_say_the_agents_own_sentence_stands(state: VmState | Exception) -> None:
    with pytest.raises(DeadlineError, match="did not answer"):
        async with machine(state).answering():
            raise DeadlineError("did not answer")
