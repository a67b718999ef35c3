"""Why an agent that is asked doesn't answer: as far as it can be told from here, in words that tell each reason from the others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ATPLibrary.errors import ATPError

# Asks whether a program in the guest has the agent's port open, within so many seconds; None where nobody can say.
PortState = Callable[[float], Awaitable[bool | None]]

PORT_SECONDS = 1.0

STILL_SENDS = "the agent still sends, but answers nothing that it is asked: it doesn't read"
PORT_CLOSED = "no agent is there any more: nothing in the guest has its port open"
FROZEN = "the agent has its port open and stopped answering: it is frozen, or the guest has no time for it"
SILENT = "the agent stopped answering"


async def why_silent(*, heard_since: bool, port_state: PortState | None) -> str:
    """Of a session whose channel is open. `heard_since`: something came after the question."""
    if heard_since:
        return STILL_SENDS
    if port_state is None:
        return SILENT
    try:
        is_open = await port_state(PORT_SECONDS)
    except ATPError:
        is_open = None
    return {True: FROZEN, False: PORT_CLOSED, None: SILENT}[is_open]
