"""Where a session with an agent stands, and what a tester may do when it stands badly. `session` draws the state machine."""

from __future__ import annotations

import enum

from ATPLibrary.errors import ChannelError

STATUS_ADVICE = (
    "See that the VM runs and has the agent's port, and what 'Get Agent Version' says (in the lab 'atp-agent status' too, by "
    "'Run Command'); 'Deploy Agent' brings an agent into a guest that has none"
)


class SessionState(enum.Enum):
    CLOSED = "closed"
    OPENING = "opening"
    GREETING = "greeting"
    READY = "ready"
    LOST = "lost"


class ReplacedError(ChannelError):
    """The channel was ended because a newer connection of the same VM's agent took its place."""
