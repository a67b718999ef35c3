"""The inputs channel: which lock lights are on. What is typed and clicked is sent by whoever has the channel."""

from __future__ import annotations

from typing import ClassVar

from ATPLibrary.protocol.spice.channels.conversation import Conversation
from ATPLibrary.protocol.spice.messages import inputs
from ATPLibrary.protocol.spice.schema import Message


class InputsConversation(Conversation):
    """STARTING -INIT-> READY."""

    first: ClassVar[type[Message] | None] = inputs.Init

    locks = 0  # 1 scroll, 2 num, 4 caps
    motion_acks = 0  # each for four motions

    def handle(self, message: Message) -> None:
        match message:
            case inputs.Init(modifiers):
                self.locks = modifiers
            case inputs.KeyModifiers(modifiers):
                self.locks = modifiers
                self.tell(
                    "locks", {"scroll": bool(modifiers & 1), "num": bool(modifiers & 2), "caps": bool(modifiers & 4)}
                )
            case inputs.MouseMotionAck():
                self.motion_acks += 1
