"""The streams of one display channel: each is a part of a surface whose frames come as video.

A frame is drawn as soon as it is decoded, not at its time: a test wants the newest picture, and what is on the screen then never
stands behind what the server drew later. Its time is compared with the session's clock all the same: a frame that comes when its
time is over is `late`, as it would be for a viewer that plays sound beside it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ATPLibrary.errors import ConfigError
from ATPLibrary.protocol.spice.display.pixels import MOST_PIXELS, Pixels, Unfit, Unhandled, check_size
from ATPLibrary.protocol.spice.display.surface import Surface
from ATPLibrary.protocol.spice.enums import ClipType, StreamFlag, VideoCodec
from ATPLibrary.protocol.spice.messages import display, geometry
from ATPLibrary.protocol.spice.video.codecs import name_of
from ATPLibrary.protocol.spice.video.decoders import Broken, Decoder, decoder_of, turned

# A server has at most 50 (spice-server).
_MOST_STREAMS = 256
# What is decoded in one go: so many frames, of one piece that the socket gave, or those that make so many pixels.
_MOST_FRAMES, _MOST_PIXELS = 64, 16 << 20
NO_SOUND = 0xFFFFFFFF


@dataclass
class StreamStatistics:
    """Of one stream. `frames` and `bytes` have come; `drawn` of them are on the screen; `lost` came and gave no picture (a frame
    that is broken, or whose codec isn't decoded here); `late` were drawn when their time was over, `delay_ms` is how long before
    its time the last one was there (below 0 when it was late)."""

    frames: int = 0
    bytes: int = 0
    drawn: int = 0
    lost: int = 0
    late: int = 0
    delay_ms: int = 0
    first: float = 0.0
    last: float = 0.0

    @property
    def rate(self) -> float:
        """Frames a second since the first; 0 before the second one."""
        return (self.frames - 1) / (self.last - self.first) if self.last > self.first else 0.0


@dataclass
class _Report:
    """What the server has asked to be told, each `window` frames or `seconds`."""

    unique_id: int
    window: int
    seconds: float
    frames: int = 0
    drops: int = 0
    first_time: int = 0
    began: float = 0.0


@dataclass
class Stream:
    """`codec` is the message's number. `size` of its frames, `box` its place on the surface, in pixels."""

    id: int
    surface_id: int
    codec: int
    size: tuple[int, int]
    box: geometry.Rect
    is_top_down: bool
    clips: tuple[geometry.Rect, ...] | None
    decoder: Decoder | None
    statistics: StreamStatistics = field(default_factory=StreamStatistics)
    report: _Report | None = None

    @property
    def codec_name(self) -> str:
        return name_of(self.codec)


@dataclass(slots=True)
class Frame:
    """One that has come, in a message of that name; `pixels` (or why there are none) once it was decoded."""

    name: str
    stream: Stream
    data: bytes | memoryview
    size: tuple[int, int]
    box: geometry.Rect
    time: int
    pixels: Pixels | None = None
    failure: Broken | Unfit | None = None


class Streams:
    """`surfaces` are the painter's. `now` is the session's clock in ms, None where there is none. `send` sends a message.

    A frame's message goes to `take`; `decode(take_frames())` is for a worker's thread, and `draw` what comes of it on the loop,
    before any later message is drawn: so the picture is the server's at each moment.
    """

    def __init__(
        self,
        surfaces: Callable[[], Mapping[int, Surface]],
        now: Callable[[], int | None],
        send: Callable[[display.StreamReport], None],
    ) -> None:
        self.streams: dict[int, Stream] = {}
        self.ended: list[Stream] = []  # the last ones that were destroyed
        self.created = 0
        self.drawn: Counter[str] = Counter()  # frames by codec, of all streams that there were
        self.lost: Counter[str] = Counter()
        self.total = StreamStatistics()  # frames, bytes, drawn, lost and late of all streams that there were
        self.is_drawn = False  # a stream that lives has frames on the screen, or should have
        self._surfaces, self._now, self._send = surfaces, now, send
        self._frames: list[Frame] = []
        self._pixels = 0  # that `_frames` will have on the surfaces

    @property
    def is_waiting(self) -> bool:
        """There are frames to be decoded."""
        return bool(self._frames)

    @property
    def is_full(self) -> bool:
        """As many as may be decoded in one go."""
        return len(self._frames) >= _MOST_FRAMES or self._pixels >= _MOST_PIXELS

    def take(self, message: object) -> None:
        """A message about streams; others do nothing. `Unhandled` for a codec not decoded here, `Unfit` for what can't be."""
        match message:
            case display.StreamCreate():
                self._create(message)
            case display.StreamData(id, moment, _, data):
                stream = self._known(id)
                self._add(Frame(message.kind.name, stream, data, stream.size, stream.box, moment))
            case display.StreamDataSized(id, moment, width, height, box, _, data):
                stream = self._known(id)
                check_size("width", width, height)
                self._check_box(stream.surface_id, box)
                self._add(Frame(message.kind.name, stream, data, (width, height), box, moment))
            case display.StreamClip(id, clip):
                self._known(id).clips = _rects(clip)
            case display.StreamDestroy(id):
                self._end(self._known(id))
            case display.StreamDestroyAll():
                for stream in list(self.streams.values()):
                    self._end(stream)
            case display.StreamActivateReport(id, unique_id, window, timeout_ms):
                self._known(id).report = _Report(unique_id, window, timeout_ms / 1000)

    def take_frames(self) -> list[Frame]:
        frames, self._frames, self._pixels = self._frames, [], 0
        return frames

    @staticmethod
    def decode(frames: list[Frame]) -> list[Frame]:
        """Give each frame its pixels. Blocking, for one thread at a time."""
        for frame in frames:
            box, stream = frame.box, frame.stream
            if stream.decoder is None:
                continue
            wanted = (box.right - box.left, box.bottom - box.top)
            try:
                pixels = stream.decoder.decode(frame.data, frame.size, wanted)
            except (Broken, Unfit) as failure:
                frame.failure = failure
                if isinstance(failure, Unfit):
                    return frames  # the channel ends with it
            else:
                frame.pixels = turned(pixels) if pixels is not None and not stream.is_top_down else pixels
        return frames

    def draw(self, frames: list[Frame]) -> list[Frame]:
        """Put decoded frames on their surfaces. Returns those that were lost. `Unfit` for clips that can't be."""
        lost = []
        for frame in frames:
            self.is_drawn = True
            statistics = frame.stream.statistics
            surface = self._surfaces().get(frame.stream.surface_id)
            if frame.pixels is None or surface is None:
                statistics.lost += 1
                self.total.lost += 1
                self.lost[frame.stream.codec_name] += 1
                lost.append(frame)
            else:
                self._put(surface, frame, frame.pixels)
                statistics.drawn += 1
                self.total.drawn += 1
                self.drawn[frame.stream.codec_name] += 1
            self._note_time(frame)
        return lost

    def as_dicts(self) -> list[dict[str, int | float | str]]:
        """Plain values of each stream that lives, for a report."""
        return [
            {
                "id": each.id, "codec": each.codec_name, "width": each.size[0], "height": each.size[1],
                "left": each.box.left, "top": each.box.top, "frames": each.statistics.frames, "bytes": each.statistics.bytes,
                "drawn": each.statistics.drawn, "lost": each.statistics.lost, "late": each.statistics.late,
                "frames_per_second": round(each.statistics.rate, 1),
            }
            for each in self.streams.values()
        ]  # fmt: skip

    def _create(self, message: display.StreamCreate) -> None:
        if message.id in self.streams:
            self._end(self.streams[message.id])
        if len(self.streams) >= _MOST_STREAMS:
            raise Unfit("id", f"would be of a stream beside {_MOST_STREAMS} others")
        size = (message.stream_width, message.stream_height)
        check_size("stream_width", *size)
        self._check_box(message.surface_id, message.dest)
        used = sum(each.size[0] * each.size[1] for each in self.streams.values())
        if used + size[0] * size[1] > MOST_PIXELS:
            raise Unfit("stream_width", f"x stream_height and the other streams have more than {MOST_PIXELS} pixels")
        decoder: Decoder | None = None
        unhandled = ""
        codec = next((each for each in VideoCodec if each == message.codec), None)
        if codec is None:
            unhandled = f"video of {name_of(message.codec)}"
        else:
            try:
                decoder = decoder_of(codec, size)
            except ConfigError as error:
                unhandled = f"video in {codec.name} ({error})"
        is_top_down = bool(message.flags & StreamFlag.TOP_DOWN)
        self.streams[message.id] = Stream(
            message.id,
            message.surface_id,
            message.codec,
            size,
            message.dest,
            is_top_down,
            _rects(message.clip),
            decoder,
        )
        self.created += 1
        if unhandled:
            raise Unhandled(unhandled)

    def _known(self, id: int) -> Stream:
        stream = self.streams.get(id)
        if stream is None:
            raise Unfit("id", f"is {id}, and there is no such stream")
        return stream

    def _end(self, stream: Stream) -> None:
        del self.streams[stream.id]
        stream.decoder = None
        self.ended = [*self.ended[-(_MOST_STREAMS - 1) :], stream]
        if not self.streams:
            self.is_drawn = False

    def _check_box(self, surface_id: int, box: geometry.Rect) -> None:
        check_size("dest", box.right - box.left, box.bottom - box.top)
        surface = self._surfaces().get(surface_id)
        if surface is not None and surface.cut(box) != box:
            raise Unfit("dest", f"reaches beyond the surface, which has {surface.width} x {surface.height} pixels")

    def _add(self, frame: Frame) -> None:
        self._frames.append(frame)
        self._pixels += (frame.box.right - frame.box.left) * (frame.box.bottom - frame.box.top)
        self.total.frames += 1
        self.total.bytes += len(frame.data)
        statistics, now = frame.stream.statistics, time.monotonic()
        statistics.frames += 1
        statistics.bytes += len(frame.data)
        statistics.first = statistics.first or now
        statistics.last = now

    def _put(self, surface: Surface, frame: Frame, pixels: Pixels) -> None:
        box = frame.box
        for part in surface.parts(box, frame.stream.clips):
            surface.copy(pixels, part.left - box.left, part.top - box.top, part)

    def _note_time(self, frame: Frame) -> None:
        now, statistics = self._now(), frame.stream.statistics
        if now is not None:
            statistics.delay_ms = _apart(frame.time, now)
            statistics.late += statistics.delay_ms < 0
            self.total.late += statistics.delay_ms < 0
        report = frame.stream.report
        if report is None:
            return
        if report.frames == 0:
            report.first_time, report.began = frame.time, time.monotonic()
        report.frames += 1
        report.drops += frame.pixels is None or statistics.delay_ms < 0
        if report.frames >= report.window or time.monotonic() - report.began >= report.seconds:
            self._send(
                display.StreamReport(
                    frame.stream.id, report.unique_id, report.first_time, frame.time, report.frames, report.drops,
                    max(-(1 << 31), min(statistics.delay_ms, (1 << 31) - 1)), NO_SOUND,
                )
            )  # fmt: skip
            report.frames = report.drops = 0


def _apart(time: int, now: int) -> int:
    """How many ms `time` lies behind `now`, on a clock that wraps at 2^32."""
    return ((time - now + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)


def _rects(clip: geometry.Clip) -> tuple[geometry.Rect, ...] | None:
    return clip.rects.rects if clip.type == ClipType.RECTS and clip.rects is not None else None
