"""Where a session with an agent stands, and what a tester may do when it stands badly. `session` draws the state machine."""

from __future__ import annotations

import enum

from ATPLibrary.errors import ChannelError

STATUS_ADVICE = (
    "Run 'atp-agent status' in the guest (Run Command, through QGA), and see that the VM runs and has the agent's port"
)


class SessionState(enum.Enum):
    CLOSED = "closed"
    OPENING = "opening"
    GREETING = "greeting"
    READY = "ready"
    LOST = "lost"


class ReplacedError(ChannelError):
    """The channel was ended because a newer connection of the same VM's agent took its place."""
