"""The smartcard channel: the client has the reader and its card, the server a CCID device that the guest sees."""

from __future__ import annotations

from ATPLibrary.protocol.spice.channels.conversation import Conversation
from ATPLibrary.protocol.spice.link import Linked
from ATPLibrary.protocol.spice.messages import devices
from ATPLibrary.protocol.spice.options import SpiceOptions
from ATPLibrary.protocol.spice.schema import Message
from ATPLibrary.protocol.spice.smartcard import CardReader
from ATPLibrary.transport.spice import SpiceChannelType


class SmartcardConversation(Conversation):
    """READY at once; the client speaks first when it has a card. `reader` is what the card is put into."""

    def __init__(self, type: SpiceChannelType, subject: str, linked: Linked, options: SpiceOptions) -> None:
        super().__init__(type, subject, linked, options)
        self.reader = CardReader(self._say)

    def handle(self, message: Message) -> None:
        match message:
            case devices.SmartcardData(type, reader, _, data):
                before = self.reader.state
                self.reader.take(type, reader, bytes(data))
                if self.reader.state is not before:
                    self.tell("smartcard", {"state": self.reader.state.value})

    def _say(self, type: int, reader: int, data: bytes) -> None:
        self.wire.send(devices.ClientSmartcardData(type, reader, len(data), data))
