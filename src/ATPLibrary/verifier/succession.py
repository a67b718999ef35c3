"""Why an agent greets anew, as far as the connection before it and the two greetings tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ATPLibrary.verifier.observation import Missed
from ATPLibrary.verifier.session_state import ReplacedError

if TYPE_CHECKING:
    from ATPLibrary.verifier.hello import AgentHello


class Succession:
    """What is known of the channel before the present one; forgotten once an agent has greeted on this one."""

    __slots__ = ("_ended", "was_replaced")

    def __init__(self) -> None:
        self.was_replaced = False  # it was ended by a newer connection of the agent
        self._ended = ""

    def ended(self, error: Exception) -> None:
        self.was_replaced, self._ended = isinstance(error, ReplacedError), briefly(error)

    def greeted(self, before: AgentHello | None, hello: AgentHello) -> tuple[str, Missed]:
        """Why there is another greeting after `before`: in words, and what that means for what was missed between them."""
        was_replaced, ended = self.was_replaced, self._ended
        self.was_replaced, self._ended = False, ""
        if was_replaced:
            return "another connection took its place while it was connected", Missed.REPLACED
        if before is not None and before.is_another_program_than(hello):
            words = f"another agent took its place: {hello.vm_id} {hello.version} for {before.vm_id} {before.version}"
            return words, Missed.REPLACED
        if before is not None and hello.started_after(before):
            return "the agent was started again", Missed.STARTED_AGAIN
        return ended, Missed.AWAY


def briefly(trouble: object) -> str:
    """A trouble's first sentence, without its end."""
    return str(trouble).partition(". ")[0].rstrip(".")
