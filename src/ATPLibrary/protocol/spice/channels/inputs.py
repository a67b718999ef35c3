"""The inputs channel: which lock lights are on, and how many motions the server owes its word for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from ATPLibrary.protocol.spice.channels.conversation import Conversation
from ATPLibrary.protocol.spice.messages import inputs
from ATPLibrary.protocol.spice.schema import Message

# The server acknowledges each bunch; a client that sends on without its word fills queues that nobody sees.
MOTIONS_A_BUNCH = 4
MOST_MOTIONS = 2 * MOTIONS_A_BUNCH

# The lights' bits in INIT and KEY_MODIFIERS.
LockName = Literal["scroll", "num", "caps"]
LOCKS: Mapping[LockName, int] = {"scroll": 1, "num": 2, "caps": 4}


class InputsConversation(Conversation):
    """STARTING -INIT-> READY. What is typed and clicked is sent by whoever has the channel."""

    first: ClassVar[type[Message] | None] = inputs.Init

    locks = 0  # bits of `LOCKS`
    motion_acks = 0
    _paid_for = 0  # bunches that were sent and acknowledged

    @property
    def lights(self) -> dict[LockName, bool]:
        """Which lock keys are on, as the server said last: "scroll", "num", "caps"."""
        return {name: bool(self.locks & bit) for name, bit in LOCKS.items()}

    @property
    def motions_unacknowledged(self) -> int:
        """How many MOUSE_MOTION and MOUSE_POSITION were sent since the last bunch that the server acknowledged."""
        sent = self.wire.statistics.sent_by_name
        motions = sent[inputs.MouseMotion.kind.name] + sent[inputs.MousePosition.kind.name]
        return motions - MOTIONS_A_BUNCH * self._paid_for

    def handle(self, message: Message) -> None:
        match message:
            case inputs.Init(modifiers):
                self.locks = modifiers
            case inputs.KeyModifiers(modifiers):
                self.locks = modifiers
                self.tell("locks", {str(name): is_on for name, is_on in self.lights.items()})
            case inputs.MouseMotionAck():
                self.motion_acks += 1
                if self.motions_unacknowledged >= MOTIONS_A_BUNCH:  # one for what was not sent gives no room
                    self._paid_for += 1
