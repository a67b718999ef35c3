"""Channels whose data is for others to use: sound, and the pipes of devices. Each knows its state."""

from __future__ import annotations

from typing import ClassVar

from ATPLibrary.protocol.spice.channels.conversation import Conversation
from ATPLibrary.protocol.spice.messages import audio, devices
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


class SmartcardConversation(Conversation):
    """READY at once; the client speaks first when it has a reader."""


class PipeConversation(Conversation):
    """READY at once (usbredir): the other protocol's hello is the data's affair."""


class PortConversation(Conversation):
    """STARTING -INIT-> READY (port, webdav). `name` is the port's, `opened` whether a program in the guest has it open."""

    first: ClassVar[type[Message] | None] = devices.PortInit

    name = ""
    opened = False

    def handle(self, message: Message) -> None:
        match message:
            case devices.PortInit(_, name, opened):
                self.name = bytes(name or b"").rstrip(b"\0").decode("utf-8", "replace")
                self.opened = bool(opened)
            case devices.PortEvent(event) if event in (0, 1):
                self.opened = event == 0
                self.tell("port", {"port": self.name, "opened": self.opened})
