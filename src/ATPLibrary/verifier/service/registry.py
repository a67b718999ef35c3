"""Which agents are here: at most one a VM, each with a generation: an old connection's late end can't take the new one away."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ATPLibrary.errors import ChannelError
from ATPLibrary.runtime import deadline
from ATPLibrary.verifier.service.served_channel import ServedChannel
from ATPLibrary.verifier.service.tokens import VmIdentity


@dataclass(eq=False, slots=True)
class ServedAgent:
    """One admitted connection. `generation` grows with each connection of any VM."""

    vm: VmIdentity
    version: str
    channel: ServedChannel
    generation: int = 0
    since: float = field(default_factory=time.time)
    is_taken: bool = False  # a session has it


class AgentRegistry:
    """Belongs to one loop."""

    def __init__(self) -> None:
        self._agents: dict[str, ServedAgent] = {}
        self._generations = itertools.count(1)
        self._changed = asyncio.Event()  # replaced at each change: whoever waits holds the old one
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._agents)

    def all(self) -> list[ServedAgent]:
        """Those that are here, in the order in which they came."""
        return sorted(self._agents.values(), key=lambda agent: agent.generation)

    def of(self, vm: VmIdentity) -> ServedAgent | None:
        return self._agents.get(vm.key)

    def enter(self, agent: ServedAgent) -> ServedAgent | None:
        """Let it in, with the next generation. Returns its predecessor, which is for the caller to end."""
        agent.generation = next(self._generations)
        predecessor = self._agents.get(agent.vm.key)
        self._agents[agent.vm.key] = agent
        self._tell_of_change()
        return predecessor

    def close(self) -> None:
        """Nobody comes any more: whoever waits for an agent is told so."""
        self._is_closed = True
        self._tell_of_change()

    def leave(self, agent: ServedAgent) -> bool:
        """It has ended. False when a successor stands in its place, which stays."""
        now = self._agents.get(agent.vm.key)
        if now is None or now.generation != agent.generation:
            return False
        del self._agents[agent.vm.key]
        return True

    async def take(
        self, vm: VmIdentity, timeout: float, where: str, refused: Callable[[], str] = lambda: ""
    ) -> ServedChannel:
        """The channel of that VM's agent, for one session; waits until there is one that no session has.

        `where` says how agents reach the service, and `refused` who was not let in meanwhile, for an error's sentence.
        `ChannelError` when the service is closed meanwhile.
        """
        async with deadline(
            timeout,
            f"The agent of VM '{vm.name}'",
            wanted=f"dial in to the verification service ({where})",
            got="did not",
            last_seen=lambda: "; ".join(filter(None, (self._who_is_here(vm), refused()))),
            next_step="Check the agent's log in the guest, the address that it dials, and that it has the newest token of this VM",
        ):
            while (agent := self._agents.get(vm.key)) is None or agent.is_taken:
                if self._is_closed:
                    raise ChannelError.about(
                        f"The agent of VM '{vm.name}'",
                        wanted="dial in to the verification service",
                        got="can't any more: the service was stopped",
                    )
                await self._changed.wait()
        agent.is_taken = True
        return agent.channel

    def _tell_of_change(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _who_is_here(self, vm: VmIdentity) -> str:
        if vm.key in self._agents:
            return "it is here, but another session has it"
        return f"{len(self._agents)} agents of other VMs are here" if self._agents else "no agent is here at all"
