"""The display channel: the screen as the server draws it, its monitors and its video."""

from __future__ import annotations

import time

from ATPLibrary.protocol.spice.channels.conversation import ChannelState, Conversation, News, Work
from ATPLibrary.protocol.spice.display.painter import Painter
from ATPLibrary.protocol.spice.display.pixels import Unfit, Unhandled
from ATPLibrary.protocol.spice.enums import DisplayCap, SurfaceFlag, image_type
from ATPLibrary.protocol.spice.errors import SpiceProtocolError
from ATPLibrary.protocol.spice.link import Linked
from ATPLibrary.protocol.spice.messages import display, draw
from ATPLibrary.protocol.spice.options import SpiceOptions
from ATPLibrary.protocol.spice.schema import Message
from ATPLibrary.protocol.spice.video import Stream, Streams
from ATPLibrary.protocol.spice.video.streams import Frame
from ATPLibrary.protocol.spice.wire import Unknown
from ATPLibrary.transport.spice import SpiceChannelType


class DisplayConversation(Conversation):
    """READY once INIT (and the wished compression) are on their way: a server without a picture says nothing more.

    `painter` has the surfaces, `streams` the videos on them. What it can't draw is counted (`unhandled`) and warned of once;
    what can't be ends the channel. `is_marked`: the server has said that what it drew is fit to be shown.
    """

    monitors: tuple[display.Head, ...] = ()
    is_marked = False

    def __init__(self, type: SpiceChannelType, subject: str, linked: Linked, options: SpiceOptions) -> None:
        super().__init__(type, subject, linked, options)
        self.painter = Painter(options.cache_pixels, options.dictionary_pixels)
        self.streams = Streams(lambda: self.painter.surfaces, self._now, self.wire.send)
        self.painter.is_video_drawn = lambda: self.streams.is_drawn
        self.painter.is_disturbed = lambda: self.wire.seam.is_harmed or self.wire.acks_owed > 0
        self.begun_at = 0.0

    def begin(self) -> None:
        if self.linked.channel_caps >> DisplayCap.PREF_COMPRESSION & 1:
            self.wire.send(display.PreferredCompression(self.options.compression))
        caches = self.options.cache_id
        self.wire.send(display.Init(caches, self.options.cache_pixels, caches, self.options.dictionary_pixels))
        self.begun_at = time.monotonic()
        self.state = ChannelState.READY

    def works_before(self, item: Message | Unknown | None) -> tuple[Work, ...]:
        """Frames are decoded together, as many as have come one behind the other, and drawn before what follows them."""
        works: tuple[Work, ...] = ()
        streams = self.streams
        if streams.is_waiting and (
            streams.is_full or not isinstance(item, display.StreamData | display.StreamDataSized)
        ):
            frames = streams.take_frames()
            works = (Work(f"Decoding video of {self.subject}", lambda: Streams.decode(frames), self._draw),)
        unpack = self.painter.work_for(item) if isinstance(item, Message) else None
        return (*works, Work(f"A picture of {self.subject}", unpack)) if unpack is not None else works

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
            self.streams.take(message)
            self.painter.take(message)
        except Unhandled as error:
            counted_as = self.wire.statistics.count_unhandled(str(error))
            text = f"{self.subject}: this client does not draw {error}; its picture is not the guest's from now on"
            text += f" ({error.way_out} draws it)" if error.way_out else ""
            self.tell_once(f"unhandled {counted_as}", News("unhandled", {"what": str(error)}, text, is_warning=True))
        except Unfit as error:
            raise self.wrong(message, error.field, error.reason) from error
        match message:
            case display.StreamCreate(_, id):
                self._tell_of("began", self.streams.streams[id])
            case display.StreamDestroy() | display.StreamDestroyAll():
                self.tell("stream", {"state": "ended", "left": len(self.streams.streams)})

    def _now(self) -> int | None:
        return self.session_time()

    def _draw(self, frames: list[Frame]) -> None:
        self.painter.note_video()
        for frame in frames:
            if isinstance(frame.failure, Unfit):
                raise SpiceProtocolError.at(self.subject, frame.name, frame.failure.field, frame.failure.reason)
        try:
            lost = self.streams.draw(frames)
        except Unfit as error:
            raise SpiceProtocolError.at(self.subject, "STREAM_CLIP", error.field, error.reason) from error
        for frame in lost:
            stream = frame.stream
            if frame.failure is not None:
                text = f"{self.subject}: a frame of stream {stream.id} in {stream.codec_name} can't be decoded: {frame.failure}"
                self.tell_once(
                    f"lost {stream.codec_name}", News("frame-lost", {"stream": stream.id}, text, is_warning=True)
                )

    def _tell_of(self, state: str, stream: Stream) -> None:
        width, height = stream.size
        self.tell(
            "stream", {"state": state, "id": stream.id, "codec": stream.codec_name, "width": width, "height": height}
        )
