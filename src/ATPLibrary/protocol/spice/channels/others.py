"""Channels whose data is for others to use: sound. Each knows its state."""

from __future__ import annotations

from ATPLibrary.protocol.spice.channels.conversation import Conversation
from ATPLibrary.protocol.spice.messages import audio
from ATPLibrary.protocol.spice.schema import Message


class PlaybackConversation(Conversation):
    """READY at once. `format` is (channels, format, Hz) while the guest plays, else None."""

    format: tuple[int, int, int] | None = None
    mode = 0

    def handle(self, message: Message) -> None:
        match message:
            case audio.PlaybackStart(channels, format_, frequency, _):
                self.format = channels, format_, frequency
                self.tell("playback", {"state": "started", "channels": channels, "frequency": frequency})
            case audio.PlaybackStop():
                self.format = None
                self.tell("playback", {"state": "stopped"})
            case audio.PlaybackMode(_, mode, _):
                self.mode = mode


class RecordConversation(Conversation):
    """READY at once. `format` is (channels, format, Hz) while the guest records, else None."""

    format: tuple[int, int, int] | None = None

    def handle(self, message: Message) -> None:
        match message:
            case audio.RecordStart(channels, format_, frequency):
                self.format = channels, format_, frequency
                self.tell("record", {"state": "started", "channels": channels, "frequency": frequency})
            case audio.RecordStop():
                self.format = None
                self.tell("record", {"state": "stopped"})
