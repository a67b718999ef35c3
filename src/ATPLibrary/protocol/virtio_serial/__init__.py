"""virtio-serial: named byte streams between the host and a VM, with no network in the guest.

`open_channel` opens one by its name ("com.vmagent.sock") and gives a `ByteChannel`. A `Conversation` speaks in messages over it, as
a `Codec` puts them into bytes; `CODECS` knows the codecs by name.
"""

from __future__ import annotations

from ATPLibrary.protocol.virtio_serial.codec import Codec
from ATPLibrary.protocol.virtio_serial.codecs import CODECS
from ATPLibrary.protocol.virtio_serial.conversation import Conversation, ConversationState
from ATPLibrary.protocol.virtio_serial.opening import Mode, open_channel

__all__ = ["CODECS", "Codec", "Conversation", "ConversationState", "Mode", "open_channel"]
