"""One state machine for each kind of channel, without I/O: what begins it, what its messages change."""

from ATPLibrary.protocol.spice.channels.conversation import ChannelState, Conversation, News, Work
from ATPLibrary.protocol.spice.channels.cursor import CursorConversation
from ATPLibrary.protocol.spice.channels.display import DisplayConversation
from ATPLibrary.protocol.spice.channels.inputs import InputsConversation
from ATPLibrary.protocol.spice.channels.main import MainConversation
from ATPLibrary.protocol.spice.channels.pipes import PipeConversation, PortConversation, UsbredirConversation
from ATPLibrary.protocol.spice.channels.smartcard import SmartcardConversation
from ATPLibrary.protocol.spice.channels.sound import PlaybackConversation, RecordConversation
from ATPLibrary.transport.spice import SpiceChannelType

__all__ = [
    "CONVERSATIONS",
    "ChannelState",
    "Conversation",
    "CursorConversation",
    "DisplayConversation",
    "InputsConversation",
    "MainConversation",
    "News",
    "PipeConversation",
    "PlaybackConversation",
    "PortConversation",
    "RecordConversation",
    "SmartcardConversation",
    "UsbredirConversation",
    "Work",
]

CONVERSATIONS: dict[SpiceChannelType, type[Conversation]] = {
    SpiceChannelType.MAIN: MainConversation,
    SpiceChannelType.DISPLAY: DisplayConversation,
    SpiceChannelType.INPUTS: InputsConversation,
    SpiceChannelType.CURSOR: CursorConversation,
    SpiceChannelType.PLAYBACK: PlaybackConversation,
    SpiceChannelType.RECORD: RecordConversation,
    SpiceChannelType.SMARTCARD: SmartcardConversation,
    SpiceChannelType.USBREDIR: UsbredirConversation,
    SpiceChannelType.PORT: PortConversation,
    SpiceChannelType.WEBDAV: PortConversation,
}
