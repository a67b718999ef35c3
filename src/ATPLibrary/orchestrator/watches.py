"""The watch over a VM's input: begun when a tester says so, and ended with the agent's session."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from ATPLibrary.errors import InputError

if TYPE_CHECKING:
    from ATPLibrary.verifier import AgentSession
    from ATPLibrary.verifier.watching import InputWatch


class Watches:
    """At most one a VM. `open_agent(timeout)` gives the session with its agent."""

    def __init__(self, vm_name: str, open_agent: Callable[[float], Awaitable[AgentSession]]) -> None:
        self._vm_name = vm_name
        self._open_agent = open_agent
        self._current: InputWatch | None = None

    async def start(self, timeout: float) -> InputWatch:
        """Watch from now on; what an earlier watch has kept is forgotten. `AgentError` where no agent answers."""
        from ATPLibrary.verifier.watching import InputWatch

        session = await self._open_agent(timeout)
        await session.ensure_watching(timeout)
        await session.held_keys(timeout)  # what was seen before this moment has been told when this is answered
        self.stop()
        self._current = InputWatch(session)
        return self._current

    def current(self) -> InputWatch:
        if self._current is None:
            raise InputError.about(
                f"VM '{self._vm_name}'",
                wanted="be watched",
                got="is not: nobody has kept what its guest has seen",
                next_step="Use 'Start Watching Input' before the input is sent",
            )
        return self._current

    def stop(self) -> None:
        if self._current is not None:
            self._current.close()
            self._current = None
