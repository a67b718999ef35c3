"""The watch over a VM's input: begun when a tester says so, and ended with the agent's session."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from ATPLibrary.errors import AgentError, InputError

if TYPE_CHECKING:
    from ATPLibrary.verifier import AgentSession
    from ATPLibrary.verifier.hello import AgentHello
    from ATPLibrary.verifier.watching import InputWatch


class Watches:
    """At most one a VM. `open_agent(timeout)` gives the session with its agent."""

    def __init__(self, vm_name: str, open_agent: Callable[[float], Awaitable[AgentSession]]) -> None:
        self._vm_name = vm_name
        self._open_agent = open_agent
        self._current: InputWatch | None = None
        self.where = ""  # the full name of the test that began it, or of the suite in whose setup it was begun
        self._grabbed: AgentHello | None = (
            None  # the greeting of the agent's session that has the guest's input to itself
        )

    @property
    def is_exclusive(self) -> bool:
        """Whether others in the guest see nothing of its input, for our sake."""
        return self._grabbed is not None

    async def start(self, timeout: float, exclusive: bool = False, *, where: str = "") -> InputWatch:
        """Watch from now on; what an earlier watch has kept is forgotten. `AgentError` where no agent answers, or can't do so.

        `exclusive`: until the watch ends nobody else in the guest gets what is typed and pointed there.
        """
        from ATPLibrary.verifier.watching import InputWatch

        session = await self._open_agent(timeout)
        await session.ensure_watching(timeout)
        if exclusive:
            await session.grab(True, timeout)
            self._grabbed = session.hello
        else:
            await self.give_back(timeout)
        begin = await session.input_state(
            timeout
        )  # what was seen before this moment has been told when this is answered
        self._forget()
        self._current, self.where = InputWatch(session, begin), where
        return self._current

    def current(self) -> InputWatch:
        if self._current is None:
            raise InputError.about(
                f"VM '{self._vm_name}'",
                wanted="be watched",
                got="is not: nobody has kept what its guest has seen",
                next_step="Use 'Start Watching Input' before the input is sent",
            )
        if self._grabbed is not None and self._current.session.hello is not self._grabbed:
            raise AgentError.about(
                f"The exclusive watch over VM '{self._vm_name}'",
                wanted="last until it is stopped",
                got="ended: the agent began anew, and others in the guest have its input again",
                next_step="Do it again: 'Start Watching Input    exclusive=True' begins anew",
            )
        return self._current

    async def give_back(self, timeout: float) -> None:
        """Let the others in the guest have its input again, where an exclusive watch has taken it."""
        grabbed, self._grabbed = self._grabbed, None
        if grabbed is not None and self._current is not None and self._current.session.hello is grabbed:
            await self._current.session.grab(False, timeout)

    async def end(self, timeout: float) -> None:
        """Watch no more, and take nothing from the others in the guest any more."""
        try:
            await self.give_back(timeout)
        finally:
            self._forget()

    def stop(self) -> None:
        """The session with the agent ends, which gives back by itself what the watch has taken."""
        self._grabbed = None
        self._forget()

    def _forget(self) -> None:
        if self._current is not None:
            self._current.close()
            self._current = None
