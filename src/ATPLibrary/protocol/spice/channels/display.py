"""The display channel: surfaces and monitors as the server tells of them."""

from __future__ import annotations

from ATPLibrary.protocol.spice.channels.conversation import ChannelState, Conversation
from ATPLibrary.protocol.spice.enums import DisplayCap, SurfaceFlag
from ATPLibrary.protocol.spice.messages import display
from ATPLibrary.protocol.spice.schema import Message


class DisplayConversation(Conversation):
    """READY once INIT (and the wished compression) are on their way: a server without a picture says nothing more.

    `primary` is the surface that is the screen, None before there is one.
    """

    primary: display.SurfaceCreate | None = None
    monitors: tuple[display.Head, ...] = ()

    def begin(self) -> None:
        if self.linked.channel_caps >> DisplayCap.PREF_COMPRESSION & 1:
            self.wire.send(display.PreferredCompression(self.options.compression))
        self.wire.send(display.Init(1, self.options.cache_pixels, 1, self.options.dictionary_pixels))
        self.state = ChannelState.READY

    def handle(self, message: Message) -> None:
        match message:
            case display.SurfaceCreate():
                if message.flags & SurfaceFlag.PRIMARY:
                    self.primary = message
                    self.tell("surface", {"width": message.width, "height": message.height})
            case display.SurfaceDestroy(id):
                if self.primary is not None and self.primary.id == id:
                    self.primary = None
            case display.MonitorsConfig():
                self.monitors = message.heads
