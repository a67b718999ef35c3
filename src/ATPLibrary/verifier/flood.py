"""How much an agent may say in a second: one loop serves all VMs, and none of their guests may keep it busy."""

from __future__ import annotations

from ATPLibrary.errors import AgentError

# A gaming mouse makes 24,000 events a second, an agent that is asked everything some hundred answers.
EVENTS_A_SECOND = 100_000
OTHERS_A_SECOND = 5_000
# Three of the largest messages; what is skipped for its size costs little and doesn't count.
BYTES_A_SECOND = 32 * 1024 * 1024


class FloodGuard:
    """Counts what comes, by the second. Times are `time.monotonic()`."""

    __slots__ = ("_events", "_others", "_since", "_size", "_vm_name")

    def __init__(self, vm_name: str) -> None:
        self._vm_name = vm_name
        self._since = 0.0
        self._events = self._others = self._size = 0

    def count(self, now: float, *, events: int = 0, others: int = 0, size: int = 0) -> None:
        """Raises `AgentError` when it is more than an agent can have to say."""
        if now - self._since >= 1.0:
            self._since, self._events, self._others, self._size = now, 0, 0, 0
        self._events += events
        self._others += others
        self._size += size
        if self._events > EVENTS_A_SECOND:
            raise self._too_much(f"{EVENTS_A_SECOND:,} events")
        if self._others > OTHERS_A_SECOND:
            raise self._too_much(f"{OTHERS_A_SECOND:,} messages besides observations")
        if self._size > BYTES_A_SECOND:
            raise self._too_much(f"{BYTES_A_SECOND:,} bytes of messages")

    def _too_much(self, what: str) -> AgentError:
        return AgentError.about(
            f"The agent of VM '{self._vm_name}'",
            wanted="say what the guest sees",
            got=f"floods: more than {what} within a second",
            next_step="See what goes on in the guest: no keyboard or mouse is that quick. The session is opened again, less "
            "and less often",
        )
