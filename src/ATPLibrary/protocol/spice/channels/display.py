"""The display channel: the screen as the server draws it, and its monitors."""

from __future__ import annotations

from collections.abc import Callable

from ATPLibrary.protocol.spice.channels.conversation import ChannelState, Conversation, News
from ATPLibrary.protocol.spice.display.painter import Painter
from ATPLibrary.protocol.spice.display.pixels import Unfit, Unhandled
from ATPLibrary.protocol.spice.enums import DisplayCap, SurfaceFlag, image_type
from ATPLibrary.protocol.spice.link import Linked
from ATPLibrary.protocol.spice.messages import display, draw
from ATPLibrary.protocol.spice.options import SpiceOptions
from ATPLibrary.protocol.spice.schema import Message
from ATPLibrary.protocol.spice.wire import Unknown
from ATPLibrary.transport.spice import SpiceChannelType


class DisplayConversation(Conversation):
    """READY once INIT (and the wished compression) are on their way: a server without a picture says nothing more.

    `painter` has the surfaces. What it can't draw is counted (`unhandled`) and warned of once; what can't be ends the channel.
    `is_marked`: the server has said that what it drew is fit to be shown.
    """

    monitors: tuple[display.Head, ...] = ()
    is_marked = False

    def __init__(self, type: SpiceChannelType, subject: str, linked: Linked, options: SpiceOptions) -> None:
        super().__init__(type, subject, linked, options)
        self.painter = Painter(options.cache_pixels, options.dictionary_pixels)

    def begin(self) -> None:
        if self.linked.channel_caps >> DisplayCap.PREF_COMPRESSION & 1:
            self.wire.send(display.PreferredCompression(self.options.compression))
        caches = self.options.cache_id
        self.wire.send(display.Init(caches, self.options.cache_pixels, caches, self.options.dictionary_pixels))
        self.state = ChannelState.READY

    def work_for(self, item: Message | Unknown) -> Callable[[], None] | None:
        return self.painter.work_for(item) if isinstance(item, Message) else None

    def handle(self, message: Message) -> None:
        match message:
            case draw.DrawCopy() if message.image is not None:
                self.wire.statistics.images[image_type(message.image.type)] += 1
            case display.SurfaceCreate(_, width, height, _, flags) if flags & SurfaceFlag.PRIMARY:
                self.is_marked = False
                self.tell("surface", {"width": width, "height": height})
            case display.MonitorsConfig():
                self.monitors = message.heads
            case display.Mark():
                self.is_marked = True
        try:
            self.painter.take(message)
        except Unhandled as error:
            self.wire.statistics.unhandled[str(error)] += 1
            text = f"{self.subject}: this client does not draw {error}; its picture is not the guest's from now on"
            text += f" ({error.way_out} draws it)" if error.way_out else ""
            self.tell_once(f"unhandled {error}", News("unhandled", {"what": str(error)}, text, is_warning=True))
        except Unfit as error:
            raise self.wrong(message, error.field, error.reason) from error
